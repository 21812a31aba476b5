package place_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nascent-nas/nascent/fleet/place"
	"github.com/nascent-nas/nascent/fleet/place/placetest"
	"github.com/nascent-nas/nascent/fleet/place/raytest"
)

// onRay is a placer on a cluster, that has its token.
func onRay(c *raytest.Cluster) func() place.Placer {
	return func() place.Placer { return place.RayIn(c.Address, []string{"RAY_AUTH_TOKEN=" + raytest.Token}) }
}

func TestRay(t *testing.T) {
	t.Parallel()
	placetest.Run(t, "", onRay(raytest.Start(t, 0)))
}

// await asks until what is placed is as it should be.
func await(t *testing.T, p place.Placer, search string, is func([]place.Placed) bool) []place.Placed {
	t.Helper()
	for {
		all, err := p.List(t.Context(), search)
		must(t, err)
		if is(all) {
			return all
		}
	}
}

// file waits for what a host leaves in the search's directory.
func file(t *testing.T, w place.Work, name string) string {
	t.Helper()
	for {
		if b, err := os.ReadFile(filepath.Join(w.Dir, name)); err == nil && len(b) > 0 {
			return strings.TrimSpace(string(b))
		}
		must(t, t.Context().Err())
	}
}

// Hosts get their share of the GPUs; who finds no room waits, and says for what.
func TestRayShares(t *testing.T) {
	t.Parallel()
	p := onRay(raytest.Start(t, 1))()
	w := work(t, waiting)
	w.GPUs, w.Cores, w.Memory = 0.5, 2, 3<<30
	stopped(t, p, w.Search)
	must(t, p.Place(t.Context(), w, 3))
	all, err := p.List(t.Context(), w.Search)
	must(t, err)
	if len(all) != 3 || all[0].State != place.Running || all[0].Where != "127.0.0.2" || all[2].State != place.Pending ||
		all[2].Reason != "for a node with 2 CPU, 0.5 GPU, 3.0 GiB of memory free, or for its start there" {
		t.Fatalf("placed is %+v", all)
	}
	must(t, p.Stop(t.Context(), w.Search, all[0].ID))
	left := await(t, p, w.Search, func(all []place.Placed) bool { return len(all) == 2 && all[1].State == place.Running })
	if left[0].ID != all[1].ID || left[1].ID != all[2].ID {
		t.Errorf("left is %+v", left)
	}
}

// A host whose actor is killed ends, and another takes its place; one that is killed itself
// is started again.
func TestRayKills(t *testing.T) {
	t.Parallel()
	c := raytest.Start(t, 0)
	p := onRay(c)()
	w := work(t, "")
	program := "#!/bin/sh\ncd " + w.Dir + "\ntrap 'echo ended >ended; kill $!; exit 0' TERM\necho again >>started\n" +
		"[ $(wc -l <started) -gt 1 ] || kill -KILL $$\nsleep 100000 & wait\n"
	must(t, os.WriteFile(w.Program, []byte(program), 0o755))
	stopped(t, p, w.Search)
	must(t, p.Place(t.Context(), w, 1))
	for file(t, w, "started") != "again\nagain" {
	}
	all, err := p.List(t.Context(), w.Search)
	must(t, err)
	c.Kill(all[0].ID)
	for file(t, w, "ended") != "ended" || file(t, w, "started") != "again\nagain\nagain" {
	}
	if now, err := p.List(t.Context(), w.Search); err != nil || len(now) != 1 || now[0].ID != all[0].ID {
		t.Errorf("placed is %+v, %v", now, err)
	}
}

// Programs travel once. What a host printed last comes back when it has ended.
func TestRayWords(t *testing.T) {
	t.Parallel()
	c := raytest.Start(t, 0)
	w := work(t, `echo "host of $3"; ./nascent-plugins; exit 3`)
	must(t, os.WriteFile(filepath.Join(filepath.Dir(w.Program), "nascent-plugins"), []byte("#!/bin/sh\necho beside\n"), 0o755))
	w.Args = []string{"a search"}
	for range 2 {
		p := onRay(c)()
		must(t, p.Place(t.Context(), w, 1))
		await(t, p, w.Search, func(all []place.Placed) bool { return len(all) == 0 })
	}
	logs, err := filepath.Glob(filepath.Join(w.Dir, "*.log"))
	if err != nil || len(logs) != 2 {
		t.Fatalf("there are %v, %v", logs, err)
	}
	if b, err := os.ReadFile(logs[0]); err != nil || string(b) != "host of a search\nbeside\n" {
		t.Errorf("it said %q, %v", b, err)
	}
	if n := c.Packages(); n != 1 {
		t.Errorf("%d packages have come", n)
	}
}

// What goes wrong is one line, with what to do.
func TestRayRefusals(t *testing.T) {
	t.Parallel()
	full := raytest.Start(t, 0)
	full.Limit = 1000
	another := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(another.Close)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }))
	t.Cleanup(page.Close)
	secret := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(secret, []byte(raytest.Token+"\n"), 0o600))
	for _, c := range []struct {
		address, env, want string
		refused            bool
	}{
		{full.Address, "", ": it wants a token (401); set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH to the file that it is in", true},
		{full.Address, "RAY_AUTH_TOKEN=x", ": it does not take this token (403); set RAY_AUTH_TOKEN to the cluster's", true},
		{full.Address, "RAY_AUTH_TOKEN_PATH=/nowhere", "the token of Ray cannot be read: open /nowhere: no such file or directory; set RAY_AUTH_TOKEN_PATH", true},
		{full.Address, "RAY_AUTH_TOKEN_PATH=" + secret, ": the programs of nascent are too large for Ray (0 MiB of at most 100)", true},
		{another.URL, "", ": there is no /api/version (404); write the address of Ray's dashboard, http://HOST:8265", true},
		{page.URL, "", " does not answer as Ray's dashboard does; write its address", true},
		{"http://127.0.0.1:1", "", " does not answer (connect: connection refused); is it Ray's dashboard", false},
		{"ray://127.0.0.1:10001", "", `address: "ray://127.0.0.1:10001" is not where Ray's dashboard answers; write http://HOST:8265`, true},
	} {
		p := place.RayIn(c.address, []string{c.env})
		w := work(t, waiting)
		err := p.Place(t.Context(), w, 1)
		if err == nil || !strings.HasPrefix(strings.TrimPrefix(err.Error(), c.address), c.want) || strings.Contains(err.Error(), "\n") ||
			oneRefusal(err) != c.refused {
			t.Errorf("%s %s: got  %v\nwant %s...", c.address, c.env, err, c.want)
		}
	}
	// A job that fails says why.
	c := raytest.Start(t, 0)
	w := work(t, waiting)
	c.Breaks("ModuleNotFoundError: No module named 'ray'")
	err := onRay(c)().Place(t.Context(), w, 1)
	want := c.Address + ": the job that starts hosts has failed: ModuleNotFoundError: No module named 'ray'; start Ray with its virtual environment activated"
	if err == nil || !strings.HasPrefix(err.Error(), want) || !oneRefusal(err) {
		t.Errorf("got  %v\nwant %s...", err, want)
	}
	if err := onRay(c)().Stop(t.Context(), w.Search); err != nil {
		t.Errorf("nothing was placed: %v", err)
	}
}
