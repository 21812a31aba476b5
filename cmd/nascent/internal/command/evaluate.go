package command

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/jsonl"
)

// asked is a line that evaluateCommand reads: a genome to be measured, or a question
// about the space.
type asked struct {
	Genome   string       `json:"genome"`
	Fidelity *int         `json:"fidelity"` // default: the highest
	Budget   float64      `json:"budget"`   // default: that of the fidelity
	Seed     uint64       `json:"seed"`
	Repeat   int          `json:"repeat"` // how often the same was measured before
	Phase    engine.Phase `json:"phase"`  // default: search
	jsonl.Question
}

// measured is the answer to a genome.
type measured struct {
	Status  engine.Status      `json:"status"`
	Reason  string             `json:"reason,omitempty"`
	Metrics engine.Values      `json:"metrics,omitempty"`
	Report  map[string]float64 `json:"report,omitempty"`
	Seconds float64            `json:"seconds"`
	Usage   engine.Usage       `json:"usage,omitzero"`
}

func (a *app) evaluateCommand() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "evaluate PATH",
		Short: "Measure genomes with a search's evaluator, to compare with other programs",
		Long: `Reads genomes from standard input, a line of JSON each, has the evaluator of the
search that PATH (a search.yaml, a search directory or an example) describes
measure them, and prints a line for each. The first line is what a strategy is
told of the search. Questions about the space are answered as by nascent space.
What is wrong with a line is the answer to it.
With --suite PATH is the name of one of its problems. Nothing is kept.`,
		Example: `  echo '{"genome": "lr=0.01 act=relu"}' | nascent evaluate mine`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			doc, err := evaluated(args[0], from)
			if err != nil {
				return err
			}
			return a.evaluate(cmd.Context(), doc, bufio.NewScanner(cmd.InOrStdin()))
		},
	}
	cmd.Flags().StringVar(&from, "suite", "", "the suite that has the problem PATH")
	cmd.Flags().Bool("json", true, "print one JSON object a line, as it does anyway")
	return cmd
}

// evaluated reads the search that is meant.
func evaluated(path, from string) (*config.Document, error) {
	if from == "" {
		doc, _, err := load(path, false)
		return doc, err
	}
	s, err := readSuite(from)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(s.Problems, func(p config.Problem) bool { return p.Name == path })
	if i < 0 {
		return nil, wrongInput("%s: %s has no such problem", path, from)
	}
	return describe(s, &s.Problems[i])
}

// evaluate answers line by line.
func (a *app) evaluate(ctx context.Context, doc *config.Document, in *bufio.Scanner) error {
	s, err := doc.Read()
	if err != nil {
		return err
	}
	t := &target{doc: doc, dir: doc.Dir}
	o := hostOptions("", s)
	o.SearchID = fmt.Sprintf("evaluate %d", os.Getpid())
	if err := a.connectBy(t, s, o); err != nil {
		return err
	}
	closeStrategy(s.Engine.Strategy)
	derived, err := engine.Derive(s.Engine.Derived)
	if err != nil {
		return t.locate(err)
	}
	m := newMeasurer(s.Engine)
	m.derived = derived
	defer m.close()
	for _, f := range m.config.Fidelities {
		if err := m.start(ctx, f.Evaluator); err != nil {
			return t.refused(f.Evaluator, err)
		}
	}
	setup, err := m.config.Describe(m.hellos)
	if err != nil {
		return t.locate(err)
	}
	m.config.Space, m.config.Fidelities = setup.Space, setup.Fidelities
	out := json.NewEncoder(a.out)
	if err := out.Encode(told{jsonl.OpeningOf(setup, s.Strategy.Options), s.Strategy.Use}); err != nil {
		return err
	}
	return eachLine(in, func(line []byte) error {
		answer, err := m.answer(ctx, line)
		if err != nil {
			return t.locate(err)
		}
		return out.Encode(answer)
	})
}

// maxQuestion is how long a line that asks something may be.
const maxQuestion = 16 << 20

// eachLine reads what is asked, line by line.
func eachLine(in *bufio.Scanner, take func(line []byte) error) error {
	for in.Buffer(nil, maxQuestion); in.Scan(); {
		if err := take(in.Bytes()); err != nil {
			return err
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return wrongInput("a line of standard input has more than %d bytes; write shorter ones", maxQuestion)
	}
	return in.Err()
}

// measurer has genomes measured, one after the other.
type measurer struct {
	config  engine.Config
	derived engine.Derivation
	files   engine.Ledger
	open    map[string]engine.Session // evaluators, by name
	hellos  map[string]engine.Hello
	last    engine.ID
}

// newMeasurer is one without evaluators.
func newMeasurer(c engine.Config) *measurer {
	if len(c.Fidelities) == 0 {
		c.Fidelities = []engine.Fidelity{{Evaluator: config.Only}}
	}
	return &measurer{config: c, files: engine.Memory(), open: map[string]engine.Session{}, hellos: map[string]engine.Hello{}}
}

func (m *measurer) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, s := range m.open {
		s.Close(ctx)
	}
	m.files.Close()
}

// start opens an evaluator.
func (m *measurer) start(ctx context.Context, name string) error {
	if _, ok := m.open[name]; ok {
		return nil
	}
	ref := m.config.Evaluators[name]
	s, hello, err := ref.Evaluator.Open(ctx, engine.EvaluatorSetup{Space: m.config.Space, Workers: 1, Options: ref.Options, Files: m.files})
	if err != nil {
		return err
	}
	m.open[name], m.hellos[name] = s, hello
	return nil
}

// answer answers a line. What is wrong with it is said in the answer.
func (m *measurer) answer(ctx context.Context, line []byte) (any, error) {
	var q asked
	err := option.Decode(line, &q)
	if err == nil {
		err = m.check(&q)
	}
	switch {
	case err != nil:
		return struct {
			Error string `json:"error"`
		}{oneLine(err)}, nil
	case q.Space != "":
		return struct {
			Answer *jsonl.Answer `json:"answer"`
		}{q.Question.Ask(m.config.Space)}, nil
	}
	r, err := m.measure(ctx, &q)
	return struct {
		Result *measured `json:"result"`
	}{r}, err
}

// check refuses what nothing can be measured by.
func (m *measurer) check(q *asked) error {
	wrong := func(key, problem, remedy string) error {
		return &engine.Mistake{Key: key, Problem: problem, Remedy: remedy}
	}
	last := len(m.config.Fidelities) - 1
	switch {
	case q.Genome != "" && q.Space != "":
		return wrong("space", "a line is about a genome or asks the space", "write two lines")
	case q.Genome == "" && q.Space == "":
		return wrong("genome", "there is none", `write {"genome": TEXT}, or ask the space: {"space": "sample", "seed": 1}`)
	case q.Fidelity != nil && (*q.Fidelity < 0 || *q.Fidelity > last):
		return wrong("fidelity", fmt.Sprintf("%d is none", *q.Fidelity), fmt.Sprintf("the search has those from 0 to %d", last))
	case q.Budget < 0:
		return wrong("budget", fmt.Sprintf("%v is negative", q.Budget), "write a number above 0, or leave it out")
	case q.Seed >= rng.MaxSeed:
		return wrong("seed", fmt.Sprintf("%d is not below 2^53", q.Seed), "write a smaller one")
	case q.Repeat < 0:
		return wrong("repeat", fmt.Sprintf("%d is negative", q.Repeat), "write how often the same was measured before")
	case !slices.Contains([]engine.Phase{"", engine.PhaseSearch, engine.PhaseRemeasure, engine.PhaseTest}, q.Phase):
		return wrong("phase", fmt.Sprintf("%q is none", q.Phase), "write search, remeasure or test")
	}
	return nil
}

// measure has one genome measured. What goes wrong with it is part of the answer.
func (m *measurer) measure(ctx context.Context, q *asked) (*measured, error) {
	g, err := m.config.Space.Parse(q.Genome)
	if err == nil {
		err = m.config.Space.Check(g)
	}
	if err != nil {
		return &measured{Status: engine.Invalid, Reason: oneLine(err)}, nil
	}
	fidelity := len(m.config.Fidelities) - 1
	if q.Fidelity != nil {
		fidelity = *q.Fidelity
	}
	f := m.config.Fidelities[fidelity]
	s, hello := m.open[f.Evaluator], m.hellos[f.Evaluator]
	m.last++
	job := &engine.Job{
		ID: m.last, Phase: cmp.Or(q.Phase, engine.PhaseSearch), Task: engine.Train, Genome: g, Operator: engine.OpGiven,
		Fidelity: fidelity, Budget: cmp.Or(q.Budget, f.Budget), Seed: q.Seed,
	}
	if err := s.Submit(engine.Assignment{Job: job, Attempt: 1, Repeat: q.Repeat}); err != nil {
		return nil, err
	}
	for e := range s.Events() {
		if e.ID != job.ID {
			continue
		}
		switch e.Kind {
		case engine.Returned, engine.Lost:
			return &measured{Status: engine.Failed, Reason: e.Reason}, nil
		case engine.Finished:
			hello.Judge(job.Task, e.Result)
			m.derived.Complete(e.Result)
			r := &measured{Status: e.Result.Status, Reason: e.Result.Reason, Metrics: e.Result.Metrics, Seconds: e.Result.Seconds, Usage: e.Result.Usage}
			for _, file := range e.Result.Files {
				if file.Name == engine.ReportFile {
					if err := m.report(file, r); err != nil {
						return nil, err
					}
				}
			}
			s.Ack(job.ID, 1)
			return r, nil
		}
	}
	return nil, errors.New("the evaluator has ended by itself")
}

// report reads what a test leaves for reports.
func (m *measurer) report(file engine.FileRef, r *measured) error {
	path, err := m.files.Path(file.Hash)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, &r.Report)
}
