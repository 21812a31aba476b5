// Controls that change a search.

import { h, fill, named, part, panel, copier, plural, thousands } from 'nascent/dom.js'
import { post, query, searchPath } from 'nascent/api.js'

// unanswered are the names of requests of which it is not known whether they were carried
// out, by what they ask for: asked again they keep their names, and happen once.
const unanswered = new Map()

const nameOne = () => 'page-' + [...crypto.getRandomValues(new Uint8Array(12))].map(b => b.toString(16).padStart(2, '0')).join('')

// steer has a search carry out a request, and answers with the receipt.
export async function steer(name, request) {
  const what = JSON.stringify([name, request])
  if (!unanswered.has(what)) unanswered.set(what, nameOne())
  try {
    const receipt = await post(searchPath(name, '/steer'), { request: unanswered.get(what), ...request })
    unanswered.delete(what)
    return receipt
  } catch (error) {
    if (error.status >= 400 && error.status < 500) unanswered.delete(what)
    throw error
  }
}

// outcome says what came of what was asked last.
function outcome(context) {
  const e = h('p', { class: 'outcome', role: 'status', hidden: true })
  let busy = false
  return {
    e,
    // ask has a request carried out, unless one is on its way.
    async ask(request, done) {
      if (busy) return
      busy = true
      try {
        const r = await steer(context.at.name, request)
        const came = r.planned ? `planned for turn ${r.turn}` : r.ids?.length ? ['added: ', r.ids.map((id, i) => [i > 0 && ', ', 'candidate ' + named(id)])] : r.seq ? 'done' : 'there was nothing to do'
        fill(e, came, r.hint && '; ' + r.hint)
        e.className = 'outcome'
        done?.(r)
      } catch (error) {
        fill(e, error.message)
        e.className = 'outcome wrong'
      }
      e.hidden = false
      busy = false
      context.refresh()
    },
  }
}

const button = (text, onclick, more) => h('button', { type: 'button', onclick, ...more }, text)

// field is a form of one line.
function field(name, label, action, submit, more) {
  const input = h('input', { name, autocomplete: 'off', spellcheck: 'false', 'aria-label': label, placeholder: label, ...more })
  return h('form', { class: 'filter', onsubmit: event => { event.preventDefault(); if (input.value.trim()) submit(input.value.trim(), () => { input.value = '' }) } }, input, h('button', {}, action))
}

// steering is the panel that changes a search.
export function steering(context) {
  const said = outcome(context)
  const turn = h('input', { type: 'number', min: 0, name: 'turn', class: 'narrow' })
  const later = request => turn.value ? { at_turn: Number(turn.value), ...request } : request
  const ask = (request, done) => said.ask(later(request), done)

  // What there is nothing to hold up in is not offered: a search that has ended, or one that nobody runs.
  const run = part(async () => ({ live: context.search.live, paused: context.search.state.paused, state: context.search.state.state, command: context.search.command, dir: context.search.dir }), (e, { live, paused, state, command, dir }) => {
    const again = `${command} run ${dir}`
    fill(e,
      h('p', {}, paused && [h('strong', {}, 'Paused'), ` before turn ${paused.turn}${paused.by ? ' by ' + paused.by : ''}. `],
        !live && (state === 'finished' ? ['It has ended: raise a limit below, and it goes on by '] : ['No process runs it. What is changed holds from its next run on: ']), !live && [h('code', {}, again), ' ', copier(again)]),
      h('div', { class: 'downloads' },
        paused ? button('Resume', () => said.ask({ resume: true }), { name: 'resume' }) : [(live || state !== 'finished') && button('Pause', () => ask({ pause: {} }), { name: 'pause', title: live ? 'jobs that run are finished' : 'its next run waits until it is resumed' }),
          live && button('Pause now', () => ask({ pause: { now: true } }), { title: 'jobs that run are called back with what they can save' })],
        live && button('Stop', () => ask({ stop: true }), { name: 'stop', title: 'the run ends cleanly' })))
  })

  // Limits: only what was changed is sent, and an empty field takes a limit away. Of several
  // objectives each has a target, and one candidate has to have all.
  const goals = context.search.objectives
  const aims = goals.length === 1 ? [['limits.target', 'target: ' + goals[0].metric, s => s.limits?.target]] :
    goals.map(o => ['target ' + o.metric, 'target: ' + o.metric, s => s.limits?.targets?.[o.metric]])
  const keys = [['limits.evaluations', 'evaluations', s => s.limits?.evaluations], ['limits.wall', 'seconds of running', s => s.limits?.wall], ['limits.seconds', 'seconds of evaluators', s => s.limits?.seconds],
    ...aims, ['workers', 'workers', s => s.workers], ['window', 'window', s => s.window],
    ...context.search.state.fleet_hosts ? [['fleet.hosts', 'hosts', s => s.fleet_hosts]] : []]
  const inputs = keys.map(([key, , now]) => h('input', { name: key, type: 'number', step: 'any', class: 'narrow', value: now(context.search.state) ?? '' }))
  const before = inputs.map(i => i.value)
  const known = () => inputs.forEach((input, i) => {
    const now = String(keys[i][2](context.search.state) ?? '')
    if (input.value === before[i]) input.value = now // what somebody is typing stays
    before[i] = now
  })
  const limits = h('form', {
    class: 'limits', onsubmit: event => {
      event.preventDefault()
      const set = {}
      inputs.forEach((input, i) => { if (input.value !== before[i]) set[keys[i][0]] = input.value === '' ? null : Number(input.value) })
      if (goals.length > 1 && Object.keys(set).some(k => k.startsWith('target '))) { // they are one setting
        const all = {}
        inputs.forEach((input, i) => { if (keys[i][0].startsWith('target ') && input.value !== '') all[keys[i][0].slice(7)] = Number(input.value) })
        for (const k of Object.keys(set)) if (k.startsWith('target ')) delete set[k]
        set['limits.target'] = Object.keys(all).length ? all : null
      }
      if (Object.keys(set).length) ask({ set }, () => inputs.forEach((input, i) => { before[i] = input.value }))
    },
  }, keys.map(([, label], i) => h('label', {}, label, inputs[i])), h('button', {}, 'Set'))

  const holds = part(async () => ({ bans: context.search.state.bans ?? [], planned: context.search.state.planned ?? [] }), (e, { bans, planned }) => fill(e,
    bans.length > 0 && h('ul', { class: 'files' }, bans.map(b => h('li', {}, 'banned: ', h('code', {}, b), ' ', button('Unban', () => ask({ unban: b }))))),
    planned.length > 0 && h('ul', { class: 'files' }, planned.map(p => h('li', {}, `before turn ${thousands(p.turn)}: ${p.text} `, button('Withdraw', () => said.ask({ withdraw: p.request }), { name: 'withdraw' }))))))

  const bring = importing(context, turn), other = declaring(context, turn)
  const more = h('details', { class: 'folded', name: 'steering' }, h('summary', {}, 'Limits, bans, genomes, notes …'),
    h('div', { class: 'grid' },
      h('div', {}, h('h3', {}, 'Limits'), limits, h('h3', {}, 'When'), h('p', {}, h('label', { class: 'faint' }, 'Not now, but before turn ', turn))),
      h('div', {}, h('h3', {}, 'Ban genomes'), field('ban', 'kernel = 7 and not norm', 'Ban', (ban, done) => ask({ ban }, done)), holds.e,
        h('h3', {}, 'Add a genome'), field('add', 'its text, as a candidate has it', 'Add', (text, done) => ask({ add: { genomes: [text] } }, done)),
        h('h3', {}, 'Note'), field('note', 'a line for the timeline', 'Note', (note, done) => ask({ note }, done), { maxlength: 1000 }),
        bring)), other)
  const e = panel('Steer', run.e, said.e, more)
  return { e, async update() { known(); await run.update(); await holds.update() } }
}

// declaring lets a search go on with another space, other objectives or constraints: who would
// fit is said first, and only what that was said of is done.
function declaring(context, turn) {
  const text = h('textarea', { name: 'declared', rows: 14, spellcheck: 'false', autocapitalize: 'off', 'aria-label': 'what the search declares' })
  const said = h('p', { class: 'outcome', role: 'status', hidden: true })
  const go = button('Take over', () => send(false), { name: 'takeover', hidden: true })
  let request, before = ''
  const tell = (words, wrong) => {
    fill(said, words)
    said.className = 'outcome' + (wrong ? ' wrong' : '')
    said.hidden = false
  }
  const send = async dry => {
    if (dry) request = nameOne()
    go.disabled = true
    try {
      const q = { request, dry: dry ? 1 : '', at_turn: turn.value }
      const ask = () => fetch(searchPath(context.at.name, '/declare') + query(q), { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: text.value })
      const r = await ask().catch(ask) // its name has it happen once
      const answer = await r.json()
      if (!r.ok) throw new Error(answer.error)
      tell(dry ? answer.says : answer.planned ? `planned for turn ${answer.turn}` : answer.seq ? `From turn ${thousands(answer.turn)} on: ${answer.says}` : 'there was nothing to do')
      go.hidden = !dry || text.value === before
      if (!dry) before = text.value
    } catch (error) {
      tell(error.message, true)
    }
    go.disabled = false
    if (!dry) context.refresh()
  }
  text.addEventListener('input', () => { go.hidden = true })
  turn.addEventListener('input', () => { go.hidden = true })
  const e = h('details', { class: 'folded', name: 'declaring' }, h('summary', {}, 'Space, objectives, constraints …'),
    h('p', { class: 'faint' }, 'What the search declares, in the words of a search.yaml. Between two turns the strategy begins anew with the candidates that fit; the others are kept for people, and decide nothing.'),
    text, h('div', { class: 'downloads' }, button('Who would fit?', () => send(true), { name: 'try', title: 'changes nothing' }), go,
      button('As it is', () => load(true), { title: 'what the search declares now' })), said)
  const load = async anew => {
    try {
      const d = await context.ask('/declared')
      if (d.long) tell('It is too long for this page: nascent set DIR space=@FILE', true)
      else if (anew || text.value === before) {
        text.value = before = d.text
        go.hidden = said.hidden = true
      }
    } catch (error) {
      tell(error.message, true)
    }
  }
  e.addEventListener('toggle', () => { if (e.open) load(false) })
  return e
}

// importing has a search know results from a file, which is tried before.
function importing(context, turn) {
  const file = h('input', { type: 'file', name: 'file', 'aria-label': 'file with results', accept: '.csv,.jsonl,.json,.parquet,.db,.sqlite,.sqlite3,.log' })
  const said = h('p', { class: 'outcome', role: 'status', hidden: true })
  let request
  const send = async dry => {
    const f = file.files[0]
    if (!f) return
    try {
      const q = { name: f.name, request, dry: dry ? 1 : '', at_turn: turn.value }
      const ask = () => fetch(searchPath(context.at.name, '/import') + query(q), { method: 'POST', headers: { 'Content-Type': 'application/octet-stream' }, body: f })
      const r = await ask().catch(ask) // its name has it happen once
      const answer = await r.json()
      if (!r.ok) throw new Error(answer.error)
      fill(said, answer.text.map(line => h('span', { class: 'line' }, line)))
      said.className = 'outcome'
    } catch (error) {
      fill(said, error.message)
      said.className = 'outcome wrong'
    }
    said.hidden = false
    if (!dry) context.refresh()
  }
  file.addEventListener('change', () => { request = nameOne() })
  return [h('h3', {}, 'Import results'), h('div', { class: 'tools' }, file, button('Try it', () => send(true), { title: 'says what would be taken in, and changes nothing' }), button('Import', () => send(false), { name: 'import' })),
    h('p', { class: 'faint' }, 'CSV, JSON lines, Parquet or an Optuna study: genes and metrics are found by their names.'), said]
}

// cancelling are buttons that end the jobs of candidates, and what came of that.
export function cancelling(context) {
  const said = outcome(context)
  return { e: said.e, button: id => button('Cancel', () => said.ask({ cancel: [id] }), { name: 'cancel', 'aria-label': 'cancel candidate ' + named(id) }) }
}

// words is the panel that says something of a candidate, keeps its files or measures it anew.
export function words(context, id) {
  const said = outcome(context)
  const e = h('div')
  const label = field('label', 'a label', 'Label', (add, done) => said.ask({ label: { ids: [id], add } }, done))
  const comment = h('input', { name: 'comment', autocomplete: 'off', 'aria-label': 'comment', placeholder: 'a comment' })
  const commented = h('form', { class: 'filter', onsubmit: event => { event.preventDefault(); said.ask({ label: { ids: [id], comment: comment.value.trim() } }) } }, comment, h('button', {}, 'Comment'))
  let before
  return {
    e,
    set(c) {
      if (comment.value === (before ?? '')) comment.value = c.comment ?? ''
      before = c.comment ?? ''
      fill(e, panel('Steer',
        c.labels.length > 0 && h('p', {}, c.labels.map(l => h('span', { class: 'tag label' }, l, ' ', h('button', { type: 'button', class: 'plain', 'aria-label': 'remove the label ' + l, onclick: () => said.ask({ label: { ids: [id], remove: l } }) }, '×')))),
        label, commented, said.e,
        h('div', { class: 'downloads' },
          button('Measure it once more', () => said.ask({ add: { genomes: [c.genome] } }), { name: 'again', title: 'adds its genome to the search' }),
          c.pinned ? button('Let its files go', () => said.ask({ unpin: [id] }), { name: 'unpin' }) : c.files.length > 0 && button('Keep its files', () => said.ask({ pin: [id] }), { name: 'pin' }))))
    },
  }
}

// timeline is what happened to a search, the last first.
export function timeline(context) {
  return part(() => context.ask('/timeline'), (e, t) => fill(e, t.events.length > 0 && panel('What happened',
    h('ol', { class: 'events', tabindex: 0, 'aria-label': 'what happened, the last first' }, t.events.map(o => h('li', {},
      h('div', { class: 'faint' }, h('time', { datetime: o.time, title: o.time }, when(o.time)), o.turn > 0 && ' · turn ' + thousands(o.turn), o.by && ' · ' + o.by),
      h('div', {}, h('span', { class: 'tag' + (o.kind === 'refused' ? ' wrong' : '') }, o.kind), ' ', o.text)))),
    t.total > t.events.length && h('p', { class: 'faint' }, `The newest of ${plural(t.total, 'event')}; nascent log has all.`))))
}

const when = time => {
  const d = new Date(time), two = n => String(n).padStart(2, '0')
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}`
}
