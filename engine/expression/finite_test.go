package expression

import "testing"

func TestNeverFinite(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"1/0": true, "log(-1)": true, "1/(a-a)": true, "sqrt(-1-a*a)": true, "a + 1/0": true, "log(0*a)": true,
		"1/a": false, "3": false, "log(a)": false, "min(a, 1/0)": false, "1/(a-b)": false, "sqrt(a-93.2)*sqrt(93.2-a)": false,
		"log(a - 1000000)": false, "sqrt(a-b)*sqrt(b-a)": false, "a": false,
	} {
		e, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.NeverFinite(); got != want {
			t.Errorf("%s is never finite: %v", text, got)
		}
	}
}
