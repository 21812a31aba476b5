// Package sdk is what the author of a Go plugin imports.
//
// An evaluator is one function of a Job and a main of one line:
//
//	func main() {
//		sdk.ServeEvaluator(func(job *sdk.Job) (sdk.Metrics, error) {
//			return sdk.Metrics{"accuracy": train(job.Float("lr"), job.Int("layers"))}, nil
//		})
//	}
//
// Whoever wants more (options, several slots, tasks, files, metrics of one's
// own) serves an EvaluatorPlugin. A strategy is any engine.Strategy, served
// with ServeStrategy.
//
// A plugin is an executable called nascent-evaluator-NAME or
// nascent-strategy-NAME. It may print what it likes: standard output and
// standard error go to the plugin's log file in the search's directory.
//
// The same EvaluatorPlugin value also runs in process, see InProcess.
package sdk
