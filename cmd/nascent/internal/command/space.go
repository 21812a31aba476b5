package command

import (
	"bufio"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/engine"
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
			c := s.Engine
			setup := engine.Setup{
				Space: c.Space, Objectives: c.Objectives, Ties: c.Ties, Constraints: c.Constraints, Reference: c.Reference,
				Fidelities: c.Fidelities, Limits: c.Limits, Order: c.Order, Start: c.Start,
			}
			out := json.NewEncoder(a.out)
			if err := out.Encode(told{jsonl.OpeningOf(setup, s.Strategy.Options), s.Strategy.Use}); err != nil {
				return err
			}
			in := bufio.NewScanner(cmd.InOrStdin())
			for in.Buffer(nil, 16<<20); in.Scan(); {
				var q jsonl.Question
				if err := json.Unmarshal(in.Bytes(), &q); err != nil {
					return &usageError{fmt.Errorf("%.100q is no question: %w", in.Bytes(), err)}
				}
				if err := out.Encode(struct {
					Answer *jsonl.Answer `json:"answer"`
				}{q.Ask(c.Space)}); err != nil {
					return err
				}
			}
			return in.Err()
		},
	}
	cmd.Flags().Bool("json", true, "print one JSON object a line, as it does anyway")
	return cmd
}
