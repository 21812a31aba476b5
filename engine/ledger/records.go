package ledger

import (
	"time"

	"github.com/nascent-nas/nascent/engine"
)

// The kinds of records, one pair of functions each. What the key says is not
// written again. A pair must stay as it is as long as its version byte is 1.

func writeHeader(e *encoder, h *engine.Header) {
	e.byte(1)
	e.string(h.Name)
	e.string(h.Engine)
	writeTime(e, h.Created)
	e.bytes(h.Config)
}

func readHeader(d *decoder) (h engine.Header) {
	d.version()
	h.Name = d.string()
	h.Engine = d.string()
	h.Created = readTime(d)
	h.Config = d.bytes()
	return h
}

func writeTime(e *encoder, t time.Time) {
	e.int(t.Unix())
	e.uint(uint64(t.Nanosecond()))
}

func readTime(d *decoder) time.Time {
	seconds, nanos := d.int(), d.uint()
	if nanos >= 1e9 {
		d.fail(errNumber)
	}
	if d.err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanos)).UTC()
}

// Key: Seq.
func writeEvent(e *encoder, r *engine.EventRecord) {
	e.byte(1)
	e.uint(r.Turn)
	e.word(r.Kind)
	e.bytes(r.Data)
	writeTime(e, r.Time)
}

func readEvent(d *decoder, key uint64) (r engine.EventRecord) {
	d.version()
	r.Seq = key
	r.Turn = d.uint()
	r.Kind = d.word()
	r.Data = d.bytes()
	r.Time = readTime(d)
	return r
}

// Key: N. The bucket says which Part.
func writeTurn(e *encoder, r *engine.TurnRecord) {
	e.byte(1)
	e.byte(flags(r.Done, r.Note != "", len(r.Keep) > 0, len(r.Files) > 0))
	e.uint(uint64(r.FirstID))
	e.ids(r.Consumed, r.FirstID)
	e.int(int64(r.Jobs))
	e.int(int64(r.Want))
	e.int(int64(r.Spent.Evaluations))
	e.float(r.Spent.Seconds)
	e.b = append(e.b, r.Decision[:]...)
	if r.Note != "" {
		e.string(r.Note)
	}
	if len(r.Keep) > 0 {
		e.ids(r.Keep, r.FirstID)
	}
	if len(r.Files) > 0 {
		e.files(r.Files)
	}
}

func readTurn(part engine.Part) func(d *decoder, key uint64) engine.TurnRecord {
	return func(d *decoder, key uint64) (r engine.TurnRecord) {
		d.version()
		r.Part, r.N = part, key
		f := d.flags(4)
		r.Done = f&1 != 0
		r.FirstID = engine.ID(d.uint())
		r.Consumed = d.ids(r.FirstID)
		r.Jobs = int(d.int())
		r.Want = int(d.int())
		r.Spent.Evaluations = int(d.int())
		r.Spent.Seconds = d.float()
		copy(r.Decision[:], d.take(32))
		if f&2 != 0 {
			r.Note = d.string()
		}
		if f&4 != 0 {
			r.Keep = d.ids(r.FirstID)
		}
		if f&8 != 0 {
			r.Files = d.files()
		}
		return r
	}
}

// flags packs booleans into a byte, the first into its lowest bit.
func flags(bits ...bool) (b byte) {
	for i, bit := range bits {
		if bit {
			b |= 1 << i
		}
	}
	return b
}

// flags reads a byte of n booleans.
func (d *decoder) flags(n int) byte {
	b := d.byte()
	if n < 8 && b>>n != 0 {
		d.fail(errNumber)
	}
	return b
}

// Key: ID. Fields that most jobs leave empty are announced by a flag.
func writeJob(e *encoder, r *engine.JobRecord) {
	e.byte(1)
	e.byte(flags(len(r.Input) > 0, r.Resume != 0, r.Inherit != 0, r.Stop != nil, r.Tag != "", r.Replicate, r.Reuse != 0, r.Baseline != ""))
	e.uint(r.Turn)
	e.word(string(r.Phase))
	e.word(string(r.Task))
	e.word(r.Operator)
	e.string(r.Packed)
	e.ids(r.Parents, r.ID)
	e.int(int64(r.Fidelity))
	e.float(r.Budget)
	e.uint(r.Seed)
	if len(r.Input) > 0 {
		e.bytes(r.Input)
	}
	for _, id := range []engine.ID{r.Resume, r.Inherit, r.Reuse} {
		if id != 0 {
			e.near(uint64(id), uint64(r.ID))
		}
	}
	if s := r.Stop; s != nil {
		e.word(s.Metric)
		e.word(string(s.Goal))
		e.float(s.Step)
		e.float(s.Threshold)
	}
	if r.Tag != "" {
		e.word(r.Tag)
	}
	if r.Baseline != "" {
		e.word(r.Baseline)
	}
}

func readJob(d *decoder, key uint64) (r engine.JobRecord) {
	d.version()
	f := d.flags(8)
	r.ID = engine.ID(key)
	r.Turn = d.uint()
	r.Phase = engine.Phase(d.word())
	r.Task = engine.Task(d.word())
	r.Operator = d.word()
	r.Packed = d.string()
	r.Parents = d.ids(r.ID)
	r.Fidelity = int(d.int())
	r.Budget = d.float()
	r.Seed = d.uint()
	if f&1 != 0 {
		r.Input = d.bytes()
	}
	if f&2 != 0 {
		r.Resume = engine.ID(d.near(key))
	}
	if f&4 != 0 {
		r.Inherit = engine.ID(d.near(key))
	}
	if f&64 != 0 {
		r.Reuse = engine.ID(d.near(key))
	}
	if f&8 != 0 {
		r.Stop = &engine.StopRule{Metric: d.word(), Goal: engine.Goal(d.word()), Step: d.float(), Threshold: d.float()}
	}
	if f&16 != 0 {
		r.Tag = d.word()
	}
	r.Replicate = f&32 != 0
	if f&128 != 0 {
		r.Baseline = d.word()
	}
	return r
}

// writeResult writes all of a result but its id, curve and output.
func writeResult(e *encoder, r *engine.ResultRecord) {
	e.byte(flags(r.Stopped, r.Reason != "", len(r.Files) > 0, r.Lost != 0, r.Usage != engine.Usage{}))
	e.word(string(r.Status))
	e.int(int64(r.Attempt))
	e.int(int64(r.Attempts))
	e.int(int64(r.Fingerprint))
	e.values(r.Metrics)
	e.float(r.Seconds)
	if r.Reason != "" {
		e.string(r.Reason)
	}
	if len(r.Files) > 0 {
		e.files(r.Files)
	}
	if r.Lost != 0 {
		e.float(r.Lost)
	}
	if u := r.Usage; u != (engine.Usage{}) {
		e.float(u.CPU)
		e.int(u.Memory)
		e.int(u.GPUMemory)
	}
}

func readResult(d *decoder, r *engine.ResultRecord) {
	f := d.flags(5)
	r.Stopped = f&1 != 0
	r.Status = engine.Status(d.word())
	r.Attempt = int(d.int())
	r.Attempts = int(d.int())
	r.Fingerprint = int(d.int())
	r.Metrics = d.values()
	r.Seconds = d.float()
	if f&2 != 0 {
		r.Reason = d.string()
	}
	if f&4 != 0 {
		r.Files = d.files()
	}
	if f&8 != 0 {
		r.Lost = d.float()
	}
	if f&16 != 0 {
		r.Usage = engine.Usage{CPU: d.float(), Memory: d.int(), GPUMemory: d.int()}
	}
}

// History, key: position from 0. Curve and Output are in the details.
func writeHistory(e *encoder, r *engine.ResultRecord) {
	e.byte(1)
	e.uint(uint64(r.ID))
	writeResult(e, r)
}

func readHistory(d *decoder, _ uint64) (r engine.ResultRecord) {
	d.version()
	r.ID = engine.ID(d.uint())
	readResult(d, &r)
	return r
}

// details belong to a consumed result and are kept apart from it, so that
// scanning History stays cheap. They also lead from an id to its position.
type details struct {
	position uint64
	curve    []engine.Point
	output   []byte
}

// Key: ID.
func writeDetails(e *encoder, r *details) {
	e.byte(1)
	e.uint(r.position)
	e.curve(r.curve)
	e.bytes(r.output)
}

func readDetails(d *decoder, _ uint64) (r details) {
	d.version()
	r.position = d.uint()
	r.curve = d.curve()
	r.output = d.bytes()
	return r
}

// Inbox, key: ID.
func writeInbox(e *encoder, r *engine.ResultRecord) {
	e.byte(1)
	writeResult(e, r)
	e.curve(r.Curve)
	e.bytes(r.Output)
}

func readInbox(d *decoder, key uint64) (r engine.ResultRecord) {
	d.version()
	r.ID = engine.ID(key)
	readResult(d, &r)
	r.Curve = d.curve()
	r.Output = d.bytes()
	return r
}

// Key: ID.
func writeAttempt(e *encoder, r *engine.AttemptRecord) {
	e.grown(r.Lost != 0)
	e.int(int64(r.Started))
	e.int(int64(r.Counted))
	e.string(r.Reason)
	e.files(r.Saved)
	if r.Lost != 0 {
		e.float(r.Lost)
	}
}

func readAttempt(d *decoder, key uint64) (r engine.AttemptRecord) {
	grown := d.grown()
	r.ID = engine.ID(key)
	r.Started = int(d.int())
	r.Counted = int(d.int())
	r.Reason = d.string()
	r.Saved = d.files()
	if grown {
		r.Lost = d.float()
	}
	return r
}

func writeCounters(e *encoder, r *engine.Counters) {
	e.grown(r.Lost != 0)
	e.float(r.Wall)
	e.float(r.Seconds)
	e.word(string(r.State))
	e.string(r.Cause)
	e.int(int64(r.Retries))
	e.float(r.Idle)
	e.int(int64(r.TestLooks))
	if r.Lost != 0 {
		e.float(r.Lost)
	}
}

func readCounters(d *decoder) (r engine.Counters) {
	grown := d.grown()
	r.Wall = d.float()
	r.Seconds = d.float()
	r.State = engine.RunState(d.word())
	r.Cause = d.string()
	r.Retries = int(d.int())
	r.Idle = d.float()
	r.TestLooks = int(d.int())
	if grown {
		r.Lost = d.float()
	}
	return r
}

func writeState(e *encoder, state []byte) {
	e.byte(1)
	e.bytes(state)
}

func readState(d *decoder) []byte {
	d.version()
	return d.bytes()
}

// totals is how many records each bucket holds: where the next one goes, and
// how Check sees that none is missing at an end.
type totals struct {
	events, jobs, history, inbox, attempts uint64
	turns                                  [2]uint64 // in the order of parts
}

func writeTotals(e *encoder, r *totals) {
	e.byte(1)
	for _, n := range []uint64{r.events, r.jobs, r.history, r.inbox, r.attempts, r.turns[0], r.turns[1]} {
		e.uint(n)
	}
}

func readTotals(d *decoder) (r totals) {
	d.version()
	for _, n := range []*uint64{&r.events, &r.jobs, &r.history, &r.inbox, &r.attempts, &r.turns[0], &r.turns[1]} {
		*n = d.uint()
	}
	return r
}
