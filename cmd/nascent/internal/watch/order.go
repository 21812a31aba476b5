package watch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// order is a change that somebody asks for in words: those of the command line without the
// directory.
type order struct {
	request engine.Request
	says    string // what will happen
}

// orders are the words that one begins with, each with what follows it and what it is for.
var orders = []struct{ word, args, what string }{
	{"pause", "[now]", "nothing new is started; now: running jobs come back"},
	{"resume", "", "it goes on"},
	{"stop", "", "the run ends cleanly"},
	{"cancel", "ID...", "jobs without a result fail, at their place"},
	{"set", "KEY=VALUE...", "limits.evaluations, limits.wall, limits.seconds, limits.target, workers, window; or what it declares: space=@FILE, constraints=..."},
	{"ban", "CONDITION", "such genomes are not proposed"},
	{"unban", "CONDITION", "they are again"},
	{"withdraw", "NAME", "what is planned under a name is not done"},
	{"add", "GENOME", "has a genome measured"},
	{"pin", "ID...", "keeps the files of candidates"},
	{"unpin", "ID...", "lets them go"},
	{"label", "ID... LABEL", "gives candidates a label"},
	{"unlabel", "ID... LABEL", "takes it away"},
	{"comment", "ID [TEXT]", "says something of a candidate, or nothing any more"},
	{"note", "TEXT", "writes a line into the log"},
	{"show", "ID", "opens a candidate"},
}

// parseOrder reads one. A search is as s says.
func parseOrder(text string, s *summary) (o order, err error) {
	text = strings.TrimSpace(text)
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	r := &o.request
	wants := func(what string) error { return fmt.Errorf("%s: %s", word, what) }
	if rest == "" && slices.Contains([]string{"cancel", "set", "ban", "unban", "withdraw", "add", "pin", "unpin", "label", "unlabel", "comment", "note"}, word) {
		for _, k := range orders {
			if k.word == word {
				return o, wants("write " + word + " " + k.args)
			}
		}
	}
	if rest != "" && (word == "resume" || word == "stop" || word == "pause" && rest != "now") {
		return o, wants("nothing follows it but, after pause, now")
	}
	switch word {
	case "pause":
		r.Pause = &engine.Pause{Now: rest == "now"}
		o.says = "It starts nothing new; jobs that run are finished. It stays paused until it is resumed."
		if r.Pause.Now {
			o.says = "It starts nothing new, and jobs that run come back with what they can save. It stays paused until it is resumed."
		}
	case "resume":
		r.Resume = true
		if o.says = "It goes on."; !s.Live {
			o.says = "It is paused no more; nobody runs it: " + s.Command + " run " + show.Quote(s.Dir) + " does."
		}
	case "stop":
		r.Stop = true
		o.says = "The run ends cleanly; jobs keep their progress. It goes on by: " + s.Command + " run " + show.Quote(s.Dir)
	case "cancel", "pin", "unpin":
		ids, err := parseIDs(strings.Fields(rest))
		if err != nil {
			return o, wants(err.Error())
		}
		switch word {
		case "cancel":
			r.Cancel = ids
			o.says = they(ids, "fails at its place and is not tried again", "fail at their places and are not tried again")
		case "pin":
			r.Pin = ids
			o.says = "The files of " + listed(ids) + " are kept, however good others are."
		default:
			r.Unpin = ids
			o.says = "The files of " + listed(ids) + " may go, as if they had not been pinned."
		}
	case "set":
		if key, _, _ := strings.Cut(rest, "="); slices.Contains(config.Declaring, key) {
			if r.Takeover, err = config.Takeover(declared(rest)); err != nil {
				return o, err
			}
			o.says = "It goes on with " + r.Takeover.String() + ", and the strategy begins anew with the candidates that fit."
			break
		}
		if r.Set, err = config.Settings(strings.Fields(rest)); err != nil {
			return o, err
		}
		o.says = "It goes by " + r.Set.String() + " (" + settled(s) + ")."
	case "ban":
		r.Ban = rest
		o.says = "No genome is proposed any more of which this holds: " + rest
	case "unban":
		r.Unban = rest
		o.says = "Genomes of which this holds are proposed again: " + rest
	case "withdraw":
		r.Withdraw = rest
		o.says = "What is planned as " + rest + " is not done."
	case "add":
		r.Add = &engine.Additions{Genomes: []string{rest}}
		o.says = "This genome is measured next, as one evaluation: " + rest
	case "note":
		r.Note = rest
		o.says = "This line is written into the log: " + rest
	case "label", "unlabel":
		fields := strings.Fields(rest)
		n := 0
		for n < len(fields)-1 && isID(fields[n]) {
			n++
		}
		ids, err := parseIDs(fields[:n])
		if err != nil || n == 0 {
			return o, wants("name one candidate or more, and then the label")
		}
		name := strings.Join(fields[n:], " ")
		r.Label = &engine.Labelling{IDs: ids, Add: name}
		o.says = they(ids, "is labelled ", "are labelled ") + name
		if word == "unlabel" {
			r.Label.Add, r.Label.Remove = "", name
			o.says = they(ids, "is not labelled any more: ", "are not labelled any more: ") + name
		}
	case "comment":
		first, words, _ := strings.Cut(rest, " ")
		id, err := engine.ParseID(first)
		if err != nil {
			return o, wants(err.Error())
		}
		words = strings.TrimSpace(words)
		r.Label = &engine.Labelling{IDs: []engine.ID{id}, Comment: &words}
		if o.says = fmt.Sprintf("Candidate %s has the comment: %s", id, words); words == "" {
			o.says = fmt.Sprintf("Candidate %s has no comment any more.", id)
		}
	default:
		var words []string
		for _, k := range orders {
			words = append(words, k.word)
		}
		return o, fmt.Errorf("%q is nothing that can be done; there are %s", clip(word, 20), strings.Join(words, ", "))
	}
	return o, nil
}

// declared are the parts of a text of which each begins with a key of config.Declaring: values
// may hold blanks.
func declared(text string) (parts []string) {
	for _, word := range strings.Split(text, " ") {
		key, _, is := strings.Cut(word, "=")
		if n := len(parts); n > 0 && !(is && slices.Contains(config.Declaring, key)) {
			parts[n-1] += " " + word
		} else {
			parts = append(parts, word)
		}
	}
	return parts
}

func isID(text string) bool {
	_, err := engine.ParseID(text)
	return err == nil
}

func parseIDs(words []string) (ids []engine.ID, err error) {
	for _, w := range words {
		id, err := engine.ParseID(strings.TrimSuffix(w, ","))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// they says something of candidates.
func they(ids []engine.ID, one, several string) string {
	if len(ids) == 1 {
		return "Candidate " + ids[0].String() + " " + one
	}
	return "Candidates " + listed(ids) + " " + several
}

// listed names candidates, up to five.
func listed(ids []engine.ID) string {
	var parts []string
	for i, id := range ids {
		if i == 5 {
			parts = append(parts, "and "+strconv.Itoa(len(ids)-i)+" more")
			break
		}
		parts = append(parts, id.String())
	}
	return strings.Join(parts, ", ")
}

// settled are the limits, workers and window as they are.
func settled(s *summary) string {
	now := fmt.Sprintf("now %s, workers %d", show.LimitsText(&show.View{}, s.State.Limits), s.State.Workers)
	if s.State.Window > 0 {
		now += ", window " + strconv.Itoa(s.State.Window)
	}
	return now
}

// came says what came of an order that was carried out.
func came(o order, rec engine.Receipt) string {
	switch {
	case rec.Planned:
		return withHint(fmt.Sprintf("planned for turn %d as %s", rec.Turn, rec.Request), rec)
	case rec.Seq == 0:
		return "there was nothing to do"
	}
	text := fmt.Sprintf("done: event %d, from turn %d on", rec.Seq, rec.Turn)
	if rec.Says != "" {
		text += ": " + rec.Says
	}
	if len(rec.IDs) > 0 {
		text += ", candidate " + listed(rec.IDs)
	}
	return withHint(text, rec)
}

// withHint is a text with what may not be meant.
func withHint(text string, rec engine.Receipt) string {
	if rec.Hint != "" {
		text += "; " + rec.Hint
	}
	return text
}
