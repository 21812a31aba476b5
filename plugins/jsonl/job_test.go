package jsonl

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/network"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

func TestBriefJobs(t *testing.T) {
	t.Parallel()
	common := &sdk.Job{ID: 12, Attempt: 1, Text: "x=1", Budget: 3, Seed: 5, Phase: engine.PhaseSearch, Task: engine.Train}
	rare := &sdk.Job{ID: 12, Attempt: 2, Text: "x=1", Budget: 3, Seed: 5, Phase: engine.PhaseTest, Task: engine.Score, Fidelity: -1}
	const whole = `{"id":7,"candidate":"12","attempt":2,"genes":{},"text":"x=1","budget":3,"seed":5,"fidelity":-1,"phase":"test","task":"score","scratch":""}`
	for _, c := range []struct {
		job   *sdk.Job
		brief bool
		want  string
	}{
		{common, true, `{"id":7,"candidate":"12","genes":{},"text":"x=1","budget":3,"seed":5,"scratch":""}`},
		{common, false, `{"id":7,"candidate":"12","attempt":1,"genes":{},"text":"x=1","budget":3,"seed":5,"fidelity":0,"phase":"search","task":"train","scratch":""}`},
		{rare, true, whole},
		{rare, false, whole},
	} {
		if got, err := appendJob(nil, c.job, 7, nil, nil, c.brief); err != nil || string(got) != c.want {
			t.Errorf("%s %v, want %s", got, err, c.want)
		}
	}
}

// A program gets the network as JSON of the layer graph, in one line.
func TestNetworkOfAJob(t *testing.T) {
	t.Parallel()
	g, err := networktest.Space(t, `{"network": {"input": [1, 16], "classes": 2}, "conv": {"channels": {"int": [1, 8]}, "kernel": 3}, "head": {}}`).Random(rng.New(1))
	if err != nil {
		t.Fatal(err)
	}
	net, err := network.Read(g)
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(net)
	if err != nil {
		t.Fatal(err)
	}
	line, err := appendJob(nil, &sdk.Job{ID: 1, Attempt: 1, Text: g.Text(), Network: net}, 1, nil, nil, true)
	var got struct{ Network json.RawMessage }
	if err != nil || json.Unmarshal(line, &got) != nil || string(got.Network) != string(want) || strings.Contains(string(line), "\n") {
		t.Errorf("the line %s, %v; its network should be %s", line, err, want)
	}
}
