package watch

import (
	"context"
	"encoding/json"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// answers are what was asked of a search, by the questions' addresses.
type answers struct {
	search  Search
	version uint64 // of the search, as far as it is known
	frame   int    // that is drawn
	known   map[string]*answer
}

// answer is one, as it was when it was last heard.
type answer struct {
	value   any
	err     error
	version uint64
	asked   bool // and not heard yet
	wanted  int  // the last frame that showed it
	came    time.Time
	took    time.Duration
	read    func([]byte) (any, error)
}

// dear is from which time on an answer is one that takes long: then it is asked again only
// after several times as long, so that a large search is not busy with who looks at it.
const dear = 50 * time.Millisecond

func (k *answer) rests() bool { return k.took > dear && time.Since(k.came) < 4*k.took }

// heard is an answer that came.
type heard struct {
	address string
	version uint64
	value   any
	err     error
	took    time.Duration
}

// mostAnswers is how many are kept that are not in sight.
const mostAnswers = 40

// want is the answer to a question as far as it is known, nil if it is not, and asks it
// again where the search has changed.
func want[T any](a *answers, address string) (*T, error) {
	k := a.known[address]
	if k == nil {
		k = &answer{read: func(text []byte) (any, error) {
			v := new(T)
			return v, json.Unmarshal(text, v)
		}}
		a.known[address] = k
	}
	k.wanted = a.frame
	if v, ok := k.value.(*T); ok {
		return v, k.err
	}
	return nil, k.err
}

// ask asks what the last frame wanted and does not know, and forgets what is long out of sight.
func (a *answers) ask(ctx context.Context) tea.Cmd {
	var all []tea.Cmd
	for address, k := range a.known {
		switch {
		case k.wanted != a.frame:
			if len(a.known) > mostAnswers && !k.asked && k.wanted < a.frame-20 {
				delete(a.known, address)
			}
		case !k.asked && k.version < a.version && !k.rests():
			k.asked = true
			version, read, search := a.version, k.read, a.search
			all = append(all, func() tea.Msg {
				began := time.Now()
				text, err := search.Ask(ctx, address)
				h := heard{address: address, version: version, err: err, took: time.Since(began)}
				if err == nil {
					h.value, h.err = read(text)
				}
				return h
			})
		}
	}
	return tea.Batch(all...)
}

// hear takes an answer in. One that could not be given leaves the last one in sight.
func (a *answers) hear(h heard) {
	k := a.known[h.address]
	if k == nil {
		return
	}
	k.asked, k.version, k.err, k.came, k.took = false, h.version, h.err, time.Now(), h.took
	if h.err == nil {
		k.value = h.value
	}
}

// number is one that may be missing.
type number = *float64

// What is shown of the answers, see docs/serve.md.
type (
	summary struct {
		Name  string
		Rows  int
		Total uint64
		Live  bool
		Ready bool
		State engine.Snapshot
		Hosts *struct {
			Text string
			Of   int
			All  []show.Host
		}
		Front      int
		Headline   string
		Winner     engine.ID
		Measured   bool
		Objectives []engine.Objective
		Prefer     string
		Metrics    []string
		Genes      []string
		Units      string
		Strategy   string
		Pairs      [][2]string
		Command    string
		Dir        string
	}

	progress struct {
		Measure string
		Title   string
		N       int
		Limit   int
		Steps   []struct {
			N     int
			Value number
		}
	}

	axis struct {
		Name, Title string
		Lo, Hi      number
		Log         bool
		Labels      []string
		Goal        engine.Goal
	}

	point struct {
		X, Y number
		ID   engine.ID
	}

	scatter struct {
		X, Y          axis
		N, Outside    int
		Points        []point
		Grid          []int
		Width, Height int
		Front         []point
		OnFront       int
		Winner        *point
	}

	table struct {
		Columns []struct {
			Name, Title string
			Number      bool
		}
		Rows []struct {
			ID     engine.ID
			Status engine.Status
			Cells  []string
			Winner bool
		}
		Total, Offset int
	}

	change struct {
		Parent engine.ID
		Value  number
		Lines  []string
		Left   int
	}

	candidate struct {
		ID      engine.ID
		Phase   engine.Phase
		Status  engine.Status
		Stopped bool
		Reason  string
		Winner  bool
		OnFront bool
		Rank    int
		Among   int
		Metrics []struct {
			Name     string
			Value    number
			Estimate *engine.Estimate
		}
		Facts     [][2]string
		Labels    []string
		Comment   string
		Pinned    bool
		Children  []engine.ID
		Offspring int
		Genome    string
		Genes     []struct{ Path, Value string }
		Curves    []struct {
			Metric string
			Points [][2]number
		}
		Unit    string
		Network *struct {
			Layers []struct {
				Name, Text, Shape string
				Parameters        int64
			}
			Left                    int
			Parameters, Macs, Depth int64
		}
		Files []struct {
			Name    string
			Size    int64
			Missing string
		}
		Command string
	}

	lineage struct {
		Metric    string
		Ancestors []struct {
			ID       engine.ID
			Operator string
			Status   engine.Status
			Value    number
			Changes  []change
		}
		More bool
	}

	failures struct {
		Invalid, Failed, OK, Kinds, Retries int
		Reasons                             []struct {
			Status   engine.Status
			Reason   string
			N        int
			Seconds  number
			Examples []engine.ID
		}
		Lost number
	}

	timeline struct {
		Events []engine.Occurrence
		Total  int
	}

	logs struct {
		Files []string
		File  string
		Lines []string
		More  bool
	}
)
