// Package option reads the options of evaluators and strategies: JSON objects,
// against declarations of one line each.
//
//	func (s *climber) Declare(o *option.Set) {
//		o.Int(&s.size, "population", 20, 1, 1000, "how many candidates are alive")
//		o.Int(&s.sample, "sample", 5, 1, 1000, "the parent is the best of that many").AtMost("population")
//		o.Float(&s.rate, "rate", 0.1, 0, option.Under(1), "share of genes that change")
//		o.Choice(&s.start, "start", "random, given", "what the first candidates are")
//	}
//
//	err := option.Read(setup.Options, s.Declare)
//
// Read assigns what was given, and defaults to the rest. Its error is a
// [genome.Mistake] with the option as its key. [List] tells of the same
// declarations: `nascent plugins NAME` and the tables in docs/ come from it.
package option
