package serve

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// Standing is where a search stands, as a list of searches has it.
type Standing = standing

// Many are the searches of a folder, for who shows them in the same process.
type Many struct{ server *Server }

// OpenMany makes a Many of the folder dir. It reads nothing before List.
func OpenMany(dir string, from Source) *Many {
	return &Many{&Server{config: Config{Dir: dir, Source: from}, searches: map[string]*search{}}}
}

// Len is how many there are.
func (m *Many) Len() int { return len(m.server.list()) }

// List tells of how many searches the name has a text, and where n of them stand, by their
// names, the first one at from. Those that take long to read are told of as they were, or
// without a state.
func (m *Many) List(ctx context.Context, find string, from, n int) (total int, out []Standing) {
	s := m.server
	names := slices.Clone(s.list())
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.Contains(strings.ToLower(name), strings.ToLower(find)) })
	total = len(names)
	names = names[min(max(0, from), total):]
	var all []*search
	for _, name := range names[:min(n, len(names))] {
		if x, err := s.search(name); err == nil {
			x.brief.Lock()
			x.used = time.Now()
			x.brief.Unlock()
			all = append(all, x)
		}
	}
	s.lookAt(ctx, all)
	for _, x := range all {
		out = append(out, x.stood())
	}
	m.forget()
	return total, out
}

// forget lets go of what is not needed to tell again where searches stand.
func (m *Many) forget() {
	m.server.mu.Lock()
	all := slices.Collect(maps.Values(m.server.searches))
	m.server.mu.Unlock()
	for _, x := range all {
		if at := x.stood(); at.State != "" && !at.Live || time.Since(x.lastUsed()) > 10*time.Second {
			x.forget()
		}
	}
}

// One is the search of a name.
func (m *Many) One(name string) (*One, error) {
	x, err := m.server.search(name)
	if err != nil {
		return nil, err
	}
	return &One{x}, nil
}
