// Which genes matter, and how.

import { h, fill, part, panel, plural } from 'nascent/dom.js'
import { scatter, parallel } from 'nascent/plot.js'
import { drawn, withLogs } from 'nascent/overview.js'
import { rangeOf } from 'nascent/candidates.js'

export function genes(context) {
  const { ask, link, search, at } = context
  const open = id => { location.hash = link('candidate', id) }
  const parts = []
  let gene = at.query.get('gene') ?? '', metric = search.objectives[0].metric

  const slice = scatter({
    open, height: 340, zoom: cell => {
      const labelled = slice.labels
      location.hash = link('candidates') + '?where=' + encodeURIComponent([labelled ? undefined : rangeOf(gene, cell.x), rangeOf('metric:' + metric, cell.y), 'ok'].filter(Boolean).join(' and '))
    },
  })
  const select = (label, all, now, set) => h('label', {}, label + ' ', h('select', { onchange: event => { set(event.target.value); sliced.update() } }, (all.includes(now) || !now ? all : [now, ...all]).map(x => h('option', { value: x, selected: x === now }, x.replace(/^(gene|metric|usage):/, '')))))
  const metrics = search.metrics.map(m => m.replace(/^metric:/, '')), all = search.genes
  const controls = h('div', { class: 'tools' })
  const slicing = []
  const box = withLogs('One gene', 'The candidates that were measured in full. Of several values of one gene their mean counts, of words the first.', slice, part, slicing, async q => {
    if (!gene) return { x: { name: '', title: 'gene', lo: 0, hi: 1 }, y: { name: '', title: metric, lo: 0, hi: 1 }, n: 0 }
    const a = await ask('/scatter', { x: gene, y: 'metric:' + metric, ...q })
    slice.labels = a.x.labels
    return a
  })
  const sliced = slicing[0]
  const draw = () => fill(controls, select('gene', all, gene, x => { gene = x }), select('against', metrics, metric, x => { metric = x }))

  const bars = part(() => ask('/importance'), (e, answer) => {
    if (!gene) {
      const best = answer.metrics[0]?.genes[0]?.gene
      gene = all.find(g => g === best || g === 'gene:' + best) ?? (best ? 'gene:' + best : all[0] ?? '')
      draw()
    }
    box.classList.toggle('whole', answer.metrics.length % 2 === 0)
    fill(e, answer.reason && h('p', { class: 'faint' }, answer.reason + '.'), answer.metrics.map(m => panel(`What ${m.metric} depends on`,
      h('p', { class: 'faint' }, `How differently genes are distributed among the best ${plural(m.best, 'candidate')} of ${m.candidates.toLocaleString('en')} (PED-ANOVA). Choose one to look at it.${m.genes.some(g => g.chance <= 0.05) ? '' : ' Nothing stands out from chance.'}`),
      h('ul', { class: 'bars' }, m.genes.filter((g, i) => i < 12 || g.importance > 0.02).map(g => h('li', {}, h('button', {
        type: 'button', onclick: () => {
          gene = all.find(x => x === g.gene || x === 'gene:' + g.gene) ?? 'gene:' + g.gene
          metric = m.metric
          draw()
          sliced.update()
          box.scrollIntoView({ behavior: 'smooth', block: 'nearest' })
        },
      },
      h('span', { class: 'name' }, g.gene), h('span', { class: 'bar' }, h('span', { style: { width: 100 * g.importance / Math.max(...m.genes.map(x => x.importance), 1e-9) + '%' } })),
      h('span', { class: 'value' }, Math.round(100 * g.importance) + ' %'),
      g.favoured && h('span', { class: 'faint hint' }, `more often ${g.favoured}: ${Math.round(100 * g.among_best)} % of the best, ${Math.round(100 * g.among_all)} % of all`))))))))
  })
  const across = parallel({ open })
  const coordinates = drawn(() => ask('/parallel'), across.set, across.e)
  parts.push(bars, sliced, coordinates)
  draw()
  box.insertBefore(controls, box.children[1])
  return {
    e: h('div', {}, h('div', { class: 'grid two flat' }, bars.e, box),
      panel('All together', coordinates.e, h('p', { class: 'faint' }, 'A line for each of the best; behind them how many candidates go from where to where between two neighbours. Who lacks a gene has no line to its axis.'))),
    async update() {
      for (const p of parts) await p.update()
    },
  }
}
