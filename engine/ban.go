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
	_, err := bindGenes(string(b), t.Space)
	if err != nil {
		return wrongWithin("ban", err)
	}
	return nil
}

// enoughDraws is how many random genomes are looked at for one that no ban holds of.
const enoughDraws = 10_000

func (b ban) do(t *trajectory, r *Request) (*effect, error) {
	if t.bans.find(string(b)) != nil {
		return &effect{}, nil
	}
	holds, err := bindGenes(string(b), t.Space)
	if err != nil {
		return nil, wrongWithin("ban", err)
	}
	if drawable(t.Space, t.Plan.Seed, func(g genome.Genome) bool { return holds(g) || t.banned(t.search.turns, g) != "" }) {
		return &effect{data: banEvent{r.asked(), string(b)}, say: "banned: " + string(b)}, nil
	}
	and := ""
	if n := len(t.Bans()); n > 0 {
		and = fmt.Sprintf(", with the %d that there are,", n)
	}
	return nil, wrong("ban", "it%s leaves nothing to draw: it holds of each of %d random genomes", and, enoughDraws).
		but("ban less")
}

// drawable tells whether one of many random genomes of a space is not banned.
func drawable(space *genome.Space, seed uint64, banned func(genome.Genome) bool) bool {
	draw := rng.New(rng.Derive(seed, "ban"))
	for range enoughDraws {
		if g, err := space.Random(draw); err == nil && !banned(g) {
			return true
		}
	}
	return false
}

func (b unban) check(t *trajectory) error { return nil }

func (b unban) do(t *trajectory, r *Request) (*effect, error) {
	if t.bans.find(string(b)) == nil {
		remedy := "nothing is"
		if all := t.Bans(); len(all) > 0 {
			remedy = "banned are: " + strings.Join(all, "; ")
		}
		return nil, wrong("unban", "%q is not banned", string(b)).but("%s", remedy)
	}
	return &effect{data: banEvent{r.asked(), string(b)}, say: "not banned any more: " + string(b)}, nil
}

// bans are those that there are and were, in order.
type bans []*banned

// find is the ban in these words that holds now, or nil.
func (b bans) find(text string) *banned {
	for _, x := range b {
		if x.text == text && x.until == 0 {
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
