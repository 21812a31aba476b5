package data

import (
	"math"

	"github.com/nascent-nas/nascent/genome/rng"
)

// The recipe of MNIST-1D (Greydanus 2020, "Scaling down deep learning").
const (
	templateLength = 12
	paddingLow     = 36
	paddingHigh    = 60
	signalLength   = templateLength + paddingHigh
	sampleLength   = 40
	translations   = 48
	scaleRange     = 0.4
	shearRange     = 0.75
	smoothNoise    = 0.25 // standard deviation before smoothing
	smoothSigma    = 2
	smoothRadius   = 4 * smoothSigma
	whiteNoise     = 0.02
	visible        = 1e-8 // added to the signal, to tell it from the padding
	digits         = 10
)

var digitNames = []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}

var templates = [digits][templateLength]float64{
	{5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5},
	{5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5},
	{5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5},
	{5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5},
	{5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5},
	{5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5},
	{5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5},
	{5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5},
	{5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5},
	{5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5},
}

// mnist1d makes n samples of shape [1, 40] in ten classes of equal size (the
// first n mod 10 classes have one more), shuffled. Equal seeds and streams
// give equal samples on every machine, different ones independent samples. The
// numbers are as the recipe makes them, before it standardises the whole set.
func mnist1d(n int, seed uint64, stream string) *Set {
	r := rng.New(rng.Derive(seed, "mnist1d "+stream))
	s := &Set{Shape: []int{1, sampleLength}, Classes: digitNames, X: make([]float32, n*sampleLength), Y: make([]int32, n)}
	base := normalisedTemplates()
	for i, at := range r.Perm(n) {
		class := i % digits
		s.Y[at] = int32(class)
		sample(s.X[at*sampleLength:][:sampleLength], &base[class], r)
	}
	return s
}

// normalisedTemplates have standard deviation 1/6 and begin at 0.
func normalisedTemplates() [digits][templateLength]float64 {
	out := templates
	for c := range out {
		t := &out[c]
		mean, variance := 0.0, 0.0
		for _, v := range t {
			mean += v / templateLength
		}
		for _, v := range t {
			variance += float64((v-mean)*(v-mean)) / templateLength
		}
		sd, first := math.Sqrt(variance), t[0]
		for i, v := range t {
			t[i] = (v - first) / sd / 6
		}
	}
	return out
}

// sample writes one sample of a template to out.
func sample(out []float32, template *[templateLength]float64, r *rng.Rand) {
	var padded [signalLength]float64
	n := templateLength + paddingLow + r.Intn(paddingHigh-paddingLow+1)
	for i, v := range template {
		padded[i] = v + visible
	}
	var signal, noise, x [signalLength]float64
	resample(signal[:], padded[:n])
	scale := 1 + float64(scaleRange*(r.Float64()-0.5))
	shift := r.Intn(translations)
	for i, v := range signal {
		x[(i+shift)%signalLength] = float64(v * scale)
	}
	for i := range noise {
		noise[i] = float64(smoothNoise * r.Normal())
	}
	for i, v := range x {
		if v == 0 {
			x[i] = smoothed(&noise, i)
		}
	}
	for i := range x {
		x[i] += float64(whiteNoise * r.Normal())
	}
	shear := float64(shearRange * (r.Float64() - 0.5))
	for i := range x {
		x[i] -= float64(shear * (float64(i)/(signalLength-1) - 0.5))
	}
	var short [sampleLength]float64
	resample(short[:], x[:])
	for i, v := range short {
		out[i] = float32(v)
	}
}

// resample reads from at len(to) evenly spaced points, both ends included, on
// the straight lines between its values.
func resample(to, from []float64) {
	steps, last := len(to)-1, len(from)-1
	for i := range to {
		at, part := i*last/steps, i*last%steps
		v := from[at]
		if part > 0 {
			v += float64((from[at+1] - v) * (float64(part) / float64(steps)))
		}
		to[i] = v
	}
}

// gauss is the filter of the smooth noise: its middle, and one side.
var gauss = func() (w [smoothRadius + 1]float64) {
	total := 0.0
	for d := range w {
		w[d] = rng.Exp(-float64(d*d) / (2 * smoothSigma * smoothSigma))
		total += w[d]
		if d > 0 {
			total += w[d]
		}
	}
	for d := range w {
		w[d] /= total
	}
	return w
}()

// smoothed is the filtered noise at i; beyond its edges the noise is mirrored.
func smoothed(noise *[signalLength]float64, i int) float64 {
	sum := 0.0
	for d := -smoothRadius; d <= smoothRadius; d++ {
		at := i + d
		if at < 0 {
			at = -1 - at
		} else if at >= signalLength {
			at = 2*signalLength - 1 - at
		}
		sum += float64(gauss[max(d, -d)] * noise[at])
	}
	return sum
}
