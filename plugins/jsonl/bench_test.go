package jsonl

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/enginetest"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/genome/network/networktest"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/host"
)

// bench is a Python evaluator in the processes of a search.
type bench struct {
	*testing.B
	engine.Session
	hello engine.Hello
	space *genome.Space
	rng   *rng.Rand
	next  engine.ID
}

func openBench(b *testing.B, file string, workers int) *bench {
	b.Helper()
	return openBenchOf(b, genome.MustParseSpace(enginetest.Numbers), file, workers)
}

func openBenchOf(b *testing.B, space *genome.Space, file string, workers int) *bench {
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
	out := &bench{B: b, space: space, rng: rng.New(1)}
	out.Session, out.hello, err = host.Evaluator(p, host.Options{SearchID: b.Name()}).Open(context.Background(),
		engine.EvaluatorSetup{Space: out.space, Workers: workers, Options: json.RawMessage(`{}`), Files: enginetest.Memory(b)})
	if err != nil {
		b.Fatal(err)
	}
	return out
}

func (b *bench) close() {
	b.Helper()
	if err := b.Session.Close(context.Background()); err != nil {
		b.Error(err)
	}
	for range b.Events() {
	}
}

// evaluate has n random genomes evaluated, as many at once as there are slots, and
// tells how many that is per second.
func (b *bench) evaluate(n int) float64 {
	b.Helper()
	begin, sent := time.Now(), 0
	submit := func() {
		sent++
		b.next++
		g, err := b.space.Random(b.rng)
		if err != nil {
			b.Fatal(err)
		}
		if err := b.Submit(engine.Assignment{Job: &engine.Job{ID: b.next, Genome: g, Budget: 1}, Attempt: 1}); err != nil {
			b.Fatal(err)
		}
	}
	for sent < min(n, b.hello.Slots) {
		submit()
	}
	for done := 0; done < n; {
		e := <-b.Events()
		if e.Kind != engine.Finished {
			continue
		}
		b.Ack(e.ID, e.Attempt)
		if done++; sent < n {
			submit()
		}
	}
	return float64(n) / time.Since(begin).Seconds()
}

// Evaluations of next to nothing, one after the other.
func BenchmarkPython(b *testing.B) {
	e := openBench(b, "landscape.py", 1)
	defer e.close()
	b.ResetTimer()
	b.ReportMetric(e.evaluate(b.N), "evaluations/s")
}

// What an evaluation of next to nothing in batches costs: processor time of the
// host, the plugin and Python. Unlike evaluations/s it hardly depends on what else the
// machine does.
func BenchmarkPythonCost(b *testing.B) {
	benchCost(b, openBench(b, "wide.py", 512), 20480)
}

// The same of architectures: most of a job is its network.
func BenchmarkPythonCostOfNetworks(b *testing.B) {
	space := networktest.Space(b, `{"network": {"input": [1, 40], "classes": 10}, "y": {"float": [0, 1]}, "stack": {"cell": {"cell":
		{"pairs": ["skip", "conv3", "conv5", "avgpool3"], "nodes": 4, "inputs": 2}}, "channels": 8, "cells": 5, "reductions": 2}}`)
	benchCost(b, openBenchOf(b, space, "wide.py", 512), 2048)
}

func benchCost(b *testing.B, e *bench, evaluations int) {
	defer e.close()
	e.evaluate(2048)
	plugin := childOf(b, os.Getpid(), "nascent-plugins")
	worker := childOf(b, plugin, "python")
	before := []time.Duration{spent(b, os.Getpid()), spent(b, plugin), spent(b, worker)}
	b.ResetTimer()
	for range b.N {
		e.evaluate(evaluations)
	}
	for i, pid := range []int{os.Getpid(), plugin, worker} {
		cost := float64((spent(b, pid) - before[i]).Microseconds()) / float64(b.N*evaluations)
		b.ReportMetric(cost, []string{"host-µs/evaluation", "plugin-µs/evaluation", "python-µs/evaluation"}[i])
	}
}

// What a unary echo by gRPC for Python costs, likewise.
func BenchmarkEchoCost(b *testing.B) {
	call := openEcho(b)
	call()
	pids := []int{os.Getpid(), childOf(b, os.Getpid(), "python")}
	before := []time.Duration{spent(b, pids[0]), spent(b, pids[1])}
	b.ResetTimer()
	const calls = 1000
	for range b.N * calls {
		call()
	}
	for i, name := range []string{"client-µs/echo", "server-µs/echo"} {
		b.ReportMetric(float64((spent(b, pids[i])-before[i]).Microseconds())/float64(b.N*calls), name)
	}
}

// childOf finds a process by its parent and the beginning of its name.
func childOf(b *testing.B, parent int, name string) int {
	b.Helper()
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range all {
		if f := stat(path); len(f) > 1 && strings.HasPrefix(f[0], name) && f[2] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			return pid
		}
	}
	b.Fatalf("there is no process %s below %d", name, parent)
	return 0
}

// spent is how much processor time a process has used, by Linux' clock of 100 Hz.
func spent(b *testing.B, pid int) time.Duration {
	b.Helper()
	f := stat(fmt.Sprintf("/proc/%d/stat", pid))
	if len(f) < 14 {
		b.Fatalf("process %d is gone", pid)
	}
	user, _ := strconv.Atoi(f[12])
	system, _ := strconv.Atoi(f[13])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// stat is a process's name and what follows it in a file /proc/PID/stat.
func stat(path string) []string {
	text, _ := os.ReadFile(path)
	_, rest, _ := strings.Cut(string(text), "(")
	i := strings.LastIndex(rest, ")")
	if i < 0 {
		return nil
	}
	return append([]string{rest[:i]}, strings.Fields(rest[i+1:])...)
}

// Evaluations of next to nothing in batches, against a unary echo by gRPC for
// Python, in turns.
func BenchmarkPythonAgainstEcho(b *testing.B) {
	call := openEcho(b)
	e := openBench(b, "wide.py", 512)
	defer e.close()
	e.evaluate(1024)
	b.ResetTimer()
	var evaluations, echoes float64
	for range b.N {
		evaluations += e.evaluate(12800) // whole batches: the last one waits for nobody
		const calls = 400
		begin := time.Now()
		for range calls {
			call()
		}
		echoes += calls / time.Since(begin).Seconds()
	}
	b.ReportMetric(evaluations/float64(b.N), "evaluations/s")
	b.ReportMetric(echoes/float64(b.N), "echoes/s")
	b.ReportMetric(evaluations/echoes, "times")
}

// openEcho starts testdata/echo.py; what it returns calls it once, with as many
// bytes as a small job has.
func openEcho(b *testing.B) func() {
	b.Helper()
	python := grpcPython()
	if python == "" {
		b.Skip("there is no python3 with grpcio here; name one with $NASCENT_GRPC_PYTHON")
	}
	socket := filepath.Join(b.TempDir(), "echo")
	cmd := exec.Command(python, "testdata/echo.py", socket)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	request := wrapperspb.Bytes(make([]byte, 250))
	return func() {
		if err := conn.Invoke(context.Background(), "/echo.Echo/Echo", request, new(wrapperspb.BytesValue)); err != nil {
			b.Fatal(err)
		}
	}
}

func grpcPython() string {
	python := os.Getenv("NASCENT_GRPC_PYTHON")
	if python == "" {
		python = "python3"
	}
	path, err := exec.LookPath(python)
	if err != nil || exec.Command(path, "-c", "import grpc").Run() != nil {
		return ""
	}
	return path
}

// From the start of the plugin to the first result.
func BenchmarkPythonStart(b *testing.B) {
	for range b.N {
		e := openBench(b, "landscape.py", 1)
		e.evaluate(1)
		b.StopTimer()
		e.close()
		b.StartTimer()
	}
}

// What a cold start of a Python strategy costs with 20,000 candidates behind it: a
// process that has nothing of the History, and its first step. Processor time of the
// host, the plugin and Python, and from the start to the decision.
func BenchmarkPythonStrategyStart(b *testing.B) {
	if _, err := exec.LookPath("python3"); err != nil {
		b.Skip("there is no python3 here")
	}
	dir, err := built()
	if err != nil {
		b.Fatal(err)
	}
	p, err := host.Find(host.KindStrategy, "../python/examples/aging.py", dir)
	if err != nil {
		b.Fatal(err)
	}
	space := networktest.Space(b, `{"network": {"input": [1, 40], "classes": 10}, "y": {"float": [0, 1]}, "stack": {"cell": {"cell":
		{"pairs": ["skip", "conv3", "conv5", "avgpool3"], "nodes": 4, "inputs": 2}}, "channels": 8, "cells": 5, "reductions": 2}}`)
	const rows = 20000
	history := tell(b, space, rows, 1)
	var cost [3]time.Duration
	b.ResetTimer()
	for range b.N {
		before := spent(b, os.Getpid())
		s := host.Strategy(p, host.Options{SearchID: b.Name()})
		state, _, err := s.Open(context.Background(), engine.Setup{
			Space: space, Objectives: []engine.Objective{{Metric: "accuracy", Goal: engine.Maximize}}, Metrics: []engine.Metric{{Name: "accuracy"}},
			Fidelities: []engine.Fidelity{{Evaluator: "e", Budget: 1}}, Order: engine.Strict, Options: json.RawMessage(`{}`),
		})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Step(context.Background(), state, engine.Turn{N: 9, Seed: 7, FirstID: rows + 1, Want: 1, History: history}); err != nil {
			b.Fatal(err)
		}
		plugin := childOf(b, os.Getpid(), "nascent-plugins")
		for i, d := range []time.Duration{spent(b, os.Getpid()) - before, spent(b, plugin), spent(b, childOf(b, plugin, "python"))} {
			cost[i] += d
		}
		if err := s.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	for i, name := range []string{"host-µs/row", "plugin-µs/row", "python-µs/row"} {
		b.ReportMetric(float64(cost[i].Microseconds())/float64(b.N*rows), name)
	}
}
