// Command testplugin is an evaluator and a strategy that misbehave on request:
// the host's tests run it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/genome/rng"
	"github.com/nascent-nas/nascent/plugins/sdk"
)

func main() {
	switch mode := os.Getenv("TESTPLUGIN"); {
	case mode == "raw":
		serveRaw()
		return
	case strings.HasPrefix(mode, "version="):
		fmt.Printf("1|%s|unix|/nowhere|grpc|\n", strings.TrimPrefix(mode, "version="))
		select {}
	case mode == "mute":
		fmt.Fprintln(os.Stderr, "I will not talk to you")
		os.Exit(7)
	}
	fmt.Println("garbage before the handshake")
	sdk.Serve(sdk.Plugin{Evaluator: evaluator(), Strategy: &strategy{}, Name: "testplugin", Version: "3"})
}

type options struct {
	Slots  int    `json:"slots"`
	Data   string `json:"data"`
	Refuse bool   `json:"refuse"`
	Once   string `json:"once"` // a file: the process exits in Open unless it is there, and makes it
	Dead   string `json:"dead"` // a file: the process exits in Open if it is there
	Quiet  bool   `json:"quiet"`
}

func evaluator() *sdk.EvaluatorPlugin {
	return &sdk.EvaluatorPlugin{
		Name: "testplugin", Version: "3", Tests: true, Operational: []string{"quiet"},
		Tasks: []engine.Task{engine.Train, engine.Score},
		Metrics: []engine.Metric{
			{Name: "accuracy", Goal: engine.Maximize},
			{Name: "seconds", Unit: "s", Measured: true},
			{Name: "pid", Measured: true},
		},
		Open: func(setup *sdk.Setup) error {
			var o options
			if err := setup.Decode(&o); err != nil {
				return err
			}
			if o.Refuse {
				return sdk.BadOption("refuse", "it is true: make it false")
			}
			if o.Dead != "" {
				if _, err := os.Stat(o.Dead); err == nil {
					fmt.Fprintln(os.Stderr, "cannot find my data")
					os.Exit(4)
				}
			}
			setup.Slots, setup.Data, setup.Splits = o.Slots, o.Data, "made up"
			return nil
		},
		Evaluate: evaluate,
	}
}

var (
	mu      sync.Mutex
	running int
	changed = sync.NewCond(&mu)
)

func count(by int) {
	mu.Lock()
	defer mu.Unlock()
	running += by
	changed.Broadcast()
}

// until waits for n jobs to run.
func until(n int) {
	mu.Lock()
	defer mu.Unlock()
	for running < n {
		changed.Wait()
	}
}

func evaluate(job *sdk.Job) (sdk.Result, error) {
	count(1)
	defer count(-1)
	good := sdk.Result{Metrics: sdk.Metrics{"accuracy": 0.5, "pid": float64(os.Getpid())}}
	switch do := job.String("do"); do {
	case "ok":
		return good, nil
	case "wait":
		<-job.Context().Done()
		return good, job.Context().Err()
	case "crash":
		fmt.Fprintln(os.Stderr, "out of cheese")
		os.Exit(3)
	case "crash3":
		until(3)
		fmt.Fprintln(os.Stderr, "out of cheese")
		os.Exit(3)
	case "crashpanic":
		go panic("in another goroutine")
		select {}
	case "hang":
		select {}
	case "panic":
		var m map[string]int
		m["x"] = 1
	case "fail":
		return sdk.Result{}, errors.New("no luck\ntoday")
	case "invalid":
		return sdk.Result{}, sdk.Invalid("channels are %d", 0)
	case "returned":
		return sdk.Result{}, sdk.Returned("no room")
	case "gene":
		job.Float("nothing.here")
	case "noise":
		fmt.Println("garbage\x00\xff on stdout")
		syscall.Write(1, []byte(strings.Repeat("x", 1<<20)))
		fmt.Fprint(os.Stderr, strings.Repeat("y", 1<<20)+"\n")
		return good, nil
	case "curve":
		name := strings.Repeat("n", 1000)
		for i := range 5 << 10 {
			job.Report(float64(i), sdk.Metrics{name: float64(i)})
		}
		return good, nil
	case "output":
		good.Output = make([]byte, 5<<20)
		return good, nil
	case "nan":
		good.Metrics["accuracy"] = math.NaN()
		return good, nil
	case "unknown":
		good.Metrics["surprise"] = 1
		return good, nil
	case "missing":
		delete(good.Metrics, "accuracy")
		return good, nil
	case "burn":
		large := bytes.Repeat([]byte("x"), 128<<20)
		for began := burnt(); burnt()-began < 20e6; {
			large[len(large)-1]++
		}
		return good, nil
	case "knows":
		good.Usage = engine.Usage{CPU: 1.5, Memory: 2, GPUMemory: 3}
		return good, nil
	case "stop":
		for i := 1; i <= 10; i++ {
			job.Report(float64(i), sdk.Metrics{"accuracy": 0.1})
			if err := job.Context().Err(); err != nil {
				return sdk.Result{}, err
			}
		}
		return good, nil
	case "files":
		path := filepath.Join(job.Scratch(), "weights")
		content := fmt.Sprint("weights of ", job.ID)
		if from, ok := job.Resume(); ok {
			b, err := os.ReadFile(from)
			if err != nil {
				return sdk.Result{}, err
			}
			content += " after " + string(b)
			if job.ResumedOwn() {
				content += " (own)"
			}
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return sdk.Result{}, err
		}
		good.Files = map[string]string{"checkpoint": path}
		return good, nil
	case "save":
		<-job.Context().Done()
		if job.Saving() {
			path := filepath.Join(job.Scratch(), "half")
			if err := os.WriteFile(path, []byte("half of it"), 0o600); err != nil {
				return sdk.Result{}, err
			}
			if err := job.Save("checkpoint", path); err != nil {
				return sdk.Result{}, err
			}
		}
		return sdk.Result{}, job.Context().Err()
	case "fork", "forkhang":
		var pids []int
		for _, leave := range []bool{false, true} {
			cmd := exec.Command("sleep", "3600")
			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr // they hold the pipes, too
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: leave}
			if err := cmd.Start(); err != nil {
				return sdk.Result{}, err
			}
			pids = append(pids, cmd.Process.Pid)
		}
		good.Output, _ = json.Marshal(append(pids, os.Getpid()))
		if do == "forkhang" {
			job.Report(1, sdk.Metrics{"a": float64(pids[0]), "b": float64(pids[1]), "c": float64(os.Getpid())})
			select {}
		}
		return good, nil
	case "environment":
		good.Output = []byte(strings.Join(os.Environ(), "\n"))
		return good, nil
	case "tree":
		b, err := json.Marshal(job.Genes)
		good.Output = append(b, []byte(fmt.Sprintf(" %s %d %v %s %s", job.Text, job.Seed, job.Budget, job.Task, job.Tag))...)
		return good, err
	default:
		return sdk.Result{}, fmt.Errorf("do not know how to %s", do)
	}
	return good, nil
}

// strategy draws random genomes, counts what it sees, and dies where told to.
// burnt are nanoseconds of processors that this process has used.
func burnt() int64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return r.Utime.Nano() + r.Stime.Nano()
}

type strategy struct {
	setup  engine.Setup
	option struct {
		Need    string `json:"need"`
		DieAt   uint64 `json:"die_at"` // the turn in which the process exits, if not 0
		Mark    string `json:"mark"`   // a file: die only if it is not there, and make it
		FailAt  uint64 `json:"fail_at"`
		PanicAt uint64 `json:"panic_at"`
		HangAt  uint64 `json:"hang_at"`
		StopAt  uint64 `json:"stop_at"` // the process stops itself, as Ctrl-Z does; with Mark, once
		Diary   bool   `json:"diary"`   // a file holds the turns that were taken
	}
}

func (s *strategy) Open(_ context.Context, setup engine.Setup) ([]byte, engine.Needs, error) {
	s.setup = setup
	if err := (&sdk.Setup{Options: setup.Options}).Decode(&s.option); err != nil {
		return nil, engine.Needs{}, err
	}
	return []byte("new"), engine.Needs{History: engine.HistoryNeed(s.option.Need), Batch: 1}, nil
}

func (s *strategy) Step(ctx context.Context, state []byte, turn engine.Turn) (engine.Decision, error) {
	o := s.option
	if turn.N != 0 && (turn.N == o.DieAt || turn.N == o.StopAt) {
		if _, err := os.Stat(o.Mark); o.Mark == "" || err != nil {
			if o.Mark != "" {
				os.WriteFile(o.Mark, nil, 0o600)
			}
			if turn.N == o.StopAt {
				syscall.Kill(os.Getpid(), syscall.SIGSTOP)
				select {}
			}
			fmt.Fprintln(os.Stderr, "the strategy trips")
			os.Exit(5)
		}
	}
	switch {
	case turn.N == o.FailAt && turn.N != 0:
		return engine.Decision{}, errors.New("cannot decide")
	case turn.N == o.PanicAt && turn.N != 0:
		panic("at a loss")
	case turn.N == o.HangAt && turn.N != 0:
		<-ctx.Done()
		return engine.Decision{}, ctx.Err()
	}
	d := engine.Decision{State: fmt.Appendf(nil, "%s+%d", state, turn.N),
		Note: fmt.Sprintf("history %d, results %d", turn.History.Len(), len(turn.Results))}
	if o.Diary {
		var err error
		if d.Files, err = s.write(turn); err != nil {
			return engine.Decision{}, err
		}
		d.State = []byte(d.Files[0].Hash)
	}
	var sum float64
	for c := range engine.All(turn.History) {
		v, _ := c.Metrics.Get("accuracy")
		sum += v
		if o.Need == string(engine.NeedAll) {
			curve, err := turn.History.Curve(c.ID)
			if err != nil {
				return d, err
			}
			sum += float64(len(curve))
		}
		if c.Genome.IsZero() {
			return d, fmt.Errorf("candidate %s has no genome", c.ID)
		}
	}
	d.Note += fmt.Sprintf(", sum %v", sum)
	r := rng.New(turn.Seed)
	for i := range turn.Want {
		p := engine.Proposal{Operator: engine.OpRandom}
		if i%2 == 1 {
			g, err := s.setup.Space.Random(r)
			if err != nil {
				return d, err
			}
			p = engine.Proposal{Genome: g, Tag: "own",
				Stop: &engine.StopRule{Metric: "accuracy", Goal: engine.Maximize, Step: 1, Threshold: 0.5}}
		}
		d.Proposals = append(d.Proposals, p)
	}
	return d, nil
}

// write adds a line to the diary that the decision before left behind.
func (s *strategy) write(turn engine.Turn) ([]engine.FileRef, error) {
	var diary []byte
	for _, f := range turn.Files {
		path, err := s.setup.Files.Path(f.Hash)
		if err != nil {
			return nil, err
		}
		if diary, err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(s.setup.Files.Temp(), "diary")
	if err := os.WriteFile(path, fmt.Appendf(diary, "%d\n", turn.N), 0o600); err != nil {
		return nil, err
	}
	ref, err := s.setup.Files.Put(path, "diary")
	return []engine.FileRef{ref}, err
}
