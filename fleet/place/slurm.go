package place

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Slurm places hosts as the tasks of job arrays, through the commands of Slurm: 20.11 and
// later. A job has the name nascent-SEARCH, and what it prints goes to Dir. It is requeued
// when it is preempted, or its node fails, and gets SIGTERM a minute before its time is
// over, which NASCENT_UNTIL says to the host in Unix seconds.
//
// Options are those of sbatch. GPUs below one are taken of the generic resource shard, or
// mps, that the site shares its GPUs by.
func Slurm() Placer { return SlurmIn(os.Environ()) }

// SlurmIn is Slurm as its commands find it in an environment.
func SlurmIn(env []string) Placer { return &slurm{env: env} }

type slurm struct {
	env []string // of the commands
}

// Slurm's default is arrays of at most 1001.
const maxArray = 1000

// Place implements Placer.
func (s *slurm) Place(ctx context.Context, w Work, n int) error {
	options, err := words(w.Options)
	if err != nil {
		return &Refusal{"its quotes do not match", "close each of them"}
	}
	args := []string{"--requeue", "--signal=B:TERM@60", "--open-mode=append", "--nodes=1", "--ntasks=1"}
	for _, o := range options {
		if name, why := reserved(o); why != "" {
			return &Refusal{name + " cannot be passed on: " + why, "leave it out"}
		}
	}
	if w.GPUs > 0 && !slices.ContainsFunc(options, asksForGPUs) {
		gres, err := s.gpus(ctx, w.GPUs)
		if err != nil {
			return err
		}
		args = append(args, "--gres="+gres)
	}
	if w.Cores > 0 {
		args = append(args, fmt.Sprintf("--cpus-per-task=%d", w.Cores))
	}
	if w.Memory > 0 {
		args = append(args, fmt.Sprintf("--mem=%dM", (w.Memory+1<<20-1)>>20))
	}
	args = append(args, options...)
	logs := strings.ReplaceAll(filepath.Join(w.Dir, "%A_%a.log"), "%", "%%")
	logs = strings.Replace(logs, "%%A_%%a.log", "%A_%a.log", 1)
	for n > 0 {
		k := min(n, maxArray)
		_, err := s.run(ctx, script(w), "sbatch", append(args, "--parsable", "--job-name="+jobName(w.Search), "--output="+logs,
			fmt.Sprintf("--array=0-%d", k-1))...)
		if err != nil {
			return err
		}
		n -= k
	}
	return nil
}

func jobName(search string) string { return "nascent-" + search }

// reserved tells why an option is not passed on.
func reserved(option string) (name, why string) {
	name, _, _ = strings.Cut(option, "=")
	if !strings.HasPrefix(name, "--") && len(name) > 2 {
		name = name[:2] // -M cluster, written as one word
	}
	switch name {
	case "-a", "--array":
		return name, "fleet.hosts says how many there are"
	case "-J", "--job-name":
		return name, "hosts are found again by it"
	case "-o", "--output":
		return name, "what a host prints goes to the search's directory"
	case "-M", "--clusters":
		return name, "hosts would not be found again; set SLURM_CLUSTERS in the environment"
	case "--wrap", "-W", "--wait", "--test-only", "-h", "--help", "-V", "--version", "--usage":
		return name, "it starts no host"
	}
	return "", ""
}

// asksForGPUs tells that the user says how GPUs are asked for.
func asksForGPUs(option string) bool {
	name, _, _ := strings.Cut(option, "=")
	return name == "--gres" || name == "--gpus" || strings.HasPrefix(name, "--gpus-per-") || strings.HasPrefix(option, "-G")
}

// gpus is how so many GPUs are asked for. A share is one of what the site divides its GPUs
// into, rounded up.
func (s *slurm) gpus(ctx context.Context, gpus float64) (string, error) {
	if gpus >= 1 {
		return fmt.Sprintf("gpu:%d", int(gpus)), nil
	}
	out, err := s.run(ctx, "", "sinfo", "-h", "-o", "%G")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		whole := resources(line, "gpu")
		for _, name := range []string{"shard", "mps"} {
			if parts := resources(line, name); whole > 0 && parts > 0 {
				return fmt.Sprintf("%s:%d", name, max(1, int(math.Ceil(gpus*float64(parts)/float64(whole)-1e-9)))), nil
			}
		}
	}
	return "", &Refusal{fmt.Sprintf("gpus: %g cannot be had, since this Slurm shares no GPU (it has neither shard nor mps: sinfo -o %%G)", gpus),
		"write gpus: 1, and slots: for how many jobs share it"}
}

var resource = regexp.MustCompile(`\([^)]*\)`) // (S:0-1), (IDX:0,1)

// resources counts a generic resource in what sinfo says of a node: "gpu:a100:4(S:0-1),shard:16".
func resources(gres, name string) (n int) {
	for part := range strings.SplitSeq(resource.ReplaceAllString(strings.TrimSpace(gres), ""), ",") {
		if fields := strings.Split(part, ":"); fields[0] == name {
			if k, err := strconv.Atoi(fields[len(fields)-1]); err == nil {
				n += k
			}
		}
	}
	return n
}

// script is what Slurm runs. The host takes the shell's place, so that it gets its signals.
func script(w Work) string {
	command := []string{quote(w.Program), "host", quote(w.Ticket)}
	for _, a := range w.Args {
		command = append(command, quote(a))
	}
	return "#!/bin/bash -l\n# A host of a search of nascent.\n" + before(w) +
		`until=$SLURM_JOB_END_TIME
[ -n "$until" ] || until=$(SLURM_TIME_FORMAT=%s squeue -h -j "$SLURM_JOB_ID" -o %e 2>/dev/null)
case $until in '' | *[!0-9]*) ;; *) export NASCENT_UNTIL=$until ;; esac
exec ` + strings.Join(command, " ") + " </dev/null\n"
}

// List implements Placer.
func (s *slurm) List(ctx context.Context, search string) ([]Placed, error) {
	out, err := s.run(ctx, "", "squeue", "-h", "-r", fmt.Sprintf("--user=%d", os.Getuid()), "--name="+jobName(search), "-o", "%i|%T|%N|%r")
	if err != nil {
		return nil, err
	}
	var all []Placed
	for line := range strings.Lines(out) {
		f := strings.SplitN(strings.TrimSpace(line), "|", 4)
		if len(f) < 4 || f[0] == "" || f[0][0] < '0' || f[0][0] > '9' {
			continue // what a site's Slurm says besides
		}
		p := Placed{ID: f[0], State: Running, Where: f[2]}
		switch f[1] {
		case "COMPLETING", "COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY", "REVOKED":
			continue
		case "PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT":
			p.State = Pending
			if f[3] != "None" {
				p.Reason = f[3]
			}
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b Placed) int {
		a1, a2 := numbers(a.ID)
		b1, b2 := numbers(b.ID)
		return cmp.Or(a1-b1, a2-b2)
	})
	return all, nil
}

// numbers are those of a task: of its array, and within that.
func numbers(id string) (array, task int) {
	a, t, _ := strings.Cut(id, "_")
	array, _ = strconv.Atoi(a)
	task, _ = strconv.Atoi(t)
	return array, task
}

// Stop implements Placer. Some hosts that run get SIGTERM themselves, and not the programs
// that they have started: those are asked to save.
func (s *slurm) Stop(ctx context.Context, search string, ids ...string) error {
	if len(ids) == 0 {
		_, err := s.run(ctx, "", "scancel", "--name="+jobName(search), fmt.Sprintf("--user=%d", os.Getuid()))
		return err
	}
	all, err := s.List(ctx, search)
	if err != nil {
		return err
	}
	var wait, run []string
	for _, p := range all {
		switch {
		case !slices.Contains(ids, p.ID):
		case p.State == Pending:
			wait = append(wait, p.ID)
		default:
			run = append(run, p.ID)
		}
	}
	cancel := func(ids []string, how ...string) error {
		if len(ids) == 0 {
			return nil
		}
		_, err := s.run(ctx, "", "scancel", append(how, ids...)...)
		if err != nil && slices.ContainsFunc(hasEnded, func(says string) bool { return strings.Contains(strings.ToLower(err.Error()), says) }) {
			return nil
		}
		return err
	}
	if err := cancel(wait); err != nil {
		return err
	}
	return cancel(run, "--batch", "--signal=TERM")
}

// hasEnded is what scancel says of a job that has ended meanwhile.
var hasEnded = []string{"invalid job id specified", "already completing or completed"}

// run runs a command of Slurm, and says on one line what was wrong with it.
func (s *slurm) run(ctx context.Context, input, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env, c.Stdin, c.WaitDelay = clean(s.env), strings.NewReader(input), time.Second
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	err := c.Run()
	switch {
	case err == nil:
		return out.String(), nil
	case errors.Is(err, exec.ErrNotFound):
		return "", &Refusal{name + " is not on the PATH", "run nascent on a machine from which jobs are submitted to Slurm"}
	case context.Cause(ctx) != nil:
		return "", fmt.Errorf("%s: Slurm does not answer (%w)", name, context.Cause(ctx))
	}
	return "", complaint(name, said.String(), err)
}

// clean is an environment without what belongs to a job that this process may be, or says
// how people want to see Slurm.
func clean(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		if name == "SLURM_CONF" || name == "SLURM_CLUSTERS" {
			return false
		}
		return strings.HasPrefix(name, "SLURM_") || strings.HasPrefix(name, "SQUEUE_") || strings.HasPrefix(name, "SCANCEL_") ||
			strings.HasPrefix(name, "SINFO_") || name == "NASCENT_UNTIL"
	})
}

// What Slurm says, and what to do then. Without a remedy it is worth another try.
var complaints = []struct{ says, remedy string }{
	{"unable to contact slurm controller", ""},
	{"socket timed out", ""},
	{"temporarily", ""},
	{"connection refused", ""},
	{"unable to process configuration file", "set SLURM_CONF to the site's slurm.conf, or run nascent where that is done"},
	{"could not establish a configuration source", "run nascent on a machine from which jobs are submitted to Slurm"},
	{"invalid partition", "sinfo lists the partitions"},
	{"invalid account", "sacctmgr show associations user=$USER lists your accounts"},
	{"invalid qos", "sacctmgr show qos lists them"},
	{"generic resource", "sinfo -o '%P %G' lists what each partition has; write gpus: or --gres= accordingly"},
	{"node configuration is not available", "no node has so much: ask for fewer gpus, cores or less memory, or for another partition"},
	{"time limit", "sinfo -o '%P %l' lists what each partition allows; write --time= accordingly"},
	{"--time", "write --time=12:00:00"},
	{"accounting/qos policy", "ask for fewer hosts, or write another --qos, --account or --time"},
	{"unrecognized option", "man sbatch lists the options"},
	{"invalid option", "man sbatch lists the options"},
	{"unable to open file", "each option begins with a dash: --partition=gpu"},
}

// complaint makes one line of what a command said.
func complaint(name, said string, err error) error {
	var lines []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		for _, prefix := range []string{name + ": ", "error: ", "fatal: ", "Batch job submission failed: "} {
			line = strings.TrimPrefix(line, prefix)
		}
		if line != "" && !strings.HasPrefix(line, "Try \"") && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	text := name + ": " + strings.Join(lines, ": ")
	if len(lines) == 0 {
		text = name + ": " + err.Error()
	}
	for _, c := range complaints {
		if !strings.Contains(strings.ToLower(text), c.says) {
			continue
		}
		if c.remedy == "" {
			return errors.New(text)
		}
		return &Refusal{text, c.remedy}
	}
	if name != "sbatch" {
		return errors.New(text)
	}
	return &Refusal{text, "try what it takes by: sbatch OPTIONS --wrap hostname"}
}
