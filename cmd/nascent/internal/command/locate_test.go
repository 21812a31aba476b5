package command

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/engine"
)

// refused is a mistake as the engine tells of it.
func refused(key, problem, remedy string) error {
	return fmt.Errorf("trying: %w", errors.Join(engine.ErrConfig, &engine.Mistake{Key: key, Problem: problem, Remedy: remedy}))
}

// What the engine and the plugins refuse is found in the search.yaml by its key.
func TestLocate(t *testing.T) {
	t.Parallel()
	parse := func(text string) *target {
		doc, err := config.Parse("s.yaml", ".", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return &target{doc: doc}
	}
	one := parse("space: {x: {int: [0, 9]}}\nevaluator:\n  use: onemax\n  delay: 3\nstrategy: aging\n")
	if err := one.doc.Set("window", "3", "--set window=3"); err != nil {
		t.Fatal(err)
	}
	many := parse("evaluators:\n  quick: {use: a}\n  evaluator:\n    use: b\n    width: 3\nobjectives: [{metric: loss}]\n")
	plain := errors.New("the disk is full")
	damaged := fmt.Errorf("%w: %w", engine.ErrDamaged, &engine.Mistake{Key: "space", Problem: "it does not read"})
	for _, c := range []struct {
		t    *target
		err  error
		want string
	}{
		{one, refused("evaluator.delay", "3 is no duration", "write 3s"), "s.yaml:4: evaluator.delay: 3 is no duration; write 3s"},
		{one, refused("evaluator", "it is another", ""), "s.yaml:2: evaluator: it is another"},
		{one, refused("strategy.population", "too small", ""), "s.yaml:5: strategy.population: too small"},
		{one, refused("window", "too small", "widen it"), "--set window=3: window: too small; widen it"},
		{one, refused("seed", "too large", ""), "s.yaml: seed: too large"},
		{many, refused("evaluator.width", "odd", ""), "s.yaml:5: evaluators.evaluator.width: odd"},
		{many, refused("evaluators.quick.width", "missing", ""), "s.yaml:2: evaluators.quick.width: missing"},
		{many, refused("objectives[0].metric", "unknown", ""), "s.yaml:6: objectives[0].metric: unknown"},
		{many, refused("", "there is no candidate 7", ""), refused("", "there is no candidate 7", "").Error()},
		{many, plain, plain.Error()},
		{one, damaged, damaged.Error()},
	} {
		if got := c.t.locate(c.err); got.Error() != c.want {
			t.Errorf("%v is located as %q; want %q", c.err, got, c.want)
		}
	}
}
