package host

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/nascent-nas/nascent/engine"
)

// Options say how a search runs its plugins.
type Options struct {
	// Dir is the search's directory. Logs go to Dir/logs.
	Dir string
	// Folder is where relative paths in plugins' options start; default the
	// working directory.
	Folder string
	// WorkDir is the working directory of plugins, default that of this process.
	WorkDir string
	// LogDir is another place for logs. Without it and Dir nothing is logged.
	LogDir string
	// Level is the lowest level that is logged; default info.
	Level hclog.Level
	// Plaintext turns mutual TLS off: any process of the same user that finds
	// the socket can then talk to the plugin.
	Plaintext bool
	// Env adds to a plugin's environment: NAME passes on the host's variable,
	// NAME=VALUE sets one. All else but a fixed list stays out.
	Env []string
	// SearchID marks the processes of one search, so that what a killed host
	// left behind is found and ended when the search is opened again.
	SearchID string
	// Journal is told every process that starts, if it is set: its id, and the
	// start time that tells it from a later process with the same id. See
	// ReapProcess.
	Journal func(pid int, start uint64)
	// TurnTimeout is how long a strategy may think about one turn. Then its
	// process counts as hung: it is ended, and another one asked the same, with
	// twice the time. 0 means 20 times the longest turn of this run, at least a
	// minute; before ten turns were taken, ten minutes.
	TurnTimeout time.Duration
}

// passedOn are the variables that every plugin gets from the host: what finding
// programs, languages, devices, caches and the network needs. A trailing star
// stands for any ending.
var passedOn = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TMPDIR", "XDG_*",
	"LD_LIBRARY_PATH", "CUDA_*", "CUBLAS_*", "CUDNN_*", "NVIDIA_*", "PYTORCH_*", "ROCR_*", "HIP_*", "VIRTUAL_ENV",
	"CONDA_PREFIX", "PYTHONPATH", "UV_*",
	"HF_HOME", "TORCH_HOME", "OMP_*", "MKL_*", "OPENBLAS_*", "GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GODEBUG", "GOTRACEBACK", "GOCOVERDIR",
	"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"NASCENT_PYTHON", "NASCENT_BENCH_DATA", "NASCENT_CACHE", EnvKernels,
}

// EnvKernels names the variable that says which set of numerical kernels plugins use.
const EnvKernels = "NASCENT_KERNEL"

// Kernels is the set of kernels that plugins are told to use, in the list of further
// variables or this process's environment; "" if nobody says.
func Kernels(more []string) (set string) {
	for _, entry := range environment(os.Environ(), more) {
		if value, ok := strings.CutPrefix(entry, EnvKernels+"="); ok {
			set = value // the last one counts
		}
	}
	return set
}

// secret are names that no star stands for: UV_PUBLISH_TOKEN, NVIDIA_API_KEY,
// UV_INDEX_MINE_PASSWORD. Who needs one says so: plugins.env.
var secret = regexp.MustCompile(`(?i)TOKEN|PASSW|SECRET|CREDENTIAL|AUTH|PUBLISH|USERNAME|(^|_)KEYS?(_|$)|PRIVATE`)

// environment is what a plugin gets of the host's environment.
func environment(host, more []string) []string {
	allowed := func(name string) bool {
		for _, a := range passedOn {
			if prefix, ok := strings.CutSuffix(a, "*"); a == name || ok && strings.HasPrefix(name, prefix) && !secret.MatchString(name) {
				return true
			}
		}
		return false
	}
	var env []string
	for _, entry := range host {
		if name, _, _ := strings.Cut(entry, "="); allowed(name) {
			env = append(env, entry)
		}
	}
	for _, entry := range more {
		if strings.Contains(entry, "=") {
			env = append(env, entry)
		} else if v, ok := os.LookupEnv(entry); ok {
			env = append(env, entry+"="+v)
		}
	}
	return env
}

// Refusal is a plugin's "no" to what a search wants of it.
type Refusal struct {
	Plugin string // its name
	Key    string // the option that is wrong, if one is
	Text   string // one line: cause and remedy
}

// Unwrap returns the mistake that the plugin refuses.
func (r *Refusal) Unwrap() error {
	if r.Key == "" {
		return &engine.Mistake{Problem: r.Error()}
	}
	return &engine.Mistake{Key: r.Key, Problem: r.Text}
}

func (r *Refusal) Error() string {
	if r.Key != "" {
		return fmt.Sprintf("%s: option %s: %s", r.Plugin, r.Key, r.Text)
	}
	return fmt.Sprintf("%s: %s", r.Plugin, r.Text)
}
