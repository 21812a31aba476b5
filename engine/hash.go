package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
)

// decisionHash covers everything that a decision says and the jobs that came
// of it.
func decisionHash(d Decision, jobs []*entry) [32]byte {
	h := hasher{sha256.New()}
	h.bytes(d.State)
	h.number(uint64(len(d.Files)))
	for _, f := range d.Files {
		h.text(f.Name, f.Hash)
	}
	h.ids(d.Keep)
	h.text(d.Note, fmt.Sprint(d.Done))
	h.number(uint64(len(jobs)))
	for i, e := range jobs {
		h.text(d.Proposals[i].Operator)
		h.job(&e.Job)
	}
	return [32]byte(h.Sum(nil))
}

// hasher writes values so that different sequences have different bytes.
type hasher struct{ hash.Hash }

func (h hasher) number(n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	h.Write(b[:])
}

func (h hasher) float(x float64) { h.number(math.Float64bits(x)) }

func (h hasher) bytes(b []byte) {
	h.number(uint64(len(b)))
	h.Write(b)
}

func (h hasher) text(texts ...string) {
	for _, s := range texts {
		h.bytes([]byte(s))
	}
}

func (h hasher) ids(ids []ID) {
	h.number(uint64(len(ids)))
	for _, id := range ids {
		h.number(uint64(id))
	}
}

// job writes a job. Ids of the final strategy are left out: they tell how
// often a search was ended and extended, which is no part of its trajectory.
func (h hasher) job(j *Job) {
	if j.ID <= FinalBase {
		h.number(uint64(j.ID))
	}
	h.text(string(j.Phase), string(j.Task), j.Operator, j.Baseline, j.Genome.Text(), j.Tag)
	h.ids(j.Parents)
	h.number(uint64(j.Fidelity))
	h.float(j.Budget)
	h.number(j.Seed)
	h.bytes(j.Input)
	h.number(uint64(j.Resume))
	h.number(uint64(j.Inherit))
	h.number(uint64(j.Reuse))
	if j.Stop != nil {
		h.text(j.Stop.Metric, string(j.Stop.Goal))
		h.float(j.Stop.Step)
		h.float(j.Stop.Threshold)
	}
	h.text(fmt.Sprint(j.Replicate))
}
