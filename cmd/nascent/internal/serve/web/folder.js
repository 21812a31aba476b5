// Many searches: a list of them, and some compared.

import { h, fill, part, panel, thousands, number, seconds } from 'nascent/dom.js'
import { get, query } from 'nascent/api.js'
import { lines, series } from 'nascent/plot.js'

const path = name => '#/' + encodeURIComponent(name)

export function folder() {
  const chosen = new Set()
  const go = h('a', { class: 'button', 'aria-disabled': 'true' }, 'Compare')
  const note = () => {
    go.textContent = chosen.size > 1 ? `Compare ${chosen.size} searches` : 'Compare: choose two or more'
    if (chosen.size > 1) go.setAttribute('href', '#/' + query({ compare: [...chosen] }))
    else go.removeAttribute('href')
  }
  note()
  const list = part(() => get('/api/searches'), (e, answer) => fill(e, panel('Searches', answer.searches.length === 0 ? h('p', {}, 'No search lies in this folder yet.') : [
    h('div', { class: 'tools' }, go),
    h('div', { class: 'wide' }, h('table', {}, h('thead', {}, h('tr', {}, ['', 'search', 'state', 'best', 'evaluations', 'failed', 'strategy', 'time'].map(x => h('th', { scope: 'col' }, x)))),
      h('tbody', {}, answer.searches.map(s => h('tr', {
        tabindex: 0, onclick: event => { if (!event.target.closest('a, input')) location.hash = path(s.name) },
        onkeydown: event => { if (event.key === 'Enter' && event.target.tagName === 'TR') location.hash = path(s.name) },
      },
      h('td', {}, h('input', { type: 'checkbox', checked: chosen.has(s.name), 'aria-label': 'compare ' + s.name, onchange: event => { chosen[event.target.checked ? 'add' : 'delete'](s.name); note() } })),
      h('td', {}, h('a', { href: path(s.name) }, s.name)),
      h('td', {}, s.error ? h('span', { class: 'wrong' }, s.error) : h('span', { class: 'state ' + (s.live ? 'running' : s.state ?? 'reading') }, s.live ? 'running' : s.state ?? 'reading …')),
      h('td', {}, s.best && [h('strong', {}, s.best), ' ', h('span', { class: 'faint' }, s.objective)]),
      h('td', { class: 'number' }, thousands(s.evaluations) + (s.limit ? ' of ' + thousands(s.limit) : '')), h('td', { class: 'number' }, s.failed ? thousands(s.failed) : '–'), h('td', {}, s.strategy), h('td', {}, s.wall ? seconds(s.wall) : '')))))),
  ])))
  return { e: list.e, update: () => list.update() }
}

export function compared({ at }) {
  const names = at.query.getAll('compare')
  const plot = lines({ x: 'evaluations', y: 'best so far', height: 340 })
  const table = part(() => get('/api/compare', { search: names }), (e, answer) => {
    const all = answer.searches
    plot.set(all.filter(s => s.steps.length).map((s, i) => ({ name: s.name, step: true, colour: series(i), points: s.steps.map(x => [x.n, x.value]).concat([[s.evaluations, s.steps.at(-1).value]]) })))
    const metrics = new Set(all.map(s => s.metric).filter(Boolean))
    fill(e, metrics.size > 1 && h('p', { class: 'wrong' }, 'They have different objectives: ' + [...metrics].join(', ') + '.'),
      panel('Best so far', plot.e),
      panel('Where they stand', h('div', { class: 'wide' }, h('table', {}, h('thead', {}, h('tr', {}, ['search', 'best', 'objective', 'evaluations', 'evaluators’ time', 'strategy', 'seed'].map(x => h('th', { scope: 'col' }, x)))),
        h('tbody', {}, all.map(s => h('tr', {}, h('td', {}, h('a', { href: path(s.name) }, s.name)), h('td', {}, s.error ? h('span', { class: 'wrong' }, s.error) : h('strong', {}, s.text || number(s.best))), h('td', {}, s.metric),
          h('td', { class: 'number' }, thousands(s.evaluations)), h('td', {}, seconds(s.seconds)), h('td', {}, s.strategy), h('td', { class: 'number' }, s.seed))))))))
  })
  return { e: table.e, update: () => table.update() }
}
