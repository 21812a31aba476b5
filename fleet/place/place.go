// Package place starts the hosts of a search where a lab or company runs its programs.
//
// A Placer hands that to what is there: a scheduler, or machines by ssh. What it has placed
// is known to the scheduler alone, under the id of the search, so any process finds it
// again. A Keeper holds the number of hosts: it places what is missing, stops what is too
// much, and slows down when hosts end at once.
package place

import "context"

// Work is what a host is started with.
type Work struct {
	Search  string   // the id of the search: whatever is placed is found by it again
	Program string   // nascent, an absolute path
	Ticket  string   // the ticket's file, an absolute path
	Dir     string   // for the placer's own; what a host prints goes to ID.log there, where it reaches that
	Args    []string // further arguments of nascent host
	Setup   string   // lines of shell before it; one that fails ends the host
	GPUs    float64  // for each host; a share where the placer can
	Cores   int      // for each host; 0: what the scheduler gives
	Memory  int64    // bytes; 0 likewise
	Options string   // of the placer, as in search.yaml
}

// Placed is a host that was asked for, and has not ended.
type Placed struct {
	ID     string // Stop takes it
	State  State
	Where  string // the node, once known
	Reason string // why it is pending, if that is known
}

// State is how a placed host stands.
type State string

// States of placed hosts.
const (
	Pending State = "pending"
	Running State = "running"
)

// Placer starts hosts: PROGRAM host TICKET ARGS, with nothing to read. Place and Stop return
// when the scheduler has taken the request. All three may be called again at any time, by
// another process too. Errors are one line; those that do not go away by themselves are a
// [*Refusal].
type Placer interface {
	// Place asks for n more hosts.
	Place(ctx context.Context, w Work, n int) error
	// List is what was asked for and has not ended, in the order in which it was asked for.
	List(ctx context.Context, search string) ([]Placed, error)
	// Stop ends hosts of the search, without ids all: with SIGTERM, so that jobs can save.
	// Those that have ended are no error.
	Stop(ctx context.Context, search string, ids ...string) error
}

// Refusal is an error that does not go away until what is asked for is another.
type Refusal struct {
	Problem string // "sbatch: Invalid partition name specified"
	Remedy  string // "sinfo lists the partitions"; may be empty
}

// Error returns one line: "problem; remedy".
func (r *Refusal) Error() string {
	if r.Remedy == "" {
		return r.Problem
	}
	return r.Problem + "; " + r.Remedy
}
