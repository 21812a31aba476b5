// Package host finds, launches and supervises plugin processes, and gives the
// engine what they serve: an engine.Evaluator or an engine.Strategy.
//
//   - find.go, build.go: where plugins are found; Go source is built
//   - options.go: what a search says about all its plugins
//   - launch.go: one process: its thread of birth, group, pipes, end
//   - guard.go, reap.go: nothing stays behind, whoever dies first
//   - log.go: one rotated file per plugin, and a process's last words
//   - process.go: go-plugin's handshake and the gRPC connection
//   - evaluator.go, session.go, worker.go: the stream of jobs
//   - strategy.go: the pure turn, called again should its process die
//
// It runs on Linux.
package host
