// Package qlearning designs networks by Q-learning: MetaQNN
// (Baker, Gupta, Naik and Raskar, "Designing neural network architectures using
// reinforcement learning", ICLR 2017, arXiv 1611.02167).
//
// A genome is a sequence of decisions. The agent takes them one after the other,
// greedily by a table of Q-values or, with probability epsilon, at random; the
// reward at the end of the sequence is the validation accuracy. Epsilon falls as
// more networks have been tried. docs/qlearning.md has the options, and where
// this departs from the paper.
//
// schedule.go is epsilon, table.go the Q-values, agent.go what the agent
// remembers and how it learns and draws, file.go how that is kept, states.go the
// states of any space, layers.go those of a sequence of layers with its legal
// transitions, strategy.go the turns of a search.
package qlearning

import "github.com/nascent-nas/nascent/plugins/sdk"

// Results is the version of what it decides: whoever changes that raises it.
const Results = 1

// Plugin is the strategy as it is served.
func Plugin() sdk.Plugin { return sdk.Plugin{Strategy: &strategy{}, Name: "qlearning", Version: "1"} }
