package nn

import (
	"sync"
	"testing"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/plugins/trainer/kernel"
)

func BenchmarkTrain(b *testing.B) {
	for _, c := range []struct {
		name  string
		net   *net
		batch int
	}{{"handmade", handmade(), 100}, {"base", base(), 100}, {"base128", base(), 128}, {"narrow", blocks(8, "relu"), 100}, {"mish",
		blocks(16, "mish"), 100}, {"image", image(), 128}} {
		for _, set := range kernel.Available() {
			b.Run(c.name+"/"+set.String(), func(b *testing.B) {
				m, err := build(&c.net.Network, Options{Batch: c.batch, Seed: 1}, kernel.For(set), true, nil)
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

// BenchmarkSideBySide trains two Models at once; the ideal is the time of one.
func BenchmarkSideBySide(b *testing.B) {
	n := base()
	x, y := samples(1, n, 100)
	var all sync.WaitGroup
	for range 2 {
		m := mustBuild(b, n, Options{})
		all.Go(func() {
			for range b.N {
				mustTrain(b, m, x, y)
			}
		})
	}
	all.Wait()
	b.ReportMetric(2*float64(b.N)*100/b.Elapsed().Seconds(), "samples/s")
}

// BenchmarkBuild makes Models: the default job's, and a deep one with many
// residual branches.
func BenchmarkBuild(b *testing.B) {
	deep := input(8, 16)
	for range 60 {
		at := len(deep.Nodes) - 1
		deep.conv(8, 3, 1, 1).norm().act("relu")
		deep.then(network.Node{Op: network.Add, Inputs: []int{at, at + 3}})
	}
	deep.op(network.GlobalAvg).dense(10)
	for name, n := range map[string]*net{"base": base(), "deep": deep} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustBuild(b, n, Options{})
			}
		})
	}
}
