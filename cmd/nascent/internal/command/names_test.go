package command

import (
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"id,accuracy":               {"id", "accuracy"},
		`metric("a,b"),blocks[0].c`: {`metric("a,b")`, "blocks[0].c"},
		`metric("a/b-c.d")`:         {`metric("a/b-c.d")`},
		"id, x ,\tmax(a, b)":        {"id", "x", "max(a, b)"},
		"-loss":                     {"-loss"},
		`max(a, b),"c,d`:            {"max(a, b)", `"c,d`},
		"gene:a),b":                 {"gene:a)", "b"},
		"":                          nil,
	} {
		var got names
		if err := got.Set(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q names %q, %v; want %q", text, got, err, want)
		}
	}
	twice := names{"id"}
	if err := twice.Set("hash"); err != nil || !slices.Equal(twice, []string{"id", "hash"}) {
		t.Errorf("given twice it holds %q, %v", twice, err)
	}
}
