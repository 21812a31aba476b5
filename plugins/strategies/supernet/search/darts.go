package search

import (
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
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

func (darts) declare(o *alphaOptions, s *option.Set) {
	s.Int(&o.order, "order", 1, 1, 2, "with 2 the gradient of the alphas looks one step of the weights ahead")
	s.Choice(&o.against, "against", "none, early_stop, auxiliary", "what is done against the collapse to skips")
}

func (darts) order(o *alphaOptions) orders.Order {
	order := orders.Order{Method: orders.Mixed, Order: o.order}
	if o.against == "auxiliary" {
		order.Auxiliary = 1
	}
	return order
}
