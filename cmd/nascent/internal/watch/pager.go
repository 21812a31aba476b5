package watch

import "slices"

// pager is where somebody is in lines that may be more than there is room for: one that
// opens something may be chosen.
type pager struct {
	top    int // line that is drawn first
	chosen int // line that is chosen; where it opens nothing, none is
	about  any // what that is about: it stays chosen where it has moved
}

// opens tells whether a line can be chosen.
func opens(lines []line, i int) bool { return i >= 0 && i < len(lines) && lines[i].open != nil }

// settle sees that what there is now is shown.
func (p *pager) settle(lines []line, height int) {
	p.top = max(0, min(p.top, len(lines)-height))
	defer func() {
		if p.about = nil; p.chosen >= 0 {
			p.about = lines[p.chosen].about
		}
	}()
	if p.about != nil && (!opens(lines, p.chosen) || lines[p.chosen].about != p.about) {
		if i := slices.IndexFunc(lines, func(l line) bool { return l.open != nil && l.about == p.about }); i >= p.top && i < p.top+height {
			p.chosen = i
		}
	}
	if opens(lines, p.chosen) {
		return
	}
	for i := p.top; i < min(len(lines), p.top+height); i++ {
		if opens(lines, i) {
			p.chosen = i
			return
		}
	}
	p.chosen = -1
}

// step goes to the next line that can be chosen, if it is in sight, or else scrolls.
func (p *pager) step(lines []line, height, by int) {
	from := p.chosen
	if from < p.top || from >= p.top+height { // it was scrolled out of sight
		if from = p.top - 1; by < 0 {
			from = p.top + height
		}
	}
	for i := from + by; i >= 0 && i < len(lines) && i >= p.top-1 && i <= p.top+height; i += by {
		if opens(lines, i) {
			p.chosen = i
			p.top = max(min(p.top, i), i-height+1)
			return
		}
	}
	p.top = max(0, min(p.top+by, len(lines)-height))
}

// leap scrolls by many lines.
func (p *pager) leap(lines []line, height, by int) {
	p.top = max(0, min(p.top+by, len(lines)-height))
	from, to := p.top, min(len(lines), p.top+height)
	if p.chosen >= from && p.chosen < to && by > -len(lines) && by < len(lines) {
		return
	}
	if by > 0 {
		for i := to - 1; i >= from; i-- {
			if opens(lines, i) {
				p.chosen = i
				return
			}
		}
		return
	}
	for i := from; i < to; i++ {
		if opens(lines, i) {
			p.chosen = i
			return
		}
	}
}

// key moves by a key; false: it is none that moves.
func (p *pager) key(key string, lines []line, height int) bool {
	p.about = nil
	switch key {
	case "up", "k":
		p.step(lines, height, -1)
	case "down", "j":
		p.step(lines, height, 1)
	case "pgup", "ctrl+b":
		p.leap(lines, height, -height)
	case "pgdown", "ctrl+f", "space":
		p.leap(lines, height, height)
	case "ctrl+u":
		p.leap(lines, height, -height/2)
	case "ctrl+d":
		p.leap(lines, height, height/2)
	case "home", "g":
		p.leap(lines, height, -len(lines)-height)
	case "end", "G":
		p.leap(lines, height, len(lines)+height)
	default:
		return false
	}
	return true
}
