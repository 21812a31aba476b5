// A search as a report has it: what the server would answer, from what lies in the file.

import { rows, told } from 'nascent/rows.js'
import { searchPath } from 'nascent/api.js'
import { plural, thousands } from 'nascent/dom.js'

const mostAncestors = 60, mostGenerations = 40

// unpacked is a text that the page holds, compressed.
async function unpacked(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), c => c.charCodeAt(0))
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text()
}

// open reads the search that the page holds.
export async function open() {
  const file = JSON.parse(await unpacked('search'))
  const { table, scatter } = rows(file)
  const place = new Map(file.ids.map((id, row) => [id, row]))
  let details // a line for each candidate, read when one is asked for

  async function candidate(id) {
    if (!place.has(id)) throw Object.assign(new Error(`This file has ${of(file)}, and this is another one: ${file.command} show ${file.dir} ${id > 1e9 ? 'f' + (id - 1e9) : id}`), { status: 404 })
    details ??= unpacked('candidates').then(text => text.split('\n'))
    return JSON.parse((await details)[place.get(id)])
  }

  // relative is what a family tells of a candidate.
  async function relative(id) {
    if (!place.has(id)) return file.family[id]
    const c = await candidate(id), m = c.metrics.find(m => m.name === file.metric)
    return {
      operator: c.operator, status: c.status, value: m ? m.value : null, text: m?.text ?? '', parents: c.parents,
      changes: c.changes.map(x => ({ ...x, lines: x.lines.slice(0, 4), left: (x.left ?? 0) + x.lines.length - Math.min(4, x.lines.length) || undefined })),
    }
  }

  async function lineage(id) {
    const out = { metric: file.metric, goal: file.goal, ancestors: [] }, seen = new Set([id])
    if (!place.has(id)) await candidate(id)
    for (const queue = [[id, 0]]; queue.length; queue.shift()) {
      const [at, depth] = queue[0], r = await relative(at)
      if (!r || out.ancestors.length === mostAncestors || depth === mostGenerations) {
        out.more = true
        if (!r) continue
        break
      }
      const { parents, ...rest } = r
      out.ancestors.push({ id: at, depth, ...rest })
      for (const p of parents) if (!seen.has(p)) queue.push([p, depth + 1]), seen.add(p)
    }
    return out
  }

  function log({ file: name, find, about }) {
    const names = Object.keys(file.logs), all = about ? names : [name ?? names[0]]
    if (!names.length) return { files: [], file: '', lines: [], more: false }
    if (!all.every(n => names.includes(n))) throw new Error(`there is no log "${name}"`)
    const word = about && new RegExp(`\\b(candidate|job|trial|id)s?[ =:#"]{1,3}([0-9f]+[ ,])*${about}\\b`, 'i')
    return {
      files: file.logs[names[0]].files, file: about ? '' : all[0], more: all.some(n => file.logs[n].more),
      lines: all.flatMap(n => file.logs[n].lines).filter(l => (!find || l.includes(find)) && (!word || word.test(l))),
    }
  }

  const prefix = searchPath(file.name)
  return {
    kept: { text: of(file), all: file.ids.length === file.total, list: `${file.command} list ${file.dir}` },
    follow: () => () => {}, // nothing changes
    async get(path, parameters = {}) {
      if (path === searchPath()) return { single: true, writes: false, searches: [{ name: file.name }] }
      const rest = path.slice(prefix.length), q = given(parameters)
      const stored = q => file.answers[rest + Object.entries(q).map(([k, v]) => ` ${k}=${v}`).sort().join('')]
      if (stored(q)) return stored(q)
      const [view, id] = rest.slice(1).split('/')
      switch (view) {
        case 'table': return table(q)
        case 'scatter': {
          const { logx, logy, ...whole } = q, base = stored(whole), flips = (side, log) => log && (log === '1') !== !!base[side].log ? log : undefined
          if (base && !base.grid) return { ...base, x: scaled(base, 'x', logx), y: scaled(base, 'y', logy) }
          const flipped = base && stored(given({ ...whole, logx: flips('x', logx), logy: flips('y', logy) })) // of densities those that there are
          if (flipped) return flipped
          return { ...scatter(q), ...file.ids.length < file.total ? { of: of(file) } : {} }
        }
        case 'candidate': return candidate(Number(id))
        case 'lineage': return lineage(Number(id))
        case 'log': return log(q)
      }
      throw new Error('this file has no ' + rest)
    },
  }
}

// given are the parameters of a query that say something.
const given = parameters => Object.fromEntries(Object.entries(parameters).filter(([, v]) => v !== undefined && v !== null && v !== ''))

// scaled is an axis of an answer that has its points, logarithmic or not.
function scaled(answer, side, log) {
  const a = answer[side]
  if (log === undefined || (log === '1') === !!a.log) return a
  if (log === '0') return { ...a, log: undefined }
  const least = Math.min(...[...answer.points ?? [], ...answer.front ?? []].map(p => p[side]).filter(x => x > 0))
  return a.hi > 0 ? { ...a, log: true, lo: a.lo > 0 ? a.lo : told(least) } : a
}

// of says which candidates a report has.
const of = file => {
  if (file.ids.length === file.total) return `all ${plural(file.total, 'candidate')}`
  const others = file.ids.length - file.best
  return `the best ${thousands(file.best)} of ${plural(file.total, 'candidate')}` + (others ? ` and ${plural(others, 'other')}` : '')
}
