// Many searches: a list of them, and some compared.

import { h, fill, named, part, panel, plural, table, thousands, number, seconds } from 'nascent/dom.js'
import { get, query } from 'nascent/api.js'
import { fronts, lines, series } from 'nascent/plot.js'

const path = name => '#/' + encodeURIComponent(name)

export function folder() {
  const chosen = new Set(), asked = { find: '', offset: 0 }
  const go = h('a', { class: 'button', 'aria-disabled': 'true' }, 'Compare')
  const note = () => {
    go.textContent = chosen.size > 1 ? `Compare ${chosen.size} searches` : 'Compare: choose two or more'
    if (chosen.size > 1) go.setAttribute('href', '#/' + query({ compare: [...chosen] }))
    else go.removeAttribute('href')
    go.setAttribute('aria-disabled', String(chosen.size < 2))
  }
  note()
  const field = h('input', { type: 'search', id: 'where', placeholder: 'names with …', 'aria-label': 'names with' })
  const look = next => {
    Object.assign(asked, next)
    list.update()
  }
  const form = h('form', { class: 'filter', onsubmit: event => { event.preventDefault(); look({ find: field.value, offset: 0 }) } }, field, h('button', {}, 'Find'))
  const list = part(() => get('/api/searches', { find: asked.find, offset: asked.offset || '' }), (e, answer) => {
    const to = answer.offset + answer.searches.length, runs = answer.searches.some(s => s.live) // else nobody is told how fast nothing runs
    fill(e, answer.total === 0 ? h('p', {}, asked.find ? 'No search is called so.' : 'No search lies in this folder yet.') : table(['search', 'state', 'best', 'evaluations', 'failed', runs && 'a minute', 'time', runs && 'left', 'strategy'].filter(Boolean), answer.searches.map(s => ({
      tabindex: 0, onclick: event => { if (!event.target.closest('a, input')) location.hash = path(s.name) },
      onkeydown: event => { if (event.key === 'Enter' && event.target.tagName === 'TR') location.hash = path(s.name) },
      cells: [
        [!s.error && h('input', { type: 'checkbox', checked: chosen.has(s.name), 'aria-label': 'compare ' + s.name, onchange: event => { chosen[event.target.checked ? 'add' : 'delete'](s.name); note() } }), ' ', h('a', { href: path(s.name) }, s.name), s.branched && h('div', { class: 'faint' }, s.branched)],
        s.error ? h('span', { class: 'wrong' }, s.error) : s.paused ? h('span', { class: 'state' }, 'paused') : h('span', { class: 'state ' + (s.live ? 'running' : s.state ?? 'reading') }, s.live ? 'running' : s.state ?? 'reading …'),
        s.best && [h('strong', {}, s.best), ' ', h('span', { class: 'faint' }, s.objective)],
        s.state && thousands(s.evaluations) + (s.limit ? ' of ' + thousands(s.limit) : ''), s.state && (s.failed ? thousands(s.failed) : '0'), ...runs ? [s.live && s.wall > 0 && number(Number((60 * s.evaluations / s.wall).toPrecision(3)))] : [], s.wall ? seconds(s.wall) : '', ...runs ? [s.left > 0 && seconds(s.left)] : [], s.strategy,
      ],
    })), { numbers: runs ? [3, 4, 5, 6, 7] : [3, 4, 5], first: 'th', label: 'searches' }),
    answer.total > answer.searches.length && h('div', { class: 'pager' },
      h('button', { type: 'button', disabled: answer.offset === 0, onclick: () => look({ offset: Math.max(0, answer.offset - 50) }) }, '← before'),
      h('span', {}, `${thousands(answer.offset + 1)} to ${thousands(to)} of ${plural(answer.total, 'search').replace('searchs', 'searches')}`),
      h('button', { type: 'button', disabled: to >= answer.total, onclick: () => look({ offset: to }) }, 'next →')))
  })
  return { e: panel('Searches', h('div', { class: 'tools' }, form, go), list.e), update: () => list.update() }
}

export function compared({ at }) {
  const names = at.query.getAll('compare')
  let metric = '', cost = 0, answer // cost 0: evaluations, 1: evaluators' time
  const course = lines({ x: () => cost ? 'evaluators’ seconds' : 'evaluations', y: () => answer?.metric ?? '', height: 340 })
  const overlay = fronts({ open: (search, id) => { location.hash = path(search) + '/candidate/' + id } })
  const draw = () => {
    const all = answer.searches.filter(s => s.steps.length)
    course.set(all.map((s, i) => ({
      name: s.name, step: true, colour: series(i), points: s.steps.map(x => [x[cost], x[2]]).concat([[cost ? s.seconds : s.evaluations, s.steps.at(-1)[2]]]),
    })))
  }
  const choose = (label, all, now, set) => h('label', {}, label + ' ', h('select', { onchange: event => set(event.target.value) }, all.map(([value, text]) => h('option', { value, selected: value === now }, text))))
  const view = part(() => get('/api/compare', { search: names, metric }), (e, a) => {
    answer = a
    const all = a.searches.filter(s => !s.error), link = s => h('a', { href: path(s.name) }, s.name)
    const several = a.x !== undefined, groups = new Set(all.map(s => s.group)).size < all.length
    draw()
    if (several) overlay.set(a)
    fill(e,
      a.searches.filter(s => s.error).map(s => h('p', { class: 'wrong' }, s.name + ': ' + s.error)),
      a.error && h('p', { class: 'wrong' }, a.error),
      all.length > 0 && !a.error && [
        h('div', { class: 'grid two flat' },
          h('section', { class: 'panel' }, h('div', { class: 'title' }, h('h2', {}, a.metric === 'hypervolume' ? 'Hypervolume' : 'Best so far'), h('span', { class: 'switches' },
            a.metrics.length > 1 && choose('by', a.metrics.map(m => [m, m]), a.metric, x => { metric = x; view.update() }),
            choose('against', [['0', 'evaluations'], ['1', 'evaluators’ time']], String(cost), x => { cost = Number(x); draw() }))), course.e,
          h('p', { class: 'faint' }, a.metric === 'hypervolume' ? 'What the fronts dominate, against one point for all: the more, the better.' : a.metric + ', to ' + a.goal + '.')),
          several && panel('Their fronts', overlay.e)),
        panel('Where they stand', table(
          [groups && 'group', 'search', 'best', `at ${a.at[0]} evaluations`, `at ${a.at[1]}`, 'evaluations', 'evaluators’ time', several && 'on its front', several && 'of these on the front of all', 'strategy', 'seed'].filter(Boolean),
          all.map(s => [groups && s.group, [link(s), s.live && h('span', { class: 'state running' }, 'running')], h('strong', {}, s.best || '–'), s.atEqual[0] || '–', s.atEqual[1] || '–', thousands(s.evaluations), seconds(s.seconds),
            several && thousands(s.front) + (s.frontPart ? '+' : ''), several && thousands(s.jointFront), s.strategy, String(s.seed)].filter(x => x !== false)),
          { numbers: [1, 2, 3, 4, 5, 6, 7].map(i => i + (groups ? 1 : 0)).slice(0, several ? 7 : 5), label: 'searches' }),
        h('p', { class: 'faint' }, `Compared at equal cost: when all had spent as much as the one that spent least, ${a.at[0]} evaluations or ${a.at[1]} of evaluators’ time.`),
        h('h3', {}, 'More than chance?'),
        a.pairs.length ? a.pairs.map(p => h('p', {}, `${p.a} against ${p.b}, ${p.seeds} seeds at equal evaluations: better ${times(p.wins)}, as good ${times(p.ties)}, worse ${times(p.seeds - p.wins - p.ties)}; p = ${number(Number(p.p.toPrecision(2)))} (Wilcoxon’s signed ranks, two-sided)`, p.p < 0.05 ? h('strong', {}, ': hardly chance.') : ': chance may explain it.')) :
          h('p', { class: 'faint' }, 'One search of each kind cannot tell. Run both kinds with the same few seeds, and choose all of them here.')),
        panel('What each found that no other did', h('ul', { class: 'files' }, all.map(s => h('li', {}, link(s), `: ${thousands(s.alone)} of the ${plural(s.genomes, 'genome')} that it measured`,
          s.aloneBest && ['; the best of these: ', h('a', { href: path(s.name) + '/candidate/' + s.aloneBest.id }, 'candidate ' + named(s.aloneBest.id)), s.aloneBest.text && ', ' + s.aloneBest.text])))),
        panel('Settings that differ', a.settings.length === 0 ? h('p', {}, 'None: they are the same search.') : [table(['setting', ...all.map(s => s.name)], a.settings.map(d => [d.key, ...d.values.map(v => h('code', {}, v))]), { first: 'th', label: 'settings that differ' }),
          a.left > 0 && h('p', { class: 'faint' }, plural(a.left, 'more') + ' are left out; nascent compare has all.')]),
      ])
  })
  return { e: view.e, update: () => view.update() }
}

const times = n => n === 1 ? 'once' : n === 0 ? 'never' : n + ' times'
