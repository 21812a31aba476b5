package search

import (
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
)

// gdas searches with one sampled path a step (Dong & Yang: GDAS, 2019, arXiv
// 1910.04465; SNAS, Xie et al. 2018, arXiv 1812.09926, is its relative without
// the hard path): Gumbel noise on the alphas chooses one operation of every
// choice, which alone is computed; the gradient passes straight through the
// choice to softmax((alpha + noise) / temperature). The temperature falls
// linearly. So a step costs what a single network costs, in time and memory.
type gdas struct{}

func (gdas) name() string { return "gdas" }

func (gdas) declare(o *alphaOptions, s *option.Set) {
	s.Choice(&o.against, "against", "none, early_stop", "what is done against the collapse to skips")
	s.Float(&o.hot, "hot", 10, 1e-3, 1e3, "the temperature at first; it falls linearly")
	s.Float(&o.cold, "cold", 0.1, 1e-3, 1e3, "the temperature at last")
}

func (gdas) order(o *alphaOptions) orders.Order {
	return orders.Order{Method: orders.Gumbel, Hot: o.hot, Cold: o.cold}
}
