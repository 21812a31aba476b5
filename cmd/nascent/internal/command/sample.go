package command

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// sampled is a job as evaluators in other languages read it, see docs/exec.md.
type sampled struct {
	Candidate string           `json:"candidate"`
	Genes     genome.Map       `json:"genes"`
	Text      string           `json:"text"`
	Network   *network.Network `json:"network,omitempty"`
	Budget    float64          `json:"budget,omitempty"` // absent: the evaluator's own
	Seed      uint64           `json:"seed"`
	Phase     engine.Phase     `json:"phase"`
	Task      engine.Task      `json:"task"`
	Options   json.RawMessage  `json:"options,omitempty"`
}

func (a *app) sampleCommand() *cobra.Command {
	var seed, count uint64
	cmd := &cobra.Command{
		Use:   "sample PATH",
		Short: "Print random genomes of a search as jobs, to try an evaluator on",
		Long: `Draws random genomes of the space that PATH (a search.yaml, a search directory or
an example) declares and prints each as a job, one line of JSON, as programs in
other languages get it. Nothing is evaluated and nothing is kept.

With --json the same: programs are who reads this.`,
		Example: `  nascent sample mine | ./evaluate.sh
  nascent sample mnist1d --count 3 --seed 7 | jq .text`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := readSearch(args[0])
			if err != nil {
				return err
			}
			job := sampled{Phase: engine.PhaseSearch, Task: engine.Train}
			if f := s.Engine.Fidelities; len(f) > 0 {
				job.Budget, job.Options = f[0].Budget, s.Evaluators[f[0].Evaluator].Options
			}
			for _, p := range s.Evaluators {
				if len(s.Evaluators) == 1 {
					job.Options = p.Options
				}
			}
			random := rng.New(seed)
			for n := range count {
				g, err := s.Engine.Space.Random(random)
				if err != nil {
					return err
				}
				job.Candidate, job.Genes, job.Text, job.Seed = fmt.Sprint(n+1), g.Tree(), g.Text(), rng.Derive(seed, "sample", n)
				if job.Network, err = (&engine.Job{Genome: g}).Network(); err != nil {
					return err
				}
				line, err := json.Marshal(job)
				if err != nil {
					return err
				}
				fmt.Fprintf(a.out, "%s\n", line)
			}
			return nil
		},
	}
	cmd.Flags().Bool("json", true, "print one JSON object a line, as it does anyway")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "of the random genomes")
	cmd.Flags().Uint64Var(&count, "count", 1, "how many")
	return cmd
}
