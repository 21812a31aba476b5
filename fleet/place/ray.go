package place

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Ray places hosts on a Ray cluster, through the REST server of its dashboard: the Jobs API
// and the State API of 2.9 and later. A host is run by a detached actor in the namespace
// SEARCH, which outlives this process, gets its share of the GPUs from Ray, and is started
// elsewhere when its node fails.
//
// Where Ray wants a token, that is in RAY_AUTH_TOKEN, in the file that RAY_AUTH_TOKEN_PATH
// names, or in ~/.ray/auth_token, as for Ray's own programs. The programs travel as a
// package of at most 100 MiB, and the ticket in the environment. What a host printed comes
// to Dir when it has ended, if its node is still there.
func Ray(address string) Placer { return RayIn(address, os.Environ()) }

// RayIn is Ray with what it wants to know of an environment.
func RayIn(address string, env []string) Placer {
	return &onRay{address: strings.TrimRight(address, "/"), env: env, client: &http.Client{
		Timeout:       10 * time.Minute, // of the package; what is short has less
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type onRay struct {
	address string
	env     []string
	client  *http.Client

	mu  sync.Mutex
	dir string // where the words of hosts go that have ended; "": nobody asks for them
}

//go:embed ray/hosts.py
var driver []byte

const (
	rayPatience = time.Minute     // of an answer
	jobPatience = 5 * time.Minute // of a job that places or stops
	jobPoll     = 300 * time.Millisecond
)

// entrypoint has the driver be a module, which the actors import again.
const entrypoint = `python -c "import hosts; hosts.main()"`

// order is what the driver does.
type order struct {
	Search    string         `json:"search"`
	Names     []string       `json:"names,omitempty"` // of hosts to be placed
	Command   []string       `json:"command,omitempty"`
	Resources map[string]any `json:"resources,omitempty"` // of each, as Ray's options
	Stop      []string       `json:"stop,omitempty"`      // of hosts that run
	Kill      []string       `json:"kill,omitempty"`      // of hosts that wait
}

// Place implements Placer.
func (r *onRay) Place(ctx context.Context, w Work, n int) error {
	if n == 0 {
		return nil
	}
	r.mu.Lock()
	r.dir = w.Dir
	r.mu.Unlock()
	ticket, err := os.ReadFile(w.Ticket)
	if err != nil {
		return err
	}
	programs, err := carry(w.Program)
	if err != nil {
		return err
	}
	if err := r.bring(ctx, programs); err != nil {
		return err
	}
	o := order{Search: w.Search, Resources: map[string]any{"num_gpus": w.GPUs, "num_cpus": w.Cores}}
	if w.Memory > 0 {
		o.Resources["memory"] = w.Memory
	}
	o.Names = newIDs(n)
	o.Command = append([]string{"bash", "-c", before(w) + `exec ./nascent host - "$@"`, "nascent"}, w.Args...)
	return r.carryOut(ctx, o, programs, string(ticket))
}

// name is that of the package with the programs and the driver.
func (c carried) name() string {
	sum := sha256.Sum256(append([]byte(c.hash), driver...))
	return fmt.Sprintf("nascent-%x.zip", sum[:12])
}

// bring sends the programs, if they are not there.
func (r *onRay) bring(ctx context.Context, programs carried) error {
	path := "/api/packages/gcs/" + programs.name()
	switch err := r.ask(ctx, http.MethodGet, path, nil, nil); {
	case err == nil:
		return nil
	case status(err) != http.StatusNotFound:
		return err
	}
	// Ray says 404 of a missing package, and so does what is not Ray.
	if err := r.ask(ctx, http.MethodGet, "/api/version", nil, nil); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := programs.pack(&b); err != nil {
		return err
	}
	err := r.ask(ctx, http.MethodPut, path, b.Bytes(), nil)
	if status(err) == http.StatusRequestEntityTooLarge {
		return &Refusal{fmt.Sprintf("%s: the programs of nascent are too large for Ray (%d MiB of at most 100)", r.address, b.Len()>>20),
			"run nascent from a release, whose programs are smaller"}
	}
	return err
}

// pack writes a package: programs that may be executed, and the driver.
func (c carried) pack(to io.Writer) error {
	z := zip.NewWriter(to)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	add := func(name string, mode os.FileMode, from io.Reader) error {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(mode)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.Copy(w, from)
		}
		return err
	}
	for _, x := range c.files {
		in, err := os.Open(x.path)
		if err != nil {
			return err
		}
		err = add(x.name, 0o755, in)
		in.Close()
		if err != nil {
			return err
		}
	}
	return errors.Join(add("hosts.py", 0o644, bytes.NewReader(driver)), z.Close())
}

// job is what Ray says of one.
type job struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// carryOut has the driver do something on the cluster, and waits until it has.
func (r *onRay) carryOut(ctx context.Context, o order, programs carried, ticket string) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	env := map[string]string{"NASCENT_ORDER": string(text)}
	if ticket != "" {
		env["NASCENT_TICKET"] = ticket
	}
	id := "nascent-" + o.Search + "-" + newIDs(1)[0]
	submission, err := json.Marshal(map[string]any{
		"entrypoint": entrypoint, "submission_id": id, "entrypoint_num_cpus": 0,
		"runtime_env": map[string]any{"working_dir": "gcs://" + programs.name(), "env_vars": env},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, jobPatience, fmt.Errorf("the job that does it has not ended within %s", jobPatience))
	defer cancel()
	if err := r.ask(ctx, http.MethodPost, "/api/jobs/", submission, nil); err != nil {
		return err
	}
	path := "/api/jobs/" + url.PathEscape(id)
	var j job
	for {
		if err := r.ask(ctx, http.MethodGet, path, nil, &j); err != nil {
			return err
		}
		switch j.Status {
		case "SUCCEEDED":
			return nil
		case "FAILED", "STOPPED":
			return r.failure(ctx, path, id, j)
		}
		select {
		case <-ctx.Done():
			_ = r.ask(context.WithoutCancel(ctx), http.MethodPost, path+"/stop", nil, nil)
			return fmt.Errorf("%s: %w (%s); see: ray job logs %s", r.address, context.Cause(ctx), oneLine(j.Message), id)
		case <-time.After(jobPoll):
		}
	}
}

// failure is why a job has failed.
func (r *onRay) failure(ctx context.Context, path, id string, j job) error {
	var said struct {
		Logs string `json:"logs"`
	}
	why := oneLine(j.Message)
	if err := r.ask(ctx, http.MethodGet, path+"/logs", nil, &said); err == nil {
		why = cmp.Or(lastLine(said.Logs), why)
	}
	remedy := "see: ray job logs " + id
	if strings.Contains(why, "No module named 'ray'") || strings.Contains(why, "python: not found") {
		remedy = "start Ray with its virtual environment activated, so that python is the one that has it"
	}
	return &Refusal{fmt.Sprintf("%s: the job that starts hosts has failed: %s", r.address, why), remedy}
}

// actor is what Ray says of one.
type actor struct {
	ID        string             `json:"actor_id"`
	Name      string             `json:"name"`
	Namespace string             `json:"ray_namespace"`
	Class     string             `json:"class_name"`
	State     string             `json:"state"`
	Node      string             `json:"node_id"`
	Resources map[string]float64 `json:"required_resources"`
}

// rows is an answer of the State API.
type rows[T any] struct {
	Result bool   `json:"result"`
	Msg    string `json:"msg"`
	Data   struct {
		Result struct {
			Result []T `json:"result"`
		} `json:"result"`
	} `json:"data"`
}

// maxRows is how many Ray gives at once.
const maxRows = "10000"

func query[T any](ctx context.Context, r *onRay, path string, values url.Values) ([]T, error) {
	values.Set("limit", maxRows)
	var got rows[T]
	if err := r.ask(ctx, http.MethodGet, path+"?"+values.Encode(), nil, &got); err != nil {
		return nil, err
	}
	if !got.Result {
		return nil, fmt.Errorf("%s: %s", r.address, oneLine(got.Msg))
	}
	return got.Data.Result.Result, nil
}

// actors are those of a search, the first asked for first.
func (r *onRay) actors(ctx context.Context, search string) ([]actor, error) {
	all, err := query[actor](ctx, r, "/api/v0/actors", url.Values{
		"detail": {"true"}, "filter_keys": {"ray_namespace"}, "filter_predicates": {"="}, "filter_values": {search},
	})
	all = slices.DeleteFunc(all, func(a actor) bool { return a.Namespace != search || a.Class != "Host" })
	slices.SortFunc(all, func(a, b actor) int { return cmp.Compare(a.Name, b.Name) })
	return all, err
}

// List implements Placer.
func (r *onRay) List(ctx context.Context, search string) ([]Placed, error) {
	actors, err := r.actors(ctx, search)
	if err != nil || len(actors) == 0 {
		return nil, err
	}
	type node struct {
		ID string `json:"node_id"`
		IP string `json:"node_ip"`
	}
	nodes, err := query[node](ctx, r, "/api/v0/nodes", url.Values{})
	if err != nil {
		return nil, err
	}
	var all []Placed
	for _, a := range actors {
		p := Placed{ID: a.Name, State: Running}
		if i := slices.IndexFunc(nodes, func(n node) bool { return n.ID == a.Node }); i >= 0 {
			p.Where = nodes[i].IP
		}
		switch a.State {
		case "ALIVE":
		case "DEAD":
			r.keepWords(ctx, a)
			continue
		default:
			p.State, p.Where, p.Reason = Pending, "", needs(a)
		}
		all = append(all, p)
	}
	return all, nil
}

// needs is what a host waits for.
func needs(a actor) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(a.Resources)) {
		if name == "memory" {
			parts = append(parts, fmt.Sprintf("%.1f GiB of memory", a.Resources[name]/(1<<30)))
			continue
		}
		parts = append(parts, strconv.FormatFloat(a.Resources[name], 'g', -1, 64)+" "+name)
	}
	if len(parts) == 0 {
		return "for its start"
	}
	return "for a node with " + strings.Join(parts, ", ") + " free, or for its start there"
}

// keepWords puts what a host printed into its file, once it has ended.
func (r *onRay) keepWords(ctx context.Context, a actor) {
	r.mu.Lock()
	dir := r.dir
	r.mu.Unlock()
	path := filepath.Join(dir, a.Name+".log")
	if _, err := os.Lstat(path); dir == "" || err == nil {
		return
	}
	var words []byte
	// What cannot be had is not missed, and not asked for again.
	_ = r.ask(ctx, http.MethodGet, "/api/v0/logs/file?"+url.Values{
		"actor_id": {a.ID}, "suffix": {"err"}, "lines": {"40"}, "timeout": {"10"},
	}.Encode(), nil, &words)
	_ = os.WriteFile(path, words, 0o600)
}

// Stop implements Placer.
func (r *onRay) Stop(ctx context.Context, search string, ids ...string) error {
	actors, err := r.actors(ctx, search)
	if err != nil {
		return err
	}
	o := order{Search: search}
	for _, a := range actors {
		switch {
		case len(ids) > 0 && !slices.Contains(ids, a.Name), a.State == "DEAD":
		case a.State == "ALIVE":
			o.Stop = append(o.Stop, a.Name)
		default:
			o.Kill = append(o.Kill, a.Name)
		}
	}
	if len(o.Stop)+len(o.Kill) == 0 {
		return nil
	}
	var alone carried // without programs
	if err := r.bring(ctx, alone); err != nil {
		return err
	}
	return r.carryOut(ctx, o, alone, "")
}

// answer is one that is no success.
type answer struct {
	status int
	error
}

func (a *answer) Unwrap() error { return a.error }

// status is that of an answer which is no success; 0 for other errors.
func status(err error) int {
	if a := (*answer)(nil); errors.As(err, &a) {
		return a.status
	}
	return 0
}

// ask sends a request, and reads what comes back: JSON, or bytes as they are.
func (r *onRay) ask(ctx context.Context, method, path string, body []byte, into any) error {
	if u, err := url.Parse(r.address); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return &Refusal{fmt.Sprintf("address: %q is not where Ray's dashboard answers", r.address), "write http://HOST:8265"}
	}
	if len(body) < 1<<20 {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, rayPatience)
		defer cancel()
	}
	token, err := r.token()
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, method, r.address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/json")
	}
	a, err := r.client.Do(q)
	if err != nil {
		return r.silent(err)
	}
	defer a.Body.Close()
	got, err := io.ReadAll(a.Body)
	switch {
	case err != nil:
		return r.silent(err)
	case a.StatusCode != http.StatusOK:
		return &answer{a.StatusCode, r.refuses(a.StatusCode, path, token != "", string(got))}
	}
	switch into := into.(type) {
	case nil:
		return nil
	case *[]byte:
		*into = got
		return nil
	}
	if err := json.Unmarshal(got, into); err != nil {
		return &Refusal{r.address + " does not answer as Ray's dashboard does", "write its address: http://HOST:8265"}
	}
	return nil
}

// silent is why no answer came.
func (r *onRay) silent(err error) error {
	var failed *net.OpError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return fmt.Errorf("%s does not answer (%s); is it Ray's dashboard, and started with --dashboard-host=0.0.0.0 where this is another machine?",
		r.address, oneLine(err.Error()))
}

// refuses says what an answer means that is no success.
func (r *onRay) refuses(code int, path string, token bool, text string) error {
	switch {
	case code == http.StatusUnauthorized:
		return &Refusal{r.address + ": it wants a token (401)", "set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH to the file that it is in"}
	case code == http.StatusForbidden && token:
		return &Refusal{r.address + ": it does not take this token (403)", "set RAY_AUTH_TOKEN to the cluster's: ray get-auth-token says it there"}
	case code == http.StatusForbidden:
		return &Refusal{r.address + ": it refuses (403)", "ask whoever runs it what it wants"}
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code/100 == 3:
		return &Refusal{fmt.Sprintf("%s: there is no %s (%d)", r.address, strings.SplitN(path, "?", 2)[0], code),
			"write the address of Ray's dashboard, http://HOST:8265; Ray must be 2.9 or later, installed as ray[default]"}
	}
	return fmt.Errorf("%s: %s (%d)", r.address, cmp.Or(lastLine(text), http.StatusText(code)), code)
}

// token is what Ray's own programs would send; "" where there is none.
func (r *onRay) token() (string, error) {
	if t := strings.TrimSpace(r.variable("RAY_AUTH_TOKEN")); t != "" {
		return t, nil
	}
	path, named := r.variable("RAY_AUTH_TOKEN_PATH"), true
	if path == "" {
		path, named = filepath.Join(r.variable("HOME"), ".ray", "auth_token"), false
	}
	b, err := os.ReadFile(path)
	if err != nil && named {
		return "", &Refusal{fmt.Sprintf("the token of Ray cannot be read: %v", err), "set RAY_AUTH_TOKEN_PATH to the file that it is in"}
	}
	return strings.TrimSpace(string(b)), nil
}

// variable is one of the environment.
func (r *onRay) variable(name string) (value string) {
	for _, v := range r.env {
		if k, is, _ := strings.Cut(v, "="); k == name {
			value = is
		}
	}
	return value
}

// oneLine is a text without line breaks.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
