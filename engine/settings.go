package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Settings are what may change while a search goes on. What is nil stays as it is. As
// JSON they have the keys of a search.yaml: {"limits.evaluations": 500, "workers": 4}.
//
// They hold until a run is started with others than the last one was.
type Settings struct {
	Evaluations *int       // 0: no limit
	Wall        *float64   // seconds; 0: no limit
	Seconds     *float64   // likewise
	Target      *SetTarget // of limits
	Workers     *int
	Window      *int // from the next turn on; it decides
	Hosts       *int // that whoever places them is to keep, see Config.Hosts; 0: none

	zero string // a limit that was read as 0, which is null where none is meant
}

// SetTarget is a target: of the first objective, of several, or none.
type SetTarget struct {
	Target  *float64
	Targets Values
}

// settings are the keys, in the order in which people are told of them.
var settings = []string{"limits.evaluations", "limits.wall", "limits.seconds", "limits.target", "workers", "window", "fleet.hosts"}

// unsettable says of other keys of a search.yaml why they cannot be set.
var unsettable = func() map[string]string {
	all := map[string]string{}
	for why, keys := range map[string][]string{
		"it decides every turn since the first: begin another search": {
			"seed", "order", "duplicates", "start", "baselines", "fidelities", "score", "repeats", "final",
		},
		"it is declared: give it in a request of its own, under takeover": {
			"space", "objectives", "ties", "metrics", "prefer", "reference", "constraints",
		},
		"another one takes over by: nascent run DIR --strategy NAME": {"strategy"},
		"it is read when a run starts: stop the search, change it in its search.yaml and run it again": {
			"evaluator", "evaluators", "timeout", "grace", "failures", "idle", "checkpoints", "logging", "hooks", "tensorboard", "mlflow", "listen",
			"plugins", "name", "fleet",
		},
	} {
		for _, key := range keys {
			all[key] = why
		}
	}
	return all
}()

// refuse says why a key cannot be set.
func refuseSetting(key string) error {
	top, _, _ := strings.Cut(key, ".")
	if why, known := unsettable[top]; known {
		return wrong(key, "it cannot be set in a search that has begun").but("%s", why)
	}
	return wrong(key, "there is no such key to set").but("there are %s", strings.Join(settings, ", "))
}

// UnmarshalJSON refuses keys that cannot be set with the reason.
func (s *Settings) UnmarshalJSON(b []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return wrong("set", "%s is no object", clip(string(b))).but(`write {"limits.evaluations": 500}`)
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		raw := all[key]
		none := string(raw) == "null"
		if none {
			if key == "workers" || key == "window" {
				return wrong(key, "there must be some").but("give %s", takes(key))
			}
			raw = json.RawMessage("0")
		}
		var err error
		switch key {
		case "limits.evaluations":
			err = json.Unmarshal(raw, &s.Evaluations)
		case "limits.wall":
			err = json.Unmarshal(raw, &s.Wall)
		case "limits.seconds":
			err = json.Unmarshal(raw, &s.Seconds)
		case "limits.target":
			s.Target = new(SetTarget)
			switch {
			case string(all[key]) == "null":
			case strings.HasPrefix(string(raw), "{"):
				err = json.Unmarshal(raw, &s.Target.Targets)
			default:
				err = json.Unmarshal(raw, &s.Target.Target)
			}
		case "workers":
			err = json.Unmarshal(raw, &s.Workers)
		case "window":
			err = json.Unmarshal(raw, &s.Window)
		case "fleet.hosts":
			err = json.Unmarshal(raw, &s.Hosts)
		default:
			return refuseSetting(key)
		}
		if err != nil {
			return wrong(key, "it cannot be %s", clip(string(raw))).but("give %s", takes(key))
		}
		if !none && s.unlimited(key) {
			s.zero = key
		}
	}
	return nil
}

func takes(key string) string {
	switch key {
	case "limits.target":
		return "a number, an object of objectives with numbers, or none (null in JSON)"
	case "limits.wall", "limits.seconds":
		return "a number of seconds, or none (null in JSON) for no limit"
	case "limits.evaluations":
		return "a whole number, or none (null in JSON) for no limit"
	case "fleet.hosts":
		return "a whole number from 0"
	}
	return "a whole number from 1"
}

// MarshalJSON writes what UnmarshalJSON reads.
func (s Settings) MarshalJSON() ([]byte, error) {
	all := map[string]any{}
	put := func(key string, given bool, v any) {
		if given {
			all[key] = v
		}
	}
	put("limits.evaluations", s.Evaluations != nil, s.Evaluations)
	put("limits.wall", s.Wall != nil, s.Wall)
	put("limits.seconds", s.Seconds != nil, s.Seconds)
	for key := range all {
		put(key, s.unlimited(key) && key != s.zero, nil)
	}
	if t := s.Target; t != nil {
		put("limits.target", true, t.Target)
		put("limits.target", len(t.Targets) > 0, t.Targets)
	}
	put("workers", s.Workers != nil, s.Workers)
	put("window", s.Window != nil, s.Window)
	put("fleet.hosts", s.Hosts != nil, s.Hosts)
	return json.Marshal(all)
}

// unlimited tells whether a limit is taken away.
func (s *Settings) unlimited(key string) bool {
	switch key {
	case "limits.evaluations":
		return s.Evaluations != nil && *s.Evaluations == 0
	case "limits.wall":
		return s.Wall != nil && *s.Wall == 0
	case "limits.seconds":
		return s.Seconds != nil && *s.Seconds == 0
	}
	return false
}

// String writes them as people give them: "limits.evaluations=500 workers=4".
func (s *Settings) String() string {
	var raw map[string]json.RawMessage
	text, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(text, &raw)
	}
	if err != nil {
		return err.Error()
	}
	var parts []string
	for _, key := range settings {
		if v, ok := raw[key]; ok {
			if string(v) == "null" {
				v = json.RawMessage("none")
			}
			parts = append(parts, fmt.Sprintf("%s=%s", key, v))
		}
	}
	return strings.Join(parts, " ")
}

func (s *Settings) kind() string { return eventSet }

// A turn has one set of limits, and one window.
func (s *Settings) waits() bool { return s.limits() || s.Window != nil }

// limits tells whether any limit is set.
func (s *Settings) limits() bool {
	return s.Evaluations != nil || s.Wall != nil || s.Seconds != nil || s.Target != nil
}

func (s *Settings) check(t *trajectory) error {
	if !s.limits() && s.Workers == nil && s.Window == nil && s.Hosts == nil {
		return wrong("set", "nothing is set").but("there are %s", strings.Join(settings, ", "))
	}
	if s.zero != "" {
		return wrong(s.zero, "0 is no limit that could be kept").but("give a number above 0; none takes the limit away, and nascent stop ends the search")
	}
	l := s.of(t.Limits)
	if l.Evaluations < 0 || l.Wall < 0 || l.Seconds < 0 || !isFinite(l.Wall) || !isFinite(l.Seconds) {
		return wrong("limits", "none may be negative")
	}
	if l.Target != nil && !isFinite(*l.Target) {
		return wrong("limits.target", "%v is no target", *l.Target)
	}
	for _, v := range l.Targets {
		if !slices.ContainsFunc(t.Plan.Objectives, func(o Objective) bool { return o.Metric == v.Name }) {
			return wrong("limits.target", "%s is no objective", v.Name).but("give values of metrics that stand in objectives")
		}
	}
	if w := s.Workers; w != nil && (*w < 1 || *w > MaxWorkers) {
		return wrong("workers", "%d is not from 1 to %d", *w, MaxWorkers)
	}
	if w := s.Window; w != nil && (*w < 1 || *w > MaxWindow) {
		return wrong("window", "%d is not from 1 to %d", *w, MaxWindow)
	}
	if s.Workers != nil && t.elastic {
		return NoWorkers()
	}
	switch h := s.Hosts; {
	case h == nil:
	case t.configured.Hosts == 0:
		return wrong("fleet.hosts", "nobody places hosts for this search").
			but("say who does under fleet in its search.yaml, and run it")
	case *h < 0 || *h > MaxWorkers:
		return wrong("fleet.hosts", "%d is not from 0 to %d", *h, MaxWorkers)
	}
	return nil
}

// NoWorkers says why the workers of a search whose jobs are carried out elsewhere are not set.
func NoWorkers() error {
	return wrong("workers", "its hosts say how many jobs run at once").
		but("have more or fewer hosts: fleet.hosts=8 where they are placed, else by nascent host")
}

// of are limits with what is set.
func (s *Settings) of(l Limits) Limits {
	if s.Evaluations != nil {
		l.Evaluations = *s.Evaluations
	}
	if s.Wall != nil {
		l.Wall = *s.Wall
	}
	if s.Seconds != nil {
		l.Seconds = *s.Seconds
	}
	if s.Target != nil {
		l.Target, l.Targets = s.Target.Target, s.Target.Targets
	}
	return l
}

// setEvent is the data of eventSet.
type setEvent struct {
	asked
	Set *Settings `json:"set"`
}

func (s *Settings) do(t *trajectory, r *Request) (*effect, error) {
	if w := s.Window; w != nil && *w < t.search.batch {
		return nil, wrong("window", "%d is smaller than the %d results that strategy %s wants at once", *w, t.search.batch, t.now().Name).
			but("give at least %d", t.search.batch)
	}
	return &effect{data: setEvent{r.asked(), s}, say: "set: " + s.String(), live: s.live}, nil
}

// live lets a running search go by them.
func (s *Settings) live(of *Search) {
	if s.Workers != nil {
		of.cfg.Workers, of.cfg.Fill = *s.Workers, false
	}
	if s.Window != nil && of.cfg.Fill && of.pool.waits() {
		of.cfg.Workers = *s.Window
	}
	of.pool.resize(of.cfg.Workers)
	if s.Wall != nil {
		of.watchWall()
	}
	if s.Hosts != nil && of.cfg.Place != nil {
		of.cfg.Place(*s.Hosts)
	}
}

// happen is what they come to, from a turn on.
func (s *Settings) happen(t *trajectory, turn uint64) {
	if s.limits() {
		t.Limits, t.limited = s.of(t.Limits), turn
	}
	if s.Workers != nil {
		t.workers, t.workersSet = *s.Workers, true
	}
	if s.Hosts != nil {
		t.hosts = *s.Hosts
	}
	if s.Window != nil {
		t.width = *s.Window
		t.decide(turn, "window", uint64(*s.Window))
	}
}

// WindowFor is a window that keeps so many workers busy, as far as jobs differ in length by
// three or so. In strict order a long one holds up all that were begun after it; in order of arrival
// a few more than there are workers do, for the time that a decision takes.
func WindowFor(order Order, workers int) int {
	if order == Arrival {
		return min(workers+(workers+3)/4, MaxWindow)
	}
	return min(2*workers, MaxWindow)
}

// Window is how many undecided jobs there may be now.
func (a *Archive) Window() int { return cmp.Or(a.width, a.now().Window) }

// configured is what a run was started with, as far as Settings may say otherwise later.
type configured struct {
	Limits  Limits `json:"limits"`
	Workers int    `json:"workers"`
	Hosts   int    `json:"hosts,omitempty"`
}

// Effective are the limits of a run that is configured with l: those that were set, if
// the last run was configured so, too.
func (a *Archive) Effective(l Limits) Limits {
	if sameLimits(a.configured.Limits, l) {
		return a.Limits
	}
	return l
}

// effectiveWorkers does so for workers; 0: as they are configured.
func (a *Archive) effectiveWorkers(n int) int {
	if a.workersSet && a.configured.Workers == n {
		return a.workers
	}
	return 0
}

// effectiveHosts does so for hosts.
func (a *Archive) effectiveHosts(n int) int {
	if a.configured.Hosts == n {
		return a.hosts
	}
	return n
}

// begun takes in how a run was started.
func (t *trajectory) begun(e *startedEvent) {
	switch {
	case e.Configured != nil:
		if t.configured.Workers != e.Configured.Workers {
			t.workersSet = false
		}
		t.hosts = t.effectiveHosts(e.Configured.Hosts)
		t.configured = *e.Configured
	default: // nothing could be set yet
		t.configured.Workers = e.Workers
	}
	t.workers = e.Workers
}
