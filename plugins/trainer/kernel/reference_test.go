package kernel

// convForward, convInputGradient and convWeightGradient are a convolution by its
// definition: the reference for Conv.
func convForward[T Float](l *Layer, y, x, w, b []T, slope T) {
	n, in, out := l.Lanes, l.InChannels/l.Groups, l.OutChannels/l.Groups
	for p := range l.Out {
		for o := range l.OutChannels {
			row := y[(p*l.OutChannels+o)*n:][:n]
			var start T
			if b != nil {
				start = b[o]
			}
			for j := range row {
				row[j] = start
			}
			for t, q := range l.Window(p) {
				if q < 0 {
					continue
				}
				for i := range in {
					axpy(row, x[(int(q)*l.InChannels+o/out*in+i)*n:][:n], w[(o*l.Taps+t)*in+i])
				}
			}
			if slope != 1 {
				for j, v := range row {
					row[j] = rectify(v, slope)
				}
			}
		}
	}
}

func convInputGradient[T Float](l *Layer, dx, dz, w []T) {
	n, in, out := l.Lanes, l.InChannels/l.Groups, l.OutChannels/l.Groups
	clear(dx)
	for p := range l.Out {
		for t, q := range l.Window(p) {
			if q < 0 {
				continue
			}
			for o := range l.OutChannels {
				row := dz[(p*l.OutChannels+o)*n:][:n]
				for i := range in {
					axpy(dx[(int(q)*l.InChannels+o/out*in+i)*n:][:n], row, w[(o*l.Taps+t)*in+i])
				}
			}
		}
	}
}

func convWeightGradient[T Float](l *Layer, dw, x, dz []T) {
	n, in, out := l.Lanes, l.InChannels/l.Groups, l.OutChannels/l.Groups
	clear(dw)
	for p := range l.Out {
		for t, q := range l.Window(p) {
			if q < 0 {
				continue
			}
			for o := range l.OutChannels {
				row := dz[(p*l.OutChannels+o)*n:][:n]
				for i := range in {
					dw[(o*l.Taps+t)*in+i] += inner(row, x[(int(q)*l.InChannels+o/out*in+i)*n:][:n])
				}
			}
		}
	}
}

// inner sums in four strands, which the processor can run side by side.
func inner[T Float](a, b []T) T {
	var s [4]T
	b = b[:len(a)]
	for j := 0; j+4 <= len(a); j += 4 {
		s[0] += a[j] * b[j]
		s[1] += a[j+1] * b[j+1]
		s[2] += a[j+2] * b[j+2]
		s[3] += a[j+3] * b[j+3]
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}
