// The page: which view is shown, and when it is drawn anew.

import { h, fill, thousands, plural, seconds } from 'nascent/dom.js'
import { get, follow, kept, searchPath } from 'nascent/api.js'
import { overview } from 'nascent/overview.js'
import { candidates } from 'nascent/candidates.js'
import { candidate } from 'nascent/candidate.js'
import { genes } from 'nascent/genes.js'
import { trouble } from 'nascent/trouble.js'
import { folder, compared } from 'nascent/folder.js'

const main = document.getElementById('main'), top_ = document.getElementById('top')
const tabs = [['', 'Overview'], ['candidates', 'Candidates'], ['genes', 'Genes'], ['log', 'Failures, logs']]

let leave // what the view that is shown has to undo
let first // the list of searches, as it was at the start

// place reads the address: #/NAME/VIEW/ID?QUERY.
function place() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?')
  const [name, view = '', id] = path.split('/').map(decodeURIComponent)
  return { name, view, id, query: new URLSearchParams(query) }
}

export const link = (name, view = '', id) => '#/' + [name, view, id].filter(x => x !== undefined && x !== '').map(encodeURIComponent).join('/')

function header(at, s) {
  const many = first && !first.single
  const share = s?.state.limits?.evaluations ? Math.min(1, s.state.evaluations / s.state.limits.evaluations) : undefined
  const state = s && (s.ready ? (s.live ? 'running' : s.state.state) : 'reading')
  fill(top_,
    h('div', { class: 'where' },
      h('strong', {}, many ? h('a', { href: '#/' }, first.folder === '.' ? 'searches' : first.folder) : 'Nascent'),
      at.name && h('span', { class: 'crumb' }, h('a', { href: link(at.name) }, at.name)),
      s?.ready && s.state.paused && h('span', { class: 'state' }, 'paused'), s && h('span', { class: 'state ' + state }, state === 'reading' ? `reading: ${thousands(s.rows)} of ${thousands(s.total)}` : state),
      s?.ready && h('span', { class: 'faint' }, plural(s.state.evaluations, 'evaluation') + (s.state.limits?.evaluations ? ' of ' + thousands(s.state.limits.evaluations) : '') +
        ' · ' + seconds(s.state.wall) + (kept() ? ' · a report with ' + kept().text : ''))),
    share !== undefined && h('progress', { max: 1, value: share, 'aria-label': 'evaluations done' }),
    at.name && h('nav', { 'aria-label': 'views' }, tabs.map(([view, title]) => h('a', {
      href: link(at.name, view), 'aria-current': (at.view === view || view === 'candidates' && at.view === 'candidate') && 'page',
    }, title))))
}

async function show() {
  leave?.()
  leave = undefined
  const at = place()
  if (!first) {
    try {
      first = await get('/api/searches')
    } catch (error) {
      fill(main, h('p', { class: 'wrong' }, error.message))
      setTimeout(show, 3000)
      return
    }
  }
  if (!at.name && first.single) at.name = first.searches[0]?.name
  document.title = (at.name ? at.name + (at.view === 'candidate' ? ', candidate ' + at.id : '') + ' · ' : '') + 'Nascent'
  const stale = () => place().name !== at.name && !(first.single && !place().name)
  let stop = false
  const ended = () => stop || stale()
  leave = () => { stop = true }
  const context = { at, link: (view, id) => link(at.name, view, id), ask: (rest, q) => get(searchPath(at.name, rest), q), ended, writes: first.writes, refresh: () => refresh() }
  let view, refresh = () => {}
  if (!at.name) {
    header(at)
    view = at.view === 'compare' || at.query.has('compare') ? compared(context) : folder(context)
  } else {
    const of = { '': overview, candidates, candidate, genes, log: trouble }[at.view] ?? overview
    let s
    try {
      s = await context.ask('')
    } catch (error) {
      if (ended()) return
      header(at)
      fill(main, h('p', { class: 'wrong', role: 'status' }, error.message))
      const again = setTimeout(show, 2000)
      leave = () => clearTimeout(again)
      return
    }
    if (ended()) return
    context.search = s
    header(at, s)
    view = of(context)
  }
  fill(main, view.e)
  if (location.hash) main.focus({ preventScroll: true })
  scrollTo(0, 0)
  let busy = false, more = false
  const update = async () => {
    if (busy) {
      more = true
      return
    }
    busy = true
    do {
      more = false
      if (at.name) {
        try {
          const s = await context.ask('')
          if (ended()) return
          context.search = s
          header(at, s)
          more ||= !s.ready
        } catch { /* the parts say so */ }
      }
      await view.update()
      if (ended()) return
      await new Promise(wait => setTimeout(wait, more ? 300 : 0))
    } while (more && !ended())
    busy = false
  }
  const names = at.name ? [at.name] : first.searches.map(s => s.name).slice(0, 12)
  refresh = update
  await view.update()
  document.documentElement.dataset.ready = at.name + '/' + at.view
  if (ended()) return
  const unfollow = follow(names, update)
  leave = () => {
    stop = true
    unfollow()
    view.leave?.()
  }
}

// keys that work everywhere.
const keys = [['/', 'filter the candidates'], ['g o', 'overview'], ['g c', 'candidates'], ['g g', 'genes'], ['g l', 'failures and logs'], ['g b', 'the best candidate'],
  ['j k', 'down and up in a list'], ['Enter', 'open what is chosen'], ['← → ↑ ↓', 'through the candidates of a picture'], ['+ − 0', 'zoom into a network'], ['?', 'this help']]
const help = h('dialog', { 'aria-label': 'keys' }, h('h2', {}, 'Keys'), h('dl', {}, keys.map(([k, what]) => [h('dt', {}, k.split(' ').map(x => [h('kbd', {}, x), ' '])), h('dd', {}, what)])),
  h('form', { method: 'dialog' }, h('button', {}, 'Close')))
document.body.append(help)

let chord
async function pressed(event) {
  if (event.target.closest('input, select, textarea, dialog') || event.ctrlKey || event.metaKey || event.altKey) return
  const at = place(), name = at.name || (first?.single ? first.searches[0]?.name : undefined)
  const go = view => { if (name) location.hash = link(name, view) }
  if (chord === 'g') {
    chord = undefined
    const view = { o: '', c: 'candidates', g: 'genes', l: 'log' }[event.key]
    if (view !== undefined) go(view)
    if (event.key === 'b' && name) {
      const s = await get(searchPath(name))
      if (s.winner) location.hash = link(name, 'candidate', s.winner)
    }
    return
  }
  if (event.key === 'g') {
    chord = 'g'
    setTimeout(() => { chord = undefined }, 1500)
  } else if (event.key === '?') help.showModal()
  else if (event.key === '/') {
    event.preventDefault()
    const field = document.getElementById('where')
    addEventListener('keyup', () => field ? field.focus() : go('candidates'), { once: true }) // once the key itself was typed
  } else if (event.key === 'j' || event.key === 'k') {
    const rows = [...document.querySelectorAll('tbody tr[tabindex]')]
    const i = rows.indexOf(document.activeElement)
    rows[event.key === 'j' ? Math.min(rows.length - 1, i + 1) : Math.max(0, i - 1)]?.focus()
  }
}

export function start() {
  addEventListener('keydown', pressed)
  addEventListener('hashchange', show)
  return show()
}
