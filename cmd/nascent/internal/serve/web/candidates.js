// The table of candidates: fifty at a time, filtered, sorted, with the columns one wants.

import { h, fill, part, thousands, plural } from 'nascent/dom.js'
import { query, kept } from 'nascent/api.js'

const fields = ['id', 'status', 'phase', 'fidelity', 'budget', 'seconds', 'lost', 'attempts', 'operator', 'parents', 'reason', 'tag', 'label', 'comment', 'origin', 'genome']

// rangeOf is a condition for a part of an axis.
export function rangeOf(column, [lo, hi]) {
  if (!column) return undefined
  const name = column.includes(':') ? `${column.split(':')[0]}(${JSON.stringify(column.slice(column.indexOf(':') + 1))})` : column
  const written = x => String(Number(x.toPrecision(9)))
  return `${name} >= ${written(lo)} and ${name} <= ${written(hi)}`
}

export function candidates(context) {
  const { ask, link, search, at } = context
  const state = { where: at.query.get('where') ?? '', sort: at.query.get('sort') ?? usual(search), columns: at.query.get('columns') ?? '', offset: Number(at.query.get('offset') ?? 0) }
  const keep = () => {
    const q = { ...state, sort: state.sort === usual(search) ? '' : state.sort, offset: state.offset || '' }
    history.replaceState(null, '', link('candidates') + query(q))
  }
  const change = next => {
    Object.assign(state, { offset: 0 }, next)
    keep()
    table.update()
  }

  const where = h('input', {
    id: 'where', type: 'search', value: state.where, placeholder: example(search), spellcheck: false, autocapitalize: 'off', autocomplete: 'off',
    'aria-label': 'condition', 'aria-describedby': 'language',
  })
  const put = name => {
    where.setRangeText(name.includes(':') ? `${name.split(':')[0]}(${JSON.stringify(name.slice(name.indexOf(':') + 1))})` : name, where.selectionStart, where.selectionEnd, 'end')
    where.focus()
  }
  const names = h('details', { class: 'fold names' }, h('summary', {}, 'Names'),
    h('p', {}, [...search.metrics, ...search.genes, ...fields, 'ok', 'invalid', 'failed'].slice(0, 200).map((n, _, all) => {
      const name = /^[a-z_][\w.]*$/i.test(bare(n)) && all.filter(x => bare(x) === bare(n)).length === 1 ? bare(n) : n // as short as may be
      return [h('button', { type: 'button', onclick: () => put(name) }, name), ' ']
    })))
  const form = h('form', { class: 'filter', onsubmit: event => { event.preventDefault(); change({ where: where.value }) } },
    where, h('button', {}, 'Filter'),
    h('button', { type: 'button', onclick: () => { where.value = ''; change({ where: '' }) } }, 'All'))
  where.addEventListener('search', () => { if (where.value === '' && state.where) change({ where: '' }) })

  const chooser = h('details', { class: 'chooser' }, h('summary', {}, 'Columns'), h('div', { class: 'choices' }))
  chooser.addEventListener('toggle', () => chooser.open && choices())
  let shown = []
  function choices() {
    // A column may be called without what tells it from others.
    const is = name => c => c === name || c === bare(name) && ![...fields, ...search.metrics].slice(0, fields.length + search.metrics.indexOf(name)).some(x => x !== name && bare(x) === c)
    const box = name => {
      const b = h('input', {
        type: 'checkbox', checked: shown.some(is(name)), onchange: () => {
          shown = b.checked ? [...shown, name].slice(0, 24) : shown.filter(c => !is(name)(c))
          change({ columns: shown.join(','), offset: state.offset })
        },
      })
      return h('label', {}, b, name.replace(/^(gene|metric):/, ''))
    }
    const group = (title, all) => all.length > 0 && h('fieldset', {}, h('legend', {}, title), all.map(box))
    fill(chooser.querySelector('.choices'), group('Candidate', fields), group('Metrics', search.metrics), group('Genes', search.genes),
      h('button', { type: 'button', onclick: () => { change({ columns: '' }); chooser.open = false } }, 'The usual ones'))
  }

  const table = part(() => ask('/table', state), (e, t) => {
    shown = t.columns.map(c => c.name)
    const keys = state.sort.split(',').filter(Boolean)
    const head = t.columns.map(c => {
      const i = keys.findIndex(k => bare(k) === bare(c.name)), down = i >= 0 && keys[i].startsWith('-')
      return h('th', { scope: 'col', role: 'columnheader', class: c.number && 'number', 'aria-sort': i < 0 ? undefined : down ? 'descending' : 'ascending' },
        h('button', {
          type: 'button', title: 'sort; with Shift as a further key', onclick: event => {
            const next = i >= 0 && down ? c.name : '-' + c.name
            change({ sort: event.shiftKey ? [...keys.filter((_, k) => k !== i), next].join(',') : next })
          },
        }, c.title, i >= 0 && h('span', { 'aria-hidden': 'true' }, down ? ' ↓' : ' ↑')))
    })
    const to = t.offset + t.rows.length
    const pager = () => h('div', { class: 'pager' },
      h('button', { type: 'button', disabled: t.offset === 0, onclick: () => change({ offset: Math.max(0, t.offset - 50) }) }, '← 50 before'),
      h('span', {}, t.total === 0 ? 'none' : `${thousands(t.offset + 1)} to ${thousands(to)} of ${plural(t.total, 'candidate')}`),
      h('button', { type: 'button', disabled: to >= t.total, onclick: () => change({ offset: t.offset + 50 }) }, 'next 50 →'))
    fill(e, pager(), h('div', { class: 'wide' }, h('table', { class: 'candidates', role: 'table', 'aria-label': 'candidates' }, h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, head)),
      h('tbody', { role: 'rowgroup' }, t.rows.map(r => {
        const go = () => { location.hash = link('candidate', r.id) }
        return h('tr', {
          role: 'row', tabindex: 0, class: r.status + (r.winner ? ' winner' : ''), onclick: event => { if (!event.target.closest('a, summary, details') && !getSelection().toString()) go() },
          onkeydown: event => { if (event.key === 'Enter' && event.target.tagName === 'TR') go() },
        }, r.cells.map((cell, i) => h('td', { role: 'cell', class: [t.columns[i].number && 'number', (cell === '-' || cell === '') && 'none'].filter(Boolean).join(' ') || undefined, 'data-label': ['id', 'status'].includes(t.columns[i].name) ? undefined : t.columns[i].title }, written(t.columns[i], cell, r, link))))
      })))), t.rows.length > 20 && pager())
  })

  return {
    e: h('div', {}, kept() && !kept().all && h('p', {}, 'This file has ', h('strong', {}, kept().text), '. All of them: ', h('code', {}, kept().list)),
      h('div', { class: 'tools' }, form, chooser),
      h('p', { class: 'faint', id: 'language' }, 'Conditions compare metrics, genes and fields by = != < <= > >= and ~ (a text within another), joined by and, or, not. Click a title to sort.'), names,
      table.e),
    update: () => table.update(),
  }
}

function written(column, cell, row, link) {
  if (column.name === 'id') return h('a', { href: link('candidate', row.id) }, cell)
  if (column.name === 'status') return h('span', { class: 'tag ' + cell }, cell)
  if (column.name === 'genome' || cell.length > 60) { // folded, not a wall
    return h('details', { class: 'fold' }, h('summary', {}, cell.slice(0, 32) + (cell.length > 32 ? ' …' : '')), h('code', {}, cell))
  }
  if (column.name === 'reason') return h('span', { class: 'short', title: cell }, cell)
  return cell
}

// bare is a column's name without direction and without what tells it from another.
const bare = name => name.replace(/^-/, '').replace(/^(metric|gene):/, '')

const usual = search => {
  const o = search.objectives[0]
  const name = search.metrics.includes('metric:' + o.metric) ? 'metric:' + o.metric : o.metric
  return (o.goal === 'minimize' ? '' : '-') + name
}

function example(search) {
  const o = search.objectives[0]
  return `for example: ok and ${o.metric} ${o.goal === 'minimize' ? '<' : '>'} 0.9`
}
