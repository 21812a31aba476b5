package nn

import (
	"testing"

	"github.com/nascent-nas/nascent/plugins/evaluators/gorgonia/kernel"
)

func BenchmarkTrain(b *testing.B) {
	for _, c := range []struct {
		name  string
		net   *net
		batch int
	}{{"handmade", handmade(), 100}, {"base", base(), 100}, {"base128", base(), 128}, {"image", image(), 128}} {
		for _, set := range kernel.Available() {
			b.Run(c.name+"/"+set.String(), func(b *testing.B) {
				m, err := build(&c.net.Network, Options{Batch: c.batch, Seed: 1}, kernel.For(set))
				if err != nil {
					b.Fatal(err)
				}
				x, y := samples(1, c.net, c.batch)
				for b.Loop() {
					if _, _, err := m.Train(x, y, 1e-3); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.N)*float64(c.batch)/b.Elapsed().Seconds(), "samples/s")
			})
		}
	}
}
