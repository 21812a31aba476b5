// The candidates that a report has, as columns, and the views that are queries over them:
// answers are those of the server (see docs/serve.md), which the tests hold them to.

import { condition, kindOf } from 'nascent/condition.js'

const perPage = 50, mostColumns = 24, mostPoints = 800, gridWidth = 72, gridHeight = 48, mostLabels = 40
const statuses = ['ok', 'invalid', 'failed']
const Num = 1, Text = 2

// rows are those of what a report holds, as file.go writes it.
export function rows(file) {
  const all = file.ids.map((_, row) => row), resolved = new Map(), beyond = new Set(file.beyond)

  // column is what a name stands for: undefined if it is nobody's, a text to be written where
  // it may mean several things.
  function column(form, name) {
    const key = form + ':' + name
    if (!resolved.has(key)) resolved.set(key, resolve(form, name))
    return resolved.get(key)
  }

  function resolve(form, name) {
    if (form === '' && statuses.includes(name)) return { kind: 4, title: name, at: row => [file.fields.status.values[row] === name] }
    const own = (of, is) => (form === is || form === '') && Object.hasOwn(of, name) ? of[name] : undefined
    const field = own(file.fields, '-')
    if (field) return valued(field)
    const metric = own(file.metrics, 'metric'), found = form === '' || form === 'gene' ? gene(name) : undefined
    if (metric && found) return `write metric(${JSON.stringify(name)}) or gene(${JSON.stringify(name)})`
    const stored = metric ?? (found ? undefined : own(file.usage, 'usage'))
    return stored ? { ...valued(stored), metric: metric && name } : found
  }

  const valued = c => ({ ...c, at: c.many ? row => c.values[row] : row => c.values[row] === null ? [] : [c.values[row]], text: row => c.texts?.[row] ?? plain(c.values[row]) })

  // gene is the column of a path, with or without places in lists.
  function gene(path) {
    const short = path.replace(/\[[0-9]+\]/g, ''), c = Object.hasOwn(file.genes, short) ? file.genes[short] : undefined
    if (!c) return undefined
    const steps = path.split(/\.|(?=\[)/).map(s => s.startsWith('[') ? Number(s.slice(1, -1)) : s)
    const at = row => {
      const out = []
      if (c.length) lengths(file.trees[row], steps.slice(0, -1), n => out.push(n))
      else {
        each(file.trees[row], steps, v => {
          if (v !== null && typeof v === 'object') {
            const keys = Object.keys(v)
            v = c.option && keys.length === 1 ? keys[0] : true
          }
          out.push(v)
        })
      }
      return out
    }
    const title = path === short ? c.title : path
    if (path === short) return { ...c, at, text: row => c.texts?.[row] ?? plain(c.many ? at(row) : at(row)[0] ?? null) }
    const many = all.some(row => at(row).length > 1)
    return all.some(row => at(row).length > 0) ? { ...c, many, title, at, text: row => plain(many ? at(row) : at(row)[0] ?? null) } : undefined
  }

  const split = name => {
    const [, form, bare] = /^(metric|gene|usage):([^]*)$/.exec(name) ?? [, '', name]
    return [form, bare]
  }

  // known is the column of a name in a list of columns.
  function known(name) {
    const c = column(...split(name))
    if (typeof c === 'string') throw new Error(`${name} may mean several things; write metric:${name} or gene:${name}`)
    if (!c) throw new Error(`there is no column "${name}" in this file`)
    return c
  }

  function where(text, among) {
    if (!text?.trim()) return among
    return among.filter(condition(text, column))
  }

  function select({ where: text, sort, offset = 0 }) {
    const found = [...where(text, all)]
    const keys = (sort ?? '').split(',').filter(Boolean).map(key => {
      const down = key.startsWith('-'), name = key.replace(/^-/, ''), c = known(name)
      if (!c.kind) throw new Error(`${name} holds several values; sort by one of them`)
      return { down, values: all.map(row => c.at(row)[0]) }
    })
    found.sort((a, b) => {
      for (const { down, values } of keys) {
        const x = values[a], y = values[b]
        const order = x === undefined || y === undefined ? (x === undefined) - (y === undefined) : compare(x, y) * (down ? -1 : 1)
        if (order) return order
      }
      return a - b
    })
    return { found: found.slice(offset, offset + perPage), total: found.length }
  }

  // usual are the columns of a table that nobody chose.
  function usual(found) {
    const any = (name, is) => found.some(row => is(file.fields[name].values[row]))
    const out = ['id', 'phase']
    if (any('task', x => x !== 'train')) out.push('task')
    out.push('status', ...file.usual)
    if (Object.hasOwn(file.metrics, 'parameters') && !out.includes('parameters')) out.push('parameters')
    out.push('budget', 'seconds')
    if (any('lost', x => x > 0)) out.push('lost')
    out.push('operator', 'parents')
    if (any('reason', x => x)) out.push('reason')
    if (any('label', x => x.length)) out.push('label')
    if (any('comment', x => x)) out.push('comment')
    return [...out, 'genome']
  }

  function table(q) {
    const offset = Math.max(0, Number(q.offset) || 0), { found, total } = select({ ...q, offset })
    let names = (q.columns ?? '').split(',').filter(Boolean)
    if (!names.length) names = usual(found)
    names = names.slice(0, mostColumns)
    const columns = names.map(known), room = Math.max(24, Math.floor(40000 / Math.max(1, found.length * names.length)))
    return {
      columns: names.map((name, i) => ({ name, title: columns[i].title, number: columns[i].kind === Num && !columns[i].many })),
      rows: found.map(row => ({
        id: file.ids[row], status: file.fields.status.values[row], cells: columns.map(c => clip(c.text(row), room)),
        ...file.ids[row] === file.winner ? { winner: true } : {},
      })),
      total, offset,
    }
  }

  // numbers are a column as numbers, NaN where a row has none; texts are numbered.
  function numbers(name) {
    if (name === 'evaluation') return { values: file.evaluation.map(x => x ?? NaN), title: name }
    const c = known(name), labels = [], codes = new Map()
    const label = text => {
      let code = codes.get(text)
      if (code === undefined) {
        code = labels.length
        if (code >= mostLabels) [code, text] = [mostLabels, 'others']
        if (labels.length <= mostLabels) labels.push(clip(text, 60))
        codes.set(text, code)
      }
      return code
    }
    const values = all.map(row => {
      const v = c.at(row)
      if (!v.length) return NaN
      if (typeof v[0] !== 'number') return label(typeof v[0] === 'string' ? v[0] : v[0] ? 'yes' : 'no')
      const n = v.filter(x => typeof x === 'number')
      return n.reduce((a, b) => a + b, 0) / n.length
    })
    return { ...c, values, labels: labels.length ? labels : undefined }
  }

  // scatter is one column against another. It draws no front: those that there are the
  // report has as they were stated.
  function scatter(q) {
    const x = numbers(q.x), y = numbers(q.y)
    const among = q.of === 'all' ? all : q.x === 'evaluation' ? file.full : file.within
    const found = where(q.where, among).filter(row => !Number.isNaN(x.values[row]) && !Number.isNaN(y.values[row]))
    const out = { x: axis(q.x, x, found, q.logx), y: axis(q.y, y, found, q.logy), n: found.length, outside: 0 }
    const across = part(out.x), up = part(out.y), points = []
    const point = row => ({ x: told(x.values[row]), y: told(y.values[row]), id: file.ids[row], ...beyond.has(row) ? { beyond: true } : {} })
    const bounds = file.wishes.flatMap(w => ['x', 'y'].filter(side => (side === 'x' ? x : y).metric === w.metric && w.at >= out[side].lo && w.at <= out[side].hi)
      .map(axis => ({ axis, at: w.at, text: w.text })))
    if (bounds.length) out.bounds = bounds
    if (found.length > mostPoints) {
      out.width = out.x.labels?.length ?? gridWidth
      out.height = out.y.labels?.length ?? gridHeight
      out.grid = new Array(out.width * out.height).fill(0)
    }
    for (const row of found) {
      const a = across(x.values[row]), b = up(y.values[row])
      if (!(a >= 0 && a <= 1 && b >= 0 && b <= 1)) out.outside++
      else if (!out.grid) points.push(point(row))
      else out.grid[Math.min(Math.floor(b * out.height), out.height - 1) * out.width + Math.min(Math.floor(a * out.width), out.width - 1)]++
    }
    if (points.length) out.points = points
    for (const side of [out.x, out.y]) [side.lo, side.hi] = [told(side.lo), told(side.hi)]
    const best = file.ids.indexOf(file.winner)
    if (best >= 0 && !Number.isNaN(x.values[best]) && !Number.isNaN(y.values[best])) out.winner = point(best)
    return out
  }

  return { table, scatter }
}

// axis spans the values of a column in some rows, as column.go has it.
function axis(name, c, found, log) {
  const a = { name, title: c.title }
  if (c.goal) a.goal = c.goal
  if (c.labels) return { ...a, title: (c.many ? 'first of ' : '') + c.title, labels: c.labels, lo: -0.5, hi: c.labels.length - 0.5 }
  if (c.many) a.mean = true
  const values = found.map(row => c.values[row]).sort((x, y) => x - y)
  if (!values.length) return { ...a, lo: 0, hi: 1 }
  let lo = values[0], hi = values.at(-1)
  if (values.length >= 20) {
    const tenth = Math.floor((values.length - 1) / 10), low = values[tenth], high = values[values.length - 1 - tenth]
    if (c.goal === 'minimize' && hi - high > 0.5 * (hi - lo)) hi = high
    else if (c.goal === 'maximize' && low - lo > 0.5 * (hi - lo)) lo = low
  }
  if (log === '1' ? hi > 0 : log !== '0' && lo > 0 && (c.log || hi / lo >= 100 && name !== 'evaluation')) a.log = true
  if (a.log && lo <= 0) lo = values.find(x => x > 0) ?? lo
  if (lo === hi) {
    const pad = Math.abs(lo) * 0.05;
    [lo, hi] = a.log ? [lo / 1.05, hi * 1.05] : pad === 0 ? [-1, 1] : [lo - pad, hi + pad]
  }
  return { ...a, lo, hi }
}

// part maps values to their parts of an axis.
function part(a) {
  if (!a.log) return x => (x - a.lo) / (a.hi - a.lo)
  const lo = Math.log(a.lo), span = Math.log(a.hi) - lo
  return x => x > 0 ? (Math.log(x) - lo) / span : -1
}

// told is a number as an answer has it: with seven digits.
export const told = x => Number.isInteger(x) && Math.abs(x) < 1e15 ? x : Number(x.toPrecision(7))

// plain writes a value as a program has it.
function plain(v) {
  if (v === null || v === undefined) return '-'
  if (Array.isArray(v)) return v.map(plain).join(' ')
  return typeof v === 'object' ? JSON.stringify(v) : String(v)
}

function compare(x, y) {
  const a = kindOf(x), b = kindOf(y)
  if (a !== b) return a - b
  if (a === Text) return x < y ? -1 : x > y ? 1 : 0
  return x - y
}

// clip shortens a text to about n bytes.
function clip(text, n) {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length <= n) return text
  while (n > 0 && (bytes[n] & 0xc0) === 0x80) n--
  return new TextDecoder().decode(bytes.slice(0, n)) + '…'
}

// each calls f with what lies at the end of a path that may leave out places; see
// genome/anypath.go.
function each(v, steps, f) {
  if (Array.isArray(v)) {
    if (typeof steps[0] === 'number') {
      if (steps[0] < v.length) each(v[steps[0]], steps.slice(1), f)
    } else for (const e of v) each(e, steps, f)
  } else if (steps.length === 0) f(v)
  else if (v !== null && typeof v === 'object' && typeof steps[0] === 'string' && Object.hasOwn(v, steps[0])) each(v[steps[0]], steps.slice(1), f)
}

function lengths(v, steps, f) {
  if (Array.isArray(v)) {
    if (steps.length === 0) f(v.length)
    else if (typeof steps[0] === 'number') {
      if (steps[0] < v.length) lengths(v[steps[0]], steps.slice(1), f)
    } else for (const e of v) lengths(e, steps, f)
  } else if (v !== null && typeof v === 'object' && typeof steps[0] === 'string' && Object.hasOwn(v, steps[0])) lengths(v[steps[0]], steps.slice(1), f)
}
