package proto

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// Version is the version of the wire contract that this code speaks.
const Version = 1

// MaxMessage is the largest message that either side takes, in bytes.
const MaxMessage = 1 << 30

// DecodeTree reads a Job's genes.
func DecodeTree(b []byte) (genome.Map, error) {
	var m genome.Map
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("genes are no JSON object: %w", err)
	}
	return m, nil
}

// AssignmentTo makes the order to an evaluator. Files say where they can be read.
func AssignmentTo(a engine.Assignment, files engine.Files, to *engine.Hello) (*Job, error) {
	j := a.Job
	resume, err := FilesTo(a.Resume, files)
	if err != nil {
		return nil, err
	}
	inherit, err := FilesTo(a.Inherit, files)
	if err != nil {
		return nil, err
	}
	job := &Job{
		Id: uint64(j.ID), Attempt: int64(a.Attempt), Phase: string(j.Phase), Task: string(j.Task),
		Text:     j.Genome.Text(),
		Fidelity: int64(j.Fidelity), Budget: j.Budget, Seed: j.Seed, Input: j.Input, Tag: j.Tag, Stop: stopTo(j.Stop),
		Resume: resume, Saved: a.Saved, Inherit: inherit, Repeat: int64(a.Repeat),
	}
	if to.Lookup {
		if to.Declares("parameters") || to.Declares("macs") {
			cost, err := network.Measure(j.Genome)
			job.Parameters, job.Macs = cost.Parameters, cost.Macs
			return job, err
		}
		return job, nil
	}
	if job.Genes, err = j.Genome.Tree().MarshalJSON(); err != nil {
		return nil, err
	}
	net, err := j.Network()
	if err != nil || net == nil {
		return job, err
	}
	job.Parameters, job.Macs = net.Parameters(), net.Macs()
	job.Network, err = json.Marshal(net)
	return job, err
}

// FilesTo converts references, with the paths at which the files can be read.
func FilesTo(refs []engine.FileRef, files engine.Files) ([]*File, error) {
	var out []*File
	for _, r := range refs {
		path, err := files.Path(r.Hash)
		if err != nil {
			return nil, err
		}
		out = append(out, &File{Name: r.Name, Hash: r.Hash, Size: r.Size, Path: path})
	}
	return out, nil
}

// NetworkFrom reads a Job's layer graph; nil if it has none.
func NetworkFrom(b []byte) (*network.Network, error) {
	if len(b) == 0 {
		return nil, nil
	}
	net := new(network.Network)
	if err := json.Unmarshal(b, net); err != nil {
		return nil, fmt.Errorf("the network is no JSON of a layer graph: %w", err)
	}
	return net, nil
}

// HelloTo and HelloFrom convert what an evaluator says of itself.
func HelloTo(h engine.Hello) *EvaluatorHello {
	out := &EvaluatorHello{
		Name: h.Name, Version: h.Version, Slots: int64(h.Slots),
		Deterministic: h.Deterministic, Seeded: h.Seeded, Tests: h.Tests,
		Metrics: metricsTo(h.Metrics), Budget: h.Budget, BudgetUnit: h.BudgetUnit,
		Identity: h.Identity, Splits: h.Splits, Pool: h.Pool, Lookup: h.Lookup, Reports: h.Reports,
	}
	for _, t := range h.Tasks {
		out.Tasks = append(out.Tasks, string(t))
	}
	for _, m := range out.Metrics {
		m.Optional = m.Measured || slices.Contains(h.Optional, m.Name)
	}
	return out
}

// HelloFrom is the inverse of HelloTo.
func HelloFrom(h *EvaluatorHello) engine.Hello {
	hello := engine.Hello{
		Name: h.Name, Version: h.Version, Slots: max(1, int(h.Slots)),
		Deterministic: h.Deterministic, Seeded: h.Seeded, Tests: h.Tests,
		Metrics: metricsFrom(h.Metrics), Budget: h.Budget, BudgetUnit: h.BudgetUnit,
		Identity: h.Identity, Splits: h.Splits, Pool: h.Pool, Lookup: h.Lookup, Reports: h.Reports,
	}
	for _, t := range h.Tasks {
		hello.Tasks = append(hello.Tasks, engine.Task(t))
	}
	for _, m := range h.Metrics {
		if m.Optional && !m.Measured {
			hello.Optional = append(hello.Optional, m.Name)
		}
	}
	return hello
}

// metricsTo and metricsFrom convert declarations.
func metricsTo(ms []engine.Metric) []*Metric {
	var out []*Metric
	for _, m := range ms {
		out = append(out, &Metric{Name: m.Name, Unit: m.Unit, Goal: string(m.Goal), Measured: m.Measured})
	}
	return out
}

// metricsFrom is the inverse of metricsTo.
func metricsFrom(ms []*Metric) []engine.Metric {
	var out []engine.Metric
	for _, m := range ms {
		out = append(out, engine.Metric{Name: m.Name, Unit: m.Unit, Goal: engine.Goal(m.Goal), Measured: m.Measured})
	}
	return out
}

// valuesTo and valuesFrom convert named numbers.
func valuesTo(vs engine.Values) *Values {
	if len(vs) == 0 {
		return nil
	}
	out := &Values{Names: make([]string, len(vs)), Values: make([]float64, len(vs))}
	for i, v := range vs {
		out.Names[i], out.Values[i] = v.Name, v.Value
	}
	return out
}

// valuesFrom is the inverse of valuesTo. Names without a value are dropped.
func valuesFrom(vs *Values) engine.Values {
	names, values := vs.GetNames(), vs.GetValues()
	n := min(len(names), len(values))
	if n == 0 {
		return nil
	}
	out := make(engine.Values, n)
	for i := range n {
		out[i] = engine.Value{Name: names[i], Value: values[i]}
	}
	return out
}

// PointTo and PointFrom convert one entry of a learning curve.
func PointTo(p engine.Point) *Point { return &Point{Step: p.Step, Metrics: valuesTo(p.Metrics)} }

// PointFrom is the inverse of PointTo.
func PointFrom(p *Point) engine.Point {
	return engine.Point{Step: p.GetStep(), Metrics: valuesFrom(p.GetMetrics())}
}

func curveTo(ps []engine.Point) []*Point {
	var out []*Point
	for _, p := range ps {
		out = append(out, PointTo(p))
	}
	return out
}

func curveFrom(ps []*Point) []engine.Point {
	var out []engine.Point
	for _, p := range ps {
		out = append(out, PointFrom(p))
	}
	return out
}

// stopTo and StopFrom convert a StopRule; nil stays nil.
func stopTo(s *engine.StopRule) *StopRule {
	if s == nil {
		return nil
	}
	return &StopRule{Metric: s.Metric, Goal: string(s.Goal), Step: s.Step, Threshold: s.Threshold}
}

// StopFrom is the inverse of stopTo.
func StopFrom(s *StopRule) *engine.StopRule {
	if s == nil {
		return nil
	}
	return &engine.StopRule{Metric: s.Metric, Goal: engine.Goal(s.Goal), Step: s.Step, Threshold: s.Threshold}
}

func refsTo(refs []engine.FileRef) []*File {
	var out []*File
	for _, r := range refs {
		out = append(out, &File{Name: r.Name, Hash: r.Hash, Size: r.Size})
	}
	return out
}

func refsFrom(files []*File) []engine.FileRef {
	var out []engine.FileRef
	for _, f := range files {
		out = append(out, engine.FileRef{Name: f.Name, Hash: f.Hash, Size: f.Size})
	}
	return out
}

// FinishedFrom makes a Result without its files, which the host has yet to
// take.
func FinishedFrom(f *Finished) *engine.Result {
	return &engine.Result{
		Status: engine.Status(f.Status), Reason: f.Reason, Stopped: f.Stopped,
		Metrics: valuesFrom(f.Metrics), Curve: curveFrom(f.Curve), Output: f.Output, Seconds: f.Seconds,
		Usage: engine.Usage{CPU: f.Usage.GetCpu(), Memory: f.Usage.GetMemory(), GPUMemory: f.Usage.GetGpuMemory()},
	}
}

// FinishedTo is the inverse of FinishedFrom.
func FinishedTo(r *engine.Result) *Finished {
	out := &Finished{
		Status: string(r.Status), Reason: r.Reason, Stopped: r.Stopped,
		Metrics: valuesTo(r.Metrics), Curve: curveTo(r.Curve), Output: r.Output, Seconds: r.Seconds,
	}
	if u := r.Usage; u != (engine.Usage{}) {
		out.Usage = &Usage{Cpu: u.CPU, Memory: u.Memory, GpuMemory: u.GPUMemory}
	}
	return out
}

// SetupTo converts what a strategy knows of the search.
func SetupTo(s engine.Setup) *OpenStrategy {
	out := &OpenStrategy{
		Space: s.Space.JSON(), Rules: int64(s.Space.Rules()), Pool: s.Space.Members(),
		Metrics: metricsTo(s.Metrics), Limits: LimitsTo(s.Limits), Order: string(s.Order), Options: s.Options, Seeded: s.Seeded,
	}
	out.Objectives, out.Ties, out.Reference = objectivesTo(s.Objectives), objectivesTo(s.Ties), valuesTo(s.Reference)
	for _, c := range s.Constraints {
		out.Constraints = append(out.Constraints, &Constraint{Metric: c.Metric, Min: c.Min, Max: c.Max, Weight: c.Weight})
	}
	for _, f := range s.Fidelities {
		out.Fidelities = append(out.Fidelities, &Fidelity{Evaluator: f.Evaluator, Budget: f.Budget})
	}
	for _, g := range s.Start {
		out.Start = append(out.Start, g.Text())
	}
	return out
}

// SetupFrom is the inverse of SetupTo. Layers of the space are bound.
func SetupFrom(s *OpenStrategy) (engine.Setup, error) {
	space, err := SpaceFrom(s.Space, s.Rules)
	if err != nil {
		return engine.Setup{}, err
	}
	if len(s.Pool) > 0 {
		if space, err = space.Pool(s.Pool); err != nil {
			return engine.Setup{}, err
		}
	}
	out := engine.Setup{
		Space: space, Metrics: metricsFrom(s.Metrics), Limits: LimitsFrom(s.Limits),
		Order: engine.Order(s.Order), Options: s.Options, Seeded: s.Seeded,
	}
	out.Objectives, out.Ties, out.Reference = objectivesFrom(s.Objectives), objectivesFrom(s.Ties), valuesFrom(s.Reference)
	for _, c := range s.Constraints {
		out.Constraints = append(out.Constraints, engine.Constraint{Metric: c.Metric, Min: c.Min, Max: c.Max, Weight: c.Weight})
	}
	for _, f := range s.Fidelities {
		out.Fidelities = append(out.Fidelities, engine.Fidelity{Evaluator: f.Evaluator, Budget: f.Budget})
	}
	for _, text := range s.Start {
		g, err := space.Parse(text)
		if err != nil {
			return engine.Setup{}, err
		}
		out.Start = append(out.Start, g)
	}
	return out, nil
}

func objectivesTo(all []engine.Objective) (out []*Objective) {
	for _, o := range all {
		out = append(out, &Objective{Metric: o.Metric, Goal: string(o.Goal), Scale: string(o.Scale)})
	}
	return out
}

func objectivesFrom(all []*Objective) (out []engine.Objective) {
	for _, o := range all {
		out = append(out, engine.Objective{Metric: o.Metric, Goal: engine.Goal(o.Goal), Scale: engine.Scale(o.Scale)})
	}
	return out
}

// SpaceFrom reads a space as it is sent, with the revision of the rules that it
// goes by, and binds its layers.
func SpaceFrom(declaration []byte, rules int64) (*genome.Space, error) {
	if rules < 0 || rules > genome.Rules {
		return nil, fmt.Errorf("the search goes by revision %d of the rules for genomes, and this plugin knows them up to "+
			"%d: build it again with the SDK of the nascent that runs the search", rules, genome.Rules)
	}
	space, err := genome.RecordedSpace(declaration, int(rules))
	if err != nil {
		return nil, err
	}
	return network.Bind(space)
}

// LimitsTo and LimitsFrom convert limits.
func LimitsTo(l engine.Limits) *Limits {
	out := &Limits{Evaluations: int64(l.Evaluations), Wall: l.Wall, Seconds: l.Seconds, Target: l.Target}
	if len(l.Targets) > 0 {
		out.Targets = valuesTo(l.Targets)
	}
	return out
}

// LimitsFrom is the inverse of LimitsTo.
func LimitsFrom(l *Limits) engine.Limits {
	if l == nil {
		return engine.Limits{}
	}
	out := engine.Limits{Evaluations: int(l.Evaluations), Wall: l.Wall, Seconds: l.Seconds, Target: l.Target}
	if l.Targets != nil {
		out.Targets = valuesFrom(l.Targets)
	}
	return out
}

// genomeTo is a genome on the wire: its packed form as it is if it is of the space that
// both sides have open, else its text. Nothing stands for no genome.
func genomeTo(g genome.Genome, packed *genome.Space) (string, []byte) {
	switch {
	case g.IsZero():
		return "", nil
	case g.Space() == packed:
		return "", []byte(g.Packed())
	}
	return g.Text(), nil
}

// genomeFrom is the inverse of genomeTo.
func genomeFrom(space *genome.Space, text string, packed []byte) (genome.Genome, error) {
	switch {
	case packed != nil:
		return space.Unpack(string(packed))
	case text != "":
		return space.Parse(text)
	}
	return genome.Genome{}, nil
}

// CandidateTo converts a consumed job. A genome of the space packed goes as it is, others
// and with nil all as texts. Without all, its curve and output stay behind.
func CandidateTo(c *engine.Candidate, all bool, packed *genome.Space) *Candidate {
	out := &Candidate{
		Id: uint64(c.ID), Phase: string(c.Phase), Task: string(c.Task), Operator: c.Operator,
		Parents: idsTo(c.Parents), Fidelity: int64(c.Fidelity), Budget: c.Budget, Seed: c.Seed, Input: c.Input,
		Resume: uint64(c.Resume), Inherit: uint64(c.Inherit), Stop: stopTo(c.Stop), Tag: c.Tag,
		Replicate: c.Replicate, Reuse: uint64(c.Reuse), Baseline: c.Baseline,
		Status: string(c.Status), Reason: c.Reason, Stopped: c.Stopped, Metrics: valuesTo(c.Metrics),
		Files: refsTo(c.Files), Seconds: c.Seconds, Attempts: int64(c.Attempts), Fingerprint: int64(c.Fingerprint),
	}
	out.Genome, out.Packed = genomeTo(c.Genome, packed)
	if all {
		out.Curve, out.Output = curveTo(c.Curve), c.Output
	}
	return out
}

// CandidateFrom is the inverse of CandidateTo. A baseline's genome stays
// behind: it is no genome of the space.
func CandidateFrom(c *Candidate, space *genome.Space) (*engine.Candidate, error) {
	out := &engine.Candidate{
		Job: engine.Job{
			ID: engine.ID(c.Id), Phase: engine.Phase(c.Phase), Task: engine.Task(c.Task), Operator: c.Operator,
			Parents: idsFrom(c.Parents), Fidelity: int(c.Fidelity), Budget: c.Budget, Seed: c.Seed, Input: c.Input,
			Resume: engine.ID(c.Resume), Inherit: engine.ID(c.Inherit), Stop: StopFrom(c.Stop), Tag: c.Tag,
			Replicate: c.Replicate, Reuse: engine.ID(c.Reuse), Baseline: c.Baseline,
		},
		Result: engine.Result{
			Status: engine.Status(c.Status), Reason: c.Reason, Stopped: c.Stopped, Metrics: valuesFrom(c.Metrics),
			Curve: curveFrom(c.Curve), Output: c.Output, Files: refsFrom(c.Files), Seconds: c.Seconds,
		},
		Attempts: int(c.Attempts), Fingerprint: int(c.Fingerprint),
	}
	if c.Baseline != "" {
		return out, nil
	}
	var err error
	if out.Genome, err = genomeFrom(space, c.Genome, c.Packed); err != nil {
		return nil, fmt.Errorf("candidate %s: %w", out.ID, err)
	}
	return out, nil
}

// DecisionTo converts what a strategy decided. Genomes of the space packed go as they
// are, others and with nil all as texts.
func DecisionTo(d engine.Decision, packed *genome.Space) *StepResponse {
	out := &StepResponse{
		State: d.State, Files: refsTo(d.Files), Keep: idsTo(d.Keep), Note: d.Note, Done: d.Done,
	}
	for _, p := range d.Proposals {
		w := &Proposal{
			Operator: p.Operator, Parents: idsTo(p.Parents), Fidelity: int64(p.Fidelity), Task: string(p.Task),
			Input: p.Input, Resume: uint64(p.Resume), Inherit: uint64(p.Inherit), Replicate: p.Replicate,
			Stop: stopTo(p.Stop), Tag: p.Tag, Phase: string(p.Phase), Budget: p.Budget,
		}
		w.Genome, w.Packed = genomeTo(p.Genome, packed)
		out.Proposals = append(out.Proposals, w)
	}
	return out
}

// DecisionFrom is the inverse of DecisionTo.
func DecisionFrom(r *StepResponse, space *genome.Space) (engine.Decision, error) {
	out := engine.Decision{
		State: r.State, Files: refsFrom(r.Files), Keep: idsFrom(r.Keep), Note: r.Note, Done: r.Done,
	}
	for i, w := range r.Proposals {
		p := engine.Proposal{
			Operator: w.Operator, Parents: idsFrom(w.Parents), Fidelity: int(w.Fidelity), Task: engine.Task(w.Task),
			Input: w.Input, Resume: engine.ID(w.Resume), Inherit: engine.ID(w.Inherit), Replicate: w.Replicate,
			Stop: StopFrom(w.Stop), Tag: w.Tag, Phase: engine.Phase(w.Phase), Budget: w.Budget,
		}
		var err error
		if p.Genome, err = genomeFrom(space, w.Genome, w.Packed); err != nil {
			return engine.Decision{}, fmt.Errorf("proposal %d: %w", i+1, err)
		}
		out.Proposals = append(out.Proposals, p)
	}
	return out, nil
}

func idsTo(ids []engine.ID) []uint64 {
	if ids == nil {
		return nil
	}
	out := make([]uint64, len(ids))
	for i, id := range ids {
		out[i] = uint64(id)
	}
	return out
}

func idsFrom(ids []uint64) []engine.ID {
	if ids == nil {
		return nil
	}
	out := make([]engine.ID, len(ids))
	for i, id := range ids {
		out[i] = engine.ID(id)
	}
	return out
}
