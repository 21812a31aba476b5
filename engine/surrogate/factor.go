package surrogate

import "math"

// factor is the lower triangle of a Cholesky factor, row by row. Adding the rows of a
// matrix one after the other gives the same bits as adding them at once.
type factor struct {
	rows [][]float64 // row i has i+1 numbers
}

// add appends a row: the covariances with the rows before, and the variance.
func (f *factor) add(covariances []float64, variance float64) {
	n := len(f.rows)
	row := make([]float64, n+1)
	rest := variance
	for j, l := range f.rows {
		x := (covariances[j] - dot(row[:j], l)) / l[j]
		row[j] = x
		rest -= float64(x * x)
	}
	row[n] = math.Sqrt(max(rest, 1e-10))
	f.rows = append(f.rows, row)
}

// solve makes x of L x = b, in place.
func (f *factor) solve(b []float64) {
	for i, l := range f.rows {
		b[i] = (b[i] - dot(b[:i], l)) / l[i]
	}
}

// solveBack makes x of L' x = b, in place.
func (f *factor) solveBack(b []float64) {
	for i := len(f.rows) - 1; i >= 0; i-- {
		l := f.rows[i]
		x := b[i] / l[i]
		b[i] = x
		for j := range i {
			b[j] -= float64(x * l[j])
		}
	}
}

// solveFour solves for four right sides at once, which takes little longer than one.
func (f *factor) solveFour(b *[4][]float64) {
	b0, b1, b2, b3 := b[0], b[1], b[2], b[3]
	for i, l := range f.rows {
		var s0, s1, s2, s3 float64
		l, d := l[:i], l[i]
		c0, c1, c2, c3 := b0[:len(l)], b1[:len(l)], b2[:len(l)], b3[:len(l)]
		for j, x := range l {
			s0 += float64(x * c0[j])
			s1 += float64(x * c1[j])
			s2 += float64(x * c2[j])
			s3 += float64(x * c3[j])
		}
		b0[i] = (b0[i] - s0) / d
		b1[i] = (b1[i] - s1) / d
		b2[i] = (b2[i] - s2) / d
		b3[i] = (b3[i] - s3) / d
	}
}

// dot is the sum of the products over the length of a: four sums side by side, then
// their sum.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+3 < len(a); i += 4 {
		s0 += float64(a[i] * b[i])
		s1 += float64(a[i+1] * b[i+1])
		s2 += float64(a[i+2] * b[i+2])
		s3 += float64(a[i+3] * b[i+3])
	}
	for ; i < len(a); i++ {
		s0 += float64(a[i] * b[i])
	}
	return (s0 + s1) + (s2 + s3)
}

// inverse is the lower triangle of the inverse of the matrix that was factored.
func (f *factor) inverse() [][]float64 {
	n := len(f.rows)
	m := make([][]float64, n) // the inverse of the factor, each column from the diagonal down
	for j := range n {
		c := make([]float64, n-j)
		c[0] = 1 / f.rows[j][j]
		for i := j + 1; i < n; i++ {
			l := f.rows[i]
			c[i-j] = -dot(c[:i-j], l[j:i]) / l[i]
		}
		m[j] = c
	}
	out := make([][]float64, n)
	for i := range n {
		out[i] = make([]float64, i+1)
		for j := range i + 1 {
			out[i][j] = dot(m[i], m[j][i-j:])
		}
	}
	return out
}
