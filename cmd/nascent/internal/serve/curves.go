package serve

import (
	"context"
	"net/url"

	"github.com/nascent-nas/nascent/engine"
)

const (
	mostLearning   = 40 // candidates whose curves are shown together
	learningPoints = 30
)

// learning are the learning curves of the best.
type learning struct {
	Metric string          `json:"metric"`
	Goal   engine.Goal     `json:"goal,omitempty"`
	Unit   string          `json:"unit,omitempty"` // of the steps
	Of     int             `json:"of"`             // how many were measured in full, of which these are the best
	Curves []learningCurve `json:"curves"`         // the best first
}

type learningCurve struct {
	ID     engine.ID   `json:"id"`
	Text   string      `json:"text"`   // its objective
	Points [][2]number `json:"points"` // step, value
}

// curved are the candidates whose curves are shown together: the best, those of the front
// before. Where the first has none the others are not asked.
func (s *search) curved() (ids []engine.ID) {
	full := s.full(true)
	for _, row := range s.best(full, mostLearning) {
		ids = append(ids, s.rows.IDs[row])
		if d, known := s.details[ids[0]]; !known || len(d.Curve) < 2 {
			break
		}
	}
	return ids
}

// curves answers /curves: those of the first objective or, where no step tells of it, of the
// metric that is told of most often.
func (s *search) curves(ctx context.Context, _ url.Values) (any, error) {
	o := s.view.Objective()
	out := &learning{Metric: o.Metric, Unit: s.view.Units, Of: len(s.full(true)), Curves: []learningCurve{}}
	ids := s.curved()
	if len(ids) == 1 { // whether the others are asked is known once the first is
		if _, err := s.detail(ctx, ids[0]); err != nil {
			return nil, err
		}
		ids = s.curved()
	}
	told := map[string]int{}
	details := map[engine.ID]engine.ResultRecord{}
	for _, id := range ids {
		d, err := s.detail(ctx, id)
		if err != nil {
			return nil, err
		}
		details[id] = d
		if len(d.Curve) > 1 {
			for _, v := range d.Curve[len(d.Curve)-1].Metrics {
				told[v.Name]++
			}
		}
	}
	if told[o.Metric] == 0 {
		for name, n := range told {
			if most := told[out.Metric]; n > most || n == most && name < out.Metric {
				out.Metric = name
			}
		}
	}
	out.Goal = s.goal(out.Metric).Goal
	for _, id := range ids {
		c := learningCurve{ID: id}
		for _, p := range thin(details[id].Curve, learningPoints) {
			if x, ok := p.Metrics.Get(out.Metric); ok {
				c.Points = append(c.Points, [2]number{number(p.Step), number(x)})
			}
		}
		row, _ := s.rows.Find(id)
		if values := s.rows.Metric(o.Metric); values != nil {
			c.Text = spoken(o.Metric, values[row])
		}
		if len(c.Points) > 1 {
			out.Curves = append(out.Curves, c)
		}
	}
	return out, nil
}
