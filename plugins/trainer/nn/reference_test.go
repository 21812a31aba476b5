package nn

import (
	"math"

	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/rng"
)

// naive computes a network in float64, sample by sample, as its definition
// says: the oracle for values and, by central differences, for gradients. It
// shares no code with the layers.
type naive struct {
	net       *net
	params    map[string][]float64 // by name, in conventional order
	training  bool
	smoothing float64
	seed      uint64 // of dropout
	step      uint64
	lanes     int
}

// loss returns the mean loss and the logits [sample][class] of a batch whose
// samples hold their features channel by channel.
func (r *naive) loss(x [][]float64, y []int32) (float64, [][]float64) {
	values := make([][][]float64, len(r.net.Nodes)) // [node][sample][feature]
	values[0] = x
	for i := 1; i < len(r.net.Nodes); i++ {
		values[i] = r.layer(i, values)
	}
	logits := values[len(values)-1]
	total := 0.0
	for j, z := range logits {
		sum := 0.0
		for _, v := range z {
			sum += math.Exp(v)
		}
		for c, v := range z {
			target := r.smoothing / float64(len(z))
			if c == int(y[j]) {
				target += 1 - r.smoothing
			}
			total -= target * (v - math.Log(sum))
		}
	}
	return total / float64(len(y)), logits
}

func (r *naive) layer(i int, values [][][]float64) [][]float64 {
	n := &r.net.Nodes[i]
	in := values[n.Inputs[0]]
	shape := r.net.Nodes[n.Inputs[0]].Shape
	channels, positions := shape[0], product(shape[1:])
	outChannels, outPositions := n.Shape[0], product(n.Shape[1:])
	out := make([][]float64, len(in))
	for j := range out {
		out[j] = make([]float64, product(n.Shape))
	}
	each := func(f func(x float64) float64) {
		for j := range out {
			for k, v := range in[j] {
				out[j][k] = f(v)
			}
		}
	}
	weight, bias := r.params[n.Name+".weight"], r.params[n.Name+".bias"]
	switch n.Op {
	case network.Conv:
		groups := max(n.Groups, 1)
		per, perOut, taps := channels/groups, outChannels/groups, product(n.Kernel)
		for j := range out {
			for o := range outChannels {
				for p := range outPositions {
					s := 0.0
					if bias != nil {
						s = bias[o]
					}
					r.window(n, shape, p, func(t, q int) {
						for c := range per {
							s += weight[(o*per+c)*taps+t] * in[j][(o/perOut*per+c)*positions+q]
						}
					})
					out[j][o*outPositions+p] = s
				}
			}
		}
	case network.Dense:
		for j := range out {
			for o := range out[j] {
				s := 0.0
				if bias != nil {
					s = bias[o]
				}
				for k, v := range in[j] {
					s += weight[o*len(in[j])+k] * v
				}
				out[j][o] = s
			}
		}
	case network.MaxPool, network.AvgPool:
		for j := range out {
			for c := range channels {
				for p := range outPositions {
					best, sum, count := math.Inf(-1), 0.0, 0.0
					r.window(n, shape, p, func(_, q int) {
						v := in[j][c*positions+q]
						best, sum, count = max(best, v), sum+v, count+1
					})
					if n.Op == network.AvgPool {
						best = sum / count
					}
					out[j][c*outPositions+p] = best
				}
			}
		}
	case network.GlobalAvg, network.GlobalMax:
		for j := range out {
			for c := range channels {
				best, sum := math.Inf(-1), 0.0
				for _, v := range in[j][c*positions : (c+1)*positions] {
					best, sum = max(best, v), sum+v
				}
				if n.Op == network.GlobalAvg {
					best = sum / float64(positions)
				}
				out[j][c] = best
			}
		}
	case network.Norm:
		for c := range channels {
			mean, variance, count := 0.0, 0.0, float64(len(in)*positions)
			if r.training {
				for j := range in {
					for _, v := range in[j][c*positions : (c+1)*positions] {
						mean += v / count
					}
				}
				for j := range in {
					for _, v := range in[j][c*positions : (c+1)*positions] {
						variance += (v - mean) * (v - mean) / count
					}
				}
			} else {
				mean, variance = r.params[n.Name+".running_mean"][c], r.params[n.Name+".running_var"][c]
			}
			for j := range in {
				for k := c * positions; k < (c+1)*positions; k++ {
					v := (in[j][k] - mean) / math.Sqrt(variance+1e-5)
					if n.Affine {
						v = v*weight[c] + bias[c]
					}
					out[j][k] = v
				}
			}
		}
	case network.Activation:
		each(map[string]func(x float64) float64{
			"relu":       func(x float64) float64 { return max(x, 0) },
			"leaky_relu": func(x float64) float64 { return max(x, 0.1*x) },
			"mish":       func(x float64) float64 { return x * math.Tanh(math.Log1p(math.Exp(x))) },
			"tanh":       math.Tanh,
			"sigmoid":    func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
			"gelu":       func(x float64) float64 { return x / 2 * (1 + math.Erf(x/math.Sqrt2)) },
			"swish":      func(x float64) float64 { return x / (1 + math.Exp(-x)) },
			"elu": func(x float64) float64 {
				if x > 0 {
					return x
				}
				return math.Exp(x) - 1
			},
		}[n.Function])
	case network.Add:
		for _, k := range n.Inputs {
			for j := range out {
				for f, v := range values[k][j] {
					out[j][f] += v
				}
			}
		}
	case network.Concat:
		for j := range out {
			out[j] = out[j][:0]
			for _, k := range n.Inputs {
				out[j] = append(out[j], values[k][j]...)
			}
		}
	case network.Identity, network.Flatten:
		each(func(x float64) float64 { return x })
	case network.Zero:
	case network.Crop:
		for j := range out {
			for c := range outChannels {
				for p := range outPositions {
					q := p + n.Offset[0]
					if len(shape) == 3 {
						q = (p/n.Shape[2]+n.Offset[0])*shape[2] + p%n.Shape[2] + n.Offset[1]
					}
					out[j][c*outPositions+p] = in[j][c*positions+q]
				}
			}
		}
	case network.Dropout:
		if !r.training {
			each(func(x float64) float64 { return x })
			break
		}
		factor, bound := 1/(1-n.Rate), uint64(math.Round(n.Rate*(1<<32)))
		g := rng.New(rng.Derive(r.seed, n.Name+"@"+itoa(i), r.step))
		for p := range positions {
			for c := range channels {
				for j := 0; j < r.lanes; j += 2 {
					bits := g.Uint64()
					for half, part := range []uint64{bits >> 32, bits & (1<<32 - 1)} {
						if k := j + half; k < len(out) && part >= bound {
							out[k][c*positions+p] = in[k][c*positions+p] * factor
						}
					}
				}
			}
		}
	}
	return out
}

// window calls f with the taps of an output position and the input positions
// that they read, in order; not with those that read zero padding.
func (r *naive) window(n *network.Node, shape []int, p int, f func(t, q int)) {
	dims := len(shape) - 1
	at := func(v []int, i, otherwise int) int {
		if i < len(v) {
			return v[i]
		}
		return otherwise
	}
	var walk func(d, p, t, q int)
	coordinates := make([]int, dims)
	rest := p
	for d := dims - 1; d >= 0; d-- {
		coordinates[d] = rest % n.Shape[d+1]
		rest /= n.Shape[d+1]
	}
	walk = func(d, p, t, q int) {
		if d == dims {
			f(t, q)
			return
		}
		for k := range n.Kernel[d] {
			pos := coordinates[d]*at(n.Stride, d, 1) - at(n.Pad, d, 0) + k*at(n.Dilation, d, 1)
			if n.Circular {
				pos = ((pos % shape[d+1]) + shape[d+1]) % shape[d+1]
			}
			if pos >= 0 && pos < shape[d+1] {
				walk(d+1, p, t*n.Kernel[d]+k, q*shape[d+1]+pos)
			}
		}
	}
	walk(0, p, 0, 0)
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + itoa(i%10)
}
