// Axes: where values lie, and which of them are written.

import { number } from 'nascent/dom.js'

// ticks are round numbers from lo to hi, about n of them.
export function ticks(lo, hi, log, n) {
  if (!(hi > lo)) return [lo]
  if (log) {
    const first = Math.ceil(Math.log10(lo) - 1e-9), last = Math.floor(Math.log10(hi) + 1e-9)
    if (last - first >= 2) {
      const every = Math.ceil((last - first + 1) / n), out = []
      for (let e = first; e <= last; e += every) out.push(Number('1e' + e))
      return out
    }
    const out = []
    for (let e = first - 1; e <= last; e++) {
      for (const m of [1, 2, 5]) {
        const x = m * 10 ** e
        if (x >= lo * (1 - 1e-9) && x <= hi * (1 + 1e-9)) out.push(x)
      }
    }
    if (out.length > 2) return out
  }
  const raw = (hi - lo) / Math.max(1, n), unit = 10 ** Math.floor(Math.log10(raw))
  const steps = [0.1, 0.2, 0.25, 0.5, 1, 2, 2.5, 5, 10].map(m => m * unit)
  for (let k = Math.max(4, steps.findIndex(s => s >= raw * (1 - 1e-9))); ; k--) {
    const every = steps[k], out = []
    for (let i = Math.ceil(lo / every - 1e-9); i * every <= hi + 1e-9 * every; i++) out.push(Number((i * every).toPrecision(12)))
    if (out.length >= 2 || k === 0) return out // of one tick no scale can be read
  }
}

// labels write ticks with as many digits as tell them apart.
export function labels(values) {
  for (let digits = 3; digits < 12; digits++) {
    const out = values.map(x => short(x, digits))
    if (new Set(out).size === out.length) return out
  }
  return values.map(number)
}

function short(x, digits) {
  const a = Math.abs(x)
  for (const [size, unit] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
    if (a >= size && a < 1e15 && (unit !== 'k' || a >= 1e4)) return String(Number((x / size).toPrecision(digits))).replace('-', '−') + unit
  }
  if (x !== 0 && (a >= 1e15 || a < 1e-3)) return x.toExponential(Math.max(0, digits - 3)).replace('e+', 'e').replace('-', '−')
  return String(Number(x.toPrecision(digits))).replace('-', '−')
}

// scale maps the values of an axis of an answer to places from 0 to 1, and back.
export function scale(axis) {
  if (axis.log && axis.lo > 0) {
    const lo = Math.log(axis.lo), span = Math.log(axis.hi) - lo || 1
    return { at: x => x > 0 ? (Math.log(x) - lo) / span : -1, back: p => Math.exp(lo + p * span) }
  }
  const span = axis.hi - axis.lo || 1
  return { at: x => (x - axis.lo) / span, back: p => axis.lo + p * span }
}

// padded leaves some room around what an axis spans, so that nothing lies on the frame.
export function padded(axis) {
  if (axis.labels) return axis
  if (axis.log && axis.lo > 0) {
    const f = (axis.hi / axis.lo) ** 0.03
    return { ...axis, lo: axis.lo / f, hi: axis.hi * f }
  }
  const d = (axis.hi - axis.lo) * 0.03
  return { ...axis, lo: axis.lo >= 0 && axis.lo - d < 0 ? Math.min(0, axis.lo) : axis.lo - d, hi: axis.hi + d }
}

// written are the ticks of an axis with their labels.
export function written(axis, n) {
  if (axis.labels) {
    const every = Math.ceil(axis.labels.length / Math.max(1, n * 2))
    return axis.labels.map((text, i) => ({ at: i, text: text.length > 14 ? text.slice(0, 13) + '…' : text })).filter((_, i) => i % every === 0)
  }
  let at = ticks(axis.lo, axis.hi, axis.log, n)
  if (axis.whole && at.some(Number.isInteger)) at = at.filter(Number.isInteger)
  const text = labels(at)
  return at.map((x, i) => ({ at: x, text: text[i] }))
}

// titled is what stands at an axis: whole, with its better direction.
export function titled(axis) {
  let t = axis.mean ? 'mean of ' + axis.title : axis.title
  if (axis.goal === 'maximize') t += ', more is better'
  if (axis.goal === 'minimize') t += ', less is better'
  return axis.log ? t + ' (logarithmic)' : t
}
