package qlearning

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"

	"github.com/nascent-nas/nascent/engine"
)

// The file that keeps an agent: a line, the memory in its order, the Q-values
// in the order of their states. Numbers are little endian or varints. Equal
// agents have equal bytes.
const magic = "nascent qlearning 1\n"

// save puts the agent into the store.
func (a *agent) save(files engine.Files) (engine.FileRef, error) {
	f, err := os.CreateTemp(files.Temp(), "qlearning-*")
	if err != nil {
		return engine.FileRef{}, err
	}
	if _, err = f.Write(a.encode()); err == nil {
		err = f.Close()
	} else {
		f.Close()
	}
	if err != nil {
		os.Remove(f.Name())
		return engine.FileRef{}, err
	}
	return files.Put(f.Name(), "q-values")
}

func (a *agent) encode() []byte {
	b := []byte(magic)
	b = binary.AppendUvarint(b, uint64(len(a.memory)))
	for _, e := range a.memory {
		b = binary.AppendUvarint(b, uint64(len(e.packed)))
		b = append(b, e.packed...)
		barred := byte(0)
		if e.barred {
			barred = 1
		}
		b = append(b, barred)
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(e.reward))
	}
	b = binary.AppendUvarint(b, uint64(len(a.table.rows)))
	for _, state := range slices.Sorted(maps.Keys(a.table.rows)) {
		row := a.table.rows[state]
		b = binary.LittleEndian.AppendUint64(b, state)
		b = binary.AppendUvarint(b, uint64(len(row)))
		for _, v := range row {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
	}
	return b
}

// load reads the agent that a file keeps.
func load(p *problem, path string) (*agent, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	a, err := decode(p, b)
	if err != nil {
		return nil, fmt.Errorf("the file of Q-values %s cannot be read: %w", path, err)
	}
	return a, nil
}

func decode(p *problem, b []byte) (*agent, error) {
	text, ok := bytes.CutPrefix(b, []byte(magic))
	if !ok {
		return nil, errors.New("it is none of this version of the plugin")
	}
	r := reader{r: bytes.NewReader(text)}
	a := newAgent(p)
	for n := r.count(); n > 0 && r.err == nil; n-- {
		packed := r.take(int(r.count()))
		barred := r.take(1)
		reward := math.Float64frombits(r.word())
		if r.err != nil {
			break
		}
		g, err := p.space.Unpack(string(packed))
		if err != nil {
			return nil, err
		}
		if err := a.remember(g, reward, barred[0] == 1); err != nil {
			return nil, err
		}
	}
	for n := r.count(); n > 0 && r.err == nil; n-- {
		state := r.word()
		row := make([]float64, min(r.count(), uint64(len(text))))
		for k := range row {
			row[k] = math.Float64frombits(r.word())
		}
		a.table.rows[state] = row
	}
	return a, r.err
}

// reader reads numbers and remembers the first mistake.
type reader struct {
	r   *bytes.Reader
	err error
}

func (r *reader) count() uint64 {
	n, err := binary.ReadUvarint(r.r)
	r.note(err)
	return n
}

func (r *reader) word() uint64 {
	b := r.take(8)
	if r.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > 1<<20 {
		r.note(io.ErrUnexpectedEOF)
		return nil
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r.r, b)
	r.note(err)
	return b
}

func (r *reader) note(err error) {
	if r.err == nil && err != nil {
		r.err = err
	}
}
