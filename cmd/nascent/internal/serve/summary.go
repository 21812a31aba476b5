package serve

import (
	"net/url"
	"slices"
	"strings"

	"github.com/nascent-nas/nascent/cmd/nascent/internal/importance"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/report"
	"github.com/nascent-nas/nascent/cmd/nascent/internal/show"
	"github.com/nascent-nas/nascent/engine"
)

// summary is what a search is and where it stands.
type summary struct {
	Name       string             `json:"name"`
	Version    uint64             `json:"version"`
	Rows       int                `json:"rows"`  // that are at hand
	Total      uint64             `json:"total"` // and that there are
	Live       bool               `json:"live"`
	Ready      bool               `json:"ready"` // where it stands is known; else it is still read
	State      engine.Snapshot    `json:"state"`
	Hosts      *hosts             `json:"hosts,omitempty"`
	Front      int                `json:"front"` // how many are on it
	Headline   string             `json:"headline"`
	Winner     engine.ID          `json:"winner,omitempty"`
	Measured   bool               `json:"measured"` // the winner was measured again
	Objectives []engine.Objective `json:"objectives"`
	Prefer     string             `json:"prefer,omitempty"`
	Metrics    []string           `json:"metrics"`
	Genes      []string           `json:"genes"`
	Units      string             `json:"units,omitempty"`
	Strategy   string             `json:"strategy"`
	Networks   bool               `json:"networks"`         // genomes have networks
	Pairs      [][2]string        `json:"pairs"`            // metrics to be drawn against one another
	Across     string             `json:"across,omitempty"` // columns of /parallel that tell of a front of many objectives
	Command    string             `json:"command"`
	Dir        string             `json:"dir"`
}

// summary answers / of a search.
func (s *search) summary(url.Values) (any, error) {
	s.brief.Lock()
	version := s.version
	s.brief.Unlock()
	out := &summary{
		Name: s.name, Version: version, Rows: s.rows.Len(), Total: max(s.total, uint64(s.rows.Len())), Live: s.state.Live, Ready: s.stands,
		Objectives: s.archive.Plan.Objectives, Prefer: s.archive.Plan.Prefer, Units: s.view.Units, Pairs: [][2]string{},
		Command: show.Program(), Dir: s.called, Networks: false,
	}
	out.Metrics, out.Genes = append(out.Metrics, s.rows.Names("metric")...), append(out.Genes, s.rows.Names("gene")...)
	out.Metrics, out.Genes = plain(out.Metrics), plain(out.Genes)
	out.Strategy = clip(show.StrategyText(s.view.Strategies), 500)
	for row := range s.rows.Len() {
		out.Networks = show.NetworkOf(s.rows.Genome(row)) != nil
		break
	}
	if len(out.Objectives) == 0 {
		out.Objectives = []engine.Objective{s.view.Objective()}
	}
	for _, pair := range report.Pairs(s.view) {
		out.Pairs = append(out.Pairs, [2]string{pair[0].Metric, pair[1].Metric})
	}
	out.Pairs, out.Across = fit(out.Pairs[:min(len(out.Pairs), 12)], 3000), s.across()
	if !s.stands {
		return out, nil
	}
	out.Headline = report.Headline(s.view)
	out.State, out.Winner, out.Front = s.view.Status(), s.winner(), len(s.state.Front)
	out.Measured = s.state.Outcome != nil && len(s.state.Outcome.Remeasured) > 0
	if s.state.Hosts != nil {
		out.Hosts = hostsOf(*s.state.Hosts)
	}
	out.State.Front = nil
	out.State.Pinned = nil                     // a candidate says so itself
	out.State.Bans = fit(out.State.Bans, 8000) // of up to engine.MaxBan bytes
	out.State.Planned = slices.Clone(out.State.Planned[:min(len(out.State.Planned), 30)])
	for i := range out.State.Planned {
		out.State.Planned[i].Text = clip(out.State.Planned[i].Text, 200)
	}
	out.State.Planned = fit(out.State.Planned, 8000)
	out.State.Best = slices.Clone(out.State.Best)
	for i := range out.State.Best {
		b := &out.State.Best[i]
		b.Genome, b.Metrics = clip(b.Genome, 400), b.Metrics[:min(len(b.Metrics), 20)]
		b.Estimates = nil
	}
	out.State.Best = fit(out.State.Best, 8000)
	out.State.Jobs = slices.Clone(out.State.Jobs[:min(len(out.State.Jobs), 64)])
	for i := range out.State.Jobs {
		j := &out.State.Jobs[i]
		j.Genome, j.Metrics = clip(j.Genome, 120), j.Metrics[:min(len(j.Metrics), 6)]
	}
	out.State.Jobs = fit(out.State.Jobs, 16_000)
	return out, nil
}

// hosts are the machines that carry out a search's jobs.
type hosts struct {
	Text string      `json:"text"` // of all of them
	Of   int         `json:"of"`
	All  []show.Host `json:"all"` // those that need somebody first, and then as they joined; at most 64
}

func hostsOf(all []show.Host) *hosts {
	rank := func(h show.Host) int { return slices.Index([]string{"aside", "away", "draining"}, h.State) & 3 } // -1 is 3
	out := &hosts{clip(show.HostsText(all), 300), len(all), slices.Clone(all)}
	slices.SortStableFunc(out.All, func(a, b show.Host) int { return rank(a) - rank(b) })
	out.All = out.All[:min(len(out.All), 64)]
	for i := range out.All {
		h := &out.All[i]
		h.Name, h.Reason, h.Rate = clip(h.Name, 60), clip(h.Why(), 200), float64(float32(h.Rate))
		h.Failures = nil // its reason tells of most
	}
	out.All = fit(out.All, 12_000)
	return out
}

// plain are names as columns write them, a few hundred of them.
func plain(names []string) []string {
	out := []string{}
	size := 0
	for _, n := range names {
		if form, rest, ok := strings.Cut(n, `("`); ok {
			n = form + ":" + strings.TrimSuffix(rest, `")`)
		}
		if size += inJSON(n); size > 8000 {
			break
		}
		out = append(out, n)
	}
	return out
}

// report answers /report: what came of the search, in words and figures.
func (s *search) report(url.Values) (any, error) {
	if !s.stands {
		return nil, errReading
	}
	a := report.AccountOf(s.view)
	short := func(lines []string) []string {
		for i := range lines {
			lines[i] = clip(lines[i], 1500)
		}
		return fit(lines, 7000)
	}
	a.Verdict, a.Honesty, a.Took = short(a.Verdict), short(a.Honesty), short(a.Took)
	for i := range a.Plan {
		a.Plan[i][0], a.Plan[i][1] = clip(a.Plan[i][0], 120), clip(a.Plan[i][1], 1000)
	}
	a.Plan, a.Rows = fit(a.Plan, 12_000), fit(a.Rows, 20_000)
	a.IDs = a.IDs[:len(a.Rows)]
	return a, nil
}

// importances are how much genes matter for each objective.
type importances struct {
	Metrics []importance.Study `json:"metrics"`
	Reason  string             `json:"reason,omitempty"` // why there are none
}

// importance answers /importance.
func (s *search) importance(url.Values) (any, error) {
	out := &importances{Metrics: []importance.Study{}}
	found, _, err := s.rows.Select(show.Selection{})
	if err != nil {
		return nil, err
	}
	var of importance.Population
	for _, o := range s.archive.Plan.Objectives[:min(4, len(s.archive.Plan.Objectives))] {
		study, err := importance.Among(s.rows, o, found, 0.1, &of)
		if err != nil {
			out.Reason = err.Error()
			continue
		}
		of.Weigh(&study)
		study.Genes = study.Genes[:min(len(study.Genes), 40)]
		for i := range study.Genes {
			g := &study.Genes[i]
			g.Gene, g.Favoured = clip(g.Gene, 220), clip(g.Favoured, 120)
			for _, x := range []*float64{&g.Importance, &g.Divergence, &g.Active, &g.Among, &g.Of, &g.Chance} {
				*x = number(*x).rounded()
			}
		}
		study.Genes = fit(study.Genes, 14_000)
		out.Metrics = append(out.Metrics, study)
	}
	return out, nil
}
