package engine

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a label and a comment may have at most, in bytes.
const (
	MaxLabel   = 64
	MaxComment = 1000
)

// Labelling is what somebody says of candidates, for people. It is journaled and decides
// nothing: it is no part of the digest.
type Labelling struct {
	IDs     []ID    `json:"ids"`
	Add     string  `json:"add,omitempty"`     // a label
	Remove  string  `json:"remove,omitempty"`  // another
	Comment *string `json:"comment,omitempty"` // in place of the one that was; "" removes it
}

// Labels is what was said of a candidate.
type Labels struct {
	Names   []string // in the order in which they were given
	Comment string
}

// checkWords finds what cannot be a label or a comment.
func (l *Labelling) checkWords() error {
	for _, name := range []string{l.Add, l.Remove} {
		switch {
		case len(name) > MaxLabel:
			return wrong("", "the label %s has %d bytes", clip(name), len(name)).but("a label has at most %d: write the rest as a comment", MaxLabel)
		case !printable(name), strings.TrimSpace(name) != name, strings.Contains(name, ","):
			return wrong("", "%q is no label", name).but("write words without commas, and no space around them")
		}
	}
	if l.Comment != nil {
		switch {
		case len(*l.Comment) > MaxComment:
			return wrong("", "the comment has %d bytes", len(*l.Comment)).but("a comment has at most %d", MaxComment)
		case !printable(*l.Comment):
			return wrong("", "the comment holds what cannot be printed").but("write it on one line")
		}
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// labelEvent is the data of eventLabel.
type labelEvent struct {
	asked
	Labelling
}

func (l *Labelling) kind() string { return eventLabel }
func (l *Labelling) waits() bool  { return false }

func (l *Labelling) check(t *trajectory) error {
	if len(l.IDs) == 0 {
		return wrong("", "no candidate is named")
	}
	if l.Add == "" && l.Remove == "" && l.Comment == nil {
		return wrong("", "nothing is said of the candidates").but("give a label to add or to remove, or a comment")
	}
	if err := t.there(l.IDs); err != nil {
		return err
	}
	return l.checkWords()
}

func (l *Labelling) do(_ *trajectory, r *Request) (*effect, error) {
	once := *l
	once.IDs = nil
	for _, id := range l.IDs {
		if !slices.Contains(once.IDs, id) {
			once.IDs = append(once.IDs, id)
		}
	}
	return &effect{data: labelEvent{r.asked(), once}}, nil
}

func (a *Archive) unknown(id ID) error {
	return wrong("", "there is no candidate %s; the newest is %d", id, len(a.search.jobs))
}

// ReadLabels reads what was said of candidates, of those of whom there is something. It
// may be called beside a running search.
func ReadLabels(led Ledger) (map[ID]Labels, error) {
	all := map[ID]Labels{}
	for e, err := range led.Events() {
		if err != nil {
			return nil, err
		}
		if e.Kind != eventLabel {
			continue
		}
		var l Labelling
		if err := json.Unmarshal(e.Data, &l); err != nil {
			return nil, damaged("event %d (%s): %v", e.Seq, e.Kind, err)
		}
		for _, id := range l.IDs {
			now := all[id]
			if l.Remove != "" {
				now.Names = slices.DeleteFunc(slices.Clone(now.Names), func(n string) bool { return n == l.Remove })
			}
			if l.Add != "" && !slices.Contains(now.Names, l.Add) {
				now.Names = append(slices.Clip(now.Names), l.Add)
			}
			if l.Comment != nil {
				now.Comment = *l.Comment
			}
			all[id] = now
			if len(now.Names) == 0 && now.Comment == "" {
				delete(all, id)
			}
		}
	}
	return all, nil
}
