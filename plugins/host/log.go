package host

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"gopkg.in/natefinch/lumberjack.v2"
)

// One file per plugin, shared by all its processes, rotated at 10 MB, three
// old ones kept.
var (
	logFilesMu sync.Mutex
	logFiles   = map[string]*lumberjack.Logger{}
)

func logFile(dir, name string) io.Writer {
	if dir == "" {
		return io.Discard
	}
	path := filepath.Join(dir, name+".log")
	logFilesMu.Lock()
	defer logFilesMu.Unlock()
	if logFiles[path] == nil {
		logFiles[path] = &lumberjack.Logger{Filename: path, MaxSize: 10, MaxBackups: 3}
	}
	return logFiles[path]
}

func pluginLogger(p Plugin, o Options) hclog.Logger {
	level := o.Level
	if level == hclog.NoLevel {
		level = hclog.Info
	}
	dir := o.logDir()
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			dir = ""
		}
	}
	return hclog.New(&hclog.LoggerOptions{Name: p.Name, Level: level, Output: logFile(dir, p.Name)})
}

// keptWords is how much of a process's last output an error may quote.
const keptWords = 4 << 10

// processLog takes the output of one process.
type processLog struct {
	to hclog.Logger

	mu    sync.Mutex
	crash string   // where the process began to die, if it said so
	last  []string // up to keptWords
	bytes int
}

// line logs one line of output. One that hclog wrote keeps its level.
func (l *processLog) line(text string) {
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
		l.to.Log(level, message, args...)
		if level < hclog.Warn {
			return // chatter is no last word
		}
	} else {
		l.to.Info(text)
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
