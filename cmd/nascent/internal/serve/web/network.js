// Networks and families as SVG.

import { h, fill, named, thousands } from 'nascent/dom.js'
import { sized } from 'nascent/plot.js'
import { ticks, labels } from 'nascent/scale.js'

// zoomed makes an SVG that can be looked at from near: by buttons, keys (+ - 0), dragging,
// and the wheel with Ctrl.
function zoomed(svg, width, height, label) {
  let box = [0, 0, width, height]
  const set = () => svg.setAttribute('viewBox', box.map(x => x.toFixed(1)).join(' '))
  const zoom = (f, cx = 0.5, cy = 0.5) => {
    const w = Math.max(width / 12, Math.min(width * 1.5, box[2] * f)), k = w / box[2]
    box = [box[0] + box[2] * (1 - k) * cx, box[1] + box[3] * (1 - k) * cy, w, box[3] * k]
    set()
  }
  const whole = () => { box = [0, 0, width, height]; set() }
  set()
  svg.setAttribute('tabindex', 0)
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', label)
  svg.addEventListener('wheel', event => {
    if (!event.ctrlKey) return
    event.preventDefault()
    const r = svg.getBoundingClientRect()
    zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, (event.clientX - r.left) / r.width, (event.clientY - r.top) / r.height)
  }, { passive: false })
  let from
  svg.addEventListener('pointerdown', event => {
    if (box[2] >= width || event.target.closest('a')) return // nothing is hidden
    from = [event.clientX, event.clientY, ...box]
    svg.setPointerCapture(event.pointerId)
  })
  svg.addEventListener('pointermove', event => {
    if (!from) return
    const r = svg.getBoundingClientRect(), k = box[2] / r.width
    box = [from[2] - (event.clientX - from[0]) * k, from[3] - (event.clientY - from[1]) * k, box[2], box[3]]
    set()
  })
  for (const end of ['pointerup', 'pointercancel']) svg.addEventListener(end, () => { from = undefined })
  svg.addEventListener('keydown', event => {
    const move = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key]
    if (event.key === '+' || event.key === '=') zoom(1 / 1.25)
    else if (event.key === '-') zoom(1.25)
    else if (event.key === '0') whole()
    else if (move && box[2] < width) {
      box[0] += move[0] * box[2]
      box[1] += move[1] * box[3]
      set()
      event.preventDefault()
    }
  })
  const button = (text, name, f) => h('button', { type: 'button', title: name, 'aria-label': name, onclick: f }, text)
  return h('div', { class: 'zoomed' }, svg,
    h('div', { class: 'zoom' }, button('+', 'nearer', () => zoom(1 / 1.4)), button('−', 'farther', () => zoom(1.4)), button('whole', 'all of it', whole)))
}

// network draws the layers of a candidate's network, the input above.
export function network(net) {
  const W = 214, H = 44, gap = 26, between = 20
  const depth = []
  net.layers.forEach((l, i) => depth.push(l.from.length ? 1 + Math.max(...l.from.map(f => depth[f])) : i ? 0 : 0))
  const rows = []
  net.layers.forEach((l, i) => (rows[depth[i]] ??= []).push(i))
  const widest = Math.max(...rows.map(r => r.length)), place = []
  const far = net.layers.some((l, i) => l.from.some(f => depth[i] - depth[f] > 1))
  const side = far ? 56 : 0
  const width = widest * (W + between) - between + 2 * side + 8, height = rows.length * (H + gap) - gap + 8
  rows.forEach((row, d) => {
    const middle = i => { const f = net.layers[i].from; return f.length ? f.reduce((s, k) => s + place[k][0], 0) / f.length : 0 }
    row.sort((a, b) => middle(a) - middle(b))
    const from = (width - row.length * (W + between) + between) / 2
    row.forEach((i, k) => { place[i] = [from + k * (W + between), 4 + d * (H + gap)] })
  })
  const edges = [], boxes = []
  let lane = 0
  net.layers.forEach((l, i) => {
    const [x, y] = place[i]
    for (const f of l.from) {
      const [a, b] = place[f], x1 = a + W / 2, y1 = b + H, x2 = x + W / 2, y2 = y
      let d
      if (depth[i] - depth[f] > 1 && rows.slice(depth[f] + 1, depth[i]).some(r => r.some(k => Math.abs(place[k][0] - (x1 + x2) / 2 + W / 2) < W))) {
        const out = lane++ % 2 ? 1 : -1, edge = out > 0 ? Math.max(a, x) + W + 14 + 8 * (lane % 4) : Math.min(a, x) - 14 - 8 * (lane % 4)
        const s1 = out > 0 ? a + W : a, s2 = out > 0 ? x + W : x
        d = `M${s1} ${b + H / 2}C${edge} ${b + H / 2} ${edge} ${b + H / 2} ${edge} ${b + H + 10}V${y - 10}C${edge} ${y + H / 2} ${edge} ${y + H / 2} ${s2} ${y + H / 2}`
      } else d = `M${x1} ${y1}C${x1} ${y1 + gap / 2} ${x2} ${y2 - gap / 2} ${x2} ${y2}`
      edges.push(h('svg:path', { class: 'edge', d, 'marker-end': 'url(#arrow)' }))
    }
    const name = l.text.length > 32 ? l.text.slice(0, 31) + '…' : l.text
    const below = l.shape + (l.parameters ? ' · ' + thousands(l.parameters) + ' parameters' : '')
    boxes.push(h('svg:g', { class: 'layer ' + l.text.split(' ')[0].replace(/[^a-z]/g, '') },
      h('svg:rect', { x, y, width: W, height: H, rx: 5 }),
      h('svg:text', { class: 'what', x: x + W / 2, y: y + 18, 'text-anchor': 'middle' }, name),
      h('svg:text', { class: 'shape', x: x + W / 2, y: y + 34, 'text-anchor': 'middle' }, below),
      h('svg:title', {}, l.name + ': ' + l.text + ', answers ' + below)))
  })
  const svg = h('svg:svg', { class: 'network', width, height, style: { 'max-width': width * 1.15 + 'px' } },
    h('svg:defs', {}, h('svg:marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' },
      h('svg:path', { class: 'tip-of-arrow', d: 'M0 0 8 4 0 8Z' }))),
    edges, boxes)
  return h('div', {}, zoomed(svg, width, height, `network of ${net.layers.length} layers, ${thousands(net.parameters)} parameters`),
    net.left > 0 && h('p', { class: 'faint' }, net.left + ' more layers are not drawn; export it to see all.'))
}

// family draws where a candidate comes from: generations from left to right, the better
// the higher.
export function family(answer, id, open) {
  if (answer.ancestors.length < 2) return undefined
  const e = h('div', { class: 'wide' })
  sized(e, width => fill(e, generations(answer, id, open, width)))
  return e
}

// generations draws a family in as much room as there is.
function generations(answer, id, open, room) {
  const all = answer.ancestors, deepest = Math.max(...all.map(a => a.depth))
  const known = all.filter(a => a.value !== null)
  const narrow = room < 500, W = Math.min(Math.max(room, 240), Math.max(320, 90 + 70 * deepest)), H = 250, left = narrow ? 56 : 76, right = narrow ? 16 : 40, top = 40, below = 30
  let lo = Math.min(...known.map(a => a.value)), hi = Math.max(...known.map(a => a.value))
  if (!(hi > lo)) [lo, hi] = [lo - Math.abs(lo || 1) * 0.05, hi + Math.abs(hi || 1) * 0.05]
  const px = d => W - right - (deepest ? d / deepest : 0) * (W - left - right)
  const flip = answer.goal === 'minimize'
  const py = v => v === null ? H - below : top + (flip ? (v - lo) : (hi - v)) / (hi - lo) * (H - top - below)
  const at = new Map(all.map(a => [a.id, a]))
  const lines = [], dots = [], texts = []
  const line = new Set()
  for (let a = at.get(id); a; a = at.get(a.changes[0]?.parent)) line.add(a.id)
  for (const a of all) {
    for (const c of a.changes) {
      const p = at.get(c.parent)
      if (!p) continue
      const x1 = px(p.depth), y1 = py(p.value), x2 = px(a.depth), y2 = py(a.value), m = (x1 + x2) / 2
      lines.push(h('svg:path', { class: 'edge' + (line.has(a.id) && line.has(p.id) && a.changes[0].parent === p.id ? ' main' : ''), d: `M${x1} ${y1}C${m} ${y1} ${m} ${y2} ${x2} ${y2}` }))
    }
    const x = px(a.depth), y = py(a.value)
    dots.push(h('svg:a', { href: open(a.id) },
      h('svg:circle', { class: 'member' + (line.has(a.id) ? ' main' : ''), cx: x, cy: y, r: a.id === id ? 7 : 5 }),
      h('svg:title', {}, `candidate ${named(a.id)}, ${a.operator}: ${a.text || a.status}`)))
  }
  const t = ticks(lo, hi, false, 4), names = labels(t)
  // Ids stand where there is room, first those of the line.
  const taken = all.map(a => [px(a.depth) - 6, py(a.value) - 6, px(a.depth) + 6, py(a.value) + 6])
  for (const a of [...all].sort((a, b) => (b.id === id) - (a.id === id) || line.has(b.id) - line.has(a.id))) {
    const x = px(a.depth), y = py(a.value), w = 7 * named(a.id).length + 2
    for (const [dx, dy] of [[-w / 2, -21], [-w / 2, 9], [9, -6], [-w - 9, -6]]) {
      const box = [x + dx, y + dy, x + dx + w, y + dy + 12]
      if (box[0] < left || box[2] > W || box[1] < 14 || box[3] > H - 18 || taken.some(t => t[0] < box[2] && box[0] < t[2] && t[1] < box[3] && box[1] < t[3])) continue
      taken.push(box)
      texts.push(h('svg:text', { class: 'id', x: x + dx + w / 2, y: y + dy + 10, 'text-anchor': 'middle' }, named(a.id)))
      break
    }
  }
  return h('svg:svg', { class: 'family', role: 'img', 'aria-label': `${all.length - 1} ancestors of candidate ${named(id)}`, width: W, height: H, viewBox: `0 0 ${W} ${H}` },
    t.map((v, i) => [h('svg:line', { class: 'grid', x1: left, x2: W - right, y1: py(v), y2: py(v) }), h('svg:text', { class: 'tick', x: left - 20, y: py(v) + 4, 'text-anchor': 'end' }, names[i])]),
    h('svg:text', { class: 'axis', x: 2, y: 12 }, answer.metric + (flip ? ' (less is better, and above)' : '')),
    h('svg:text', { class: 'axis', x: (left + W - right) / 2, y: H - 6, 'text-anchor': 'middle' }, 'generations →'), lines, dots, texts)
}
