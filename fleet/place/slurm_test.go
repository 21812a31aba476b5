package place_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nascent-nas/nascent/fleet/place"
	"github.com/nascent-nas/nascent/fleet/place/placetest"
	"github.com/nascent-nas/nascent/fleet/place/slurmtest"
)

// Slurm itself, emulated on this machine.
func TestSlurm(t *testing.T) {
	t.Parallel()
	c := slurmtest.Start(t, 4)
	p := place.SlurmIn(c.Env())
	t.Run("contract", func(t *testing.T) {
		placetest.Run(t, "conformance-", func() place.Placer { return place.SlurmIn(c.Env()) })
	})

	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	text := "#!/bin/sh\necho until=$NASCENT_UNTIL node=$SLURMD_NODENAME cores=$SLURM_CPUS_PER_TASK memory=$SLURM_MEM_PER_NODE\n" +
		"scontrol show job \"$SLURM_JOB_ID\" | grep -E 'Partition|TresPerNode|Requeue|Reason|EndTime'\nprintenv PASSED\n"
	if err := os.WriteFile(program, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	work := place.Work{Search: "a", Program: program, Ticket: filepath.Join(dir, "100% ticket"), Dir: dir}
	t.Run("what a host gets", func(t *testing.T) {
		w := work
		w.GPUs, w.Cores, w.Memory, w.Options = 0.3, 2, 1<<30, `-p short --time=5 --comment="two words" --export=ALL,PASSED=on`
		said := printed(t, p, w)
		for _, want := range []string{"until=1", "cores=2", "memory=1024", "Partition=short", "shard:2", "Requeue=1", "\non\n"} {
			if !strings.Contains(said, want) {
				t.Errorf("it has no %q:\n%s", want, said)
			}
		}
	})
	t.Run("GPUs of the user's own", func(t *testing.T) {
		w := work
		w.Search, w.Dir, w.GPUs, w.Options = "b", t.TempDir(), 1, "--gres=shard:3"
		if said := printed(t, p, w); !strings.Contains(said, "shard:3") || strings.Contains(said, "gpu:1") {
			t.Error(said)
		}
	})
	t.Run("mistakes", func(t *testing.T) {
		for options, want := range map[string]string{
			"--partition=gpux": "sbatch: invalid partition specified: gpux: Invalid partition name specified; sinfo lists the partitions",
			"--gres=gpu:9":     "sbatch: Requested node configuration is not available; no node has so much: ask for fewer gpus",
			"--gres=tpu:1":     "sbatch: Invalid generic resource (gres) specification; sinfo -o",
			"--mem=99T":        "sbatch: Memory specification can not be satisfied: Requested node",
			"--time=soon":      "sbatch: Invalid --time specification; write --time=12:00:00",
			"--partitoin=main": "sbatch: unrecognized option '--partitoin=main'; man sbatch lists the options",
			"partition=main":   "sbatch: Unable to open file partition=main; each option begins with a dash",
			"--array=0-3":      "--array cannot be passed on: fleet.hosts says how many there are; leave it out",
			`--comment="half`:  "its quotes do not match; close each of them",
			"-M other":         "-M cannot be passed on",
		} {
			w := work
			w.Search, w.Options = "c", options
			err := p.Place(t.Context(), w, 2)
			if refusal := (*place.Refusal)(nil); !errors.As(err, &refusal) || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v, want %s", options, err, want)
			}
		}
		if all, err := p.List(t.Context(), "c"); err != nil || len(all) > 0 {
			t.Errorf("%+v, %v", all, err)
		}
	})
	t.Run("a node is lost", func(t *testing.T) {
		w := work
		w.Search, w.Program = "d", filepath.Join(t.TempDir(), "rest")
		if err := os.WriteFile(w.Program, []byte("#!/bin/sh\nexec sleep 100000\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := p.Place(t.Context(), w, 1); err != nil {
			t.Fatal(err)
		}
		running := func(x place.Placed) bool { return x.State == place.Running }
		before := one(t, p, w.Search, running)
		c.KillNode(before.Where) // it waits then, for a time that the site sets, or runs elsewhere
		after := one(t, p, w.Search, func(x place.Placed) bool { return x.Where != before.Where })
		if after.ID != before.ID {
			t.Errorf("%+v became %+v", before, after)
		}
		c.StartNode(before.Where)
		if err := p.Stop(t.Context(), w.Search); err != nil {
			t.Error(err)
		}
	})
}

// one waits until the one host of a search is as it should be.
func one(t *testing.T, p place.Placer, search string, is func(place.Placed) bool) place.Placed {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < 3*time.Minute; time.Sleep(200 * time.Millisecond) {
		all, err := p.List(t.Context(), search)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 1 && is(all[0]) {
			return all[0]
		}
	}
	t.Fatal("the host is not as it should be")
	return place.Placed{}
}

// printed is what one host printed until its end.
func printed(t *testing.T, p place.Placer, w place.Work) string {
	t.Helper()
	if err := p.Place(t.Context(), w, 1); err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < 3*time.Minute; time.Sleep(200 * time.Millisecond) {
		all, err := p.List(t.Context(), w.Search)
		if err != nil {
			t.Fatal(err)
		}
		logs, _ := filepath.Glob(filepath.Join(w.Dir, "*.log"))
		if len(all) == 0 && len(logs) == 1 {
			b, err := os.ReadFile(logs[0])
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	}
	t.Fatal("the host does not end")
	return ""
}

// Where there is no Slurm, it is said at once.
func TestSlurmIsNotThere(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("squeue"); err == nil {
		t.Skip("Slurm is installed here")
	}
	_, err := place.Slurm().List(t.Context(), "a")
	if err == nil || err.Error() != "squeue is not on the PATH; run nascent on a machine from which jobs are submitted to Slurm" {
		t.Error(err)
	}
}
