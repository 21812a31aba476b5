package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/config"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/fleet"
	"github.com/nascent-nas/nascent/fleet/place"
)

// placer starts the hosts of a search; nil where they are started by hand.
func placer(f *config.Fleet) place.Placer {
	switch f.On {
	case "slurm":
		return place.Slurm()
	case "ray":
		return place.Ray(f.Address)
	case "ssh":
		return place.SSH(f.Machines, f.Options)
	}
	return nil
}

// keepHosts is to have a placer start hosts, as many as the engine asks for; nil where they
// are started by hand, or there are none.
func (t *target) keepHosts(ctx context.Context, s *config.Search, cfg *engine.Config, f *fleet.Fleet, screen show.Screen) (*keeping, error) {
	if f == nil || placer(s.Fleet) == nil {
		return nil, nil
	}
	dir, err := filepath.Abs(filepath.Join(t.dir, fleetName))
	if err != nil {
		return nil, err
	}
	ticket, err := fleet.ReadTicket(filepath.Join(dir, ticketName))
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var args []string
	if s.Fleet.Kind != "" {
		args = []string{"--kind", s.Fleet.Kind}
	}
	k := &keeping{screen: screen, done: make(chan struct{}), keeper: place.NewKeeper(placer(s.Fleet), place.Work{
		Search: ticket.Search, Program: program, Ticket: filepath.Join(dir, ticketName), Dir: dir, Args: args, Setup: s.Fleet.Setup,
		GPUs: s.Fleet.GPUs, Cores: s.Fleet.Cores, Memory: s.Fleet.Memory, Options: s.Fleet.Options,
	}, place.KeeperOptions{
		Joined: f.Joined, Left: f.Left(), Log: func(format string, args ...any) { screen.Say(fmt.Sprintf(format, args...)) },
	})}
	cfg.Hosts, cfg.Place = s.Fleet.Hosts, k.keeper.Want
	k.ctx, k.stop = context.WithCancel(context.WithoutCancel(ctx))
	return k, nil
}

// keeping is a Keeper at work; nil where nobody places hosts.
type keeping struct {
	keeper  *place.Keeper
	screen  show.Screen
	ctx     context.Context
	stop    context.CancelFunc
	done    chan struct{} // closed when it is over
	refusal *place.Refusal
}

// begin keeps hosts for a search.
func (k *keeping) begin(search *engine.Search) {
	if k == nil {
		return
	}
	go func() {
		defer close(k.done)
		if k.refusal = k.keeper.Run(k.ctx); k.refusal != nil {
			search.Stop()
		}
	}()
}

// pause keeps them no longer, and says why the placer took none.
func (k *keeping) pause() *place.Refusal {
	if k == nil {
		return nil
	}
	k.stop()
	<-k.done
	return k.refusal
}

// end calls off those that are left, of a search that has come to its end.
func (k *keeping) end() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), time.Minute)
	defer cancel()
	if err := k.keeper.End(ctx); err != nil {
		k.screen.Say("hosts that have not ended could not be called off: " + err.Error())
	}
}
