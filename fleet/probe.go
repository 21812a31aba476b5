package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// A host that has opened an evaluator carries out a probe job before it gets others. All
// hosts get the same: a genome of the space and a small budget. What comes of it is compared
// with what the first host came to, bit by bit, where the evaluator says that equal jobs have
// equal results. So a host whose processor, driver or library makes it come to others is
// found before it has a part in the search.

// Probe says what the probe job is like.
type Probe struct {
	Fidelity int
	Budget   float64 // of that fidelity; 0: the evaluator's own
}

// outcome is what came of a probe job.
type outcome struct {
	Try    int           // which of several came to something; -1: none did
	Values engine.Values // of that one, without what is measured
	Why    string        // the last one that did not: why
}

const (
	probeGenomes = 4  // at most so many are tried until one comes to something
	probeDraws   = 16 // of so many, those whose networks need the least work come first
	probeTries   = 3  // of one job that comes back
)

// probeJobs are what a host tries until one comes to something. They are a function of
// their arguments: the same on every host.
func probeJobs(space *genome.Space, p *Probe, hello *engine.Hello) (jobs []*engine.Job, err error) {
	if len(hello.Pool) > 0 {
		if space, err = space.Pool(hello.Pool); err != nil {
			return nil, err
		}
	}
	r := rng.New(1)
	var genomes []genome.Genome
	work := map[genome.Genome]int64{}
	for range probeDraws {
		g, err := space.Random(r)
		if err != nil {
			return nil, err
		}
		if cost, err := network.Measure(g); err == nil {
			genomes, work[g] = append(genomes, g), cost.Macs
		}
	}
	slices.SortStableFunc(genomes, func(a, b genome.Genome) int { return int(min(1, max(-1, work[a]-work[b]))) })
	budget := p.Budget
	if budget == 0 {
		budget = hello.Budget
	}
	add := func(g genome.Genome, budget float64) error {
		id, err := engine.ParseID("p" + strconv.Itoa(len(jobs)+1))
		jobs = append(jobs, &engine.Job{
			ID: id, Phase: engine.PhaseSearch, Task: engine.Train, Genome: g, Operator: engine.OpRandom, Fidelity: p.Fidelity, Budget: budget, Seed: 1,
		})
		return err
	}
	for i, g := range genomes[:min(probeGenomes, len(genomes))] {
		if i == 0 && budget > 1 { // the evaluator may take no other than those that the search has
			err = add(g, 1)
		}
		if err = errors.Join(err, add(g, budget)); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// probe carries the probe job out. An error says that the evaluator does not answer.
func (s *serving) probe(ctx context.Context, spec *Spec, space *genome.Space, session engine.Session, hello *engine.Hello) (*outcome, error) {
	trains := len(hello.Tasks) == 0 || slices.Contains(hello.Tasks, engine.Train)
	if spec.Probe == nil || !trains || hello.Waits {
		return nil, nil
	}
	jobs, err := probeJobs(space, spec.Probe, hello)
	if err != nil {
		return nil, err
	}
	s.o.Log("a probe job shows whether this host comes to what the others come to")
	out := &outcome{Try: -1}
	for i, j := range jobs {
		r, err := s.probed(ctx, session, j)
		if err != nil {
			return nil, err
		}
		hello.Judge(engine.Train, r)
		if r.Status != engine.OK {
			out.Why = engine.OneLine(r.Reason)
			continue
		}
		out.Try = i
		for _, v := range r.Metrics {
			if hello.Exact(v.Name) {
				out.Values = append(out.Values, v)
			}
		}
		break
	}
	return out, nil
}

// probed carries out one job of a session that has no others, again if it comes back.
func (s *serving) probed(ctx context.Context, session engine.Session, j *engine.Job) (*engine.Result, error) {
	for number := 1; ; number++ {
		e, err := s.attempt(ctx, session, j, number)
		switch {
		case err != nil:
			return nil, err
		case e.Kind == engine.Finished:
			return e.Result, nil
		case number == probeTries:
			return &engine.Result{Status: engine.Failed, Reason: e.Reason}, nil
		}
	}
}

// attempt carries it out once, and returns its last event.
func (s *serving) attempt(ctx context.Context, session engine.Session, j *engine.Job, number int) (e engine.Event, err error) {
	defer context.AfterFunc(ctx, func() { session.Kill(j.ID, number) })()
	if err := session.Submit(engine.Assignment{Job: j, Attempt: number, Probe: true, Alone: true}); err != nil {
		return e, err
	}
	for e := range session.Events() {
		refs := e.Files
		if e.Result != nil {
			refs = slices.Concat(refs, e.Result.Files)
		}
		s.discard(refs)
		switch {
		case e.Kind == engine.Broken:
			return e, errors.New(e.Reason)
		case e.ID != j.ID || e.Attempt != number:
		case e.Kind == engine.Finished:
			session.Ack(j.ID, number)
			return e, nil
		case e.Kind == engine.Returned, e.Kind == engine.Lost:
			return e, context.Cause(ctx)
		}
	}
	return e, errors.New("the evaluator has ended")
}

// discard lets go of files that a probe left.
func (s *serving) discard(refs []engine.FileRef) {
	if len(refs) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files.named(refs)
	s.prune()
}

// reference is what a host's probe is compared with.
type reference struct {
	Host   string        `json:"host"`
	Try    int           `json:"try"`
	Values engine.Values `json:"values"`
}

// doubted says why a host that has opened the evaluator gets no jobs, for what its probe came
// to; "" if it does.
func (s *session) doubted(h *host, o *opened) string {
	delete(h.failedProbe, s.spec.Key)
	p := o.Probe
	if p == nil {
		return ""
	}
	if s.probe == nil {
		s.probe = s.fleet.references()[s.probeKey(o.Hello)]
	}
	switch is := s.probe; {
	case is == nil && p.Try < 0: // nobody knows whether that is the host's fault
		h.failedProbe[s.spec.Key] = p.Why
	case is == nil:
		s.probe = &reference{Host: h.machine.Name, Try: p.Try, Values: p.Values}
		s.fleet.keepReference(s.probeKey(o.Hello), s.probe)
		for _, other := range s.fleet.hosts {
			if why, failed := other.failedProbe[s.spec.Key]; failed && other != h {
				other.setAside(probeFailed(why, h.machine.Name))
			}
		}
	case p.Try < 0 || o.Hello.Deterministic && p.Try > is.Try:
		return probeFailed(p.Why, is.Host)
	case o.Hello.Deterministic && p.Try < is.Try:
		return fmt.Sprintf("its probe job came to %s, and failed on host %s", said(p.Values, 0), is.Host)
	case o.Hello.Deterministic && !slices.Equal(p.Values, is.Values):
		i := 0
		for i < min(len(p.Values), len(is.Values)) && p.Values[i] == is.Values[i] {
			i++
		}
		return fmt.Sprintf("its probe job came to %s, and on host %s to %s; if equal jobs need not have equal results, the evaluator declares "+
			"deterministic: false, or search.yaml has fleet: {probe: false}", said(p.Values, i), is.Host, said(is.Values, i))
	}
	return ""
}

func probeFailed(why, host string) string {
	return fmt.Sprintf("its probe job failed and on host %s it did not: %s", host, clean(why))
}

// said is one of some values, with all of its digits.
func said(vs engine.Values, i int) string {
	if i >= len(vs) {
		return "no more"
	}
	return vs[i].Name + " " + strconv.FormatFloat(vs[i].Value, 'g', -1, 64)
}

// probeKey is equal where results of probes are to be.
func (s *session) probeKey(hello *engine.Hello) string {
	what := s.spec
	what.Use, what.Files, what.Needs, what.Slots = nil, nil, nil, 0
	b, _ := json.Marshal([]any{what, hello.Fingerprint}) // it holds nothing that cannot be
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:16])
}

// references are what probes came to, in earlier runs of the search as well.
func (f *Fleet) references() (all map[string]*reference) {
	if b, err := os.ReadFile(f.o.Probes); err != nil || json.Unmarshal(b, &all) != nil || all == nil {
		all = map[string]*reference{}
	}
	return all
}

// keepReference keeps one for later runs.
func (f *Fleet) keepReference(key string, r *reference) {
	if f.o.Probes == "" {
		return
	}
	f.works.Go(func() {
		f.keeping.Lock()
		defer f.keeping.Unlock()
		all := f.references()
		all[key] = r
		if err := writeJSON(f.o.Probes, all); err != nil {
			f.o.Log("what the probe job came to cannot be kept: %v", err)
		}
	})
}
