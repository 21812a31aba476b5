package watch

import (
	"context"
	"errors"
	"os"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/serve"
)

// frames is how often a terminal is drawn to at most, in a second: as fast as a key is held
// down. Without keys it is drawn to when the search has changed, twice a second.
const frames = 15

// Run shows a search in the terminal that in and out lead to, until somebody leaves or ctx
// ends. colour tells whether it may show colours.
func Run(ctx context.Context, s Search, in, out *os.File, colour bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return shown(ctx, newModel(ctx, s, colour), in, out, colour)
}

// RunMany shows the searches of a folder as Run shows one: a list of them, and each whole.
func RunMany(ctx context.Context, many *serve.Many, name string, in, out *os.File, colour bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return shown(ctx, newFolder(ctx, many, name, colour), in, out, colour)
}

func shown(ctx context.Context, m tea.Model, in, out *os.File, colour bool) error {
	profile := colorprofile.ASCII // bold, faint and reversed, no colours
	if colour {
		profile = colorprofile.ANSI
	}
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithFPS(frames), tea.WithColorProfile(profile))
	_, err := p.Run()
	if errors.Is(err, tea.ErrInterrupted) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
