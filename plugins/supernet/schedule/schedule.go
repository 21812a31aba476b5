// Package schedule is how the strategies over shared weights begin: the weights are
// trained by one job after the other, as far as the strategy's state says.
package schedule

import (
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/evolve"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/supernet/orders"
)

// Schedule trains the shared weights by whole orders.
type Schedule struct{ evolve.Schedule }

// Progress is the part of a state that a Schedule keeps.
type Progress = evolve.Progress

// Of returns the schedule of so many epochs, in jobs of step epochs each.
func Of(epochs, step float64) Schedule { return Schedule{evolve.Schedule{Epochs: epochs, Step: step}} }

// Next is the job that trains on. stands says for people what the weights are
// about now.
func (s Schedule) Next(p *Progress, id engine.ID, order orders.Order, stands genome.Genome) (engine.Proposal, error) {
	return s.Schedule.Next(p, id, string(order.Method), stands, func(epoch, epochs float64) ([]byte, error) {
		order.Epoch, order.Epochs = epoch, epochs
		return orders.Write(order)
	})
}
