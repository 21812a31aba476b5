package jsonl

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// A process that is killed cannot remove its temporary files, such as the sockets
// of Python's multiprocessing. So each gets a directory for them where the host
// keeps the sockets of its plugins. It is removed with the process; and should this
// plugin be killed, too, the host removes what lies there, or the host's guard.

// temporary makes such a directory. It returns "" without a host, and where the
// user's $TMPDIR is elsewhere: then temporary files are made there.
func temporary() string {
	sockets := os.Getenv("PLUGIN_UNIX_SOCKET_DIR") // go-plugin's, within the host's
	home := filepath.Dir(sockets)
	if sockets == "" || filepath.Dir(home) != filepath.Clean(os.TempDir()) {
		return ""
	}
	dir, err := os.MkdirTemp(home, "")
	if err != nil {
		return ""
	}
	return dir
}

// within adds the directory to the environment. What torch.compile has made stays
// where it would be otherwise: it is worth keeping.
func within(env []string, dir string) []string {
	if dir == "" {
		return env
	}
	env = append(slices.Clone(env), "TMPDIR="+dir)
	if os.Getenv("TORCHINDUCTOR_CACHE_DIR") == "" {
		env = append(env, "TORCHINDUCTOR_CACHE_DIR="+filepath.Join(os.TempDir(), "torchinductor_"+strconv.Itoa(os.Getuid())))
	}
	return env
}
