package main

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/host"
)

// openBench opens a Python evaluator in the processes of a search.
func openBench(b *testing.B, file string) (engine.Session, engine.Hello, *genome.Space) {
	b.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		b.Skip("there is no python3 here")
	}
	dir, err := built()
	if err != nil {
		b.Fatal(err)
	}
	p, err := host.Find(host.KindEvaluator, filepath.Join("testdata", file), dir)
	if err != nil {
		b.Fatal(err)
	}
	space := genome.MustParseSpace(enginetest.Numbers)
	s, hello, err := host.Evaluator(p, host.Options{SearchID: b.Name()}).Open(context.Background(),
		engine.EvaluatorSetup{Space: space, Workers: 1, Options: json.RawMessage(`{}`), Files: engine.Memory()})
	if err != nil {
		b.Fatal(err)
	}
	return s, hello, space
}

func closeBench(b *testing.B, s engine.Session) {
	b.Helper()
	if err := s.Close(context.Background()); err != nil {
		b.Error(err)
	}
	for range s.Events() {
	}
}

// Evaluations of next to nothing, 64 in a batch, and one after the other.
func BenchmarkPython(b *testing.B) {
	for _, file := range []string{"wide.py", "landscape.py"} {
		b.Run(file, func(b *testing.B) {
			s, hello, space := openBench(b, file)
			random, sent, done := rng.New(1), 0, 0
			submit := func() {
				sent++
				g, err := space.Random(random)
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Submit(engine.Assignment{Job: &engine.Job{ID: engine.ID(sent), Genome: g, Budget: 1}, Attempt: 1}); err != nil {
					b.Fatal(err)
				}
			}
			b.ResetTimer()
			for sent < min(b.N, 2*hello.Slots) {
				submit()
			}
			for done < b.N {
				e := <-s.Events()
				if e.Kind != engine.Finished {
					continue
				}
				if done++; sent < b.N {
					submit()
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "evaluations/s")
			closeBench(b, s)
		})
	}
}

// From the start of the plugin to the first result.
func BenchmarkPythonStart(b *testing.B) {
	for range b.N {
		s, _, space := openBench(b, "landscape.py")
		g, err := space.Random(rng.New(1))
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Submit(engine.Assignment{Job: &engine.Job{ID: 1, Genome: g, Budget: 1}, Attempt: 1}); err != nil {
			b.Fatal(err)
		}
		for e := range s.Events() {
			if e.Kind == engine.Finished {
				break
			}
		}
		b.StopTimer()
		closeBench(b, s)
		b.StartTimer()
	}
}
