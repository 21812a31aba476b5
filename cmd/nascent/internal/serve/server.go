package serve

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"log"
	"maps"
	"mime"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/export"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/socket"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/internal/safe"
)

//go:embed web
var files embed.FS

// maxAnswer is how many bytes a view has at most.
const maxAnswer = 64 << 10

// Config is what is shown, and to whom.
type Config struct {
	Dir    string // a search's, or one with those of many
	Source Source
	Tokens Tokens
	Names  []string // under which the server may be addressed, besides its address
}

// Server shows searches.
type Server struct {
	config Config
	page   *template.Template

	mu       sync.Mutex
	searches map[string]*search
	listed   time.Time // when the folder was looked through
	names    []string
	watchers map[*watcher]bool
	compared map[string]*answer // by their queries
}

// New makes a Server. It begins to read when somebody asks.
func New(c Config) (*Server, error) {
	page, err := template.ParseFS(files, "web/page.html")
	if err != nil {
		return nil, err
	}
	return &Server{config: c, page: page, searches: map[string]*search{}, watchers: map[*watcher]bool{}, compared: map[string]*answer{}}, nil
}

// collectAt is at how many percent of growth garbage is collected: the server of a page waits
// most of the time, beside searches that need the memory more than it does.
const collectAt = 40

// Run answers at a listener until ctx ends.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	defer debug.SetGCPercent(debug.SetGCPercent(collectAt))
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx }}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if server.Shutdown(late) != nil {
			server.Close()
		}
	}()
	go s.watch(ctx)
	err := server.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		<-ended
		return nil
	}
	return err
}

// Handler answers all that is asked.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.main)
	mux.HandleFunc("GET /web/{file}", web)
	handle := func(pattern, question string, h http.HandlerFunc) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := asks(question, r.URL.Query()); err != nil {
				fail(w, err)
				return
			}
			h(w, r)
		})
	}
	for question, h := range map[string]http.HandlerFunc{"/api/searches": s.overview, "/api/compare": s.compare, "/api/events": s.events} {
		handle("GET "+question, question, h)
	}
	for question := range queries {
		mux.HandleFunc("GET /api/searches/{name}"+question, func(w http.ResponseWriter, r *http.Request) { s.view(w, r, question) })
	}
	mux.HandleFunc("GET /api/searches/{name}/export/{id}/{format}", s.export)
	mux.HandleFunc("GET /api/searches/{name}/file/{id}/{file}", s.file)
	for question, h := range map[string]http.HandlerFunc{"/steer": s.steer, "/import": s.bring, "/declare": s.declare} {
		handle("POST /api/searches/{name}"+question, question, h)
		mux.HandleFunc("GET /api/searches/{name}"+question, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", http.MethodPost)
			refuse(w, http.StatusMethodNotAllowed, "this is changed by a POST, and not looked at")
		})
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			refuse(w, http.StatusMethodNotAllowed, "this cannot be changed; a search is, by a POST to /api/searches/NAME/steer")
			return
		}
		refuse(w, http.StatusNotFound, "there is no "+clip(r.URL.Path, 200)+"; docs/serve.md lists what there is")
	})
	return &guard{mux, s.config.Tokens, s.config.Names, policy()}
}

// main is the page. All that it shows it asks for.
func (s *Server) main(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	s.page.Execute(w, map[string]string{"Version": engine.Version})
}

// web are the page's own files.
func web(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	text, err := fs.ReadFile(files, "web/"+name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mime.TypeByExtension(filepath.Ext(name)))
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", strconv.Quote(engine.Version+"-"+strconv.Itoa(len(text))))
	http.ServeContent(w, r, name, time.Time{}, strings.NewReader(string(text)))
}

// notFound is something that is not there.
type notFound struct{ text string }

func (e *notFound) Error() string { return e.text }

// refuse answers with what is wrong.
func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": clip(text, 4000)})
}

// fail answers with an error.
func fail(w http.ResponseWriter, err error) {
	var missing *notFound
	var locked *ledger.LockedError
	var remote *socket.RemoteError
	var long *http.MaxBytesError
	status := http.StatusBadRequest
	switch {
	case errors.As(err, &long):
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("this is larger than the %d MB that are taken", long.Limit>>20))
		return
	case errors.As(err, &missing), errors.Is(err, engine.ErrEmpty):
		status = http.StatusNotFound
	case errors.As(err, &locked), errors.Is(err, context.Canceled), errors.Is(err, errReading):
		w.Header().Set("Retry-After", "1")
		status = http.StatusServiceUnavailable
	case errors.Is(err, engine.ErrDamaged), errors.Is(err, errTooLong):
		status = http.StatusInternalServerError
	case errors.As(err, &remote) && remote.Exit != 2: // it is not the request that is wrong
		status = http.StatusInternalServerError
	}
	refuse(w, status, engine.OneLine(strings.TrimPrefix(err.Error(), engine.ErrConfig.Error()+": ")))
}

var (
	errTooLong = errors.New("the answer would be longer than 64 KB")
	errReading = errors.New("the search is still being read; ask again")
)

// view answers a query over one search.
func (s *Server) view(w http.ResponseWriter, r *http.Request, question string) {
	x, err := s.search(r.PathValue("name"))
	if err == nil {
		err = x.ready(r.Context())
	}
	if err != nil {
		fail(w, err)
		return
	}
	text, version, err := x.answer(r.Context(), question, r.PathValue("id"), r.URL, true)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Nascent-Version", strconv.FormatUint(version, 10))
	w.Header().Set("Cache-Control", "no-store")
	w.Write(text)
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// mostShown is of how many searches rows are at hand at once.
const mostShown = 8

// search is the one of a name.
func (s *Server) search(name string) (*search, error) {
	names := s.list()
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.searches[name]; x != nil {
		return x, nil
	}
	if !slices.Contains(names, name) {
		return nil, &notFound{fmt.Sprintf("there is no search %q", clip(name, 100))}
	}
	dir := s.config.Dir
	if !isSearch(dir) {
		dir = filepath.Join(dir, name)
	}
	x := newSearch(name, dir, s.config.Source)
	s.searches[name] = x
	return x, nil
}

// isSearch tells whether a directory is a search's: not a folder with searches and the file
// that describes one of them.
func isSearch(dir string) bool {
	if begun := has(dir, ledger.FileName); begun || !has(dir, "search.yaml") {
		return begun
	}
	entries, _ := os.ReadDir(dir)
	return !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.IsDir() && has(filepath.Join(dir, e.Name()), ledger.FileName) })
}

func has(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

// mostListed is how many searches of a folder are known.
const mostListed = 10_000

// list are the names of all searches. A folder is looked through every two seconds.
func (s *Server) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.listed) < 2*time.Second {
		return s.names
	}
	s.listed, s.names = time.Now(), nil
	if isSearch(s.config.Dir) {
		dir, _ := filepath.Abs(s.config.Dir)
		s.names = []string{filepath.Base(dir)}
		return s.names
	}
	entries, _ := os.ReadDir(s.config.Dir)
	for _, e := range entries {
		if dir := filepath.Join(s.config.Dir, e.Name()); e.IsDir() && !strings.HasPrefix(e.Name(), safe.Unfinished) && len(s.names) < mostListed {
			if has(dir, ledger.FileName) {
				s.names = append(s.names, e.Name())
			}
		}
	}
	return s.names
}

// ready reads a search that nobody asked for yet; else it was, or is, read by watch.
func (x *search) ready(ctx context.Context) error {
	x.brief.Lock()
	x.used = time.Now()
	x.brief.Unlock()
	if !x.claim(time.Second) {
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- x.read(context.WithoutCancel(ctx)) }()
	select {
	case err := <-done:
		return err
	case <-time.After(200 * time.Millisecond): // there is something to be seen already
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// claim tells whether the search may be read by who calls: nobody else does, and it was
// not read just now.
func (x *search) claim(every time.Duration) bool {
	x.brief.Lock()
	defer x.brief.Unlock()
	if x.busy || time.Since(x.refreshed) < every {
		return false
	}
	x.busy = true
	return true
}

// read refreshes, and notes that this is done.
func (x *search) read(ctx context.Context) error {
	err := x.refresh(ctx)
	x.brief.Lock()
	x.busy, x.refreshed = false, time.Now()
	x.brief.Unlock()
	return err
}

// watcher is a page that wants to be told of changes.
type watcher struct{ wake chan struct{} }

// pace is how often a page is told of changes at most.
const pace = 250 * time.Millisecond

// events tells which searches have changed: their versions, and nothing else.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	names := r.URL.Query()["search"]
	var missing error // one of several may be gone by now
	for _, name := range names {
		if _, missing = s.search(name); missing == nil {
			break
		}
	}
	if missing != nil {
		fail(w, missing)
		return
	}
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	me := &watcher{make(chan struct{}, 1)}
	s.mu.Lock()
	s.watchers[me] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.watchers, me)
		s.mu.Unlock()
	}()
	told := map[string]uint64{}
	beat := time.NewTicker(20 * time.Second)
	defer beat.Stop()
	for {
		now := map[string]uint64{}
		for _, name := range names[:min(len(names), mostCompared)] {
			if x, err := s.search(name); err == nil {
				x.brief.Lock()
				now[name], x.used = x.version, time.Now()
				x.brief.Unlock()
			}
		}
		if !maps.Equal(now, told) {
			text, _ := json.Marshal(now)
			if _, err := fmt.Fprintf(w, "data: %s\n\n", text); err != nil || out.Flush() != nil {
				return
			}
			told = now
		}
		select { // never sooner than that
		case <-r.Context().Done():
			return
		case <-time.After(pace):
		}
		select {
		case <-r.Context().Done():
			return
		case <-me.wake:
		case <-beat.C:
			if _, err := io.WriteString(w, ": still here\n\n"); err != nil || out.Flush() != nil {
				return
			}
		}
	}
}

// watch reads again what somebody looks at, and lets go of what nobody does.
func (s *Server) watch(ctx context.Context) {
	tick := time.NewTicker(2 * pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		all := slices.Collect(maps.Values(s.searches))
		watched := len(s.watchers) > 0
		s.mu.Unlock()
		slices.SortFunc(all, func(a, b *search) int { return b.lastUsed().Compare(a.lastUsed()) })
		for i, x := range all {
			idle := time.Since(x.lastUsed())
			if i >= mostShown && idle > 10*time.Second {
				x.forget()
				continue
			}
			x.settle()
			every := 2 * time.Second
			if x.stood().Live {
				every = pace
			}
			if watched && idle <= 30*time.Second && x.claim(every) {
				x.read(ctx)
			}
		}
		s.mu.Lock()
		for w := range s.watchers {
			select {
			case w.wake <- struct{}{}:
			default:
			}
		}
		s.mu.Unlock()
	}
}

func (x *search) lastUsed() time.Time {
	x.brief.Lock()
	defer x.brief.Unlock()
	return x.used
}

// export sends a candidate as a file for other programs.
func (s *Server) export(w http.ResponseWriter, r *http.Request) {
	x, err := s.search(r.PathValue("name"))
	id, wrong := engine.ParseID(r.PathValue("id"))
	if err == nil {
		err = wrong
	}
	format := r.PathValue("format")
	endings := map[string]string{"json": ".json", "onnx": ".onnx", "dot": ".dot", "mermaid": ".mmd", "pytorch": ".py", "safetensors": ".safetensors"}
	if err == nil && endings[format] == "" {
		err = &notFound{fmt.Sprintf("%.40q is no format; use one of %s", format, strings.Join(slices.Sorted(maps.Keys(endings)), ", "))}
	}
	if err != nil {
		fail(w, err)
		return
	}
	base := fmt.Sprintf("%s-%s", safeName(x.name), id)
	if format == "json" || format == "dot" || format == "mermaid" || format == "onnx" {
		var text strings.Builder
		if err := s.config.Source.Run(r.Context(), &text, "export", x.dir, id.String(), "--format", format); err != nil {
			fail(w, err)
			return
		}
		send(w, base+endings[format], strings.NewReader(text.String()))
		return
	}
	dir, err := os.MkdirTemp("", "nascent-export-")
	if err != nil {
		fail(w, err)
		return
	}
	defer os.RemoveAll(dir)
	if err := s.config.Source.Run(r.Context(), io.Discard, "export", x.dir, id.String(), "--output", filepath.Join(dir, base+".py")); err != nil {
		fail(w, err)
		return
	}
	f, err := os.Open(filepath.Join(dir, base+endings[format]))
	if err != nil {
		fail(w, err)
		return
	}
	defer f.Close()
	send(w, base+endings[format], f)
}

// file sends a file that a candidate's job kept.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	x, err := s.search(r.PathValue("name"))
	id, wrong := engine.ParseID(r.PathValue("id"))
	if err == nil {
		err = wrong
	}
	var detail engine.ResultRecord
	if err == nil {
		detail, err = s.config.Source.Detail(r.Context(), x.dir, id)
	}
	if err != nil {
		fail(w, err)
		return
	}
	for _, f := range detail.Files {
		if f.Name == r.PathValue("file") {
			attach(w, safeName(f.Name))
			export.WriteFile(w, x.dir, show.File{FileRef: f})
			return
		}
	}
	fail(w, &notFound{fmt.Sprintf("candidate %s kept no file %.80q", id, r.PathValue("file"))})
}

func safeName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '_'
	}, name)
}

// attach says that a file follows.
func attach(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
}

func send(w http.ResponseWriter, name string, from io.Reader) {
	attach(w, name)
	io.Copy(w, from)
}
