package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/ledger"
	"github.com/nascent-nas/nascent/fleet"
	"github.com/nascent-nas/nascent/genome"
	"github.com/nascent-nas/nascent/plugins/host"
)

// Files of a search whose jobs are carried out elsewhere, in its directory.
const (
	fleetName  = "fleet"
	keysName   = "keys.json"   // of the coordinator
	ticketName = "ticket.json" // for hosts
	probesName = "probes.json" // what probe jobs came to
)

// gather lets hosts dial in to a search, whose evaluators they carry out; nil where this
// machine does. Its ledger is open, so no other process writes the ticket.
func (t *target) gather(s *config.Search, screen show.Screen) (*fleet.Fleet, error) {
	dir := filepath.Join(t.dir, fleetName)
	if s.Fleet == nil {
		if _, err := os.Stat(filepath.Join(dir, ticketName)); err == nil {
			screen.Say("the search ran on other machines before: " + show.Program() + " fleet " + quote(shortest(t.dir)) + " --stop ends hosts that wait for it")
		}
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	keys, err := fleet.OpenKeys(filepath.Join(dir, keysName))
	if err != nil {
		return nil, err
	}
	l, err := listenAgain(s.Fleet.Listen, filepath.Join(dir, ticketName))
	if err != nil {
		return nil, t.doc.Fault(&genome.Mistake{Key: "fleet.listen", Problem: fmt.Sprintf("%s cannot be listened at: %v", s.Fleet.Listen, reason(err)),
			Remedy: "choose another address, or leave it out"})
	}
	ticket := keys.Ticket(reachable(l.Addr().(*net.TCPAddr))...)
	if s.Fleet.On == "manual" { // placers see to it themselves
		ticket.Setup = s.Fleet.Setup
	}
	if err := ticket.Write(filepath.Join(dir, ticketName)); err != nil {
		l.Close()
		return nil, err
	}
	f := fleet.Listen(l, fleet.Options{
		Keys: keys, Patience: s.Fleet.Patience, Slots: s.Fleet.Slots, Speculative: s.Fleet.Speculative,
		Kernels: host.Kernels(s.PluginEnv), Probes: filepath.Join(dir, probesName), Kind: s.Fleet.Kind,
		Log: func(format string, args ...any) { screen.Say(fmt.Sprintf(format, args...)) },
	})
	for name, p := range s.Evaluators {
		program, err := t.programOf(s, p)
		if err != nil {
			f.Close(false)
			return nil, err
		}
		if s.Fleet.Probe {
			program.Probe = probeOf(&s.Engine, name)
		}
		s.Engine.Evaluators[name] = engine.EvaluatorRef{Evaluator: f.Evaluator(name, program), Options: p.Options}
	}
	t.hosts = f
	s.Engine.Mixed = s.Fleet.Kind == ""
	if s.Fleet.On == "manual" {
		by := show.Program() + " host " + quote(shortest(t.dir))
		if s.Fleet.Kind != "" {
			by += " --kind " + quote(s.Fleet.Kind)
		}
		screen.Say("hosts join by: " + by)
	}
	return f, nil
}

// listenAgain listens at an address. Where that leaves the port open it is the one of the
// last ticket, if that is free: hosts that have a copy of it find the search again.
func listenAgain(address, ticket string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if old, missing := fleet.ReadTicket(ticket); err == nil && missing == nil && port == "0" {
		if _, last, err := net.SplitHostPort(old.Addresses[0]); err == nil {
			if l, err := net.Listen("tcp", net.JoinHostPort(host, last)); err == nil {
				return l, nil
			}
		}
	}
	return net.Listen("tcp", address)
}

// probeOf is the probe job of an evaluator: at the cheapest fidelity that it has; none if it
// has none.
func probeOf(cfg *engine.Config, name string) *fleet.Probe {
	if len(cfg.Fidelities) == 0 { // it is the only one
		return &fleet.Probe{}
	}
	for i, f := range cfg.Fidelities {
		if f.Evaluator == name {
			return &fleet.Probe{Fidelity: i, Budget: f.Budget}
		}
	}
	return nil
}

// pluginDirs are where the plugins of a search are looked for.
func (t *target) pluginDirs(s *config.Search) []string {
	return append([]string{t.dir, t.doc.Dir}, s.PluginDirs...)
}

// reason is what the operating system says.
func reason(err error) error {
	var op *net.OpError
	var call *os.SyscallError
	switch {
	case errors.As(err, &call):
		return call.Err
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

// reachable are the addresses at which others may find who listens at one: this machine's
// name first.
func reachable(at *net.TCPAddr) (all []string) {
	port := fmt.Sprint(at.Port)
	if !at.IP.IsUnspecified() {
		return []string{net.JoinHostPort(at.IP.String(), port)}
	}
	if name, err := os.Hostname(); err == nil {
		all = append(all, net.JoinHostPort(name, port))
	}
	addresses, _ := net.InterfaceAddrs()
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
			all = append(all, net.JoinHostPort(ip.IP.String(), port))
		}
	}
	return append(all, net.JoinHostPort("127.0.0.1", port))
}

// vain tells whether hosts came for nothing: the search was refused, or stopped before it had
// ever begun.
func vain(search *engine.Search, led engine.Ledger, err error) bool {
	if search != nil {
		select {
		case <-search.Opened():
			return false
		default:
		}
	}
	_, begun, _ := led.Header()
	return !begun || errors.Is(err, engine.ErrConfig)
}

// disband ends the connections with hosts. They end if the search has or they came in vain,
// and else wait for it to go on.
func disband(f *fleet.Fleet, search *engine.Search, vain bool) (over bool) {
	over = vain || search != nil && search.Status().State == engine.StateFinished
	if f != nil {
		f.Close(over)
	}
	return over
}

func (a *app) fleetCommand() *cobra.Command {
	var asJSON bool
	var drain, accept string
	var stop bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "fleet [DIR]",
		Short: "The hosts that carry out a search's jobs",
		Long: `Lists the hosts of the search that runs in DIR (default: the current directory), in the
order in which they joined. With --drain those of that name get no more jobs, and end
after their last. With --accept those that were set aside because all jobs failed on
them get jobs again.

With --stop the hosts of a search that does not run end: those that were placed, and those
that look for it within --wait. What they have on board is begun anew when the search goes on.`,
		Example: `  nascent fleet mnist1d
  nascent fleet mnist1d --drain gpu-7
  nascent fleet mnist1d --accept gpu-7
  nascent stop mnist1d && nascent fleet mnist1d --stop`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := directory(args)
			if wait < 0 {
				return wrongInput("--wait %s: it takes a duration, such as 10s", wait)
			}
			live := func() error {
				switch {
				case a.hosts == nil && stop: // it went on without them
					v, err := a.live()
					if err != nil {
						return err
					}
					return a.dismissHosts(cmd.Context(), v.Dir, wait)
				case a.hosts == nil:
					return wrongInput("the jobs of this search are carried out on its own machine; with fleet: {on: manual} in its search.yaml hosts may join")
				case stop:
					return wrongInput("the search runs and needs its hosts; stop it first: %s stop %s", show.Program(), quote(shortest(dir)))
				case drain != "":
					return a.handled(drain, "takes jobs", "is drained", "of that name: no more jobs go there", a.hosts.Drain)
				case accept != "":
					return a.handled(accept, "was set aside because all jobs failed on it", "takes jobs again", "of that name: jobs go there again", a.hosts.Accept)
				}
				return a.writeHosts(hostsTold(a.hosts.Hosts(), time.Now()), asJSON)
			}
			if a.live != nil { // no view: a search that waits for its first host has none
				return live()
			}
			return a.visit(cmd.Context(), dir, nil, a.out, nil, func() error {
				if _, err := os.Stat(filepath.Join(dir, fleetName, keysName)); !begun(dir) && stop && err == nil {
					return a.dismissHosts(cmd.Context(), dir, wait) // nothing else is left of it
				}
				if !begun(dir) {
					return nothingHere(dir)
				}
				if stop {
					return a.dismiss(cmd.Context(), dir, wait)
				}
				return errors.New("the search does not run, so it has no hosts")
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	cmd.Flags().StringVar(&drain, "drain", "", "let the hosts of this name end after their jobs")
	cmd.Flags().StringVar(&accept, "accept", "", "give the hosts of this name jobs again, although all failed on them")
	cmd.Flags().BoolVar(&stop, "stop", false, "end the hosts of a search that does not run")
	cmd.Flags().DurationVar(&wait, "wait", 10*time.Second, "with --stop: for how long hosts are waited for")
	cmd.MarkFlagsMutuallyExclusive("drain", "accept", "stop")
	return cmd
}

// handled does something to the hosts of a name, and leaves a note of it.
func (a *app) handled(name, such, note, told string, do func(name string) int) error {
	n := do(name)
	if n == 0 {
		return wrongInput("there is no host %s that %s; nascent fleet lists them", name, such)
	}
	select {
	case <-a.search.Opened():
	default:
		_, err := fmt.Fprintf(a.out, "%s %s\n", show.Plural(n, "host"), told)
		return err
	}
	if _, err := a.search.Steer(engine.Request{Note: fmt.Sprintf("host %s %s", name, note)}); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.out, "%s %s\n", show.Plural(n, "host"), told)
	return err
}

// dismiss ends the hosts of a search that nobody runs: they find this process in its place.
func (a *app) dismiss(ctx context.Context, dir string, wait time.Duration) (err error) {
	led, err := ledger.Open(dir, ledger.Options{}) // so that nobody begins to run it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, led.Close()) }()
	return a.dismissHosts(ctx, dir, wait)
}

// dismissHosts ends those of a search that has no fleet now, or that nobody runs.
func (a *app) dismissHosts(ctx context.Context, dir string, wait time.Duration) error {
	s := &config.Search{}
	doc, err := readConfig(filepath.Join(dir, configName))
	switch {
	case err == nil:
		if s, err = doc.Read(); err != nil {
			return err
		}
	case begun(dir):
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, fleetName, keysName)); err != nil {
		return wrongInput("no hosts have been asked for by this search: it never ran with fleet in its search.yaml")
	}
	if s.Fleet == nil { // it was taken out since
		s.Fleet = &config.Fleet{On: "manual", Listen: ":0"}
	}
	s.Evaluators = nil // none is opened
	hosts, err := (&target{dir: dir, doc: doc}).gather(s, show.Silent{})
	if err != nil {
		return err
	}
	hosts.Dismiss()
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	n := hosts.Dismiss()
	hosts.Close(true)
	if p := placer(s.Fleet); p != nil { // those that have not started, too
		ticket, err := fleet.ReadTicket(filepath.Join(dir, fleetName, ticketName))
		if err == nil {
			err = p.Stop(ctx, ticket.Search)
		}
		if err != nil {
			return fmt.Errorf("hosts that have not ended could not be called off: %w", err)
		}
	}
	_, err = fmt.Fprintf(a.out, "%s ended; those that look for the search later do after their --gone\n", show.Plural(n, "host"))
	return err
}

// hostsTold are hosts as people are told of them.
func hostsTold(hosts []fleet.Host, now time.Time) (all []show.Host) {
	for _, h := range hosts {
		x := show.Host{
			Name: h.Name, State: h.State, Reason: h.Reason, Running: h.Running, Slots: h.Room, Finished: h.Finished, Failed: h.Failed,
			Cores: h.Cores, Memory: h.Memory, GPUs: h.GPUs, Failures: h.Failures,
		}
		if d := now.Sub(h.Joined).Seconds(); d > 0 {
			x.Rate = float64(h.Finished) / d
		}
		all = append(all, x)
	}
	return all
}

// counted is what there is of each: "2 NVIDIA A100, NVIDIA T4".
func counted(names []string) string {
	var text []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		n := 0
		for _, other := range names {
			if other == name {
				n++
			}
		}
		if n > 1 {
			name = fmt.Sprint(n, " ", name)
		}
		text = append(text, name)
	}
	return strings.Join(text, ", ")
}

// writeHosts prints hosts as a table.
func (a *app) writeHosts(all []show.Host, asJSON bool) error {
	table := show.Table{Head: []string{"host", "state", "jobs", "of", "finished", "failed", "rate", "cores", "memory"},
		Right: []bool{false, false, true, true, true, true, true, true, true}, Width: a.width}
	gpus := slices.ContainsFunc(all, func(h show.Host) bool { return len(h.GPUs) > 0 })
	if gpus {
		table.Head = append(table.Head, "GPUs")
	}
	table.Head = append(table.Head, "")
	for _, h := range all {
		if asJSON {
			if err := a.writeJSON(h); err != nil {
				return err
			}
			continue
		}
		row := []string{
			h.Name, h.State, fmt.Sprint(h.Running), fmt.Sprint(h.Slots), fmt.Sprint(h.Finished), fmt.Sprint(h.Failed), show.Rate(h.Rate),
			fmt.Sprint(h.Cores), show.Bytes(h.Memory),
		}
		if gpus {
			row = append(row, counted(h.GPUs))
		}
		table.Rows = append(table.Rows, append(row, h.Why()))
	}
	if asJSON {
		return nil
	}
	return table.Write(a.out)
}
