package expression_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine/expression"
	"github.com/nascent-nas/nascent/genome"
)

// rows is a scope: by names the values of each row.
type rows map[string]expression.Column

func (r rows) Names(form string) []string {
	var names []string
	for name := range r {
		if of, rest, ok := strings.Cut(name, ":"); ok && (form == "" || of == form) {
			names = append(names, of+`("`+rest+`")`)
		} else if !ok && form == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r rows) Column(form, name string) (expression.Column, bool, error) {
	if name == "both" && form == "" {
		return expression.Column{}, false, errors.New(`write metric("both") or gene("both")`)
	}
	if form != "" {
		name = form + ":" + name
	}
	c, ok := r[name]
	return c, ok, nil
}

// column has for each row its values: numbers, texts and truths.
func column(kind expression.Kind, words []string, all ...[]any) expression.Column {
	c := expression.Column{Kind: kind, Words: words}
	for _, values := range all {
		c.Many = c.Many || len(values) > 1
	}
	c.At = func(row int, out []expression.Value) []expression.Value {
		for _, v := range all[row] {
			switch v := v.(type) {
			case float64:
				out = append(out, expression.Value{Kind: expression.Number, Number: v})
			case string:
				out = append(out, expression.Value{Kind: expression.Text, Text: v})
			case bool:
				x := expression.Value{Kind: expression.Truth}
				if v {
					x.Number = 1
				}
				out = append(out, x)
			}
		}
		return out
	}
	return c
}

func none(values ...any) []any { return values }

// Three candidates: one that was measured, a failed one, and a small one.
var three = rows{
	"accuracy":                  column(expression.Number, nil, none(0.9), none(), none(0.5)),
	"metric:val/acc":            column(expression.Number, nil, none(0.8), none(), none(0.4)),
	"parameters":                column(expression.Number, nil, none(1000.), none(), none(10.)),
	"failed":                    column(expression.Truth, nil, none(false), none(true), none(false)),
	"status":                    column(expression.Text, []string{"ok", "invalid", "failed"}, none("ok"), none("failed"), none("ok")),
	"tag":                       column(expression.Text, nil, none("island 1"), none(), none("seven")),
	"blocks.length":             column(expression.Number, nil, none(4.), none(2.), none(1.)),
	"blocks.kernel":             column(expression.Number, nil, none(3., 5., 7.), none(3.), none()),
	"blocks[0].kernel":          column(expression.Number, nil, none(3.), none(3.), none()),
	"blocks.norm":               column(expression.Truth, nil, none(false, true), none(false), none()),
	"blocks":                    column(0, nil, none(), none(), none()),
	"act":                       column(expression.Text, []string{"relu", "mish"}, none("relu"), none("mish"), none("mish")),
	"gene:learning-rate":        column(expression.Number, nil, none(0.1), none(0.2), none(0.3)),
	"size":                      column(expression.Text|expression.Number, []string{"auto"}, none("auto"), none(3.), none(4.)),
	"number":                    column(expression.Number|expression.Truth, nil, none(1.), none(true), none(1.)),
	"op":                        column(expression.Text|expression.Truth, []string{"on"}, none("on"), none(true), none(false)),
	"optimizer.sgd.momentum":    column(expression.Number, nil, none(0.9), none(), none()),
	"optimizer.sgd":             column(expression.Truth, nil, none(true), none(), none()),
	"optimizer":                 column(expression.Text, []string{"adam", "sgd"}, none("sgd"), none("adam"), none("adam")),
	"mish":                      column(expression.Number, nil, none(1.), none(1.), none(1.)),
	"optimizer.sgd.nesterov[0]": column(expression.Truth, nil, none(true), none(), none()),
}

func TestConditions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"accuracy > 0.8":                                    "100",
		"accuracy >= 0.5":                                   "101",
		"0.9 == accuracy":                                   "100",
		"accuracy != 0.9":                                   "001", // a candidate without it compares as nothing
		"not accuracy = 0.9":                                "011",
		"failed":                                            "010",
		"not failed and accuracy < 0.6":                     "001",
		"failed or accuracy > 0.6 and act = mish":           "010",
		"(failed or accuracy > 0.6) and act=relu":           "100",
		"not (failed or act = 'relu')":                      "001",
		"accuracy > 0.8 and (blocks.length < 4 or failed)":  "000",
		"accuracy > 0.8 and (blocks.length <= 4 or failed)": "100",
		"blocks.kernel = 5":                                 "100",
		"blocks.kernel != 3":                                "100",
		"not blocks.kernel = 3":                             "001",
		"blocks[0].kernel = 3":                              "110",
		"blocks.kernel*2 + 1 > 13":                          "100",
		"max(blocks.kernel, 4) = 4":                         "110",
		"blocks.kernel > blocks.length":                     "110",
		"blocks.norm":                                       "100",
		"not blocks.norm":                                   "011",
		"blocks.norm = no":                                  "110",
		"optimizer.sgd.nesterov[0]":                         "100",
		"status = failed":                                   "010",
		"status = 'ok' and not ok_ = 1":                     "",
		"tag = 'island 1'":                                  "100",
		"tag = seven":                                       "001",
		"tag ~ is":                                          "100",
		`tag ~ "and 1"`:                                     "100",
		"act ~ 'el'":                                        "100",
		"status ~ ail":                                      "010",
		"'relu or none' ~ act":                              "100",
		"number = 1":                                        "101", // a truth is no number
		"number = yes":                                      "010",
		"number + 1 > 1":                                    "101",
		`metric("val/acc") < 0.5`:                           "001",
		`gene("learning-rate") > 0.1`:                       "011",
		"accuracy - 0.1*log10(parameters) > .5":             "100",
		"size = auto":                                       "100",
		"size > 3":                                          "001",
		"op = on":                                           "100",
		"op = yes":                                          "010",
		"act = mish":                                        "011", // though a number is called so
		"mish = 1":                                          "111",
		"optimizer.sgd":                                     "100",
		"optimizer = sgd":                                   "100",
		"optimizer.sgd.momentum < 0.5":                      "000",
		"(((accuracy)) > (0.5 + .1))":                       "100",
		"1 = 1":                                             "111",
		"'a' != 'b'":                                        "111",
	} {
		c, err := expression.ParseCondition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		holds, err := c.Bind(three)
		if err != nil {
			if want != "" {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		got := ""
		for row := range 3 {
			got += map[bool]string{true: "1", false: "0"}[holds(row)]
		}
		if got != want {
			t.Errorf("%s holds of %s, want %s", text, got, want)
		}
		if c.String() != text {
			t.Errorf("%q became %q", text, c)
		}
	}
}

func TestMistakesInConditions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                  "position 1: the expression is empty; write one such as accuracy > 0.9 and not failed",
		"accuracy":                          "position 1: accuracy is a number and no condition; compare it, as in accuracy = ...",
		"accurcy > 1":                       `position 1: there is no field, metric or gene "accurcy"; did you mean accuracy?`,
		"failed or blocks.kernl":            `position 11: there is no field, metric or gene "blocks.kernl"; did you mean blocks.kernel?`,
		"kernel = 3":                        `position 1: there is no field, metric or gene "kernel"; did you mean blocks.kernel?`,
		`metric("val/ac") > 1`:              `position 1: there is no metric "val/ac"; did you mean metric("val/acc")?`,
		`gene("learning-rat") > 1`:          `position 1: there is no gene "learning-rat"; did you mean gene("learning-rate")?`,
		"both > 1":                          `position 1: both may mean several things; write metric("both") or gene("both")`,
		"act = rulu":                        `position 7: act is never "rulu"; did you mean relu?`,
		"act = 'x'":                         `position 7: act is never "x"; it has relu, mish`,
		"act > 3":                           "position 1: act is a text, and > compares numbers; compare it by = or !=",
		"accuracy = 'high'":                 "position 12: accuracy is a number and 'high' is a text; compare what is of one kind",
		"accuracy = high":                   `position 12: there is no field, metric or gene "high"`,
		"blocks = 3":                        "position 10: blocks is a group or a list of genes and 3 is a number",
		"accuracy ~ 3":                      "position 1: accuracy is a number, and ~ looks for a text within another",
		"0.1 < accuracy < 0.5":              "position 16: a comparison has two sides, and < a third; write 0.1 < accuracy and accuracy < ...",
		"accuracy > 0.5 > 0.2":              "position 16: a comparison has two sides, and > a third; write accuracy > 0.5 and 0.5 > ...",
		"act = 'relu' = act":                "position 14: a comparison has two sides, and = a third; write act = 'relu' and 'relu' = ...",
		"act ~ 'lish'":                      `position 7: act is never "lish"; did you mean mish?`,
		"accuracy > 0.5 && failed":          "position 16: '&' is no operator; write and",
		"failed || failed":                  "position 8: '|' is no operator; write or",
		"!failed":                           "position 1: '!' is no operator; write not",
		"failed and":                        "position 11: something is missing after and",
		"and failed":                        "position 1: and stands where a value should",
		"failed failed":                     "position 8: an operator is missing between failed and failed; to multiply write *, to join conditions and or or",
		"accuracy + not failed > 1":         "position 12: not stands where a value should",
		"accuracy + (not failed)":           "position 12: (not failed) is true or false and no number",
		"blocks.kernel + blocks.kernel > 3": "position 17: blocks.kernel and blocks.kernel have several values each; name an element of one of them",
		"blocks[x].kernel = 3":              "position 1: blocks[ does not go on as a path does",
		"blocks. = 3":                       "position 1: blocks. ends with a point",
		"gene:lr > 1":                       `position 5: ':' is no operator; write gene("NAME")`,
		"tag = 'a":                          "position 7: a quotation mark opens and does not close; write ' behind the text",
		"gene(lr) > 1":                      `position 6: gene takes a name in quotation marks; write gene("blocks[0].kernel")`,
		"accuracy > 0.9)":                   "position 15: a parenthesis closes that was not opened",
		"log10(failed) > 1":                 "position 7: failed is true or false and no number",
		"lgo10(accuracy) > 1":               "position 1: there is no function lgo10; did you mean log10?",
		strings.Repeat("not ", 300):         "position 1: it has 1200 bytes",
	} {
		c, err := expression.ParseCondition(text)
		if err == nil {
			_, err = c.Bind(three)
		}
		var m *genome.Mistake
		if !errors.As(err, &m) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
}

func TestSameConditions(t *testing.T) {
	t.Parallel()
	parse := func(text string) *expression.Condition {
		c, err := expression.ParseCondition(text)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	like := parse("k = 7 and act != 'tanh'")
	for text, want := range map[string]bool{
		"k=7  and\tact!=\"tanh\"": true, " k == 7 and act != 'tanh' ": true,
		"k = 7 and act != tanh": false, "k = 7 and act != 'tan h'": false, "k = 70 and act != 'tanh'": false, "k = 7": false,
	} {
		if parse(text).Same(like) != want {
			t.Errorf("%s is the same as %s: %v", text, like, !want)
		}
	}
}

func FuzzConditions(f *testing.F) {
	for _, seed := range []string{"accuracy > 0.9 and (blocks.length < 4 or failed)", "not not act = relu", "blocks[0].kernel != 'x'",
		"((a) = b) = c", "tag ~ \"", "a[", "a.b.", "-x<~y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := expression.ParseCondition(text)
		var holds func(int) bool
		if err == nil {
			holds, err = c.Bind(three)
		}
		if err != nil {
			var m *genome.Mistake
			if !errors.As(err, &m) || m.Problem == "" || m.Remedy == "" {
				t.Fatalf("%q: %v says not what to do", text, err)
			}
			return
		}
		for row := range 3 {
			if holds(row) != holds(row) {
				t.Fatalf("%q changes its mind", text)
			}
		}
	})
}

func BenchmarkConditions(b *testing.B) {
	c, err := expression.ParseCondition("accuracy > 0.8 and (blocks.length < 4 or failed)")
	if err != nil {
		b.Fatal(err)
	}
	holds, err := c.Bind(three)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for row := range 99_999 {
			holds(row % 3)
		}
	}
}
