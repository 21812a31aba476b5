package command

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/nascent-nas/nascent/fleet"
)

// A host names the GPUs that it may use.
func TestGPUs(t *testing.T) {
	t.Parallel()
	const list = "0, GPU-aa11, NVIDIA A100-SXM4-80GB\n1, GPU-bb22, NVIDIA A100-SXM4-80GB\n2, GPU-cc33, Tesla T4\nno devices\n"
	for _, c := range []struct {
		visible string
		limited bool
		want    string
	}{
		{"", false, "2 NVIDIA A100-SXM4-80GB, Tesla T4"},
		{"", true, ""},
		{"2", true, "Tesla T4"},
		{"GPU-cc, 0", true, "NVIDIA A100-SXM4-80GB, Tesla T4"},
		{"GPU-", true, "2 NVIDIA A100-SXM4-80GB, Tesla T4"},
		{"NoDevFiles", true, ""},
	} {
		if got := counted(gpusOf(list, c.visible, c.limited)); got != c.want {
			t.Errorf("CUDA_VISIBLE_DEVICES=%q, %v: %q, not %q", c.visible, c.limited, got, c.want)
		}
	}
}

// A search listens where it did, and elsewhere if somebody else does that by now.
func TestListenAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ticket.json")
	first, err := listenAgain("127.0.0.1:0", path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	keys, err := fleet.NewKeys()
	if err == nil {
		err = keys.Ticket(first.Addr().String()).Write(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	// Nobody else has this port at another address, so it is free there.
	_, port, _ := net.SplitHostPort(first.Addr().String())
	again, err := listenAgain("127.0.0.9:0", path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := again.Addr().String(); got != "127.0.0.9:"+port {
		t.Errorf("it listens at %s, and listened at port %s", got, port)
	}
	other, err := listenAgain("127.0.0.1:0", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if other.Addr().String() == first.Addr().String() {
		t.Error("two listen at one address")
	}
}
