package option_test

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nascent-nas/nascent/engine/option"
	"github.com/nascent-nas/nascent/genome"
)

// all has an option of every kind.
type all struct {
	Size, Sample, Elite, Initial, After int
	Rate, Share, Positive               float64
	On, Promote                         bool
	Way, Path, Source                   string
	Epochs                              int
	Pause                               time.Duration
	Sizes                               []int
	Steps                               []step
}

// step is part of an option that is a list.
type step struct {
	Metric string    `json:"metric"`
	Edges  []float64 `json:"edges"`
	Last   bool      `json:"last,omitempty"`
}

func (a *all) Declare(o *option.Set) {
	o.Int(&a.Size, "size", 20, 2, 100, "members")
	o.Int(&a.Sample, "sample", 5, 1, 100, "draws").AtMost("size")
	o.Int(&a.Elite, "elite", 2, 0, 100, "who stay").Below("size")
	o.Int(&a.Initial, "initial", 20, 1, 1_000_000, "at first").Like("size")
	o.Float(&a.Rate, "rate", 0.5, 0, option.Under(1), "of change")
	o.Float(&a.Share, "share", -1, 0, 1, "of what").Said("by the space")
	o.Float(&a.Positive, "positive", 1e-8, option.Over(0), 1e9, "more than nothing")
	o.Bool(&a.On, "on", true, "or off")
	o.Choice(&a.Way, "way", "straight, round", "there")
	o.Int(&a.Epochs, "epochs", 4, 1, 10, "steps").Only("way", "round")
	o.Text(&a.Path, "path", "here", "to it")
	o.Duration(&a.Pause, "pause", time.Second, "between")
	o.Value(&a.Sizes, "sizes", "[8, 4]", "a list of sizes", "of bins")
	o.Value(&a.Steps, "steps", "", "a list such as [{metric: size, edges: [1, 2]}]", "one by one")
	g := o.Group("promote", "or not").Switch(&a.Promote)
	g.Int(&a.After, "after", 0, 0, 1_000_000, "so many").Like("initial")
	o.Group("data", "to read").Short("source").Choice(&a.Source, "source", "made, csv", "of data")
}

var defaults = all{
	Size: 20, Sample: 5, Elite: 2, Initial: 20, After: 20, Rate: 0.5, Share: -1, Positive: 1e-8, On: true, Promote: true, Way: "straight",
	Epochs: 4, Path: "here", Source: "made", Pause: time.Second, Sizes: []int{8, 4},
}

func TestRead(t *testing.T) {
	t.Parallel()
	with := func(change func(*all)) all {
		a := defaults
		change(&a)
		return a
	}
	for given, want := range map[string]all{
		``:                             defaults,
		`{}`:                           defaults,
		`null`:                         defaults,
		`{"size": null}`:               defaults,
		`{"size": 7}`:                  with(func(a *all) { a.Size, a.Initial, a.After = 7, 7, 7 }),
		`{"size": 2}`:                  with(func(a *all) { a.Size, a.Sample, a.Elite, a.Initial, a.After = 2, 2, 1, 2, 2 }),
		`{"size": 3, "initial": 9}`:    with(func(a *all) { a.Size, a.Sample, a.Initial, a.After = 3, 3, 9, 9 }),
		`{"size": 3.0, "sample": 3}`:   with(func(a *all) { a.Size, a.Sample, a.Initial, a.After = 3, 3, 3, 3 }),
		`{"elite": 19}`:                with(func(a *all) { a.Elite = 19 }),
		`{"rate": 0, "share": 1}`:      with(func(a *all) { a.Rate, a.Share = 0, 1 }),
		`{"way": "round"}`:             with(func(a *all) { a.Way = "round" }),
		`{"way":"round","epochs": 10}`: with(func(a *all) { a.Way, a.Epochs = "round", 10 }),
		`{"pause": "2m"}`:              with(func(a *all) { a.Pause = 2 * time.Minute }),
		`{"pause": 1.5, "on": false}`:  with(func(a *all) { a.Pause, a.On = 1500*time.Millisecond, false }),
		`{"sizes": [1], "path": ""}`:   with(func(a *all) { a.Sizes, a.Path = []int{1}, "" }),
		`{"promote": false}`:           with(func(a *all) { a.Promote = false }),
		`{"promote": true}`:            defaults,
		`{"promote": {"after": 3}}`:    with(func(a *all) { a.After = 3 }),
		`{"data": "csv"}`:              with(func(a *all) { a.Source = "csv" }),
		`{"data": {"source": "csv"}}`:  with(func(a *all) { a.Source = "csv" }),
	} {
		a := all{Size: 99, Path: "left over", Promote: true} // of an earlier reading
		if err := option.Read(json.RawMessage(given), a.Declare); err != nil {
			t.Errorf("%s: %v", given, err)
		} else if diff := cmp.Diff(want, a); diff != "" {
			t.Errorf("%s: %s", given, diff)
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`7`:                        "7 are no options; write keys with values",
		`{} {}`:                    "{} {} are no options; write one group of keys with values",
		`{"siez": 3}`:              "siez: there is no such option; did you mean size?",
		`{"promote": {"aftr": 3}}`: "promote.aftr: there is no such option; did you mean after?",
		`{"data": {"nothing": 3}}`: "data.nothing: there is no such option; there are source",
		`{"size": 1}`:              "size: 1 is no whole number from 2 to 100",
		`{"size": 101}`:            "size: 101 is no whole number from 2 to 100",
		`{"size": 2.5}`:            "size: 2.5 is no whole number from 2 to 100",
		`{"size": "3"}`:            `size: "3" is no whole number from 2 to 100`,
		`{"size": 1e999}`:          `size: 1e999 is no whole number from 2 to 100`,
		`{"size": 4, "sample": 5}`: "sample: 5 is no whole number from 1 to 4",
		`{"size": 4, "elite": 4}`:  "elite: 4 is no whole number from 0 to 3",
		`{"rate": 1}`:              "rate: 1 is no number from 0 to below 1",
		`{"share": -1}`:            "share: -1 is no number from 0 to 1",
		`{"positive": 0}`:          "positive: 0 is no number above 0, up to 1000000000",
		`{"on": 1}`:                "on: 1 is neither true nor false",
		`{"way": "strait"}`:        `way: "strait" is none of straight, round; did you mean straight?`,
		`{"way": 3}`:               "way: 3 is none of straight, round",
		`{"epochs": 3}`:            "epochs: it is for way: round; leave it out",
		`{"path": 3}`:              "path: 3 is no text",
		`{"pause": "soon"}`:        `pause: "soon" is no duration; write 5ms, 2s, 1h or a number of seconds`,
		`{"pause": "-1s"}`:         "pause: -1s is negative; use 0 or more",
		`{"sizes": 3}`:             "sizes: 3 is not a list of sizes",
		`{"sizes": [8, "4"]}`:      `sizes[1]: "4" is not a whole number`,
		`{"sizes": [8, 0.5]}`:      `sizes[1]: 0.5 is not a whole number`,
		`{"steps": {}}`:            "steps: {} is not a list such as [{metric: size, edges: [1, 2]}]",
		`{"steps": [{}, {"metric": "a", "edge": [1]}]}`:      "steps[1].edge: there is no such key; did you mean edges?",
		`{"steps": [{"Metric": "a"}]}`:                       "steps[0].Metric: there is no such key; write metric",
		`{"steps": [{"name": "a"}]}`:                         "steps[0].name: there is no such key; there are edges, last, metric",
		`{"steps": [{"metric": "a", "metric": "b"}]}`:        "steps[0].metric: it is there twice; remove one",
		`{"steps": [{"edges": [1, 2, null, true]}]}`:         "steps[0].edges[3]: true is not a number",
		`{"steps": [{"edges": 3}]}`:                          "steps[0].edges: 3 is not a list",
		`{"steps": [{"edges": [1e999]}]}`:                    "steps[0].edges[0]: 1e999 is not a number",
		`{"steps": [[]]}`:                                    "steps[0]: [] is not a group of options",
		`{"steps": [{"metric": {"a": 1}, "last": "maybe"}]}`: `steps[0].metric: {"a":1} is not a text`,
		`{"promote": 3}`:                                     "promote: 3 are no options; write keys with values",
		`{"data": "cvs"}`:                                    `data.source: "cvs" is none of made, csv`,
	} {
		err := option.Read(json.RawMessage(given), new(all).Declare)
		if m := new(genome.Mistake); !errors.As(err, &m) || err.Error() != want {
			t.Errorf("%s: %v; want the mistake %s", given, err, want)
		}
	}
}

// What was assigned by other means is judged by the same bounds.
func TestCheck(t *testing.T) {
	t.Parallel()
	a := defaults
	a.Share = 1
	if err := option.Check(a.Declare); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*all){
		"size: 1 is no whole number from 2 to 100": func(a *all) { a.Size = 1 },
		"rate: NaN is no number from 0 to below 1": func(a *all) { a.Rate = math.NaN() },
		`way: "" is none of straight, round`:       func(a *all) { a.Way = "" },
		"pause: -1ns is negative; use 0 or more":   func(a *all) { a.Pause = -1 },
	} {
		a := defaults
		a.Share = 1
		change(&a)
		if err := option.Check(a.Declare); err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	want := []option.Described{
		{Name: "size", Type: "int", Default: "20", Bounds: "from 2 to 100", Meaning: "members"},
		{Name: "sample", Type: "int", Default: "5", Bounds: "from 1 to size", Meaning: "draws"},
		{Name: "elite", Type: "int", Default: "2", Bounds: "from 0 to size - 1", Meaning: "who stay"},
		{Name: "initial", Type: "int", Default: "size", Bounds: "from 1 to 1000000", Meaning: "at first"},
		{Name: "rate", Type: "float", Default: "0.5", Bounds: "from 0 to below 1", Meaning: "of change"},
		{Name: "share", Type: "float", Default: "by the space", Bounds: "from 0 to 1", Meaning: "of what"},
		{Name: "positive", Type: "float", Default: "1e-8", Bounds: "above 0, up to 1000000000", Meaning: "more than nothing"},
		{Name: "on", Type: "bool", Default: "true", Bounds: "true or false", Meaning: "or off"},
		{Name: "way", Type: "choice", Default: "straight", Bounds: "straight, round", Meaning: "there"},
		{Name: "epochs", Type: "int", Default: "4", Bounds: "from 1 to 10", Meaning: "way round: steps"},
		{Name: "path", Type: "text", Default: "here", Bounds: "a text", Meaning: "to it"},
		{Name: "pause", Type: "duration", Default: "1s", Bounds: "a duration", Meaning: "between"},
		{Name: "sizes", Type: "value", Default: "[8, 4]", Bounds: "a list of sizes", Meaning: "of bins"},
		{Name: "steps", Type: "value", Bounds: "a list such as [{metric: size, edges: [1, 2]}]", Meaning: "one by one"},
		{Name: "promote", Type: "group", Default: "true", Bounds: "true, false or a group", Meaning: "or not"},
		{Name: "promote.after", Type: "int", Default: "initial", Bounds: "from 0 to 1000000", Meaning: "so many"},
		{Name: "data", Type: "group", Default: "made", Bounds: "a group, or its source", Meaning: "to read"},
		{Name: "data.source", Type: "choice", Default: "made", Bounds: "made, csv", Meaning: "of data"},
	}
	a := defaults
	if diff := cmp.Diff(want, option.Flat(option.List(a.Declare))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(defaults, a); diff != "" {
		t.Errorf("listing changes values: %s", diff)
	}
}
