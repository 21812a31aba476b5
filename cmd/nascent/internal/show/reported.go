package show

import (
	"encoding/json"
	"os"

	"github.com/nascent-nas/nascent/engine"
)

// Reported is the mean of every figure that test jobs left for reports alone
// (engine.ReportFile), over those that have it.
func (v *View) Reported(results []engine.Result) engine.Values {
	all := map[string][]float64{}
	for _, r := range results {
		for _, f := range r.Files {
			if f.Name != engine.ReportFile {
				continue
			}
			figures := map[string]float64{}
			path, err := v.Ledger.Path(f.Hash)
			if err != nil {
				continue // taken away by somebody: it is for people only
			}
			if text, err := os.ReadFile(path); err != nil || json.Unmarshal(text, &figures) != nil {
				continue
			}
			for name, x := range figures {
				all[name] = append(all[name], x)
			}
		}
	}
	var out engine.Values
	for name, xs := range all {
		mean, _ := engine.Mean(xs)
		out = append(out, engine.Value{Name: name, Value: mean})
	}
	engine.SortValues(out)
	return out
}

// reportedOf is what tests reported of a candidate, or what it reported itself.
func (v *View) reportedOf(c *engine.Candidate) engine.Values {
	if c.Phase == engine.PhaseTest {
		return v.Reported([]engine.Result{c.Result})
	}
	o, _ := v.Outcome()
	for i := range o.Tested {
		if o.Tested[i].ID == c.ID {
			return v.Reported(o.Tested[i].Results)
		}
	}
	return nil
}
