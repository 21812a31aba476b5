// Command nascent-evaluator-gorgonia is the evaluator that trains classifiers
// on CPU: networks of the space's layers, on MNIST-1D, IDX files or CSV files.
package main

import "github.com/nascent-nas/nascent/plugins/sdk"

func main() { sdk.ServeEvaluator(plugin()) }
