package fleet

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
)

// Paths of the coordinator's server.
const (
	workPath = "/work"
	filePath = "/files/" // and a hash
)

// Machine is what a host says of itself.
type Machine struct {
	Version  string // of nascent
	Search   string // that it takes part in
	Name     string // for people
	Instance string // another one each time that it starts
	Slots    int    // jobs at once; 0: as many as one process of the evaluator takes
	Kind     string // of machine, as its owner calls it; may be empty
	Cores    int
	Memory   int64    // bytes
	GPUs     []string // names
	Kernels  []string // sets of numerical kernels that it can compute with, the fastest last

	// Left is how long it takes jobs from now on, where its time is limited; else 0. It is
	// no time of day: clocks differ.
	Left time.Duration
}

// Spec says which evaluator a host is to open. Use is for whoever opens it.
type Spec struct {
	Key     string
	Space   []byte // as JSON
	Rules   int
	Options json.RawMessage
	Use     json.RawMessage
	Files   []File
	Needs   []Need
	Root    string // set by the host: below it lie the files; empty where they lie at their own paths
	Slots   int    // jobs at once on a host that does not say it; 0: what one process of the evaluator takes
	Probe   *Probe // nil: none
	Kernels string // to compute with; "" and those that the host has not: its fastest
}

// program is equal for evaluators that are one, wherever it lies: what hosts have of a job
// is of no use to another.
func (s *Spec) program() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q", s.Options)
	for _, f := range s.Files {
		fmt.Fprintf(h, " %s", f.Hash)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// toHost is one message to a host; one field is set.
type toHost struct {
	Refused string // it may not take part, and why
	Joined  bool   // it takes part, and may send files: the first message to those that do
	Open    *Spec
	Start   *start
	Cancel  *named // Save: it keeps its progress first
	Kill    *named
	Ack     *named // its answer is durable, or nobody waits for it
	Release bool   // it may end: it is to take no more jobs, and all of its answers are durable
	Over    bool   // the search has come to its end
}

// fromHost is one message of a host; one field is set.
type fromHost struct {
	Machine *Machine // the first
	Opened  *opened
	Board   []held // what it had on board when the connection was made; empty ones come too
	Aboard  bool   // Board is set
	Report  *report
	Leaving string // it takes no more jobs, and why
	Room    *room
}

// named is one attempt on a host. The search may come to another job of the same number, when
// it was rewound, or goes on with another evaluator, and begins its attempts anew.
type named struct {
	Key     string
	ID      engine.ID
	Attempt int
	Digest  string // of the job
	Save    bool
}

// held is an attempt that a host has on board.
type held struct {
	At       named
	Running  bool // else its answer waits for an Ack, and comes after the Board
	Finished bool // that is a result
}

// opened is what came of a Spec.
type opened struct {
	Key     string
	Kernels string // of the Spec
	Hello   *engine.Hello
	Probe   *outcome        // if there was one
	Refusal *engine.Mistake // of its options
	Trouble string          // it cannot be opened here
}

// report is one event of an attempt.
type report struct {
	At    named
	Event engine.Event
}

// start is a job on its way to a host.
type start struct {
	At      named
	Space   []byte // of its genome, where that is not the search's own
	Packed  string
	Job     job
	Probe   bool
	Alone   bool
	Resume  []engine.FileRef
	Saved   bool
	Inherit []engine.FileRef
	Place   int
	Repeat  int
}

// job is what an evaluator gets to know of an engine.Job.
type job struct {
	Phase    engine.Phase
	Task     engine.Task
	Operator string
	Parents  []engine.ID
	Fidelity int
	Budget   float64
	Seed     uint64
	Input    []byte
	Resume   engine.ID
	Inherit  engine.ID
	Stop     *engine.StopRule
	Tag      string
	Baseline string
}

// startOf makes the order to carry out an assignment of an evaluator of this program whose
// space is given.
func startOf(key, program string, a *engine.Assignment, space *genome.Space) *start {
	j := a.Job
	s := &start{
		At: named{Key: key, ID: j.ID, Attempt: a.Attempt}, Packed: j.Genome.Packed(), Probe: a.Probe, Alone: a.Alone,
		Resume: a.Resume, Saved: a.Saved, Inherit: a.Inherit, Place: a.Place, Repeat: a.Repeat,
		Job: job{
			Phase: j.Phase, Task: j.Task, Operator: j.Operator, Parents: j.Parents, Fidelity: j.Fidelity, Budget: j.Budget, Seed: j.Seed,
			Input: j.Input, Resume: j.Resume, Inherit: j.Inherit, Stop: j.Stop, Tag: j.Tag, Baseline: j.Baseline,
		},
	}
	if own := j.Genome.Space(); own != space {
		s.Space = own.JSON()
	}
	s.At.Digest = digest(s, program)
	return s
}

// digest is equal for attempts at the same job with the same evaluator.
func digest(s *start, program string) string {
	h := sha256.New()
	j := s.Job
	for _, part := range [][]byte{
		[]byte(s.At.Key), []byte(program), []byte(s.At.ID.String()), s.Space, []byte(s.Packed), []byte(j.Phase), []byte(j.Task), j.Input, []byte(j.Tag), []byte(j.Baseline),
		fmt.Appendf(nil, "%d %x %d %d %d %v %v", j.Fidelity, j.Budget, j.Seed, j.Resume, j.Inherit, j.Stop != nil, s.Probe),
	} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write(part)
	}
	if j.Stop != nil {
		fmt.Fprintf(h, "%+v", *j.Stop)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// assignment is what startOf was made of, for an evaluator of this space.
func (s *start) assignment(space *genome.Space) (a engine.Assignment, err error) {
	if s.Space != nil {
		if space, err = spaceOf(s.Space, space.Rules()); err != nil {
			return a, err
		}
	}
	g, err := space.Unpack(s.Packed)
	if err != nil {
		return a, err
	}
	j := s.Job
	return engine.Assignment{
		Job: &engine.Job{
			ID: s.At.ID, Phase: j.Phase, Task: j.Task, Genome: g, Operator: j.Operator, Parents: j.Parents, Fidelity: j.Fidelity, Budget: j.Budget,
			Seed: j.Seed, Input: j.Input, Resume: j.Resume, Inherit: j.Inherit, Stop: j.Stop, Tag: j.Tag, Baseline: j.Baseline,
		},
		Attempt: s.At.Attempt, Probe: s.Probe, Alone: s.Alone, Resume: s.Resume, Saved: s.Saved, Inherit: s.Inherit, Place: s.Place, Repeat: s.Repeat,
	}, nil
}

// spaceOf reads a space as it is sent, and binds its layers.
func spaceOf(declaration []byte, rules int) (*genome.Space, error) {
	space, err := genome.RecordedSpace(declaration, rules)
	if err != nil {
		return nil, err
	}
	return network.Bind(space)
}
