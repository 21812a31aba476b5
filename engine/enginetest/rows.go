package enginetest

import "github.com/nascent-nas/nascent/engine"

// Rows is a History of candidates whose ids count from 1, without curves and outputs.
type Rows []engine.Candidate

func (h Rows) Len() int                                   { return len(h) }
func (h Rows) At(i int) *engine.Candidate                 { return &h[i] }
func (h Rows) Get(id engine.ID) (*engine.Candidate, bool) { return &h[id-1], true }
func (h Rows) Curve(engine.ID) ([]engine.Point, error)    { return nil, nil }
func (h Rows) Output(engine.ID) ([]byte, error)           { return nil, nil }
