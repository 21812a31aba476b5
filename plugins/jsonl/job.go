package jsonl

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

// appendJob writes a job as a program reads it, an object of JSON. id is the name
// for answers, paths are those through the supernet, options the program's own; brief
// leaves out what most jobs have in common. It is done by hand because encoding/json
// would take half of what a small job costs.
func appendJob(b []byte, j *sdk.Job, id int, paths [][][]int, options json.RawMessage, brief bool) ([]byte, error) {
	o := object{b: append(b, '{')}
	o.whole("id", int64(id))
	o.text("candidate", j.ID.String())
	if !brief || j.Attempt != 1 {
		o.whole("attempt", int64(j.Attempt))
	}
	o.raw("genes", j.GenesJSON())
	o.text("text", j.Text)
	if network := j.NetworkJSON(); len(network) > 0 {
		o.raw("network", network)
	}
	o.number("budget", j.Budget)
	o.whole("seed", int64(j.Seed))
	if !brief || j.Fidelity != 0 {
		o.whole("fidelity", int64(j.Fidelity))
	}
	if j.Repeat != 0 {
		o.whole("repeat", int64(j.Repeat)) // how many earlier jobs measured the same thing
	}
	if !brief || j.Phase != "" && j.Phase != engine.PhaseSearch {
		o.text("phase", string(j.Phase))
	}
	if !brief || j.Task != engine.Train {
		o.text("task", string(j.Task))
	}
	if j.Tag != "" {
		o.text("tag", j.Tag)
	}
	if len(j.Input) > 0 {
		o.any("input", j.Input) // base64
	}
	if len(paths) > 0 {
		o.any("paths", paths)
	}
	if j.Stop != nil {
		o.any("stop", j.Stop)
	}
	if files := j.Files(); len(files) > 0 {
		o.any("resume", files)
	}
	if j.ResumedOwn() {
		o.raw("own", []byte("true")) // resume is what an earlier attempt saved
	}
	if files := j.Inherited(); len(files) > 0 {
		o.any("inherit", files)
	}
	o.text("scratch", j.ScratchPath()) // not made yet; removed after the job
	if len(options) > 0 {
		o.any("options", options) // in one line
	}
	return append(o.b, '}'), o.err
}

// object is an object of JSON that is being written.
type object struct {
	b   []byte
	err error
}

func (o *object) key(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) raw(name string, json []byte) {
	o.key(name)
	o.b = append(o.b, json...)
}

func (o *object) whole(name string, v int64) {
	o.key(name)
	o.b = strconv.AppendInt(o.b, v, 10)
}

func (o *object) number(name string, v float64) {
	o.key(name)
	form := byte('f')
	if a := math.Abs(v); a != 0 && a < 1e-6 || a >= 1e21 {
		form = 'e'
	}
	o.b = strconv.AppendFloat(o.b, v, form, -1, 64)
}

func (o *object) text(name, v string) {
	if strings.IndexFunc(v, special) >= 0 {
		o.any(name, v)
		return
	}
	o.key(name)
	o.b = append(o.b, '"')
	o.b = append(o.b, v...)
	o.b = append(o.b, '"')
}

func (o *object) any(name string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		o.err = err
	}
	o.raw(name, text)
}
