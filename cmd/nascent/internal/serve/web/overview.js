// What a search has found, and how it goes on.

import { h, fill, named, part, panel, table, number, plural, seconds, takes, thousands } from 'nascent/dom.js'
import { colour, scatter, lines, parallel } from 'nascent/plot.js'
import { network } from 'nascent/network.js'
import { downloads, genes } from 'nascent/candidate.js'
import { steering, cancelling, timeline } from 'nascent/steer.js'
import { rangeOf } from 'nascent/candidates.js'

export function overview(context) {
  const { ask, link, search } = context
  const open = id => { location.hash = link('candidate', id) }
  const parts = []
  const put = (p, ...more) => {
    parts.push(p)
    return p.e
  }
  const list = (x, y) => cell => {
    location.hash = link('candidates') + '?where=' + encodeURIComponent([rangeOf(x, cell.x), rangeOf(y, cell.y), 'ok'].filter(Boolean).join(' and '))
  }

  const best = part(async () => {
    const s = context.search
    if (!s.ready || !s.winner) return { s: { ready: s.ready, rows: s.rows, total: s.total, live: s.live, cause: s.state.cause, evaluations: s.state.evaluations } }
    const [report, c] = await Promise.all([ask('/report'), ask('/candidate/' + s.winner)])
    return { s: { ready: true, winner: s.winner, measured: s.measured, ended: s.state.state === 'finished', cause: s.state.cause }, report, c }
  }, (e, { s, report, c }) => {
    if (!s.ready) return fill(e, h('p', { class: 'verdict' }, `Reading the search: ${thousands(s.rows)} of ${thousands(s.total)} candidates are here.`))
    if (!c) {
      return fill(e, h('div', { class: 'hero' }, h('div', { class: 'found' }, h('h2', {}, s.evaluations ? `Nothing could be measured in ${plural(s.evaluations, 'evaluation')}` : 'Nothing was measured yet'),
        s.cause ? h('p', { class: 'wrong' }, (s.live ? '' : 'The run ended: ') + s.cause) : h('p', {}, s.live ? 'The first results are on their way.' : 'nascent run goes on with it.'),
        h('p', {}, h('a', { href: link('log') }, 'Failures and logs')))))
    }
    fill(e,
      h('div', { class: 'hero' },
        h('div', { class: 'found' },
          h('h2', {}, s.ended ? 'The best' : 'The best so far', ': ', h('a', { href: link('candidate', c.id) }, 'candidate ' + named(c.id))),
          h('div', { class: 'figures' }, c.metrics.filter(m => search.objectives.some(o => o.metric === m.name)).map(m => figure(judged(m, s.measured), 'objective'))
            .concat(c.network ? [figure({ name: 'parameters', text: thousands(c.network.parameters) }), figure({ name: 'multiply-adds', text: thousands(c.network.macs) })].filter((_, i) => !search.objectives.some(o => o.metric === ['parameters', 'macs'][i])) : [])),
          h('h3', {}, 'Why it is the best'),
          report.verdict.map((line, i) => h('p', { class: i ? '' : 'verdict' }, line)),
          !s.measured && c.rank === 1 && h('p', {}, `It ranks first of ${plural(c.among, 'candidate')} that were measured in full.`),
          report.honesty?.filter(l => l.startsWith('Measured again')).map(l => h('p', {}, l)),
          s.cause && h('p', {}, h('strong', {}, 'It ended: '), s.cause),
          h('h3', {}, 'Take it along'),
          downloads(context, c)),
        c.network ? h('div', { class: 'drawing' }, network(c.network)) : h('div', { class: 'drawing' }, h('h3', {}, 'What it is'), genes(c.genes))))
  })

  const pictures = h('div', { class: 'grid two whole', hidden: true })
  if (search.across) { // pictures of two at a time do not tell of so many
    const front = parallel({ open })
    pictures.append(h('section', { class: 'panel whole' }, h('h2', {}, 'The front in all objectives'), put(drawn(() => ask('/parallel', { columns: search.across }), front.set, front.e))))
  }
  for (const [x, y] of search.pairs) {
    const plot = scatter({ open, zoom: list('metric:' + x, 'metric:' + y) })
    pictures.append(withLogs(`${y} against ${x}`, 'As the search measured them.', plot,
      part, parts, q => ask('/scatter', { x: 'metric:' + x, y: 'metric:' + y, ...q })))
  }
  const preferred = search.objectives.find(o => o.metric === search.prefer) ?? search.objectives[0]
  const course = lines({ x: 'evaluations', y: preferred.metric, height: 300 })
  pictures.append(panel('Best so far', put(drawn(() => ask('/progress'), p => {
    const end = p.steps.length ? [[Math.max(p.n, p.steps.at(-1).n), p.steps.at(-1).value]] : []
    course.set([{ name: p.title, step: true, points: p.steps.map(s => [s.n, s.value]).concat(end) }])
    course.about(p.about)
  }, course.e))))
  if (search.objectives.length > 1) {
    const volume = lines({ x: 'evaluations', y: 'hypervolume', height: 300 })
    const dominated = panel('Hypervolume of the front', put(drawn(() => ask('/progress', { measure: 'hypervolume' }), p => {
      dominated.hidden = p.steps.length === 0
      volume.set([{ name: 'hypervolume', step: true, points: p.steps.map(s => [s.n, s.value]) }])
      volume.about(p.about)
    }, volume.e)))
    pictures.append(dominated)
  }
  for (const o of search.objectives.slice(0, 4)) {
    const plot = scatter({ open, zoom: list(undefined, 'metric:' + o.metric) })
    pictures.append(withLogs(`${o.metric} over time`, 'All that was measured in full, in the order of evaluations.', plot, part, parts,
      q => ask('/scatter', { x: 'evaluation', y: 'metric:' + o.metric, ...q }), ['logy']))
  }

  const learning = part(() => context.search.winner ? ask('/curves') : null, (e, l) => {
    if (!l?.curves.length) return fill(e)
    const o = search.objectives[0], log = o.metric === l.metric && o.scale === 'log' && l.curves.every(c => c.points.every(p => p[1] > 0))
    const plot = lines({ x: l.unit || 'step', y: l.metric + (log ? ' (logarithmic)' : ''), height: 300, label: 'learning curves', legend: false, log: { y: log } })
    fill(e, panel('How the best learned', plot.e, h('p', { class: 'faint' }, `${l.metric} of the ${l.curves.length === 1 ? 'best' : 'best ' + l.curves.length} of ${plural(l.of, 'candidate')} that were measured in full; the thick line is candidate `,
      h('a', { href: link('candidate', l.curves[0].id) }, named(l.curves[0].id)), l.curves[0].text && `, ${search.objectives[0].metric} ${l.curves[0].text}`, '.')))
    plot.set([...l.curves.slice(1), l.curves[0]].map((c, i, all) => ({ name: 'candidate ' + named(c.id), points: c.points, ...i === all.length - 1 ? { colour: colour('s1'), width: 3 } : { colour: colour('s0') + '66', width: 1 } })))
  })
  parts.push(learning)
  pictures.append(learning.e)

  const figures = part(async () => context.search.ready ? ask('/report') : null, (e, r) => {
    if (!r) return fill(e)
    const kept = r.head.map((_, k) => k).filter(k => r.rows?.some(row => row[k] !== '-')), head = kept.map(k => r.head[k])
    fill(e, r.rows?.length > 0 && panel('Figures', table(head, r.rows.map((row, i) => ({
      class: row[0].endsWith('(winner)') && 'winner', cells: kept.map(k => row[k]).map((cell, k) => k ? spread(cell) : r.ids[i] ? h('a', { href: link('candidate', r.ids[i]) }, cell) : cell),
    })), { numbers: head.map((_, i) => i).slice(1), first: 'th', label: 'figures' }), r.honesty?.map(line => h('p', { class: 'faint' }, line))))
  })
  const account = part(async () => context.search.ready ? ask('/report') : null, (e, r) => {
    if (!r) return fill(e)
    fill(e, panel('What it took', r.took?.map(line => h('p', {}, line))),
      panel('How it searched', h('div', { class: 'wide' }, h('table', { class: 'pairs' }, h('tbody', {}, r.plan.map(([k, v]) => h('tr', {}, h('th', { scope: 'row' }, k), h('td', {}, v))))))))
  })

  const ended = context.writes ? cancelling(context) : undefined
  const running = part(async () => ({ live: context.search.live, jobs: context.search.state.jobs ?? [], waiting: context.search.state.waiting }), (e, r) => {
    if (!r.live) return fill(e)
    if (e.matches(':active')) return // somebody is just pressing a button
    const chosen = e.contains(document.activeElement) && document.activeElement.getAttribute('aria-label')
    fill(e, panel('Running now', r.jobs.length === 0 ? h('p', { class: 'faint' }, 'No job runs at this moment.') :
      table(['candidate', 'for', 'progress', 'genome', context.writes && ' '].filter(Boolean), r.jobs.map(j => [
        h('span', {}, named(j.id), ' ', j.slow && h('span', { class: 'tag wrong' }, 'slow')), seconds(j.seconds),
        h('span', {}, j.budget > 0 && h('progress', { max: j.budget, value: j.step, 'aria-label': `${number(j.step)} of ${number(j.budget)}` }), ' ', Object.entries(j.metrics ?? {}).filter(([k]) => search.objectives.some(o => o.metric === k)).map(([k, v]) => `${k} ${number(v)}`).join(', '), ' ', h('span', { class: 'faint' }, takes(j.usage))),
        h('code', { class: 'genome' }, j.genome), ...context.writes ? [ended.button(j.id)] : []]), { label: 'jobs that run' }),
    r.waiting > 0 && h('p', { class: 'faint' }, plural(r.waiting, 'job') + ' waiting.'), ended?.e))
    if (chosen) e.querySelector(`[aria-label="${chosen}"]`)?.focus()
  })

  const hosts = part(async () => context.search.hosts ?? null, (e, f) => {
    if (!f) return fill(e)
    fill(e, panel('Hosts', h('p', {}, plural(f.of, 'host') + ': ' + f.text + '.'),
      f.all.length > 0 && table(['host', 'state', 'jobs', 'finished', 'failed', 'a minute', 'why'], f.all.map(x => [
        x.host, h('span', { class: 'tag ' + ({ ready: 'ok', aside: 'wrong' }[x.state] ?? '') }, x.state), `${thousands(x.running)} of ${thousands(x.slots)}`,
        thousands(x.finished), x.failed ? thousands(x.failed) : '–', number(60 * x.rate), x.reason,
      ]), { numbers: [2, 3, 4, 5], first: 'th', label: 'hosts' }),
      f.of > f.all.length && h('p', { class: 'faint' }, `${thousands(f.of - f.all.length)} more: nascent fleet lists them.`)))
  })

  const failed = part(() => ask('/failures'), (e, f) => {
    fill(e, f.invalid + f.failed > 0 && panel('Failures', failures(f, context, 3), h('p', {}, h('a', { href: link('log') }, 'All of them, and the logs'))))
  })

  const steered = context.writes && steering(context), happened = timeline(context)
  parts.unshift(best, { update: async () => { pictures.hidden = context.search.ready && !context.search.winner } })
  parts.push(running, hosts, failed, figures, account, happened)
  if (steered) parts.push(steered)
  return {
    e: h('div', {}, best.e, running.e, hosts.e, steered && steered.e, pictures, failed.e, figures.e, h('div', { class: 'columns' }, account.e, happened.e)),
    async update() {
      for (const p of parts) await p.update()
    },
  }
}

// judged is a metric as candidates are compared by it: the mean of what was measured several times.
function judged(m, again) {
  if (!(m.estimate?.n > 1)) return again ? { ...m, title: m.title + ', in the search' } : m
  return { title: `${m.title}, mean of ${m.estimate.n}`, text: m.text.endsWith(' %') ? (100 * m.estimate.mean).toFixed(2) + ' %' : number(m.estimate.mean) }
}

// spread is a figure, and below it how sure it is: "0.93 [0.92 0.94] (3)".
function spread(text) {
  const at = text.search(/ [[±]/)
  return at < 0 ? text : [text.slice(0, at), ' ', h('span', { class: 'sure' }, text.slice(at + 1))]
}

export function figure(m, kind) {
  return h('div', { class: 'figure ' + (kind ?? '') }, h('span', { class: 'value' }, m.text), h('span', { class: 'name' }, m.title ?? m.name))
}

// drawn is a part that hands its answer to a picture.
export function drawn(load, set, e) {
  const p = part(load, (_, answer) => {
    if (e.parentElement !== p.e) fill(p.e, e)
    set(answer)
  })
  fill(p.e, e)
  return p
}

// withLogs is the panel of a scatter with switches for logarithmic axes.
export function withLogs(title, about, plot, part, parts, load, which = ['logx', 'logy']) {
  const q = {}
  let answer
  const said = h('p', { class: 'faint' }, about)
  const p = drawn(async () => answer = await load(q), a => {
    plot.set(a)
    if (a.about) fill(said, a.about)
    boxes.forEach(([name, box]) => { box.checked = !!(name === 'logx' ? a.x : a.y).log })
    boxes.forEach(([name, , label]) => { label.hidden = !!(name === 'logx' ? a.x : a.y).labels || (name === 'logx' ? a.x : a.y).hi <= 0 })
  }, plot.e)
  const boxes = which.map(name => {
    const box = h('input', { type: 'checkbox', onchange: () => { q[name] = box.checked ? '1' : '0'; p.update() } })
    return [name, box, h('label', {}, box, name === 'logx' ? 'log x' : 'log y')]
  })
  parts.push(p)
  return h('section', { class: 'panel' }, h('div', { class: 'title' }, h('h2', {}, title), h('span', { class: 'switches' }, boxes.map(b => b[2]))), p.e, about && said)
}

// told is a reason without the word that stands beside it.
const told = r => r.reason.startsWith(r.status + ': ') ? r.reason.slice(r.status.length + 2) : r.reason

// failures are reasons, the most frequent first, as many as shown.
export function failures(f, { link }, shown = Infinity) {
  const all = f.ok + f.invalid + f.failed, most = f.reasons[0]?.n ?? 1
  return [
    h('p', {}, `${plural(f.failed, 'failure')} and ${thousands(f.invalid)} invalid of ${plural(all, 'result')}` + (f.retries ? `; ${plural(f.retries, 'attempt')} failed and ${f.retries === 1 ? 'was' : 'were'} counted` : '') +
      (f.lost > 0 ? `; ${seconds(f.lost)} of evaluators’ time brought no result.` : '.')),
    h('ul', { class: 'reasons' }, f.reasons.slice(0, shown).map(r => h('li', {},
      h('div', { class: 'share' }, h('strong', {}, thousands(r.n)), h('span', { class: 'bar' }, h('span', { style: { width: 100 * r.n / most + '%' } }))),
      h('div', {}, h('span', { class: 'tag ' + r.status }, r.status), ' ', h('span', { class: 'reason' }, told(r) || 'no reason was given', r.like > 1 && h('span', { class: 'faint' }, ` (and ${plural(r.like - 1, 'text')} that differ${r.like === 2 ? 's' : ''} in numbers alone)`))),
      h('div', { class: 'faint examples' }, 'for example candidate ', r.examples.map((id, i) => [i > 0 && ', ', h('a', { href: link('candidate', id) }, named(id))]))))),
    f.kinds > f.reasons.length && shown === Infinity && h('p', { class: 'faint' }, plural(f.kinds - f.reasons.length, 'rarer reason') + ' are left out.'),
  ]
}
