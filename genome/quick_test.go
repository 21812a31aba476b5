package genome

import (
	"fmt"
	"testing"

	"github.com/nascent-nas/nascent/genome/rng"
)

const quickSpace = `{"network":{"input":[1,40],"classes":10},"limits":{"parameters":5210},
"define":{"motif":{"choice":["conv","pool",{"seq":{"parts":{"list":{"use":"motif"},"length":[1,3]}}}]}},
"lr":{"float":[1e-4,1e-1],"log":true},"wd":{"float":[0,1],"step":0.1},"n":{"int":[2,10],"step":2},"act":{"choice":["relu","mish","a b"]},"on":{"bool":true},"k":3,
"bits":{"list":"bool","length":[4,8]},
"blocks":{"list":{"channels":{"choice":[4,8,12],"ordered":true},"op":{"choice":[{"conv":{"kernel":{"int":[1,9]},"act":{"from":"act"}}},"skip"]}},"length":[1,4]},
"nb":{"cell":{"edges":["none","skip","+x"],"nodes":4}},"nb1":{"cell":{"vertices":["c3","c1","mp"],"nodes":[3,7],"max_edges":9}},
"darts":{"cell":{"pairs":["sep","dil"],"nodes":4,"distinct":true,"combine":["add","concat"]}},
"rec":{"use":"motif","depth":2},
"branches":[{"a":{"int":[0,3]}},5,{"bool":true}]}`

func TestQuick(t *testing.T) {
	s := MustParseSpace(quickSpace)
	s2 := MustParseSpace(string(s.JSON()))
	if s.Hash() != s2.Hash() {
		t.Fatal(string(s.JSON()), string(s2.JSON()))
	}
	r := rng.New(1)
	for i := range 300 {
		g, err := s.Random(r)
		if err != nil {
			t.Fatal(err)
		}
		if i < 3 {
			fmt.Println(g)
			b, _ := g.Tree().MarshalJSON()
			fmt.Println(string(b))
		}
		h, err := s.Parse(g.Text())
		if err != nil || h != g {
			t.Fatal(err, g, h)
		}
		if h, err = s.Unpack(g.Packed()); err != nil || h != g {
			t.Fatal(err)
		}
		if h, err = s.FromTree(g.Tree()); err != nil || h != g {
			t.Fatal(err, g)
		}
	}
}
