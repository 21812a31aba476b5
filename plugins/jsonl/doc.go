// Package jsonl is the JSON-lines protocol, by which programs in any language
// evaluate and decide, and the two plugins that drive such programs over pipes: one
// evaluates with them, one job after the other or one process for each job, the
// other decides. Python files are run by them, too: the host starts them for
// "use: ./evaluate.py" and names the file in $NASCENT_SCRIPT.
//
// message.go and strategy_message.go have the lines of both kinds, space.go what a
// strategy asks of the space. docs/exec.md has the protocol, docs/python.md what
// Python adds.
package jsonl
