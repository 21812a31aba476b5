// One candidate whole.

import { h, fill, logged, named, part, panel, copier, number, plural, bytes, thousands } from 'nascent/dom.js'
import { lines } from 'nascent/plot.js'
import { network, family } from 'nascent/network.js'
import { searchPath, kept } from 'nascent/api.js'
import { words } from 'nascent/steer.js'

const formats = {
  onnx: ['ONNX', 'for onnxruntime and others, weights included'], pytorch: ['PyTorch', 'a Python file of its own'],
  safetensors: ['weights', 'safetensors, for the Python file'], json: ['JSON', 'all that is known of it'],
  dot: ['Graphviz', 'its layers'], mermaid: ['Mermaid', 'its layers, for Markdown'],
}

// downloads are the ways to take a candidate along.
export function downloads({ at }, c) {
  const path = format => searchPath(at.name, '/export/' + c.id + '/' + format)
  const order = ['onnx', 'pytorch', 'safetensors', 'json', 'dot', 'mermaid'].filter(f => c.exports.includes(f))
  return h('div', {},
    h('div', { class: 'downloads' }, order.map((f, i) => h('a', { class: 'button' + (i ? '' : ' first'), href: path(f), download: '', title: formats[f][1] }, '↓ ' + formats[f][0]))),
    h('p', { class: 'command' }, h('span', { class: 'faint' }, 'In a terminal: '), h('code', {}, c.command.split(' ').map((w, i) => [i > 0 && ' ', h('span', { class: 'word' }, w)])), ' ', copier(c.command)))
}

export function candidate(context) {
  const { ask, link, at, search } = context
  const id = Number(at.id)
  const curve = lines({ x: search.units || 'step', y: search.objectives[0].metric, height: 240 })
  const said = context.writes && words(context, id)
  let chosen
  const whole = part(() => ask('/candidate/' + at.id), draw)

  function draw(e, c) {
    const tags = [h('span', { class: 'tag ' + c.status }, c.status), c.winner && h('span', { class: 'tag best' }, 'the best'), c.onFront && h('span', { class: 'tag front' }, 'on the front'),
      c.phase !== 'search' && h('span', { class: 'tag' }, c.phase), c.stopped && h('span', { class: 'tag' }, 'stopped early'), c.labels.map(l => h('span', { class: 'tag label' }, l))]
    const objectives = c.metrics.filter(m => search.objectives.some(o => o.metric === m.name)), others = c.metrics.filter(m => !objectives.includes(m))
    const shown = m => h('tr', {}, h('th', { scope: 'row' }, m.title), h('td', { title: String(m.value) }, m.text),
      h('td', { class: 'faint' }, m.estimate?.n > 1 && `mean ${number(m.estimate.mean)}, between ${number(m.estimate.low)} and ${number(m.estimate.high)} (${m.estimate.n} measured)`))
    if (said) said.set(c)
    const own = panel('Genes', genes(c.genes), h('details', { class: 'fold' }, h('summary', {}, 'As one text'), h('code', {}, c.genome), ' ', copier(c.genome)), h('p', { class: 'faint' }, 'hash ', h('code', {}, c.hash)))
    own.classList.add('late') // below the network where there is one column
    const aside = c.network // else they are all that there is on the other side
    fill(e,
      h('div', { class: 'title' }, h('h1', {}, 'Candidate ' + named(c.id), ' ', tags),
        h('span', { class: 'switches' }, h('a', { class: 'button', href: link('candidate', id - 1), 'aria-label': 'the candidate before' }, '←'), h('a', { class: 'button', href: link('candidate', id + 1), 'aria-label': 'the next candidate' }, '→'))),
      c.reason && h('p', { class: c.status === 'ok' ? '' : 'wrong' }, c.reason),
      c.comment && h('blockquote', {}, c.comment),
      c.rank > 0 && h('p', {}, `${ordinal(c.rank)} of ${plural(c.among, 'candidate')} by ${search.objectives[0].metric} as the search measured it.` + (c.winner && c.rank > 1 && search.measured ? ' Measured again with fresh seeds it came out first.' : '')),
      h('div', { class: 'sides' }, h('div', {},
        panel('Figures', h('div', { class: 'figures' }, objectives.map(m => h('div', { class: 'figure objective' }, h('span', { class: 'value' }, m.text), h('span', { class: 'name' }, m.title)))),
          h('div', { class: 'wide' }, h('table', { class: 'pairs' }, h('tbody', {}, objectives.filter(m => m.estimate?.n > 1).map(shown), others.map(shown))))),
        panel('Take it along', downloads(context, c), c.files.length > 0 && [h('h3', {}, 'Files that its job kept'), h('ul', { class: 'files' }, c.files.map(f => h('li', {},
          f.missing || kept() ? [f.name, ' ', h('span', { class: 'faint' }, bytes(f.size) + (f.missing ? ', ' + f.missing : ''))] :
            [h('a', { href: searchPath(at.name, `/file/${c.id}/${encodeURIComponent(f.name)}`), download: '' }, f.name), ' ', h('span', { class: 'faint' }, bytes(f.size))])))],
        h('h3', {}, 'How it came about'), h('table', { class: 'pairs' }, h('tbody', {}, c.facts.map(([k, v]) => h('tr', {}, h('th', { scope: 'row' }, k), h('td', {}, v)))))),
        said && said.e, aside && own), h('div', {},
        c.network && panel('Network', h('p', {}, `${plural(c.network.parameters, 'parameter')}, ${plural(c.network.macs, 'multiply-add')}, depth ${c.network.depth}`), network(c.network)),
        c.curves.length > 0 && c.curves.some(x => x.points.length > 1) && panel('Learning curve', h('div', { class: 'switches left' }, c.curves.map(x => h('button', { type: 'button', 'aria-pressed': 'false', onclick: event => choose(c, x.metric, event.target.parentElement) }, x.metric))), curve.e),
        !aside && own)),
      line.e, mentioned.e)
    const bar = e.querySelector('.switches.left')
    if (bar) choose(c, chosen ?? (c.curves.find(x => search.objectives.some(o => o.metric === x.metric)) ?? c.curves[0]).metric, bar)
  }

  function choose(c, metric, bar) {
    chosen = metric
    for (const b of bar.children) b.setAttribute('aria-pressed', String(b.textContent === metric))
    const with_ = c.curves.filter(x => x.metric === metric || x.metric === 'train_' + metric || 'train_' + x.metric === metric)
    curve.set(with_.map(x => ({ name: x.metric, points: x.points })))
  }

  const line = part(() => ask('/lineage/' + at.id), (e, f) => {
    const by = new Map(f.ancestors.map(a => [a.id, a])), steps = []
    for (let a = by.get(id); a && steps.length < 60; a = by.get(a.changes[0]?.parent)) steps.push(a)
    fill(e, panel('Family', f.ancestors.length < 2 ? h('p', {}, `It has no parents: made by ${f.ancestors[0]?.operator ?? 'nobody'}.`) : [
      h('p', {}, `${plural(f.ancestors.length - 1, 'ancestor')} over ${plural(Math.max(...f.ancestors.map(a => a.depth)), 'generation')}${f.more ? ', more are left out' : ''}. What changed at each step, the newest first:`),
      h('div', { class: 'beside' }, family(f, id, other => link('candidate', other)),
      h('ol', { class: 'steps' }, steps.map((a, i) => h('li', {},
        h('span', { class: 'gain ' + gain(a, steps[i + 1], f.goal) }), h('a', { href: link('candidate', a.id) }, 'candidate ' + named(a.id)), ' ', h('strong', {}, a.text), ' ', h('span', { class: 'faint' }, a.operator + (a.changes.length ? ' of ' : ''), a.changes.map((c, k) => [k > 0 && ' and ', h('a', { href: link('candidate', c.parent) }, named(c.parent))])),
        a.changes[0]?.lines.length > 0 && h('ul', { class: 'diff' }, a.changes[0].lines.map(l => h('li', {}, h('code', {}, l))), a.changes[0].left > 0 && h('li', { class: 'faint' }, plural(a.changes[0].left, 'more change'))))))),
    ], children.e))
  })
  const children = part(() => ask('/candidate/' + at.id), (e, c) => fill(e, c.offspring > 0 && h('p', {}, `Its ${c.offspring === 1 ? 'child' : thousands(c.offspring) + ' children'}: `, c.children.map((x, i) => [i > 0 && ', ', h('a', { href: link('candidate', x) }, named(x))]), c.offspring > c.children.length && ' and more')))

  const mentioned = part(async () => (await ask('/log', { about: named(id) })).lines, (e, found) => fill(e, found.length > 0 && panel('What was printed about it, or while its job ran', h('pre', { class: 'log', tabindex: 0, 'aria-label': 'lines of the logs' }, logged(found)), h('p', { class: 'faint' }, 'Lines that name it, and those that an evaluator’s process wrote while it had this job (“job ’).'))))

  return {
    e: whole.e,
    async update() {
      await whole.update()
      await line.update()
      await children.update()
      await mentioned.update()
    },
  }
}

const ordinal = n => thousands(n) + (n % 100 > 10 && n % 100 < 14 ? 'th' : ['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')

function gain(a, before, goal) {
  if (!before || a.value === null || before.value === null || a.value === before.value) return 'same'
  return (goal === 'minimize') === (a.value < before.value) ? 'better' : 'worse'
}

// genes are a tree that folds.
export function genes(all) {
  const root = { children: new Map() }
  for (const g of all) {
    let at = root
    for (const step of g.path.split(/\.|(?=\[)/)) {
      if (!at.children.has(step)) at.children.set(step, { name: step, children: new Map() })
      at = at.children.get(step)
    }
    at.value = g.value
  }
  const shown = node => {
    let { name, value } = node
    const inner = [...node.children.values()].filter(c => c.name !== 'length')
    if (inner.length === 0) return h('li', {}, h('span', { class: 'name' }, name), ' ', h('code', {}, value))
    const leaves = inner.filter(c => c.children.size === 0).map(c => c.name + '=' + c.value).join(' ')
    if (inner.length === 1 && inner[0].name === value) return shown({ name: name + ' ' + value, children: inner[0].children })
    return h('li', {}, h('details', {}, h('summary', {}, h('span', { class: 'name' }, name), value !== undefined && [' ', h('code', {}, value)], ' ', h('span', { class: 'faint' }, leaves || plural(inner.length, 'part'))),
      h('ul', {}, inner.map(shown))))
  }
  return h('ul', { class: 'genes' }, [...root.children.values()].map(shown))
}
