// Command nascent-evaluator-table looks results up in a table instead of
// training: a CSV file with a row for each architecture, its metrics at some
// budgets and what training it had cost. A search of hours takes milliseconds,
// so that strategies can be compared and papers re-run. See docs/table.md.
package main

import (
	"github.com/nascent-nas/nascent/plugins/evaluators/table/table"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

func main() { sdk.ServeEvaluator(table.Plugin()) }
