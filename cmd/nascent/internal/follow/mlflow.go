package follow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
)

// MLflow records each candidate as a run of MLflow, in an experiment that is called as
// the search: genes as parameters, metrics with their learning curve, and what it is as
// tags. URI is that of a tracking server (http, https), or a directory in which its
// files are made.
type MLflow struct {
	URI string

	store mlflowStore
	sure  bool // what comes was not told before
}

// mlflowStore is where runs go.
type mlflowStore interface {
	// experiment makes the experiment, or finds it.
	experiment(ctx context.Context, name string) error

	// put records a run whole. Unless it is sure to be new, one with its key may be there.
	put(ctx context.Context, r *mlflowRun, fresh bool) error
}

// mlflowRun is what is recorded of a candidate.
type mlflowRun struct {
	key     string // the same whenever it is told
	name    string
	status  string // FINISHED or FAILED
	start   time.Time
	end     time.Time
	params  []pair
	tags    []pair
	metrics []mlflowMetric
}

type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type mlflowMetric struct {
	Key       string  `json:"key"`
	Value     float64 `json:"value"`
	Timestamp int64   `json:"timestamp"` // milliseconds
	Step      int64   `json:"step"`
}

// Name implements Sink.
func (m *MLflow) Name() string { return "mlflow " + m.URI }

// Past implements Sink.
func (m *MLflow) Past() bool { return true }

// Take implements Sink.
func (m *MLflow) Take(ctx context.Context, s *Search, records []Record) (done int, err error) {
	if m.store == nil {
		store := mlflowStoreAt(m.URI)
		if err := store.experiment(ctx, s.Name); err != nil {
			return 0, err
		}
		m.store = store
	}
	for i := range records {
		if records[i].Candidate != nil {
			run, err := mlflowRunOf(s, &records[i])
			if err == nil {
				err = m.store.put(ctx, run, m.sure)
			}
			if err != nil {
				m.sure = false
				return i, err
			}
		}
	}
	m.sure = true
	return len(records), nil
}

func mlflowRunOf(s *Search, r *Record) (*mlflowRun, error) {
	mark, err := s.Mark()
	if err != nil {
		return nil, err
	}
	c := r.Candidate
	key := sha256.Sum256(fmt.Appendf(mark.Search[:], "%d", r.Number))
	now := time.Now()
	run := &mlflowRun{
		key: hex.EncodeToString(key[:16]), name: "candidate " + c.ID.String(), status: "FINISHED", end: now,
		start: now.Add(-time.Duration(min(c.Seconds, 1e9) * float64(time.Second))),
		params: []pair{
			{"nascent.fidelity", strconv.Itoa(c.Fidelity)}, {"nascent.budget", number(c.Budget)},
			{"nascent.seed", strconv.FormatUint(c.Seed, 10)},
		},
		tags: []pair{
			{"mlflow.runName", "candidate " + c.ID.String()}, {"nascent.search", s.Name}, {"nascent.dir", s.Dir},
			{"nascent.candidate", strconv.FormatUint(uint64(c.ID), 10)},
			{"nascent.status", string(c.Status)}, {"nascent.phase", string(c.Phase)},
		},
	}
	if c.Status == engine.Failed {
		run.status = "FAILED"
	}
	for _, x := range []pair{{"operator", c.Operator}, {"parents", ids(c.Parents)}, {"reason", c.Reason}, {"tag", c.Tag},
		{"baseline", c.Baseline}} {
		if x.Value != "" {
			run.tags = append(run.tags, pair{"nascent." + x.Key, short(x.Value)})
		}
	}
	if !c.Genome.IsZero() {
		run.tags = append(run.tags, pair{"nascent.genome", short(c.Genome.Text())})
		run.params = leaves(run.params, "", c.Genome.Tree())
	}
	whole, ok, err := s.Result(c.ID)
	if err != nil {
		return nil, err
	}
	last := 0.0
	if ok {
		for _, p := range whole.Curve {
			last = max(last, p.Step)
			run.add(p.Metrics, p.Step, run.end.Add(-time.Millisecond))
		}
	}
	// MLflow shows the value of the last step, of several there the latest.
	run.add(c.Metrics, max(last, c.Budget), run.end)
	run.add(engine.Values{{Name: "nascent.seconds", Value: c.Seconds}}, 0, run.end)
	for _, name := range engine.UsageNames {
		if x, known := c.Usage.Get(name); known {
			run.add(engine.Values{{Name: "nascent." + name, Value: x}}, 0, run.end)
		}
	}
	return run, nil
}

// add adds metrics at a step, which MLflow wants whole.
func (r *mlflowRun) add(metrics engine.Values, step float64, at time.Time) {
	for _, v := range metrics {
		r.metrics = append(r.metrics, mlflowMetric{v.Name, v.Value, at.UnixMilli(), int64(math.Round(min(step, 1e15)))})
	}
}

// leaves are the genes of a tree, by paths such as blocks.0.conv.channels: MLflow knows no
// brackets.
func leaves(to []pair, path string, value any) []pair {
	switch value := value.(type) {
	case genome.Map:
		for _, e := range value {
			to = leaves(to, join(path, e.Key), e.Value)
		}
		return to
	case []any:
		for i, v := range value {
			to = leaves(to, join(path, strconv.Itoa(i)), v)
		}
		return to
	case float64:
		return append(to, pair{path, number(value)})
	case nil:
		return to
	}
	return append(to, pair{path, short(fmt.Sprint(value))})
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// short is a text that MLflow takes: of one that is too long its beginning.
func short(text string) string {
	const most = 5000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-3], "") + "..."
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func ids(all []engine.ID) string {
	var words []string
	for _, id := range all {
		words = append(words, id.String())
	}
	return strings.Join(words, " ")
}

// mlflowStoreAt is that of a server, or of a directory.
func mlflowStoreAt(uri string) mlflowStore {
	if strings.HasPrefix(uri, "http://") || strings.HasPrefix(uri, "https://") {
		return newMLflowServer(uri)
	}
	return &mlflowFiles{dir: uri}
}
