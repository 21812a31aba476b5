package host

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/nascent-nas/nascent/internal/safe"
)

// One file per plugin, shared by all its processes.
var (
	logFilesMu sync.Mutex
	logFiles   = map[string]*logFile{}
)

// A log of maxLog bytes becomes NAME.log.1, and of the older ones oldLogs are kept.
const (
	maxLog  = 10 << 20
	oldLogs = 3
)

// logFile is a log in a directory that somebody may have sent: nothing in it is
// followed. What cannot be written is left out, for a log must hold nothing up.
type logFile struct {
	dir, name string

	mu   sync.Mutex
	file *os.File
	size int64
}

func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil && l.size+int64(len(b)) > maxLog {
		l.file.Close()
		l.file = nil
	}
	if l.file == nil && l.open(int64(len(b))) != nil {
		return len(b), nil
	}
	n, _ := l.file.Write(b)
	l.size += int64(n)
	return len(b), nil
}

// open opens the file for size more bytes; a full one gets another name.
func (l *logFile) open(size int64) error {
	dir, err := os.OpenRoot(l.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	if info, err := dir.Lstat(l.name); err == nil && info.Size()+size > maxLog {
		for n := oldLogs - 1; n > 0; n-- {
			dir.Rename(fmt.Sprintf("%s.%d", l.name, n), fmt.Sprintf("%s.%d", l.name, n+1))
		}
		dir.Rename(l.name, l.name+".1")
	}
	f, err := safe.OpenFile(dir, l.name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.file, l.size = f, info.Size()
	return nil
}

// logTo is the log of a plugin: in Dir/logs, which is made, or in LogDir.
func (o Options) logTo(plugin string) io.Writer {
	dir := o.LogDir
	if dir == "" && o.Dir != "" {
		dir = filepath.Join(o.Dir, "logs")
		if root, err := os.OpenRoot(o.Dir); err == nil {
			root.Mkdir("logs", 0o700)
			if _, err = safe.Kind(root, "logs", fs.ModeDir); err != nil {
				dir = ""
			}
			root.Close()
		}
	}
	if dir == "" {
		return io.Discard
	}
	os.MkdirAll(dir, 0o700)
	path := filepath.Join(dir, plugin+".log")
	logFilesMu.Lock()
	defer logFilesMu.Unlock()
	if logFiles[path] == nil {
		logFiles[path] = &logFile{dir: dir, name: plugin + ".log"}
	}
	return logFiles[path]
}

func pluginLogger(p Plugin, o Options) hclog.Logger {
	level := o.Level
	if level == hclog.NoLevel {
		level = hclog.Info
	}
	return hclog.New(&hclog.LoggerOptions{Name: p.Name, Level: level, Output: o.logTo(p.Name)})
}

// keptWords is how much of a process's last output an error may quote.
const keptWords = 4 << 10

// processLog takes the output of one process.
type processLog struct {
	to hclog.Logger

	mu    sync.Mutex
	board string   // names the jobs that it has, or had last: "job 12: "
	crash string   // where the process began to die, if it said so
	last  []string // up to keptWords
	bytes int
}

// mostNamed is how many jobs on board a line may be about: of more it says nothing.
const mostNamed = 8

// aboard says which jobs the process has. What it writes from now on is about them; what it
// writes without any is about the last ones, for output and answers come by different ways.
func (l *processLog) aboard(jobs []key) {
	if len(jobs) == 0 {
		return
	}
	board := ""
	if len(jobs) <= mostNamed {
		board = "job"
		if len(jobs) > 1 {
			board = "jobs"
		}
		for _, k := range jobs {
			board += " " + k.id.String()
		}
		board += ": "
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.board = board
}

// line logs one line of output, with the jobs that the process has. One that hclog wrote
// keeps its level.
func (l *processLog) line(text string) {
	l.mu.Lock()
	board := l.board
	l.mu.Unlock()
	var entry map[string]any
	message := text
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &entry) == nil && entry["@message"] != nil {
		message, _ = entry["@message"].(string)
		level := hclog.LevelFromString(str(entry["@level"]))
		if level == hclog.NoLevel {
			level = hclog.Info
		}
		var args []any
		for k, v := range entry {
			if !strings.HasPrefix(k, "@") {
				args = append(args, k, v)
			}
		}
		sortPairs(args)
		l.to.Log(level, board+message, args...)
		if level < hclog.Warn {
			return // chatter is no last word
		}
	} else {
		l.to.Info(board + text)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.crash == "" && (strings.HasPrefix(message, "panic: ") || strings.HasPrefix(message, "fatal error: ")) {
		l.crash = message // pages of stacks follow
	}
	l.last = append(l.last, message)
	for l.bytes += len(message); l.bytes > keptWords && len(l.last) > 1; l.last = l.last[1:] {
		l.bytes -= len(l.last[0])
	}
}

func str(v any) string {
	s, _ := v.(string)
	return s
}

func sortPairs(args []any) {
	type pair struct{ k, v any }
	var ps []pair
	for i := 0; i < len(args); i += 2 {
		ps = append(ps, pair{args[i], args[i+1]})
	}
	sort.Slice(ps, func(i, k int) bool { return ps[i].k.(string) < ps[k].k.(string) })
	for i, p := range ps {
		args[2*i], args[2*i+1] = p.k, p.v
	}
}

// words are a process's last words, as a part of one line; "" if it said
// nothing.
func (l *processLog) words() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.crash != "" {
		return l.crash
	}
	tail := l.last[max(0, len(l.last)-3):]
	out := strings.Join(tail, " / ")
	if len(out) > 300 {
		out = "..." + strings.ToValidUTF8(out[len(out)-300:], "")
	}
	return out
}

// Write takes what go-plugin's stdio stream brings, for plugins that are not
// made with our SDK.
func (l *processLog) Write(b []byte) (int, error) {
	for _, text := range strings.Split(strings.TrimRight(string(b), "\n"), "\n") {
		if text != "" {
			l.line(text)
		}
	}
	return len(b), nil
}
