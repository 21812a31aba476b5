package search

import (
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
	"github.com/nascent-nas/nascent/plugins/supernet/schedule"
)

// darts is differentiable architecture search (Liu, Simonyan & Yang: DARTS, 2018,
// arXiv 1806.09055): every choice is a mixture of all its operations, weighted by
// softmax(alpha); weights and alphas take turns, each on its own half of the
// training data. With order 2 the alphas' gradient looks one step of the weights
// ahead (section 2.3).
//
// Against the collapse to skips there is `against: early_stop`, the rule of DARTS+
// (Liang et al. 2019, arXiv 1909.06035), and `against: auxiliary`, a further skip
// beside every mixture whose weight falls to 0 over the schedule, as in DARTS-
// (Chu et al. 2021, arXiv 2009.01027).
type darts struct{}

func (darts) name() string { return "darts" }

func (darts) defaults() alphaOptions { return alphaOptions{Epochs: 40, Order: 1} }

func (darts) check(o *alphaOptions) error {
	switch {
	case o.Method != "" && o.Method != "darts":
		return schedule.Wrong("method", "%q is not darts", o.Method)
	case o.Order != 1 && o.Order != 2:
		return schedule.Wrong("order", "%d is neither 1 nor 2", o.Order)
	case o.Against != "none" && o.Against != "early_stop" && o.Against != "auxiliary":
		return schedule.Wrong("against", "%q is none of none, early_stop, auxiliary", o.Against)
	case o.Hot != 0 || o.Cold != 0:
		return schedule.Wrong("hot", "temperatures are for gdas; leave it out")
	}
	return nil
}

func (darts) order(o *alphaOptions) orders.Order {
	order := orders.Order{Method: orders.Mixed, Order: o.Order}
	if o.Against == "auxiliary" {
		order.Auxiliary = 1
	}
	return order
}
