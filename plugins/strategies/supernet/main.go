// Command supernet searches cells by shared weights. It is two plugins in one:
// nascent-evaluator-supernet holds the weights, and the strategies darts, gdas,
// enas and spos say how they are trained and what is made of them.
package main

import (
	"github.com/nascent-nas/nascent/plugins/sdk"
	"github.com/nascent-nas/nascent/plugins/strategies/supernet/weights"
)

func main() {
	sdk.Serve(sdk.Plugin{Evaluator: weights.Plugin()})
}
