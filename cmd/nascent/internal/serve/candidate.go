package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/export"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// What is told of one candidate at most.
const (
	mostGenes    = 300
	mostLayers   = 150
	mostChildren = 60
	mostMetrics  = 60
	mostCurves   = 6
	curvePoints  = 80
	mostFiles    = 60
	mostChanges  = 12
	mostText     = 4000
)

// metric is a figure of a candidate.
type metric struct {
	Name     string           `json:"name"`
	Title    string           `json:"title"` // with its unit
	Value    number           `json:"value"`
	Text     string           `json:"text"`
	Goal     engine.Goal      `json:"goal,omitempty"`
	Estimate *engine.Estimate `json:"estimate,omitempty"` // over all measurements of its genome
}

// gene is a scalar of a genome's tree.
type gene struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

// layer is one line of a network.
type layer struct {
	Name       string `json:"name"`
	Text       string `json:"text"`
	Shape      string `json:"shape"`
	Parameters int64  `json:"parameters,omitempty"`
	From       []int  `json:"from"` // lines that it reads
}

type drawnNetwork struct {
	Layers     []layer `json:"layers"`
	Left       int     `json:"left,omitempty"` // layers that were left out
	Parameters int64   `json:"parameters"`
	Macs       int64   `json:"macs"`
	Depth      int64   `json:"depth"`
}

// change is what a parent's genome became.
type change struct {
	Parent engine.ID `json:"parent"`
	Value  number    `json:"value"` // of the parent's objective
	Lines  []string  `json:"lines"`
	Left   int       `json:"left,omitempty"` // lines that were left out
}

// curve is how a metric came about.
type curve struct {
	Metric string      `json:"metric"`
	Points [][2]number `json:"points"` // step, value
}

type keptFile struct {
	Name    string `json:"name"`
	Size    int64  `json:"size"`
	Missing string `json:"missing,omitempty"`
}

// whole is all that is told of a candidate.
type whole struct {
	ID        engine.ID     `json:"id"`
	Phase     engine.Phase  `json:"phase"`
	Status    engine.Status `json:"status"`
	Stopped   bool          `json:"stopped,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	Winner    bool          `json:"winner,omitempty"`
	OnFront   bool          `json:"onFront,omitempty"`
	Rank      int           `json:"rank,omitempty"` // by the objective, among
	Among     int           `json:"among,omitempty"`
	Metrics   []metric      `json:"metrics"`
	Operator  string        `json:"operator"` // or its origin
	Facts     [][2]string   `json:"facts"`
	Labels    []string      `json:"labels"`
	Comment   string        `json:"comment,omitempty"`
	Pinned    bool          `json:"pinned,omitempty"` // its files are kept
	Parents   []engine.ID   `json:"parents"`
	Children  []engine.ID   `json:"children"`
	Offspring int           `json:"offspring"` // how many children there are
	Genome    string        `json:"genome"`
	Hash      string        `json:"hash"`
	Genes     []gene        `json:"genes"`
	Changes   []change      `json:"changes"`
	Curves    []curve       `json:"curves"`
	Unit      string        `json:"unit,omitempty"` // of a curve's steps
	Network   *drawnNetwork `json:"network,omitempty"`
	Files     []keptFile    `json:"files"`
	Exports   []string      `json:"exports"`
	Command   string        `json:"command"` // that takes it along
}

// unknown says of a candidate without a row why it has none.
func unknown(id engine.ID, rows *show.Rows, now *engine.Snapshot) error {
	if slices.ContainsFunc(now.Jobs, func(j engine.RunningJob) bool { return j.ID == id }) {
		return &notFound{fmt.Sprintf("candidate %s is running, and has no result yet", id)}
	}
	newest := engine.ID(0)
	for _, x := range rows.IDs {
		if x <= engine.FinalBase {
			newest = max(newest, x)
		}
	}
	switch {
	case id > engine.FinalBase:
		return &notFound{fmt.Sprintf("there is no result of a job %s of the end", id)}
	case id > newest+engine.ID(now.Waiting+now.Running+now.Window):
		return &notFound{fmt.Sprintf("there is no candidate %s; the newest that has a result is %s", id, newest)}
	}
	return &notFound{fmt.Sprintf("candidate %s has no result: it still waits, or was dropped when the search declared something else", id)}
}

// winner is the best, measured again where that was done; 0 if there is none.
func (s *search) winner() engine.ID {
	if o := s.state.Outcome; o != nil && o.Winner != 0 {
		return o.Winner
	}
	if len(s.state.Best) > 0 {
		return s.state.Best[0].ID
	}
	return 0
}

// candidate answers /candidate/ID.
func (s *search) candidate(ctx context.Context, id engine.ID) (any, error) {
	row, ok := s.rows.Find(id)
	if !ok {
		return nil, unknown(id, s.rows, &s.state.Snapshot)
	}
	return s.whole(ctx, row, s.childrenOf(id)[id])
}

// childrenOf are the children of candidates.
func (s *search) childrenOf(ids ...engine.ID) map[engine.ID][]engine.ID {
	out := map[engine.ID][]engine.ID{}
	for _, id := range ids {
		out[id] = []engine.ID{}
	}
	for row := range s.rows.Len() {
		for i, p := range s.rows.Parents(row) {
			if list, ok := out[p]; ok && !slices.Contains(s.rows.Parents(row)[:i], p) {
				out[p] = append(list, s.rows.IDs[row])
			}
		}
	}
	return out
}

// whole is all that is told of the candidate of a row.
func (s *search) whole(ctx context.Context, row int, children []engine.ID) (*whole, error) {
	c := s.rows.Candidate(row)
	id := c.ID
	said := s.rows.Labels[id]
	out := &whole{
		ID: id, Phase: c.Phase, Status: c.Status, Stopped: c.Stopped, Reason: clipped(c.Reason, mostText), Winner: id == s.winner(),
		OnFront: slices.ContainsFunc(s.state.Front, func(b engine.Best) bool { return b.ID == id }),
		Pinned:  slices.Contains(s.state.Pinned, id),
		Labels:  append([]string{}, said.Names[:min(len(said.Names), 20)]...), Comment: said.Comment,
		Metrics: []metric{}, Facts: [][2]string{}, Parents: append([]engine.ID{}, c.Parents...),
		Operator: cmp.Or(string(c.Origin()), c.Operator), Children: children[:min(len(children), mostChildren)], Offspring: len(children),
		Genome: clipped(c.Genome.Text(), mostText),
		Hash:   c.Genome.Hash().String(), Genes: []gene{}, Changes: []change{}, Curves: []curve{}, Files: []keptFile{}, Unit: s.view.Units,
		Command: fmt.Sprintf("%s export %s %s --output network.onnx", show.Program(), s.called, id),
	}
	estimates := s.view.Estimates(id)
	for _, name := range show.MetricNames(s.view, c.Metrics)[:min(len(c.Metrics), mostMetrics)] {
		x, _ := c.Metrics.Get(name)
		m := metric{Name: name, Title: s.title("metric:" + name), Value: number(x), Text: spoken(name, x), Goal: s.goal(name).Goal}
		if e, ok := estimates[name]; ok {
			m.Estimate = &e
		}
		out.Metrics = append(out.Metrics, m)
	}
	out.Metrics = fit(out.Metrics, 10_000)
	out.Rank, out.Among = s.rank(row)
	leaves := c.Genome.Space().Leaves(c.Genome)
	for _, l := range leaves[:min(len(leaves), mostGenes)] {
		out.Genes = append(out.Genes, gene{clip(l.Path, 220), clip(genome.ValueText(l.Value), 60)})
	}
	out.Genes = fit(out.Genes, 11_000)
	out.Changes = fit(s.changes(&c, mostChanges), 6000)
	out.facts(s, &c)
	out.draw(c.Genome)
	return out, out.detail(ctx, s, &c)
}

// spoken is a value as people speak of it.
func spoken(name string, x float64) string {
	if show.Share(name, x) {
		return fmt.Sprintf("%.2f %%", 100*x)
	}
	return show.Number(name, x)
}

// places are those of who may be compared: the keys of the objective in order, the best
// first.
type places struct {
	full map[int]bool
	keys []float64
}

// rank is the place of a row among those that may be compared.
func (s *search) rank(row int) (rank, among int) {
	o := s.view.Objective()
	values := s.rows.Metric(o.Metric)
	if values == nil {
		return 0, 0
	}
	worth := func(row int) float64 { // the less, the better
		if o.Goal == engine.Minimize {
			return engine.Key(values[row])
		}
		return -engine.Key(values[row])
	}
	if s.places == nil {
		s.places = &places{full: map[int]bool{}}
		for _, row := range s.full(true) {
			s.places.full[row] = true
			if !math.IsNaN(values[row]) {
				s.places.keys = append(s.places.keys, worth(row))
			}
		}
		slices.Sort(s.places.keys)
	}
	if !s.places.full[row] || math.IsNaN(values[row]) {
		return 0, 0
	}
	better, _ := slices.BinarySearch(s.places.keys, worth(row))
	return 1 + better, len(s.places.full)
}

// changes are what became of its parents' genomes.
func (s *search) changes(c *engine.Candidate, most int) []change {
	out := []change{}
	values := s.rows.Metric(s.view.Objective().Metric)
	for _, p := range c.Parents {
		row, ok := s.rows.Find(p)
		if !ok || len(out) == 4 {
			continue
		}
		parent := s.rows.Genome(row)
		x := change{Parent: p, Value: number(math.NaN()), Lines: []string{}}
		if values != nil {
			x.Value = number(values[row])
		}
		if parent.Space() == c.Genome.Space() {
			lines := genome.Diff(parent, c.Genome)
			for _, l := range lines[:min(len(lines), most)] {
				x.Lines = append(x.Lines, clip(l, 160))
			}
			x.Left = len(lines) - len(x.Lines)
		}
		out = append(out, x)
	}
	return out
}

func (out *whole) facts(s *search, c *engine.Candidate) {
	fact := func(name, value string) {
		if value != "" {
			out.Facts = append(out.Facts, [2]string{name, clip(value, 200)})
		}
	}
	other := func(name string, id engine.ID) {
		if id != 0 {
			fact(name, "candidate "+id.String())
		}
	}
	origin := c.Operator
	if c.Origin() != "" {
		origin = string(c.Origin())
	}
	if len(c.Parents) > 0 {
		ids := make([]string, len(c.Parents))
		for i, p := range c.Parents {
			ids[i] = p.String()
		}
		origin += " of " + strings.Join(ids, ", ")
	}
	fact("made by", origin)
	fact("baseline", c.Baseline)
	if c.Budget > 0 {
		fact("budget", strings.TrimSpace(show.Number("", c.Budget)+" "+s.view.Units))
	}
	if len(s.archive.Plan.Fidelities) > 1 {
		fact("fidelity", strconv.Itoa(c.Fidelity))
	}
	if took := show.Seconds(c.Seconds); took != show.Seconds(0) {
		fact("took", took)
	}
	fact("took of the machine", show.UsedAll(c.Usage))
	if c.Lost > 0 {
		fact("lost", show.Seconds(c.Lost)+", in attempts that brought no result")
	}
	if c.Attempts > 1 {
		fact("attempts", strconv.Itoa(c.Attempts))
	}
	if c.Task != engine.Train {
		fact("task", string(c.Task))
	}
	other("goes on from", c.Resume)
	other("inherits from", c.Inherit)
	other("shares the result of", c.Reuse)
	fact("tag", c.Tag)
	fact("seed", strconv.FormatUint(c.Seed, 10))
}

// draw tells the layers of its network, if it has one.
func (out *whole) draw(g genome.Genome) {
	out.Exports = []string{"json"}
	net := show.NetworkOf(g)
	if net == nil {
		out.Command = strings.Replace(out.Command, "--output network.onnx", "--format json", 1)
		return
	}
	out.Exports = slices.Concat(export.NetworkFormats, []string{"safetensors"})
	out.Network = drawn(net)
	if n := len(out.Network.Layers); n > 0 {
		out.Network.Layers = fit(out.Network.Layers, 14_000)
		out.Network.Left += n - len(out.Network.Layers)
	}
}

func drawn(net *network.Network) *drawnNetwork {
	all := net.Outline()
	d := &drawnNetwork{Layers: []layer{}, Parameters: net.Parameters(), Macs: net.Macs(), Depth: net.Depth(), Left: max(0, len(all)-mostLayers)}
	for _, l := range all[:min(len(all), mostLayers)] {
		d.Layers = append(d.Layers, layer{clip(l.Name, 60), clip(l.Text, 90), l.Shape, l.Parameters, append([]int{}, l.From[:min(len(l.From), 24)]...)})
	}
	return d
}

// detail adds what only the ledger knows.
func (out *whole) detail(ctx context.Context, s *search, c *engine.Candidate) error {
	r, err := s.detail(ctx, c.ID)
	if err != nil {
		return err
	}
	for _, p := range thin(r.Curve, curvePoints) {
		for _, v := range p.Metrics {
			i := slices.IndexFunc(out.Curves, func(c curve) bool { return c.Metric == v.Name })
			if i < 0 && len(out.Curves) == mostCurves {
				continue
			}
			if i < 0 {
				i, out.Curves = len(out.Curves), append(out.Curves, curve{Metric: v.Name})
			}
			out.Curves[i].Points = append(out.Curves[i].Points, [2]number{number(p.Step), number(v.Value)})
		}
	}
	files := r.Files
	if c.Reuse != 0 {
		if source, err := s.detail(ctx, c.Reuse); err == nil {
			files = source.Files
		}
	}
	for _, f := range files[:min(len(files), mostFiles)] {
		k := keptFile{Name: clip(f.Name, 120), Size: f.Size}
		if _, err := s.view.Ledger.Path(f.Hash); errors.Is(err, fs.ErrNotExist) {
			k.Missing = show.FileGone
		}
		out.Files = append(out.Files, k)
	}
	out.Files = fit(out.Files, 4000)
	return nil
}

const (
	mostAncestors   = 60
	mostGenerations = 40
)

// ancestor is a candidate that another one came from.
type ancestor struct {
	ID       engine.ID     `json:"id"`
	Operator string        `json:"operator"`
	Status   engine.Status `json:"status"`
	Value    number        `json:"value"` // of the objective
	Text     string        `json:"text"`
	Depth    int           `json:"depth"` // generations before the one that was asked for
	Changes  []change      `json:"changes"`
}

// lineage answers /lineage/ID: the candidate and those that it came from, nearest first.
func (s *search) lineage(id engine.ID) (any, error) {
	type family struct {
		Metric    string      `json:"metric"`
		Goal      engine.Goal `json:"goal"`
		Ancestors []ancestor  `json:"ancestors"`
		More      bool        `json:"more,omitempty"` // some were left out
	}
	o := s.view.Objective()
	out := &family{Metric: o.Metric, Goal: o.Goal, Ancestors: []ancestor{}}
	if _, ok := s.rows.Find(id); !ok {
		return nil, unknown(id, s.rows, &s.state.Snapshot)
	}
	seen := map[engine.ID]bool{id: true}
	type step struct {
		id    engine.ID
		depth int
	}
	for queue := []step{{id, 0}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		row, ok := s.rows.Find(at.id)
		if !ok {
			continue
		}
		if len(out.Ancestors) == mostAncestors || at.depth == mostGenerations {
			out.More = true
			break
		}
		a := s.ancestor(row)
		a.Depth = at.depth
		out.Ancestors = append(out.Ancestors, a)
		for _, p := range s.rows.Parents(row) {
			if !seen[p] {
				seen[p] = true
				queue = append(queue, step{p, at.depth + 1})
			}
		}
	}
	if near := fit(out.Ancestors, 56_000); len(near) < len(out.Ancestors) {
		out.Ancestors, out.More = near, true
	}
	return out, nil
}

// ancestor is what is told of a row as one.
func (s *search) ancestor(row int) ancestor {
	c := s.rows.Candidate(row)
	o := s.view.Objective()
	a := ancestor{
		ID: c.ID, Operator: cmp.Or(string(c.Origin()), c.Operator), Status: c.Status, Value: number(math.NaN()), Changes: s.changes(&c, 4),
	}
	if values := s.rows.Metric(o.Metric); values != nil && !math.IsNaN(values[row]) {
		a.Value, a.Text = number(values[row]), spoken(o.Metric, values[row])
	}
	return a
}

// reason is why something went wrong.
type reason struct {
	Status   engine.Status `json:"status"`
	Reason   string        `json:"reason"`
	N        int           `json:"n"`
	Like     int           `json:"like"`    // texts that are equal but for numbers, which are one reason
	Seconds  number        `json:"seconds"` // that it cost
	Examples []engine.ID   `json:"examples"`
}

// failures are what went wrong, the most frequent first.
type failures struct {
	Invalid int      `json:"invalid"`
	Failed  int      `json:"failed"`
	OK      int      `json:"ok"`
	Kinds   int      `json:"kinds"` // of reasons
	Reasons []reason `json:"reasons"`
	Retries int      `json:"retries"` // attempts that failed and counted
	Lost    number   `json:"lost"`    // seconds of attempts that brought no result
}

// failures answers /failures.
func (s *search) failures(url.Values) (any, error) { return s.failed(), nil }

func (s *search) failed() *failures {
	out := &failures{Reasons: []reason{}, Retries: s.state.Retries, Lost: number(s.state.Lost)}
	type key struct {
		status uint32
		reason string
	}
	at, seen := map[key]int{}, map[[2]uint32]int{}
	for row := range s.rows.Len() {
		status := engine.Status(s.rows.Status.At(row))
		switch status {
		case engine.OK:
			out.OK++
			continue
		case engine.Invalid:
			out.Invalid++
		default:
			out.Failed++
		}
		text := [2]uint32{s.rows.Status.Codes[row], s.rows.Reason.Codes[row]}
		i, known := seen[text]
		if !known {
			k := key{text[0], withoutNumbers(s.rows.Reason.At(row))}
			if i, known = at[k]; !known {
				i = len(out.Reasons)
				at[k] = i
				out.Reasons = append(out.Reasons, reason{Status: status, Reason: s.rows.Reason.At(row)})
			}
			out.Reasons[i].Like++
			seen[text] = i
		}
		r := &out.Reasons[i]
		r.N++
		r.Seconds += number(s.rows.Seconds[row] + s.rows.Lost[row])
		if len(r.Examples) < 5 {
			r.Examples = append(r.Examples, s.rows.IDs[row])
		}
	}
	slices.SortStableFunc(out.Reasons, func(a, b reason) int { return cmp.Compare(b.N, a.N) })
	out.Kinds = len(out.Reasons)
	out.Reasons = out.Reasons[:min(out.Kinds, 50)]
	for i := range out.Reasons {
		out.Reasons[i].Reason = clip(out.Reasons[i].Reason, 500)
	}
	out.Reasons = fit(out.Reasons, 56_000)
	return out
}

// withoutNumbers is a reason without what tells two occurrences of it apart.
func withoutNumbers(text string) string {
	out := make([]byte, 0, len(text))
	for i := range len(text) {
		switch c := text[i]; {
		case c < '0' || c > '9':
			out = append(out, c)
		case len(out) == 0 || out[len(out)-1] != '#':
			out = append(out, '#')
		}
	}
	return string(out)
}
