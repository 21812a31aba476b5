package host

import (
	"encoding/json"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
)

var onemaxSpace = genome.MustParseSpace(`{"bits": {"list": {"bool": true}, "length": 8}}`)

func TestOnemaxTrouble(t *testing.T) {
	t.Parallel()
	files := enginetest.Memory(t)
	s, hello, err := Evaluator(onemax, options(t)).Open(within(t), engine.EvaluatorSetup{
		Space: onemaxSpace, Workers: 4, Files: files, Options: json.RawMessage(`{"delay": "1ms", "fail": 0.3, "crash": 0.1, "invalid": 0.2}`)})
	if err != nil {
		t.Fatal(err)
	}
	if hello.Slots != 4 || hello.Seeded || hello.Identity != `{"invalid":0.2}` {
		t.Errorf("%+v", hello)
	}
	r := &rig{t: t, session: s}
	random := rng.New(7)
	const jobs = 40
	attempts := map[engine.ID]engine.Assignment{}
	count := map[string]int{}
	next := engine.ID(0)
	for answered := 0; answered < jobs; {
		for len(attempts) < 4 && next < jobs {
			next++
			g, err := onemaxSpace.Random(random)
			if err != nil {
				t.Fatal(err)
			}
			a := engine.Assignment{Job: &engine.Job{ID: next, Genome: g, Seed: uint64(next)}, Attempt: 1}
			attempts[next] = a
			r.assign(a)
		}
		e := r.event()
		if !answers(e) {
			continue
		}
		a := attempts[e.ID]
		switch {
		case e.Kind == engine.Finished && e.Result.Status != engine.Failed:
			count[string(e.Result.Status)]++
			delete(attempts, e.ID)
			answered++
			continue
		case e.Kind == engine.Finished:
			count["failed"]++
		default:
			count["lost"]++
		}
		a.Attempt++
		a.Alone = e.Kind == engine.Lost
		attempts[e.ID] = a
		r.assign(a)
	}
	r.close(within(t))
	if count["ok"]+count["invalid"] != jobs || count["failed"] == 0 || count["lost"] == 0 || count["invalid"] == 0 {
		t.Errorf("%v", count)
	}
}

func BenchmarkJobs(b *testing.B) {
	files := enginetest.Memory(b)
	space := genome.MustParseSpace(`{"bits": {"list": {"bool": true}, "length": 100}}`)
	s, _, err := Evaluator(onemax, Options{}).Open(within(b), engine.EvaluatorSetup{Space: space, Workers: 64, Files: files})
	if err != nil {
		b.Fatal(err)
	}
	g, err := space.Random(rng.New(1))
	if err != nil {
		b.Fatal(err)
	}
	r := &rig{t: b, session: s}
	b.ResetTimer()
	for sent, done := 0, 0; done < b.N; {
		for ; sent < b.N && sent-done < 64; sent++ {
			r.assign(engine.Assignment{Job: &engine.Job{ID: engine.ID(sent + 1), Genome: g, Seed: 1}, Attempt: 1})
		}
		for e := range r.session.Events() {
			if answers(e) {
				wantOK(b, e)
				done++
				break
			}
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	r.close(within(b))
}

func BenchmarkStart(b *testing.B) {
	for _, plain := range []bool{false, true} {
		name := "TLS"
		if plain {
			name = "plain"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Describe(within(b), onemax, Options{Plaintext: plain}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
