// Pictures: dots and densities on a canvas, lines by uPlot.

import { h, fill, named, number, plural } from 'nascent/dom.js'
import { scale, padded, written, titled } from 'nascent/scale.js'

export const colour = name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim()

export const series = i => colour('s' + i % 7)

const looks = ['(prefers-color-scheme: dark)', 'print'].map(q => matchMedia(q)) // they have colours of their own

// sized calls draw whenever the width of an element changes, or the colours.
export function sized(e, draw) {
  let width = 0
  new ResizeObserver(() => {
    const w = Math.floor(e.clientWidth)
    if (w > 0 && w !== width) {
      width = w
      draw(w)
    }
  }).observe(e)
  for (const look of looks) look.addEventListener('change', () => width && e.isConnected && draw(width))
  return () => width && draw(width)
}

// surface is a canvas of so many CSS pixels.
function surface(canvas, width, height) {
  const ratio = Math.min(3, devicePixelRatio || 1)
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  canvas.style.setProperty('height', height + 'px')
  const c = canvas.getContext('2d')
  c.setTransform(ratio, 0, 0, ratio, 0, 0)
  c.clearRect(0, 0, width, height)
  c.font = '12px system-ui, sans-serif'
  return c
}

const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16))

// ramp is from few to many; one hue, light to dark, so that it is read without colours.
function ramp() {
  const a = rgb(colour('few')), b = rgb(colour('many'))
  return p => 'rgb(' + a.map((x, i) => Math.round(x + (b[i] - x) * p)).join(',') + ')'
}

// frame draws axes, and answers where values lie on the canvas.
function frame(c, width, height, x, y) {
  const ys = written(y, 6)
  const left = Math.max(34, ...ys.map(t => c.measureText(t.text).width + 12)), right = 14, top = 26, below = 40
  const across = scale(x), up = scale(y)
  const px = v => left + across.at(v) * (width - left - right), py = v => height - below - up.at(v) * (height - top - below)
  const xs = written(x, Math.max(2, Math.floor((width - left - right) / 80)))
  c.strokeStyle = colour('rule')
  c.fillStyle = colour('faint')
  c.lineWidth = 1
  c.textAlign = 'right'
  c.textBaseline = 'middle'
  for (const t of ys) {
    const at = Math.round(py(t.at)) + 0.5
    c.beginPath(); c.moveTo(left, at); c.lineTo(width - right, at); c.stroke()
    c.fillText(t.text, left - 6, at)
  }
  c.textBaseline = 'top'
  let free = -Infinity
  for (const t of xs) {
    const at = Math.round(px(t.at)) + 0.5, w = c.measureText(t.text).width
    c.beginPath(); c.moveTo(at, top); c.lineTo(at, height - below); c.stroke()
    const from = Math.max(0, Math.min(width - w, at - w / 2))
    if (from < free) continue
    c.textAlign = 'left'
    c.fillText(t.text, from, height - below + 5)
    free = from + w + 8
  }
  c.fillStyle = colour('ink')
  c.textAlign = 'left'
  c.fillText(fitted(c, titled(y), width - 4), 2, 4)
  const name = fitted(c, titled(x), width - 4)
  c.textAlign = 'left'
  c.fillText(name, Math.max(2, Math.min(width - 2 - c.measureText(name).width, left + (width - left - right - c.measureText(name).width) / 2)), height - 17)
  return { px, py, across, up, left, right, top, below }
}

// fitted leaves out the explanations of a title that is too long, and only then letters.
function fitted(c, text, width) {
  for (const t of [text, text.replace(', more is better', ' ↑').replace(', less is better', ' ↓'),
    text.replace(', more is better', ' ↑').replace(', less is better', ' ↓').replace(' (logarithmic)', ' (log)')]) {
    if (c.measureText(t).width <= width) return t
  }
  while (text.length > 4 && c.measureText(text + '…').width > width) text = text.slice(0, -1)
  return text + '…'
}

// scatter shows an answer of /scatter. open is called with the id of a candidate, zoom with
// the part of both axes that a dense cell has.
export function scatter({ open, zoom, label, height = 300 }) {
  const canvas = h('canvas', { tabindex: 0, role: 'img' })
  const tip = h('div', { class: 'tip', hidden: true })
  const legend = h('div', { class: 'legend' })
  const e = h('div', { class: 'plot' }, h('div', { class: 'stage' }, canvas, tip), legend)
  let data, where, chosen, marks = []
  const redraw = sized(e, draw)

  function draw(width) {
    if (!data) return
    const tall = width < 420 ? Math.round(height * 0.9) : height
    const c = surface(canvas, width, tall)
    const x = { ...padded(data.x), whole: data.points?.every(p => Number.isInteger(p.x)) }, y = padded(data.y)
    where = frame(c, width, tall, x, y)
    const { px, py } = where
    c.save()
    c.beginPath()
    c.rect(where.left - 5, where.top - 5, width - where.left - where.right + 10, tall - where.top - where.below + 10)
    c.clip()
    if (data.grid) {
      const most = Math.log1p(Math.max(...data.grid)), of = ramp()
      const xs = scale(data.x), ys = scale(data.y)
      for (let j = 0; j < data.height; j++) {
        for (let i = 0; i < data.width; i++) {
          const n = data.grid[j * data.width + i]
          if (!n) continue
          c.fillStyle = of(Math.log1p(n) / most)
          const a = px(xs.back(i / data.width)), b = px(xs.back((i + 1) / data.width))
          const d = py(ys.back(j / data.height)), t = py(ys.back((j + 1) / data.height))
          c.fillRect(a, t, b - a + 0.5, d - t + 0.5)
        }
      }
    }
    if (data.median) {
      c.fillStyle = colour('s0') + '2e'
      c.beginPath()
      data.median.forEach((m, i) => c[i ? 'lineTo' : 'moveTo'](px(m[0]), py(m[3])))
      for (const m of [...data.median].reverse()) c.lineTo(px(m[0]), py(m[1]))
      if (!data.grid) c.fill()
      stroke(c, data.grid ? colour('s1') : colour('s0'), data.median.map(m => [px(m[0]), py(m[2])]), 2)
    }
    for (const b of data.bounds ?? []) {
      const at = b.axis === 'x' ? px(b.at) : py(b.at), ends = b.axis === 'x' ? [[at, 0], [at, tall]] : [[0, at], [width, at]]
      c.setLineDash([6, 4])
      stroke(c, colour('s3'), ends, 1.5)
      c.setLineDash([])
    }
    marks = []
    if (data.points) {
      c.fillStyle = c.strokeStyle = colour('s0') + (data.points.length > 300 ? '66' : '99')
      c.lineWidth = 1.2
      for (const p of data.points) {
        disc(c, px(p.x), py(p.y), 3, p.beyond)
        marks.push({ p, at: [px(p.x), py(p.y)] })
      }
    }
    if (data.front) {
      const steps = []
      data.front.forEach((p, i) => {
        if (i) steps.push([px(p.x), py(data.front[i - 1].y)])
        steps.push([px(p.x), py(p.y)])
      })
      stroke(c, colour('s1'), steps, 1.5)
      c.fillStyle = c.strokeStyle = colour('s1')
      for (const p of data.front) {
        disc(c, px(p.x), py(p.y), data.front.length > 80 ? 2.5 : 4, p.beyond)
        marks.push({ p, at: [px(p.x), py(p.y)], front: true })
      }
    }
    if (data.target) {
      const [a, b] = [px(data.target[0]), py(data.target[1])]
      stroke(c, colour('s2'), [[a - 8, b], [a + 8, b]], 2)
      stroke(c, colour('s2'), [[a, b - 8], [a, b + 8]], 2)
    }
    if (data.winner) {
      ring(c, px(data.winner.x), py(data.winner.y), colour('ink'))
      marks.push({ p: data.winner, at: [px(data.winner.x), py(data.winner.y)], front: true })
    }
    if (chosen) ring(c, ...chosen.at, colour('s1'))
    c.restore()
    if (data.n === 0) {
      c.fillStyle = colour('faint')
      c.textAlign = 'center'
      c.fillText('nothing to be drawn yet', width / 2, tall / 2)
    }
  }

  // near is what is under the pointer: a candidate, or a cell.
  function near(x, y) {
    let best, least = 14 ** 2
    for (const m of marks) {
      const d = (m.at[0] - x) ** 2 + (m.at[1] - y) ** 2 - (m.front ? 20 : 0)
      if (d < least) [best, least] = [m, d]
    }
    if (best || !data?.grid) return best
    const a = scale(padded(data.x)).back((x - where.left) / (canvas.clientWidth - where.left - where.right))
    const b = scale(padded(data.y)).back(1 - (y - where.top) / (canvas.clientHeight - where.top - where.below))
    const xs = scale(data.x), ys = scale(data.y)
    const i = Math.floor(xs.at(a) * data.width), j = Math.floor(ys.at(b) * data.height)
    if (i < 0 || j < 0 || i >= data.width || j >= data.height) return undefined
    const n = data.grid[j * data.width + i]
    return n ? {
      n, at: [x, y], cell: {
        x: [xs.back(i / data.width), xs.back((i + 1) / data.width)], y: [ys.back(j / data.height), ys.back((j + 1) / data.height)],
      },
    } : undefined
  }

  const value = (axis, v) => axis.labels ? axis.labels[Math.round(v)] : number(v)

  function say(m) {
    if (!m) {
      tip.hidden = true
      return
    }
    if (m.p) fill(tip, h('strong', {}, 'candidate ' + named(m.p.id)), h('br'), data.y.title + ' ' + value(data.y, m.p.y), h('br'), data.x.title + ' ' + value(data.x, m.p.x))
    else fill(tip, h('strong', {}, plural(m.n, 'candidate')), h('br'), zoom ? 'click to list them' : '')
    tip.hidden = false
    const w = tip.offsetWidth
    tip.style.setProperty('left', Math.max(0, Math.min(e.clientWidth - w, m.at[0] + (m.at[0] + w + 14 > e.clientWidth ? -w - 10 : 10))) + 'px')
    tip.style.setProperty('top', Math.max(0, m.at[1] - tip.offsetHeight - 8) + 'px')
  }

  const pointer = event => {
    const box = canvas.getBoundingClientRect()
    return near(event.clientX - box.left, event.clientY - box.top)
  }
  canvas.addEventListener('pointermove', event => {
    const m = pointer(event)
    canvas.style.setProperty('cursor', m ? 'pointer' : 'default')
    say(m)
  })
  canvas.addEventListener('pointerleave', () => say())
  canvas.addEventListener('click', event => {
    const m = pointer(event)
    if (m?.p) open?.(m.p.id)
    else if (m?.cell) zoom?.(m.cell)
  })
  canvas.addEventListener('keydown', event => { // along the front, or else the candidates from left to right
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    const list = (marks.some(m => m.front) ? marks.filter(m => m.front) : marks).sort((a, b) => a.at[0] - b.at[0])
    if (way && list.length) {
      const i = list.findIndex(m => m.p.id === chosen?.p.id)
      chosen = list[i < 0 ? (way > 0 ? 0 : list.length - 1) : Math.max(0, Math.min(list.length - 1, i + way))]
      redraw()
      say(chosen)
      canvas.setAttribute('aria-label', 'candidate ' + named(chosen.p.id) + ', ' + data.y.title + ' ' + value(data.y, chosen.p.y) + ', ' + data.x.title + ' ' + value(data.x, chosen.p.x))
      event.preventDefault()
    } else if (event.key === 'Enter' && chosen) open?.(chosen.p.id)
    else if (event.key === 'Escape') {
      chosen = undefined
      say()
      redraw()
    }
  })

  return {
    e,
    set(answer) {
      data = answer
      canvas.setAttribute('aria-label', (label ?? '') + titled(data.y) + ' against ' + titled(data.x) + ', ' + plural(data.n, 'candidate') +
        '; arrow keys go through them')
      const key = (cls, text) => h('span', {}, h('i', { class: cls }), text)
      fill(legend,
        data.grid ? key('dense', 'density of ' + plural(data.n, 'candidate') + ', at most ' + plural(Math.max(...data.grid), 'in a cell').replace('in a cells', 'in a cell')) :
          key('dot', plural(data.n, 'candidate')),
        data.median && key(data.grid ? 'line s1' : 'line s0', data.grid ? 'median' : 'median, and the middle half'),
        data.front && key('front', data.onFront > data.front.length ? `front (${data.front.length} of ${data.onFront})` : 'front: none is better in both'),
        data.winner && key('ring', 'best, candidate ' + named(data.winner.id)),
        data.target && key('target', 'target'),
        [...data.points ?? [], ...data.front ?? []].some(p => p.beyond) && key('hollow', 'beyond a soft constraint'),
        data.bounds?.map(b => key('bound', b.text)),
        data.of && h('span', {}, 'of ' + data.of),
        data.outside > 0 && h('span', {}, plural(data.outside, 'candidate') + ' outside'))
      redraw()
    },
  }
}

function stroke(c, style, points, width) {
  c.strokeStyle = style
  c.lineWidth = width
  c.lineJoin = 'round'
  c.beginPath()
  points.forEach((p, i) => c[i ? 'lineTo' : 'moveTo'](p[0], p[1]))
  c.stroke()
}

function disc(c, x, y, r, hollow) {
  c.beginPath()
  c.arc(x, y, r, 0, 2 * Math.PI)
  if (hollow) c.stroke()
  else c.fill()
}

function ring(c, x, y, style) {
  c.strokeStyle = style
  c.lineWidth = 2
  c.beginPath()
  c.arc(x, y, 8, 0, 2 * Math.PI)
  c.stroke()
}

// lines draws series over one another by uPlot: each { name, points: [[x, y], ...], step }.
export function lines({ x, y, log = {}, height = 260, label, legend = true }) {
  const title = t => typeof t === 'function' ? t() : t // it may change
  const e = h('div', { class: 'plot', role: 'img', 'aria-label': label ?? title(y) + ' against ' + title(x) })
  const said = h('p', { class: 'faint', hidden: true })
  let shown, chart
  const redraw = sized(e, draw)
  function draw(width) {
    if (!shown) return
    chart?.destroy()
    e.replaceChildren()
    const all = [...new Set(shown.flatMap(s => s.points.map(p => p[0])))].sort((a, b) => a - b)
    if (!all.length) {
      fill(e, h('p', { class: 'faint' }, 'nothing to be drawn yet'))
      return
    }
    const data = [all]
    for (const s of shown) {
      const at = new Map(s.points)
      let last = null
      const first = s.points[0]?.[0], end = s.points.at(-1)?.[0]
      data.push(all.map(v => {
        if (at.has(v)) return last = at.get(v)
        return s.step && v >= first && v <= end ? last : s.step ? null : undefined
      }))
    }
    const axis = (label, size) => ({
      label, labelSize: 18, labelFont: '12px system-ui, sans-serif', font: '12px system-ui, sans-serif', stroke: colour('ink'), size,
      grid: { stroke: colour('rule'), width: 1 }, ticks: { stroke: colour('rule'), width: 1, size: 4 },
    })
    const distr = on => on ? 3 : 1
    const longest = (u, values) => Math.max(36, 14 + 7 * Math.max(0, ...(values ?? []).map(v => String(v ?? '').length)))
    const tick = (u, splits) => splits.map(v => v === null ? '' : number(v))
    chart = new uPlot({
      width, height: width < 420 ? Math.round(height * 0.9) : height, cursor: { points: { size: 7 }, drag: { x: true, y: false } },
      legend: { live: true, show: legend },
      scales: { x: { time: false, distr: distr(log.x) }, y: { distr: distr(log.y) } },
      axes: [{ ...axis(title(x), 34), space: 60, values: tick, incrs: all.every(Number.isInteger) ? [...Array(13).keys()].flatMap(e => [1, 2, 5].map(m => m * 10 ** e)) : undefined }, { ...axis(title(y), longest), values: tick }],
      series: [
        { label: title(x), value: (u, v) => number(v ?? all.at(-1)) },
        ...shown.map((s, i) => ({
          label: s.name, stroke: s.colour ?? series(i), width: s.width ?? 2, dash: legend && i >= 7 ? [6, 4] : undefined, spanGaps: true, points: { show: s.points.length < 2 },
          paths: s.step ? uPlot.paths.stepped({ align: 1 }) : undefined, value: (u, v) => number(v ?? s.points.at(-1)?.[1]), // without a pointer the last
        })),
      ],
    }, data, e)
  }
  return {
    e: h('div', {}, e, said),
    set(series, scales) {
      shown = series
      if (scales) log = scales
      redraw()
    },
    // about says in words what is drawn.
    about(text) {
      said.textContent = text
      said.hidden = !text
    },
  }
}

// mark draws one of a few shapes, which are told apart without colours, too.
function mark(c, i, x, y, r) {
  c.beginPath()
  switch (i % 5) {
    case 0: c.arc(x, y, r, 0, 2 * Math.PI); break
    case 1: c.rect(x - r, y - r, 2 * r, 2 * r); break
    case 2: c.moveTo(x, y - 1.3 * r); c.lineTo(x + 1.2 * r, y + r); c.lineTo(x - 1.2 * r, y + r); c.closePath(); break
    case 3: c.moveTo(x, y - 1.4 * r); c.lineTo(x + 1.4 * r, y); c.lineTo(x, y + 1.4 * r); c.lineTo(x - 1.4 * r, y); c.closePath(); break
    default: c.moveTo(x, y + 1.3 * r); c.lineTo(x + 1.2 * r, y - r); c.lineTo(x - 1.2 * r, y - r); c.closePath()
  }
  c.fill()
}

// fronts shows those of an answer of /api/compare over one another.
export function fronts({ open, height = 340 }) {
  const canvas = h('canvas', { tabindex: 0, role: 'img' }), tip = h('div', { class: 'tip', hidden: true }), legend = h('div', { class: 'legend' })
  const e = h('div', { class: 'plot' }, h('div', { class: 'stage' }, canvas, tip), legend)
  let data, all = [], marks = [], chosen
  const redraw = sized(e, draw)
  function draw(width) {
    if (!data) return
    const c = surface(canvas, width, height), x = padded(data.x), y = padded(data.y)
    const { px, py } = frame(c, width, height, x, y)
    marks = []
    all.forEach((s, i) => {
      const steps = []
      s.points.forEach((p, k) => {
        if (k) steps.push(data.x.goal === 'minimize' ? [px(p.x), py(s.points[k - 1].y)] : [px(s.points[k - 1].x), py(p.y)])
        steps.push([px(p.x), py(p.y)])
      })
      stroke(c, series(i), steps, 1.5)
      c.fillStyle = series(i)
      for (const p of s.points) {
        mark(c, i, px(p.x), py(p.y), 4)
        marks.push({ s, p, at: [px(p.x), py(p.y)] })
      }
    })
    marks.sort((a, b) => a.at[0] - b.at[0])
    if (chosen) ring(c, px(chosen.p.x), py(chosen.p.y), colour('ink'))
    // The shapes of the legend.
    legend.querySelectorAll('canvas').forEach((k, i) => {
      const l = surface(k, 16, 14)
      l.fillStyle = series(i)
      mark(l, i, 8, 7, 4.5)
    })
  }
  function say(m) {
    chosen = m
    tip.hidden = !m
    redraw()
    if (!m) return
    const text = [m.s.name + ', candidate ' + named(m.p.id), data.y.title + ' ' + number(m.p.y), data.x.title + ' ' + number(m.p.x)]
    fill(tip, h('strong', {}, text[0]), h('br'), text[1], h('br'), text[2])
    canvas.setAttribute('aria-label', text.join(', '))
    tip.style.setProperty('left', Math.max(0, Math.min(e.clientWidth - tip.offsetWidth, m.at[0] + 10)) + 'px')
    tip.style.setProperty('top', Math.max(0, m.at[1] - tip.offsetHeight - 8) + 'px')
  }
  const near = event => {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top
    let best, least = 14 ** 2
    for (const m of marks) {
      const d = (m.at[0] - x) ** 2 + (m.at[1] - y) ** 2
      if (d < least) [best, least] = [m, d]
    }
    return best
  }
  canvas.addEventListener('pointermove', event => {
    const m = near(event)
    canvas.style.setProperty('cursor', m ? 'pointer' : 'default')
    if (m?.p !== chosen?.p) say(m)
  })
  canvas.addEventListener('pointerleave', () => say())
  canvas.addEventListener('click', event => {
    const m = near(event)
    if (m) open(m.s.name, m.p.id)
  })
  canvas.addEventListener('keydown', event => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (way && marks.length) {
      const i = marks.findIndex(m => m.p === chosen?.p)
      say(marks[i < 0 ? 0 : Math.max(0, Math.min(marks.length - 1, i + way))])
      event.preventDefault()
    } else if (event.key === 'Enter' && chosen) open(chosen.s.name, chosen.p.id)
    else if (event.key === 'Escape') say()
  })
  return {
    e,
    set(answer) {
      data = answer
      all = answer.searches.filter(s => s.points.length)
      chosen = undefined
      canvas.setAttribute('aria-label', titled(data.y) + ' against ' + titled(data.x) + ': the fronts of ' + all.map(s => s.name).join(', ') + '; arrow keys go through them')
      fill(legend, all.map(s => h('span', {}, h('canvas', { class: 'key', 'aria-hidden': 'true' }), s.name)))
      redraw()
    },
  }
}

// parallel shows an answer of /parallel.
export function parallel({ open, height = 340 }) {
  const canvas = h('canvas', { tabindex: 0, role: 'img' }), tip = h('div', { class: 'tip', hidden: true })
  const inner = h('div', { class: 'stage' }, canvas, tip)
  const e = h('div', { class: 'plot wide' }, inner)
  let data, at = [], over, along = 0 // the axes follow one another to the right, or (1) downwards
  const redraw = sized(e, draw)
  // Where there is no room for axes side by side they lie below one another.
  function draw(width) {
    if (!data?.axes.length) return
    const n = data.axes.length, lying = width < n * 100, step = 76
    const whole = Math.max(lying ? 0 : n * 100, width), tall = lying ? step * n + 16 : height
    inner.style.setProperty('width', whole + 'px')
    const c = surface(canvas, whole, tall), top = 40, below = 28, side = 14
    const place = (i, p) => lying ? [side + p * (whole - 2 * side), step * (i + 0.5)] : [whole * (i + 0.5) / n, tall - below - p * (tall - top - below)]
    along = lying ? 1 : 0
    const of = ramp()
    data.links.forEach((links, i) => {
      const all = links.reduce((n, l) => n + l[2], 0)
      for (const [a, b, k] of links) {
        const p = Math.sqrt(k / all) // by its part of all, so that where they go everywhere it is faint, no block
        c.strokeStyle = of(Math.min(1, 2 * p))
        c.globalAlpha = (lying ? 0.7 : 1) * Math.min(0.8, 0.03 + 1.2 * p)
        c.lineWidth = Math.min(5, 1 + (lying ? 6 : 10) * p)
        c.beginPath()
        c.moveTo(...place(i, (a + 0.5) / data.bins))
        c.lineTo(...place(i + 1, (b + 0.5) / data.bins))
        c.stroke()
      }
    })
    c.globalAlpha = 1
    at = data.lines.map(l => l.at.map((p, i) => p === null ? null : place(i, p)))
    const line = (points, wide) => points.forEach((p, k) => p && points[k + 1] && stroke(c, colour('s1'), [p, points[k + 1]], wide))
    at.forEach((points, i) => {
      if (i !== over) {
        c.globalAlpha = at.length > 40 ? 0.35 : 0.6
        line(points, 1)
      }
    })
    c.globalAlpha = 1
    if (over !== undefined && at[over]) line(at[over], 3)
    data.axes.forEach((axis, i) => {
      stroke(c, colour('ink'), [place(i, 0), place(i, 1)], 1)
      const s = scale(axis)
      let free = -Infinity
      for (const t of written({ ...axis, whole: data.lines.length > 0 && data.lines.every(l => Number.isInteger(l.values[i])) }, lying ? 4 : 5)) {
        const p = s.at(t.at)
        if (p < 0 || p > 1) continue
        const [x, y] = place(i, p), w = c.measureText(t.text).width
        c.textBaseline = lying ? 'top' : 'middle'
        c.textAlign = 'left'
        if (!lying) halo(c, t.text, x + 5, y)
        else {
          const from = Math.max(0, Math.min(whole - w, x - w / 2))
          if (from < free) continue
          under(c, from, y + 3, w, 15)
          halo(c, t.text, from, y + 4)
          free = from + w + 6
        }
      }
      const title = (axis.mean ? 'mean of ' : '') + axis.title + (axis.log ? ' (log)' : ''), better = axis.goal && (axis.goal === 'maximize' ? '↑ better' : '↓ better')
      const [x, y] = place(i, 0)
      c.fillStyle = colour('ink')
      if (lying) {
        c.textBaseline = 'bottom'
        const text = fitted(c, title + (axis.goal ? axis.goal === 'maximize' ? ', → better' : ', ← better' : ''), whole - 4)
        under(c, 2, y - 19, c.measureText(text).width, 15)
        halo(c, text, 2, y - 5)
        return
      }
      c.textAlign = 'center'
      c.textBaseline = 'top'
      const words = wrap(c, title, whole / n - 8)
      words.forEach((w, k) => c.fillText(w, x, 2 + 15 * k))
      if (better) c.fillText(better, x, tall - 18)
    })
  }
  function under(c, x, y, width, height) { // lines do not go through words
    c.globalAlpha = 0.9
    c.fillStyle = colour('card')
    c.fillRect(x - 2, y, width + 4, height)
    c.globalAlpha = 1
  }
  function halo(c, text, x, y) {
    c.lineWidth = 4
    c.strokeStyle = colour('card')
    c.strokeText(text, x, y)
    c.fillStyle = colour('ink')
    c.fillText(text, x, y)
  }
  function pick(event) {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top
    let best, least = 10
    at.forEach((points, i) => {
      for (let k = 0; k + 1 < points.length; k++) {
        if (!points[k] || !points[k + 1]) continue
        const [a, b, c, d] = along ? [points[k][1], points[k][0], points[k + 1][1], points[k + 1][0]] : [...points[k], ...points[k + 1]]
        const [to, off_] = along ? [y, x] : [x, y]
        if (to < a || to > c) continue
        const off = Math.abs(b + (d - b) * (to - a) / (c - a) - off_)
        if (off < least) [best, least] = [i, off]
      }
    })
    return [best, x, y]
  }
  canvas.addEventListener('pointermove', event => {
    const [i, x, y] = pick(event)
    canvas.style.setProperty('cursor', i === undefined ? 'default' : 'pointer')
    tip.hidden = i === undefined
    if (i !== undefined) {
      const l = data.lines[i]
      fill(tip, h('strong', {}, 'candidate ' + named(l.id)), l.values.map((v, k) => v !== null && [h('br'), data.axes[k].title + ' ' + (data.axes[k].labels?.[v] ?? number(v))]))
      tip.style.setProperty('left', Math.min(inner.clientWidth - tip.offsetWidth, x + 12) + 'px')
      tip.style.setProperty('top', Math.max(0, y - tip.offsetHeight / 2) + 'px')
    }
    if (i !== over) {
      over = i
      redraw()
    }
  })
  canvas.addEventListener('pointerleave', () => {
    tip.hidden = true
    over = undefined
    redraw()
  })
  canvas.addEventListener('click', event => {
    const [i] = pick(event)
    if (i !== undefined) open(data.lines[i].id)
  })
  canvas.addEventListener('keydown', event => {
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (way && data.lines.length) {
      over = Math.max(0, Math.min(data.lines.length - 1, (over ?? -way) + way))
      redraw()
      event.preventDefault()
    } else if (event.key === 'Enter' && over !== undefined) open(data.lines[over].id)
  })
  return {
    e,
    set(answer) {
      data = answer
      canvas.setAttribute('aria-label', 'parallel coordinates of ' + data.axes.map(a => a.title).join(', ') + '; arrow keys go through the best')
      redraw()
    },
  }
}

function wrap(c, text, width) {
  const out = []
  let line = ''
  for (const word of text.split(/(?<=[ .\[\]_])/)) {
    if (line && c.measureText(line + word).width > width) {
      out.push(line.trimEnd())
      line = ''
    }
    line += word
  }
  out.push(line)
  if (out.length > 2) return [out[0], fitted(c, out.slice(1).join(''), width)]
  return out.map(w => fitted(c, w, width))
}
