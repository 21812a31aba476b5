package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/engine/expression"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

// ban is a condition on genes. Genomes of which it holds are not proposed from a turn
// on: an operator draws again, and what is given in whole, or still comes when the
// redraws are used up, is invalid. Jobs that were proposed before go on.
type ban string

// unban ends a ban.
type unban string

// banEvent is the data of eventBan and eventUnban.
type banEvent struct {
	asked
	Condition string `json:"condition"`
}

// banned is a ban with the turns in which it holds.
type banned struct {
	text  string
	from  uint64
	until uint64 // the first in which it does not any more; 0: it still does
	space *genome.Space
	holds func(genome.Genome) bool // in that space; nil until it is asked for
}

// MaxBan is how many bytes a ban may have.
const MaxBan = 1000

func (b ban) kind() string   { return eventBan }
func (b unban) kind() string { return eventUnban }
func (b ban) waits() bool    { return true }
func (b unban) waits() bool  { return true }

func (b ban) check(t *trajectory) error {
	if len(b) > MaxBan {
		return wrong("ban", "it has %d bytes", len(b)).but("a condition has at most %d", MaxBan)
	}
	holds, err := bindGenes(string(b), t.Space)
	if err != nil {
		return wrongWithin("ban", err)
	}
	return b.leaves(t, "it", holds)
}

// leaves refuses a ban that, with whatever else holds, leaves nothing to draw.
func (b ban) leaves(t *trajectory, what string, holds func(genome.Genome) bool) error {
	if drawable(t.Space, t.Plan.Seed, enoughDraws, func(g genome.Genome) bool { return !holds(g) }) {
		return nil
	}
	return wrong("ban", "%s leaves nothing to draw: it holds of each of %d random genomes", what, enoughDraws).but("ban less")
}

const (
	enoughDraws = 10_000 // random genomes that are looked at for one that no ban holds of
	fewDraws    = 1000   // and for one that a ban holds of
)

func (b ban) do(t *trajectory, r *Request) (*effect, error) {
	if t.bans.find(string(b)) != nil {
		return &effect{}, nil
	}
	holds, err := bindGenes(string(b), t.Space)
	if err != nil {
		return nil, wrongWithin("ban", err)
	}
	what := fmt.Sprintf("it, with the %d that there are,", len(t.Bans()))
	if err := b.leaves(t, what, func(g genome.Genome) bool { return holds(g) || t.banned(t.search.turns, g) != "" }); err != nil {
		return nil, err
	}
	e := &effect{data: banEvent{r.asked(), string(b)}, say: "banned: " + string(b)}
	if !drawable(t.Space, t.Plan.Seed, fewDraws, holds) {
		e.Hint = fmt.Sprintf("it holds of none of %d random genomes: look whether it says what is meant", fewDraws)
		e.say += "; " + e.Hint
	}
	return e, nil
}

// drawable tells whether one of n random genomes of a space is as wanted.
func drawable(space *genome.Space, seed uint64, n int, wanted func(genome.Genome) bool) bool {
	draw := rng.New(rng.Derive(seed, "ban"))
	for range n {
		if g, err := space.Random(draw); err == nil && wanted(g) {
			return true
		}
	}
	return false
}

// What cannot be banned is not banned when its turn comes either.
func (b unban) check(t *trajectory) error {
	if t.bans.find(string(b)) != nil {
		return nil
	}
	if _, err := bindGenes(string(b), t.Space); err != nil {
		return wrongWithin("unban", err)
	}
	return nil
}

func (b unban) plan(t *trajectory, _ uint64, hint string) (string, error) {
	if t.bans.find(string(b)) == nil {
		return "it is not banned yet", nil
	}
	return hint, nil
}

func (b unban) do(t *trajectory, r *Request) (*effect, error) {
	of := t.bans.find(string(b))
	if of == nil {
		remedy := "nothing is"
		if all := t.Bans(); len(all) > 0 {
			remedy = "banned are: " + strings.Join(all, "; ")
		}
		return nil, wrong("unban", "%q is not banned", string(b)).but("%s", remedy)
	}
	return &effect{data: banEvent{r.asked(), of.text}, say: "not banned any more: " + of.text}, nil
}

// bans are those that there are and were, in order.
type bans []*banned

// find is the ban in these words that holds now, or nil. One that is spaced alike comes
// before one that is not.
func (b bans) find(text string) *banned {
	for _, x := range b {
		if x.text == text && x.until == 0 {
			return x
		}
	}
	wanted, err := expression.ParseCondition(text)
	if err != nil {
		return nil
	}
	for _, x := range b {
		if c, err := expression.ParseCondition(x.text); err == nil && x.until == 0 && c.Same(wanted) {
			return x
		}
	}
	return nil
}

// Bans lists the conditions that are banned now.
func (a *Archive) Bans() (all []string) {
	for _, x := range a.bans {
		if x.until == 0 {
			all = append(all, x.text)
		}
	}
	return all
}

// happened takes in a ban, or its end.
func (b *bans) happened(kind, text string, turn uint64) {
	if kind == eventBan {
		*b = append(*b, &banned{text: text, from: turn})
	} else if x := b.find(text); x != nil {
		if x.until = turn; x.until <= x.from { // it never held
			*b = slices.DeleteFunc(*b, func(y *banned) bool { return x == y })
		}
	}
}

// banned is the first condition that bans a genome in a turn, or "".
func (a *Archive) banned(turn uint64, g genome.Genome) string {
	for _, x := range a.bans {
		if turn < x.from || x.until != 0 && turn >= x.until {
			continue
		}
		if x.holds == nil || x.space != g.Space() {
			x.space = g.Space()
			x.holds, _ = bindGenes(x.text, g.Space()) // it could be bound when it was banned
		}
		if x.holds != nil && x.holds(g) {
			return x.text
		}
	}
	return ""
}

// bindGenes makes of a condition on genes what tells whether it holds of a genome.
func bindGenes(text string, space *genome.Space) (func(genome.Genome) bool, error) {
	c, err := expression.ParseCondition(text)
	if err != nil {
		return nil, err
	}
	genes := expression.NewGenes(space)
	holds, err := c.Bind(genes)
	if err != nil {
		return nil, err
	}
	return func(g genome.Genome) bool {
		genes.Look(g.Tree())
		return holds(0)
	}, nil
}

// bannedBy is the condition that bans the genome of a new job of the search, or "". What
// trains the weights of all is no candidate.
func (t *trajectory) bannedBy(e *entry) string {
	if len(t.bans) == 0 || partOf(e.ID) != PartSearch || e.Task == Supernet || e.Origin() != "" || e.Baseline != "" {
		return ""
	}
	return t.banned(e.turn, e.Genome)
}
