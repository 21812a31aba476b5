package search

import (
	"cmp"

	"github.com/nascent-nas/nascent/plugins/supernet/orders"
	"github.com/nascent-nas/nascent/plugins/supernet/schedule"
)

// gdas searches with one sampled path a step (Dong & Yang: GDAS, 2019, arXiv
// 1910.04465; SNAS, Xie et al. 2018, arXiv 1812.09926, is its relative without
// the hard path): Gumbel noise on the alphas chooses one operation of every
// choice, which alone is computed; the gradient passes straight through the
// choice to softmax((alpha + noise) / temperature). The temperature falls
// linearly. So a step costs what a single network costs, in time and memory.
type gdas struct{}

func (gdas) name() string { return "gdas" }

func (gdas) defaults() alphaOptions { return alphaOptions{Epochs: 40, Hot: 10, Cold: 0.1} }

func (gdas) check(o *alphaOptions) error {
	switch {
	case o.Method != "" && o.Method != "gdas":
		return schedule.Wrong("method", "%q is not gdas", o.Method)
	case o.Order != 0:
		return schedule.Wrong("order", "it is for darts; leave it out")
	case o.Against != "none" && o.Against != "early_stop":
		return schedule.Wrong("against", "%q is none of none, early_stop", o.Against)
	}
	return cmp.Or(schedule.Between("hot", o.Hot, 1e-3, 1e3), schedule.Between("cold", o.Cold, 1e-3, 1e3))
}

func (gdas) order(o *alphaOptions) orders.Order {
	return orders.Order{Method: orders.Gumbel, Hot: o.Hot, Cold: o.Cold}
}
