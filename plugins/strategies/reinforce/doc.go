// Package reinforce designs networks with a controller that
// learns by the policy gradient: neural architecture search with reinforcement
// learning (Zoph & Le 2016, arXiv 1611.01578).
//
// The controller, a recurrent network, answers the decisions that make a genome
// one after the other. What its genomes are measured to be worth, compared to a
// moving average, makes the answers that led to them more or less likely.
// docs/reinforce.md has the options, and where this departs from the paper.
//
// options.go reads the options, reward.go says what a candidate is worth,
// policy.go keeps the controller in files, strategy.go takes the turns of a
// search. The controller itself is package controller.
package reinforce

import "github.com/nascent-nas/nascent/plugins/sdk"

// Results is the version of what it decides: whoever changes that raises it.
const Results = 1

// Plugin is the strategy as it is served.
func Plugin() sdk.Plugin { return sdk.Plugin{Strategy: &strategy{}, Name: "reinforce", Version: "1"} }
