package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/serve"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
	"github.com/nascent-nas/nascent/engine/index"
	"github.com/nascent-nas/nascent/engine/ledger"
)

// feedCommand is what serve asks a running search with: not for people.
func (a *app) feedCommand() *cobra.Command {
	var have string
	var id uint64
	cmd := &cobra.Command{
		Use: "feed DIR", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if id != 0 {
				r, err := a.Detail(cmd.Context(), args[0], engine.ID(id))
				if err != nil {
					return err
				}
				return json.NewEncoder(a.data).Encode(r)
			}
			var asked serve.Asked
			if err := json.Unmarshal([]byte(have), &asked); err != nil {
				return wrongInput("--have: %v", err)
			}
			return a.Feed(cmd.Context(), args[0], asked, a.data)
		},
	}
	cmd.Flags().StringVar(&have, "have", "{}", "what the asker has")
	cmd.Flags().Uint64Var(&id, "candidate", 0, "the whole result of this one instead")
	return cmd
}

// Feed implements serve.Source.
func (a *app) Feed(ctx context.Context, dir string, asked serve.Asked, w io.Writer) error {
	have, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	return a.opened(ctx, dir, []string{"feed", dir, "--have", string(have)}, w, func(o *opened) error {
		return o.Feed(ctx, dir, asked, w)
	})
}

// opened is a search whose ledger is at hand. It is a serve.Source that only reads.
type opened struct {
	dir string // as this process finds it
	led *ledger.Ledger
	v   *show.View // of the process that runs it, else nil
}

// opened has f look at the search in dir, as visit does.
func (a *app) opened(ctx context.Context, dir string, args []string, out io.Writer, f func(*opened) error) error {
	live := func(v *show.View) error {
		led, ok := v.Ledger.(*ledger.Ledger)
		if !ok {
			return errors.New("this search is kept in memory alone, and cannot be shown")
		}
		return f(&opened{v.Dir, led, v})
	}
	return a.visit(ctx, dir, args, out, live, func() error {
		led, err := openStopped(dir)
		if err != nil {
			return err
		}
		defer led.Close()
		return f(&opened{dir, led, nil})
	})
}

// Feed implements serve.Source.
func (o *opened) Feed(_ context.Context, dir string, asked serve.Asked, w io.Writer) error {
	led, v := o.led, o.v
	if v != nil {
		return serve.Write(w, led, asked, func(w io.Writer, from uint64) error { return index.Send(w, led, from) }, func() (serve.State, error) {
			return serve.State{Told: v.Told(), Live: true, Outcome: serve.Told(v.Outcome())}, nil
		})
	}
	var x *index.Index
	return serve.Write(w, led, asked, func(w io.Writer, from uint64) error {
		var failed error
		send := func(x *index.Index) {
			if failed == nil && uint64(x.Len()) > from {
				failed = x.Write(w, from)
				from = uint64(x.Len())
			}
		}
		var err error
		if x, err = index.OpenAlong(dir, led, true, send); err != nil {
			return err
		}
		send(x)
		return failed
	}, func() (serve.State, error) {
		now, err := standingOf(led, x)
		if err != nil {
			return serve.State{}, orNothing(err, dir)
		}
		archive, err := engine.ReadPlan(led)
		if err != nil {
			return serve.State{}, orNothing(err, dir)
		}
		v := show.Of(archive, stood{snapshot: now.Snapshot}, led, dir)
		return serve.State{Told: v.Told(), Outcome: now.Outcome}, nil
	})
}

// Detail implements serve.Source.
func (a *app) Detail(ctx context.Context, dir string, id engine.ID) (r engine.ResultRecord, err error) {
	var text bytes.Buffer
	err = a.opened(ctx, dir, []string{"feed", dir, "--candidate", id.String()}, &text, func(o *opened) (err error) {
		r, err = o.Detail(ctx, dir, id)
		return err
	})
	if err == nil && text.Len() > 0 {
		err = json.Unmarshal(text.Bytes(), &r)
	}
	return r, err
}

// Detail implements serve.Source.
func (o *opened) Detail(_ context.Context, _ string, id engine.ID) (engine.ResultRecord, error) {
	r, ok, err := o.led.Result(id)
	if err == nil && !ok {
		err = wrongInput("candidate %s has no result yet", id)
	}
	return r, err
}

// errRead says that an opened search is not there for more.
var errRead = errors.New("this search is only looked at")

// Run implements serve.Source.
func (o *opened) Run(context.Context, io.Writer, ...string) error { return errRead }

// Steer implements serve.Source.
func (o *opened) Steer(context.Context, string, engine.Request) (engine.Receipt, error) {
	return engine.Receipt{}, errRead
}

// Run implements serve.Source.
func (a *app) Run(ctx context.Context, out io.Writer, args ...string) error {
	guest := &app{args: args, in: noInput{}, out: show.NewPrinter(out), err: io.Discard, data: out}
	return guest.execute(ctx)
}
