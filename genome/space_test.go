package genome

import (
	"sync"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

// What is bound to a space, or restricts it, belongs to the copy that comes
// back: others who hold the space see nothing of it.
func TestSpacesAreImmutable(t *testing.T) {
	t.Parallel()
	plain := MustParseSpace(`{"limits": {"parameters": 100}, "a": {"int": [0, 9]}}`)
	small := func(g Genome) (Cost, error) {
		v, _ := g.Gene("a")
		return Cost{Parameters: 30 * v.(int64)}, nil
	}
	var members [][]byte
	for _, text := range []string{"a=3", "a=2", "a=8"} {
		members = append(members, []byte(mustParse(t, plain, text).Packed()))
	}
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			bound := plain.Bind(small)
			pooled, err := bound.Pool(members[n%2:])
			if err != nil {
				t.Error(err)
				return
			}
			if n := len(pooled.Members()); n != 2 && n != 1 {
				t.Errorf("%d members keep the limit", n)
			}
			if again, err := pooled.Pool(members[n%2:]); err != nil || again != pooled {
				t.Errorf("restricted once more it is another space: %v", err)
			}
			if bound.Members() != nil || plain.Members() != nil {
				t.Error("a restriction reaches the space that it was made from")
			}
			r := rng.New(uint64(n))
			for range 50 {
				g, err := pooled.Random(r)
				if err != nil || g.Space() != pooled || pooled.Check(g) != nil || bound.Check(g) != nil {
					t.Errorf("%s is drawn: %v", g, err)
				}
			}
		})
	}
	all.Wait()
	nine := mustParse(t, plain, "a=9")
	if err := plain.Check(nine); err != nil {
		t.Errorf("a measure reaches the space that it was bound to: %v", err)
	}
	if err := plain.Bind(small).Check(nine); err == nil {
		t.Error("a limit does not hold")
	}
	if d := plain.Bind(small).Distance(nine, nine); d != 0 {
		t.Errorf("distance %v to itself", d)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	s := MustParseSpace(`{"a": {"int": [0, 9]}}`)
	old := s.ByRules(0)
	if s.Rules() != Rules || old.Rules() != 0 || old.Bind(nil).Rules() != 0 {
		t.Errorf("rules %d, %d, %d", s.Rules(), old.Rules(), old.Bind(nil).Rules())
	}
	if s.Hash() != old.Hash() || string(s.JSON()) != string(old.JSON()) {
		t.Error("the rules are part of the declaration")
	}
	if err := old.Check(mustParse(t, s, "a=3")); err != nil {
		t.Error(err)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	_, err := ParseSpaceJSON([]byte(`{"blocks": [{"list": {"lr": {"float": [3, 1]}}, "length": 2}]}`))
	m, ok := err.(*Mistake)
	if !ok || m.Key != "blocks[0].list.lr.float" || m.Remedy != "swap them" {
		t.Fatalf("%T: %v", err, err)
	}
	if want := []string{"blocks", "0", "list", "lr", "float"}; len(m.Steps()) != 5 || m.Steps()[1] != want[1] || m.Steps()[4] != want[4] {
		t.Errorf("%q", m.Steps())
	}
	for _, c := range []struct {
		m    Mistake
		want string
	}{
		{Mistake{}, ""},
		{Mistake{Problem: "is empty"}, "is empty"},
		{Mistake{"lr", "is empty", ""}, "lr: is empty"},
		{Mistake{"lr", "is empty", "remove it"}, "lr: is empty; remove it"},
	} {
		if got := c.m.Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if got := (&Mistake{Key: "[0].a"}).Within("start").Within("search").Key; got != "search.start[0].a" {
		t.Error(got)
	}
}
