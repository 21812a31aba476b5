package kernel

import (
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

// BenchmarkConvolution reports multiply-adds per second of the three passes.
func BenchmarkConvolution(b *testing.B) {
	for _, name := range []string{"same", "stride", "first", "2-D first", "depthwise"} {
		l := layers()[name]
		for _, set := range Available()[1:] {
			r := rng.New(1)
			c := NewConv(For(set), l)
			x, dz := normals(r, l.In*l.InChannels*l.Lanes), normals(r, l.Out*l.OutChannels*l.Lanes)
			w := normals(r, l.OutChannels*l.Taps*l.InChannels/l.Groups)
			macs := 0
			for _, q := range l.Table {
				if q >= 0 {
					macs += l.OutChannels * l.InChannels / l.Groups * l.Lanes
				}
			}
			for pass, f := range map[string]func(){
				"forward": func() { c.Forward(dz, x, w, nil, 0) },
				"input":   func() { c.InputGradient(x, dz, w) },
				"weights": func() { c.WeightGradient(w, x, dz) },
			} {
				b.Run(name+"/"+set.String()+"/"+pass, func(b *testing.B) {
					for b.Loop() {
						f()
					}
					b.ReportMetric(float64(b.N)*float64(macs)/b.Elapsed().Seconds()/1e9, "GMAC/s")
				})
			}
		}
	}
}
