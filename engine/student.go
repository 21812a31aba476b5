package engine

import "math"

// student is what Student's t with so many degrees of freedom, 0 for very many, exceeds on
// either side with a probability, > 0 and < 1.
func student(freedom int, outside float64) float64 {
	if freedom > 0 && freedom <= 30 {
		low, high := 0.0, 1.0
		for studentWithin(high, freedom) < 1-outside && high < math.MaxFloat64/2 {
			low, high = high, 2*high
		}
		for range 60 {
			if middle := low/2 + high/2; studentWithin(middle, freedom) < 1-outside {
				low = middle
			} else {
				high = middle
			}
		}
		return high
	}
	z := math.Sqrt2 * math.Erfinv(1-outside)
	if freedom == 0 {
		return z
	}
	// Abramowitz & Stegun (1964), 26.7.5.
	n := float64(freedom)
	return z + (z*z*z+z)/(4*n) + (5*z*z*z*z*z+16*z*z*z+3*z)/(96*n*n) + (3*math.Pow(z, 7)+19*math.Pow(z, 5)+17*z*z*z-15*z)/(384*n*n*n)
}

// studentWithin is the probability that Student's t lies between -t and t: Abramowitz & Stegun
// (1964), 26.7.3 and 26.7.4.
func studentWithin(t float64, freedom int) float64 {
	root := math.Sqrt(float64(freedom))
	angle := math.Atan2(t, root)
	length := math.Hypot(t, root)
	sin, cos := t/length, root/length
	term, total := sin, 0.0
	first := 2
	if freedom%2 == 1 {
		term, first = sin*cos, 3
	}
	for k := first; k <= freedom; k += 2 {
		total += term
		term *= float64(float64(k-1)/float64(k)) * cos * cos
	}
	if freedom%2 == 1 {
		return 2 / math.Pi * (angle + total)
	}
	return total
}
