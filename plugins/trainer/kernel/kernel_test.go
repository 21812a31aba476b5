package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

func normals(r *rng.Rand, n int) []float32 {
	s := Floats[float32](n)
	for i := range s {
		s[i] = float32(r.Normal())
	}
	return s
}

func widen(s []float32) []float64 {
	out := make([]float64, len(s))
	for i, v := range s {
		out[i] = float64(v)
	}
	return out
}

// near fails unless got is want within a share of want's length.
func near(t *testing.T, what string, got []float32, want []float64, share float64) {
	t.Helper()
	var wrong, size float64
	for i, w := range want {
		d := float64(got[i]) - w
		wrong += d * d
		size += w * w
	}
	if !(math.Sqrt(wrong) <= share*math.Sqrt(size)) {
		t.Errorf("%s: off by %.3g of %.3g", what, math.Sqrt(wrong), math.Sqrt(size))
	}
}

func TestGeometry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, kernel, stride, dilation, pad []int
		circular                          bool
		out                               []int
		table                             []int32
	}{
		{in: []int{4}, kernel: []int{3}, out: []int{2}, table: []int32{0, 1, 2, 1, 2, 3}},
		{in: []int{3}, kernel: []int{2}, stride: []int{2}, pad: []int{1}, out: []int{2}, table: []int32{-1, 0, 1, 2}},
		{in: []int{3}, kernel: []int{2}, dilation: []int{4}, pad: []int{4}, circular: true, out: []int{7},
			table: []int32{2, 0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2, 0}},
		{in: []int{2, 3}, kernel: []int{2, 1}, pad: []int{1, 0}, stride: []int{1, 2}, out: []int{3, 2},
			table: []int32{-1, 0, -1, 2, 0, 3, 2, 5, 3, -1, 5, -1}},
		{in: []int{2}, kernel: []int{4}, stride: []int{3}, out: []int{0}, table: []int32{}},
	} {
		g, out := NewGeometry(c.in, c.kernel, c.stride, c.dilation, c.pad, c.circular)
		if fmt.Sprint(out) != fmt.Sprint(c.out) || fmt.Sprint(g.Table) != fmt.Sprint(c.table) {
			t.Errorf("%+v: out %v, table %v", c, out, g.Table)
		}
	}
}

// layers of odd shapes.
func layers() map[string]Layer {
	make := func(in, kernel, stride, dilation, pad []int, circular bool, from, to, groups, lanes int) Layer {
		g, _ := NewGeometry(in, kernel, stride, dilation, pad, circular)
		return Layer{Geometry: g, InChannels: from, OutChannels: to, Groups: groups, Lanes: lanes}
	}
	l := map[string]Layer{
		"same":      make([]int{40}, []int{3}, nil, nil, []int{1}, false, 16, 16, 1, 112),
		"first":     make([]int{11}, []int{5}, []int{2}, nil, []int{1}, false, 1, 25, 1, 112),
		"stride":    make([]int{19}, []int{3}, []int{2}, nil, []int{1}, false, 25, 25, 1, 128),
		"dilated":   make([]int{17}, []int{3}, nil, []int{4}, []int{4}, false, 7, 11, 1, 48),
		"circular":  make([]int{9}, []int{7}, nil, []int{2}, []int{6}, true, 3, 13, 1, 16),
		"far":       make([]int{3}, []int{5}, nil, []int{3}, []int{6}, false, 2, 3, 1, 80),
		"grouped":   make([]int{9}, []int{3}, nil, nil, []int{1}, false, 12, 18, 3, 32),
		"depthwise": make([]int{9}, []int{3}, nil, nil, []int{1}, false, 6, 6, 6, 96),
		"widening":  make([]int{9}, []int{3}, nil, nil, nil, false, 3, 12, 3, 16),
		"2-D":       make([]int{7, 6}, []int{3, 2}, []int{2, 1}, []int{1, 2}, []int{1, 1}, false, 5, 9, 1, 64),
		"2-D first": make([]int{6, 7}, []int{3, 3}, nil, nil, []int{1, 1}, false, 1, 4, 1, 32),
		"dense":     {Geometry: Whole(5), InChannels: 25, OutChannels: 10, Groups: 1, Lanes: 112},
		"flat":      {Geometry: Whole(1), InChannels: 31, OutChannels: 7, Groups: 1, Lanes: 16},
	}
	return l
}

// TestConvolution compares every set with the float64 reference.
func TestConvolution(t *testing.T) {
	t.Parallel()
	for name, l := range layers() {
		for _, set := range Available() {
			r := rng.New(1)
			c := NewConv(For(set), l)
			x, dz := normals(r, l.In*l.InChannels*l.Lanes), normals(r, l.Out*l.OutChannels*l.Lanes)
			w, b := normals(r, l.OutChannels*l.Taps*l.InChannels/l.Groups), normals(r, l.OutChannels)
			for _, slope := range []float32{0, 0.1, 1} {
				for _, bias := range [][]float32{b, nil} {
					y, want := normals(r, len(dz)), make([]float64, len(dz))
					c.Forward(y, x, w, bias, slope)
					var wide []float64
					if bias != nil {
						wide = widen(bias)
					}
					convForward(&l, want, widen(x), widen(w), wide, float64(slope))
					near(t, fmt.Sprintf("%s %v forward", name, set), y, want, 1e-6)
				}
			}
			dx, want := normals(r, len(x)), make([]float64, len(x))
			c.InputGradient(dx, dz, w)
			convInputGradient(&l, want, widen(dz), widen(w))
			near(t, fmt.Sprintf("%s %v input gradient", name, set), dx, want, 1e-6)
			dw, want := normals(r, len(w)), make([]float64, len(w))
			c.WeightGradient(dw, x, dz)
			convWeightGradient(&l, want, widen(x), widen(dz))
			near(t, fmt.Sprintf("%s %v weight gradient", name, set), dw, want, 1e-6)
		}
	}
}

// TestReferenceGradients checks the float64 reference itself: the products
// <dz, conv(x, w)>, <dx, x> and <dw, w> are the same number, because a
// convolution is linear in both.
func TestReferenceGradients(t *testing.T) {
	t.Parallel()
	inner := func(a, b []float64) (s float64) {
		for i := range a {
			s += a[i] * b[i]
		}
		return s
	}
	for name, l := range layers() {
		r := rng.New(2)
		x, dz := widen(normals(r, l.In*l.InChannels*l.Lanes)), widen(normals(r, l.Out*l.OutChannels*l.Lanes))
		w := widen(normals(r, l.OutChannels*l.Taps*l.InChannels/l.Groups))
		y, dx, dw := make([]float64, len(dz)), make([]float64, len(x)), make([]float64, len(w))
		convForward(&l, y, x, w, nil, 1)
		convInputGradient(&l, dx, dz, w)
		convWeightGradient(&l, dw, x, dz)
		a, b, c := inner(y, dz), inner(dx, x), inner(dw, w)
		if limit := 1e-9 * math.Abs(a); math.Abs(a-b) > limit || math.Abs(a-c) > limit {
			t.Errorf("%s: %v, %v and %v differ", name, a, b, c)
		}
	}
}

// TestLoops compares the elementwise loops of every set with the plain ones.
func TestLoops(t *testing.T) {
	t.Parallel()
	const positions, channels, lanes, used = 3, 5, 48, 37
	const n = positions * channels * lanes
	mask := Floats[float32](lanes)
	for j := range used {
		mask[j] = math.Float32frombits(math.MaxUint32)
	}
	// Every loop fills or changes the arrays that it returns.
	loops := map[string]func(k *Kernels[float32], r *rng.Rand) [][]float32{
		"add": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			y := normals(r, n)
			k.Add(y, normals(r, n), normals(r, n))
			return [][]float32{y}
		},
		"mul": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			y := normals(r, n)
			k.Mul(y, normals(r, n), normals(r, n))
			return [][]float32{y}
		},
		"scale": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			y := normals(r, n)
			k.Scale(y, normals(r, n), 0.7)
			return [][]float32{y}
		},
		"axpy": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			y := normals(r, n)
			k.Axpy(y, normals(r, n), 0.7)
			return [][]float32{y}
		},
		"maximum": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			y := normals(r, n)
			k.Maximum(y, normals(r, n))
			return [][]float32{y}
		},
		"leaky": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			y := normals(r, n)
			k.Leaky(y, normals(r, n), 0.1)
			return [][]float32{y}
		},
		"maximum gradient": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			dx, rest, x, y := normals(r, n), normals(r, n), normals(r, n), normals(r, n)
			for i := 0; i < n; i += 3 {
				x[i] = y[i]
			}
			k.MaximumGradient(dx, rest, x, y)
			return [][]float32{dx, rest}
		},
		"leaky gradient": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			dx, sums := normals(r, n), normals(r, channels*Vector)
			k.LeakyGradient(dx, sums, normals(r, n), normals(r, n), channels, lanes, 0.1)
			return [][]float32{dx, sums}
		},
		"row sums": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			sums := normals(r, channels*Vector)
			k.RowSums(sums, normals(r, n), channels, lanes)
			return [][]float32{sums}
		},
		"moments": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			sums := normals(r, 2*channels*Vector)
			k.Moments(sums, normals(r, n), normals(r, channels), mask, channels, lanes)
			return [][]float32{sums}
		},
		"affine": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			y := normals(r, n)
			k.Affine(y, normals(r, n), normals(r, channels), normals(r, channels), channels, lanes, 0.1)
			return [][]float32{y}
		},
		"norm sums": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			sums := normals(r, 2*channels*Vector)
			k.NormSums(sums, normals(r, n), normals(r, n), normals(r, channels), normals(r, channels), normals(r, channels), channels, lanes, 0.1)
			return [][]float32{sums}
		},
		"norm gradient": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			dx := normals(r, n)
			k.NormGradient(dx, normals(r, n), normals(r, n), normals(r, channels), normals(r, channels), normals(r, channels),
				normals(r, channels), mask, channels, lanes, 0.1)
			for row := 0; row < n; row += lanes {
				for _, v := range dx[row+used : row+lanes] {
					if v != 0 {
						return nil
					}
				}
			}
			return [][]float32{dx}
		},
		"adam": func(k *Kernels[float32], r *rng.Rand) [][]float32 {
			p, m, v := normals(r, n), normals(r, n), normals(r, n)
			for i := range v {
				v[i] *= v[i]
			}
			k.Adam(p, normals(r, n), m, v, &AdamStep[float32]{Beta1: 0.9, Beta2: 0.99, Rate: 0.01, Root: 1.3, Epsilon: 1e-3, Keep: 0.9, Decay: 0.1})
			return [][]float32{p, m, v}
		},
	}
	for name, loop := range loops {
		want := loop(For(Go), rng.New(3))
		for _, set := range Available() {
			got := loop(For(set), rng.New(3))
			if len(got) != len(want) || len(got) == 0 {
				t.Errorf("%s %v: unused lanes were written", name, set)
				continue
			}
			for i := range got {
				near(t, fmt.Sprintf("%s %v, array %d", name, set, i), got[i], widen(want[i]), 3e-7)
			}
		}
	}
}

// TestActivations compares values and derivatives with float64 over all that
// a network may see, and checks what is no number.
func TestActivations(t *testing.T) {
	t.Parallel()
	functions := map[string]struct {
		of func(float64) (y, d float64)
		in func(*Kernels[float32]) func(y, d, x []float32)
	}{
		"sigmoid": {sigmoidOf, func(k *Kernels[float32]) func(y, d, x []float32) { return k.Sigmoid }},
		"tanh":    {tanhOf, func(k *Kernels[float32]) func(y, d, x []float32) { return k.Tanh }},
		"swish":   {swishOf, func(k *Kernels[float32]) func(y, d, x []float32) { return k.Swish }},
		"mish":    {mishOf, func(k *Kernels[float32]) func(y, d, x []float32) { return k.Mish }},
		"elu":     {eluOf, func(k *Kernels[float32]) func(y, d, x []float32) { return k.Elu }},
		"gelu":    {geluOf, func(k *Kernels[float32]) func(y, d, x []float32) { return k.Gelu }},
		"exp": {func(x float64) (y, d float64) { return math.Exp(x), 0 }, func(k *Kernels[float32]) func(y, d, x []float32) {
			return func(y, d, x []float32) { clear(d); k.Exp(y, x) }
		}},
	}
	x := Floats[float32](16 * 1024)
	for i := range x {
		x[i] = float32(i-len(x)/2) / 256 // -32 to 32
	}
	x[0], x[1], x[2], x[3] = -85, 85, 1e-5, -1e-5
	odd := Floats[float32](16)
	odd[0], odd[1], odd[2] = float32(math.NaN()), 1e4, -1e4
	for name, f := range functions {
		for _, set := range Available() {
			y, d := Floats[float32](len(x)), Floats[float32](len(x))
			f.in(For(set))(y, d, x)
			for i, v := range x {
				wantY, wantD := f.of(float64(v))
				limit := func(want float64) float64 { return 3e-7 * max(1, math.Abs(want), math.Abs(float64(v))) }
				if math.Abs(float64(y[i])-wantY) > limit(wantY) || math.Abs(float64(d[i])-wantD) > 4*limit(wantD) {
					t.Fatalf("%s %v of %v: %v and %v, want %v and %v", name, set, v, y[i], d[i], wantY, wantD)
				}
			}
			f.in(For(set))(y[:16], d[:16], odd)
			if y[0] == y[0] {
				t.Errorf("%s %v of no number is %v", name, set, y[0])
			}
			for i, v := range y[1:3] {
				if name != "exp" && (math.IsNaN(float64(v)) || math.IsInf(float64(v), 0)) {
					t.Errorf("%s %v of %v is %v", name, set, odd[1+i], v)
				}
			}
		}
	}
}

// TestNotANumber: what has gone wrong must stay visible.
func TestNotANumber(t *testing.T) {
	t.Parallel()
	nan := float32(math.NaN())
	for _, set := range Available() {
		k := For(set)
		a, b, y := Floats[float32](16), Floats[float32](16), Floats[float32](16)
		a[3] = nan
		k.Maximum(b, a)
		k.Leaky(y, a, 0)
		if b[3] == b[3] || y[3] == y[3] {
			t.Errorf("%v: the maximum is %v and the rectified value %v", set, b[3], y[3])
		}
	}
}

// TestDot: every set sums products in the same order, so that sums are equal bit for
// bit; and they are right.
func TestDot(t *testing.T) {
	t.Parallel()
	r := rng.New(4)
	for n := 0; n <= 4*64; n += Vector {
		x, y := normals(r, n), normals(r, n)
		want := For(Go).Dot(x, y)
		if exact := inner(widen(x), widen(y)); math.Abs(want-exact) > 1e-4 {
			t.Errorf("%d products come to %v, and not to %v", n, want, exact)
		}
		for _, set := range Available() {
			if got := For(set).Dot(x, y); got != want {
				t.Errorf("%d products come to %v with %v, and to %v with plain Go", n, got, set, want)
			}
		}
	}
}

func BenchmarkDot(b *testing.B) {
	const n = 10 * 5 * 32
	r := rng.New(4)
	x, y := normals(r, n), normals(r, n)
	for _, set := range Available() {
		b.Run(set.String(), func(b *testing.B) {
			for b.Loop() {
				For(set).Dot(x, y)
			}
			b.SetBytes(8 * n)
		})
	}
}
