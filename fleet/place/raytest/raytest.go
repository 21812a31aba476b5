// Package raytest has the REST server of a Ray cluster, as far as a placer asks it, with
// jobs and actors that are real processes of Python. It stands for Ray where that is not
// installed; what it does has been seen of Ray 2.60.
package raytest

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Token is the one that a Cluster takes.
const Token = "a token of the cluster"

//go:embed ray.py
var library []byte

// Cluster is one with a node that has GPUs.
type Cluster struct {
	Address string
	GPUs    float64 // free ones
	Limit   int     // of packages, in bytes

	t    testing.TB
	dir  string
	mu   sync.Mutex
	all  []*actor
	jobs map[string]*job
	have map[string][]byte // packages
	fail string            // what jobs say as they fail
	over bool
	wait sync.WaitGroup
}

type actor struct {
	id, name, space, class, args, dir string
	env                               []string
	gpus                              float64
	resources                         map[string]float64
	state                             string
	stdin                             io.WriteCloser
	process                           *os.Process
}

type job struct{ status, message, log string }

// Start starts a cluster; without Python the test is skipped.
func Start(t testing.TB, gpus float64) *Cluster {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	c := &Cluster{GPUs: gpus, Limit: 100 << 20, t: t, dir: t.TempDir(), jobs: map[string]*job{}, have: map[string][]byte{}}
	err = errors.Join(os.WriteFile(c.path("ray.py"), library, 0o600), os.Symlink(python, c.path("python")))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(http.ResponseWriter, *http.Request, []byte){
		"GET /api/version":             c.version,
		"GET /api/packages/gcs/{name}": c.hasPackage,
		"PUT /api/packages/gcs/{name}": c.putPackage,
		"POST /api/jobs/{$}":           c.submit,
		"GET /api/jobs/{id}":           c.job,
		"GET /api/jobs/{id}/logs":      c.logs,
		"POST /api/jobs/{id}/stop":     c.job,
		"GET /api/v0/actors":           c.actors,
		"GET /api/v0/nodes":            c.nodes,
		"GET /api/v0/logs/file":        c.words,
		"POST /python/{what}":          c.asked,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			switch got := r.Header.Get("Authorization"); {
			case strings.HasPrefix(r.URL.Path, "/python/"):
			case got == "":
				http.Error(w, "Unauthorized: Missing authentication token", http.StatusUnauthorized)
				return
			case got != "Bearer "+Token:
				http.Error(w, "Forbidden: Invalid authentication token", http.StatusForbidden)
				return
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			do(w, r, body)
		})
	}
	server := httptest.NewServer(mux)
	c.Address = server.URL
	t.Cleanup(func() {
		c.mu.Lock()
		c.over = true
		for _, a := range c.all {
			c.end(a)
		}
		c.mu.Unlock()
		c.wait.Wait()
		server.Close()
	})
	return c
}

// Dir is where all that it runs works.
func (c *Cluster) Dir() string { return c.dir }

func (c *Cluster) path(name string) string { return filepath.Join(c.dir, name) }

func reply(w http.ResponseWriter, v any) { json.NewEncoder(w).Encode(v) }

func (c *Cluster) version(w http.ResponseWriter, _ *http.Request, _ []byte) {
	reply(w, map[string]string{"version": "4", "ray_version": "2.60.0", "session_name": "one"})
}

func (c *Cluster) hasPackage(w http.ResponseWriter, r *http.Request, _ []byte) {
	if c.have[r.PathValue("name")] == nil {
		http.Error(w, "404: Not Found", http.StatusNotFound)
	}
}

func (c *Cluster) putPackage(w http.ResponseWriter, r *http.Request, body []byte) {
	if len(body) > c.Limit {
		http.Error(w, "Maximum request body size exceeded", http.StatusRequestEntityTooLarge)
		return
	}
	c.have[r.PathValue("name")] = body
}

// Packages are how many have come.
func (c *Cluster) Packages() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.have)
}

// Breaks has jobs fail from now on, with that as their last line.
func (c *Cluster) Breaks(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = line
}

func (c *Cluster) submit(w http.ResponseWriter, _ *http.Request, body []byte) {
	var s struct {
		Entrypoint string `json:"entrypoint"`
		ID         string `json:"submission_id"`
		Env        struct {
			Dir  string            `json:"working_dir"`
			Vars map[string]string `json:"env_vars"`
		} `json:"runtime_env"`
	}
	if err := json.Unmarshal(body, &s); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if c.jobs[s.ID] != nil {
		http.Error(w, "ValueError: Job with submission_id "+s.ID+" already exists", http.StatusInternalServerError)
		return
	}
	j := &job{status: "PENDING", message: "Job has not started yet."}
	c.jobs[s.ID] = j
	if c.fail != "" {
		j.status, j.message, j.log = "FAILED", "Job entrypoint command failed with exit code 1", "Running entrypoint\n"+c.fail+"\n"
		return
	}
	dir, err := c.unpack(strings.TrimPrefix(s.Env.Dir, "gcs://"), s.ID)
	if err != nil {
		j.status, j.message = "FAILED", "runtime_env setup failed: "+err.Error()
		return
	}
	run := exec.Command("sh", "-c", s.Entrypoint)
	run.Dir = dir
	run.Env = append(os.Environ(), "PATH="+c.dir+":"+os.Getenv("PATH"), "PYTHONPATH="+c.dir, "PYTHONDONTWRITEBYTECODE=1", "RAYTEST="+c.Address)
	for k, v := range s.Env.Vars {
		run.Env = append(run.Env, k+"="+v)
	}
	c.wait.Go(func() {
		out, err := run.CombinedOutput()
		c.mu.Lock()
		defer c.mu.Unlock()
		j.status, j.message, j.log = "SUCCEEDED", "Job finished successfully.", string(out)
		if err != nil {
			j.status, j.message = "FAILED", "Job entrypoint command failed with "+err.Error()
		}
	})
	reply(w, map[string]string{"submission_id": s.ID})
}

func (c *Cluster) unpack(name, id string) (string, error) {
	b := c.have[name]
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return "", err
	}
	dir := c.path(id)
	return dir, errors.Join(os.MkdirAll(dir, 0o700), func() error {
		for _, f := range z.File {
			in, err := f.Open()
			if err != nil {
				return err
			}
			text, err := io.ReadAll(in)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, f.Name), text, f.Mode()); err != nil {
				return err
			}
		}
		return nil
	}())
}

func (c *Cluster) job(w http.ResponseWriter, r *http.Request, _ []byte) {
	j := c.jobs[r.PathValue("id")]
	if j == nil {
		http.Error(w, "Job does not exist", http.StatusNotFound)
		return
	}
	reply(w, map[string]any{"status": j.status, "message": j.message})
}

func (c *Cluster) logs(w http.ResponseWriter, r *http.Request, _ []byte) {
	reply(w, map[string]string{"logs": c.jobs[r.PathValue("id")].log})
}

func table(w http.ResponseWriter, all []any) {
	reply(w, map[string]any{"result": true, "msg": "", "data": map[string]any{"result": map[string]any{"total": len(all), "result": all}}})
}

func (c *Cluster) actors(w http.ResponseWriter, r *http.Request, _ []byte) {
	q := r.URL.Query()
	all := []any{}
	for _, a := range c.all {
		if q.Get("filter_keys") != "ray_namespace" || q.Get("filter_predicates") != "=" || a.space == q.Get("filter_values") {
			row := map[string]any{"actor_id": a.id, "name": a.name, "ray_namespace": a.space, "class_name": a.class, "state": a.state, "node_id": nil}
			if a.state == "ALIVE" || a.state == "DEAD" {
				row["node_id"] = "772a"
			}
			if q.Get("detail") == "true" {
				row["required_resources"] = a.resources
			}
			all = append(all, row)
		}
	}
	table(w, all)
}

func (c *Cluster) nodes(w http.ResponseWriter, _ *http.Request, _ []byte) {
	table(w, []any{map[string]any{"node_id": "772a", "node_ip": "127.0.0.2", "state": "ALIVE"}})
}

func (c *Cluster) words(w http.ResponseWriter, r *http.Request, _ []byte) {
	b, err := os.ReadFile(c.path(r.URL.Query().Get("actor_id") + ".err"))
	if err != nil {
		http.Error(w, "no such log", http.StatusInternalServerError)
		return
	}
	w.Write(b)
}

// asked does what the Python library asks for.
func (c *Cluster) asked(w http.ResponseWriter, r *http.Request, body []byte) {
	var q struct {
		Namespace, Name, ID string
		Args                json.RawMessage
		Options             struct {
			Name    string
			NumGPUs float64 `json:"num_gpus"`
			NumCPUs float64 `json:"num_cpus"`
			Memory  float64
		}
		Dir string
		Env map[string]string
	}
	if err := json.Unmarshal(body, &q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	find := func(is func(*actor) bool) *actor {
		if i := slices.IndexFunc(c.all, is); i >= 0 {
			return c.all[i]
		}
		return &actor{}
	}
	switch r.PathValue("what") {
	case "start":
		a := &actor{
			id: fmt.Sprintf("a%03d", len(c.all)), name: q.Options.Name, space: q.Namespace, class: q.Name, args: string(q.Args), dir: q.Dir,
			gpus: q.Options.NumGPUs, resources: map[string]float64{}, state: "PENDING_CREATION",
		}
		for k, v := range q.Env {
			a.env = append(a.env, k+"="+v)
		}
		for k, v := range map[string]float64{"GPU": q.Options.NumGPUs, "CPU": q.Options.NumCPUs, "memory": q.Options.Memory} {
			if v > 0 {
				a.resources[k] = v
			}
		}
		c.all = append(c.all, a)
		c.schedule()
		reply(w, map[string]string{"id": a.id})
	case "find":
		a := find(func(a *actor) bool { return a.space == q.Namespace && a.name == q.Name && a.state != "DEAD" })
		reply(w, map[string]string{"id": a.id})
	case "stop":
		if a := find(func(a *actor) bool { return a.id == q.ID }); a.stdin != nil {
			fmt.Fprintln(a.stdin, "stop")
		}
		reply(w, nil)
	case "kill":
		c.end(find(func(a *actor) bool { return a.id == q.ID }))
		reply(w, nil)
	}
}

// schedule starts actors for which there is room.
func (c *Cluster) schedule() {
	for _, a := range c.all {
		if a.state == "PENDING_CREATION" && a.gpus <= c.GPUs && !c.over {
			c.GPUs -= a.gpus
			c.run(a)
		}
	}
}

func (c *Cluster) run(a *actor) {
	log, err := os.OpenFile(c.path(a.id+".err"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Error(err)
		return
	}
	defer log.Close()
	p := exec.Command(c.path("python"), c.path("ray.py"), a.args)
	p.Dir, p.Stderr = a.dir, log
	p.Env = append(a.env, "RAYTEST_ACTOR="+a.id, "PYTHONPATH="+a.dir)
	if a.stdin, err = p.StdinPipe(); err == nil {
		err = p.Start()
	}
	if err != nil {
		c.t.Error(err)
		return
	}
	a.state, a.process = "ALIVE", p.Process
	c.wait.Go(func() {
		_ = p.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		if a.state != "DEAD" { // it was not meant to end
			c.run(a)
		}
	})
}

// end kills an actor for good.
func (c *Cluster) end(a *actor) {
	if a.state == "ALIVE" {
		c.GPUs += a.gpus
		_ = a.process.Kill()
	}
	a.state = "DEAD"
	c.schedule()
}

// Kill kills the process of an actor, which is to be started again.
func (c *Cluster) Kill(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.all {
		if a.name == name && a.state == "ALIVE" {
			_ = a.process.Signal(syscall.SIGKILL)
		}
	}
}
