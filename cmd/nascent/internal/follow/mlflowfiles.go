package follow

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/nascent-nas/nascent/internal/safe"
)

// mlflowFiles is a directory as MLflow's file store has it: DIR/EXPERIMENT/RUN/meta.yaml,
// and beside it a file for each parameter, metric and tag. A run's id is its key, so that
// who is told twice overwrites it.
type mlflowFiles struct {
	dir string
	id  string // of the experiment
}

// How the file store writes the status of a run.
var mlflowStatus = map[string]int{"FINISHED": 3, "FAILED": 4}

func (f *mlflowFiles) experiment(_ context.Context, name string) error {
	all, err := filepath.Glob(filepath.Join(f.dir, "*", "meta.yaml"))
	if err != nil {
		return err
	}
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var meta struct {
			Name string `yaml:"name"`
		}
		if yaml.Unmarshal(text, &meta) == nil && meta.Name == name {
			f.id = filepath.Base(filepath.Dir(path))
			return nil
		}
	}
	h := fnv.New64a()
	io.WriteString(h, name)
	f.id = strconv.FormatUint(h.Sum64()>>1, 10)
	now := time.Now().UnixMilli()
	return f.meta(filepath.Join(f.dir, f.id), map[string]any{
		"artifact_location": "file://" + filepath.Join(f.dir, f.id), "creation_time": now, "experiment_id": f.id, "last_update_time": now,
		"lifecycle_stage": "active", "name": name,
	})
}

// meta writes the file that says what a directory is, which is whole once that is there.
func (f *mlflowFiles) meta(dir string, what map[string]any) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	text, err := yaml.Marshal(what)
	if err != nil {
		return err
	}
	return safe.Write(filepath.Join(dir, "meta.yaml"), 0o666, func(w io.Writer) error { _, err := w.Write(text); return err })
}

func (f *mlflowFiles) put(_ context.Context, r *mlflowRun, _ bool) error {
	dir := filepath.Join(f.dir, f.id, r.key)
	name := "nascent"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	for _, kind := range []string{"metrics", "params", "tags", "artifacts"} {
		if err := os.RemoveAll(filepath.Join(dir, kind)); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(dir, kind), 0o777); err != nil {
			return err
		}
	}
	for _, p := range r.params {
		if err := f.write(dir, "params", p.Key, p.Value); err != nil {
			return err
		}
	}
	for _, p := range r.tags {
		if err := f.write(dir, "tags", p.Key, p.Value); err != nil {
			return err
		}
	}
	lines := map[string]string{}
	for _, m := range r.metrics {
		lines[m.Key] += fmt.Sprintf("%d %s %d\n", m.Timestamp, number(m.Value), m.Step)
	}
	for key, text := range lines {
		if err := f.write(dir, "metrics", key, text); err != nil {
			return err
		}
	}
	return f.meta(dir, map[string]any{
		"artifact_uri": "file://" + filepath.Join(dir, "artifacts"), "end_time": r.end.UnixMilli(),
		"entry_point_name": "", "experiment_id": f.id,
		"lifecycle_stage": "active", "run_id": r.key, "run_name": r.name, "run_uuid": r.key, "source_name": "", "source_type": 4,
		"source_version": "", "start_time": r.start.UnixMilli(), "status": mlflowStatus[r.status], "tags": []string{}, "user_id": name,
	})
}

// write writes the file of a key, which may have slashes but leads nowhere else.
func (f *mlflowFiles) write(dir, kind, key, text string) error {
	steps := strings.Split(key, "/")
	for i, step := range steps {
		if step == "" || step == "." || step == ".." {
			steps[i] = "_"
		}
	}
	path := filepath.Join(append([]string{dir, kind}, steps...)...)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o666)
}
