package command

import (
	"bufio"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/plugins/jsonl"
)

// told is the first line of spaceCommand.
type told struct {
	Open *jsonl.Opening `json:"open"`
	Use  string         `json:"use"` // the strategy that the options belong to
}

func (a *app) spaceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "space PATH",
		Short: "Answer questions about a search's space, to try a strategy with",
		Long: `Reads questions about the space that PATH (a search.yaml, a search directory or an
example) declares from standard input, a line of JSON each, and answers them as
strategies in other languages are answered. The first line is what such a
strategy is told of the search. Nothing is evaluated and nothing is kept.`,
		Example: `  echo '{"space": "sample", "seed": 7}' | nascent space mine`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := readSearch(args[0])
			if err != nil {
				return err
			}
			if len(s.Engine.Fidelities) == 0 {
				s.Engine.Fidelities = []engine.Fidelity{{Evaluator: config.Only}}
			}
			s.Engine.Evaluators = map[string]engine.EvaluatorRef{} // known by name, and not asked
			for name := range s.Evaluators {
				s.Engine.Evaluators[name] = engine.EvaluatorRef{}
			}
			setup, err := s.Engine.Describe(nil)
			if err != nil {
				return err
			}
			out := json.NewEncoder(a.out)
			if err := out.Encode(told{jsonl.OpeningOf(setup, s.Strategy.Options), s.Strategy.Use}); err != nil {
				return err
			}
			return eachLine(bufio.NewScanner(cmd.InOrStdin()), func(line []byte) error {
				var q jsonl.Question
				answer := &jsonl.Answer{}
				if err := option.Decode(line, &q); err != nil {
					answer.Error = oneLine(err)
				} else {
					answer = q.Ask(setup.Space)
				}
				return out.Encode(struct {
					Answer *jsonl.Answer `json:"answer"`
				}{answer})
			})
		},
	}
	cmd.Flags().Bool("json", true, "print one JSON object a line, as it does anyway")
	return cmd
}
