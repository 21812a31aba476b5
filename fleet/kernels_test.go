package fleet

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
)

// computing is a bowl on a machine that has some kernels: it uses those that it is told to,
// or the fastest.
type computing struct {
	engine.Evaluator
	kernels string
}

func (c computing) Open(ctx context.Context, setup engine.EvaluatorSetup) (engine.Session, engine.Hello, error) {
	s, h, err := c.Evaluator.Open(ctx, setup)
	h.Identity = "{} data points kernels " + c.kernels
	h.Fingerprint = h.Identity
	return s, h, err
}

// hostWith starts a host that has these kernels. It opens evaluators once the gate is open.
func (y *yard) hostWith(name string, gate <-chan struct{}, kernels ...string) {
	y.hostBy(ServeOptions{Machine: Machine{Name: name, Kernels: kernels}, Evaluator: func(spec Spec) (engine.Evaluator, error) {
		<-gate
		e, err := bowl(spec)
		set := kernels[len(kernels)-1]
		if slices.Contains(kernels, spec.Kernels) {
			set = spec.Kernels
		}
		return computing{e, set}, err
	}})
}

// A search computes with the kernels that it began with, or that it is told to, else with
// the fastest that all hosts have that are there when it begins. Who lacks them gets no jobs.
func TestKernels(t *testing.T) {
	t.Parallel()
	go1, avx2, avx512 := []string{"go"}, []string{"go", "avx2"}, []string{"go", "avx2", "avx512"}
	for name, c := range map[string]struct {
		told, began string
		hosts       [][]string // before it begins
		late        [][]string
		want        string
		aside       []string
	}{
		"one":              {hosts: [][]string{avx512}, want: "avx512"},
		"the lowest":       {hosts: [][]string{avx512, avx2, avx512}, want: "avx2"},
		"the lowest first": {hosts: [][]string{go1, avx512}, want: "go"},
		"late":             {hosts: [][]string{avx2}, late: [][]string{avx512, go1}, want: "avx2", aside: []string{"late-1"}},
		"told":             {told: "avx2", hosts: [][]string{avx512, avx512}, want: "avx2"},
		"begun":            {began: "avx2", hosts: [][]string{go1, avx512}, want: "avx2", aside: []string{"host-0"}},
		"nothing common":   {hosts: [][]string{avx2, {"go-arm64"}}, want: "avx2", aside: []string{"host-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := newYardBy(t, 0, 0, Options{Kernels: c.told})
			gate := make(chan struct{})
			close(gate)
			names := map[string]bool{}
			for i, kernels := range c.hosts {
				name := "host-" + string(rune('0'+i))
				names[name] = true
				y.hostWith(name, gate, kernels...)
				y.await(name, func(Host) bool { return true })
			}
			setup := engine.EvaluatorSetup{Space: space, Workers: 2, Options: []byte("{}")}
			if c.began != "" {
				setup.Expect = &engine.Hello{Identity: "{} data points kernels " + c.began}
			}
			if _, hello, err := y.fleet.Evaluator("e", Program{}).Open(context.Background(), setup); err != nil || hello.Kernels() != c.want {
				t.Errorf("the search computes with %s, not %s: %v", hello.Kernels(), c.want, err)
			}
			for i, kernels := range c.late {
				name := "late-" + string(rune('0'+i))
				names[name] = true
				y.hostWith(name, gate, kernels...)
			}
			for name := range names {
				state := "ready"
				if slices.Contains(c.aside, name) {
					state = "aside"
				}
				h := y.await(name, func(h Host) bool { return h.State == "ready" || h.State == "aside" })
				if h.State != state || state == "aside" && !strings.Contains(h.Reason, "and the search with "+c.want+", which it has not") {
					t.Errorf("%s is %s: %s", name, h.State, h.Reason)
				}
			}
		})
	}
}

// A host that joins while the others open the evaluator has all of them use what it has.
func TestLesserKernelsWhileOpening(t *testing.T) {
	t.Parallel()
	y := newYard(t, 0, 0)
	gate := make(chan struct{})
	y.hostWith("fast", gate, "go", "avx2", "avx512")
	y.await("fast", func(Host) bool { return true })
	opened := make(chan string)
	go func() {
		_, hello, err := y.fleet.Evaluator("e", Program{}).Open(context.Background(), engine.EvaluatorSetup{
			Space: space, Workers: 2, Options: []byte("{}"),
		})
		if err != nil {
			t.Error(err)
		}
		opened <- hello.Kernels()
	}()
	y.await("fast", func(h Host) bool { return h.State == "opening" })
	y.hostWith("slow", gate, "go")
	y.await("slow", func(Host) bool { return true })
	close(gate)
	if got := <-opened; got != "go" {
		t.Errorf("the search computes with %s", got)
	}
	for _, name := range []string{"fast", "slow"} {
		if h := y.await(name, func(h Host) bool { return h.State == "ready" || h.State == "aside" }); h.State != "ready" {
			t.Errorf("%s is %s: %s", name, h.State, h.Reason)
		}
	}
}
