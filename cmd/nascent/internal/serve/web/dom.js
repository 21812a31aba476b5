// Elements. Texts become text nodes: what a plugin says is never read as HTML.

export function h(tag, attributes, ...children) {
  const e = tag.startsWith('svg:') ? document.createElementNS('http://www.w3.org/2000/svg', tag.slice(4)) : document.createElement(tag)
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith('on')) e.addEventListener(name.slice(2), value)
    else if (name === 'style') for (const [k, v] of Object.entries(value)) e.style.setProperty(k, v)
    else e.setAttribute(name, value === true ? '' : value)
  }
  add(e, children)
  return e
}

function add(e, children) {
  for (const c of children) {
    if (c === undefined || c === null || c === false) continue
    if (Array.isArray(c)) add(e, c)
    else e.append(c instanceof Node ? c : String(c))
  }
}

export function fill(e, ...children) {
  e.replaceChildren()
  add(e, children)
  return e
}

export const thousands = n => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, ',')

export const plural = (n, what) => thousands(n) + ' ' + what + (n === 1 ? '' : 's')

// named is a candidate's id as the command line has it: f3 for the third of the final phase.
export const named = id => id > 1e9 ? 'f' + (id - 1e9) : String(id)

// number writes a value for people, with about four digits.
export function number(x) {
  if (x === null || x === undefined || Number.isNaN(x)) return '–'
  const a = Math.abs(x)
  if (x === 0) return '0'
  if (a >= 1e15 || a < 1e-4) return x.toExponential(2).replace('e+', 'e')
  if (Number.isInteger(x)) return thousands(a) === '0' ? '0' : (x < 0 ? '−' : '') + thousands(a)
  if (a >= 1e4) return (x < 0 ? '−' : '') + thousands(a)
  return String(Number(x.toPrecision(4))).replace('-', '−')
}

export function seconds(s) {
  if (s < 1) return Math.round(s * 1000) + ' ms'
  if (s < 60) return s.toFixed(1) + ' s'
  if (s < 3600) return Math.floor(s / 60) + ' min ' + Math.round(s % 60) + ' s'
  if (s < 172800) return Math.floor(s / 3600) + ' h ' + Math.round(s % 3600 / 60) + ' min'
  return (s / 86400).toFixed(1) + ' days'
}

export function bytes(n) {
  for (const [size, unit] of [[2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB']]) if (n >= size) return (n / size).toFixed(1) + ' ' + unit
  return n + ' bytes'
}

// takes is what a job that runs takes of the machine, '' where nothing is known.
export function takes(usage = {}) {
  return [usage.cpu && 'cpu ' + seconds(usage.cpu), usage.memory && bytes(usage.memory), usage.gpu_memory && 'GPU ' + bytes(usage.gpu_memory)].filter(Boolean).join(', ')
}

// copier is a button that copies a text.
export function copier(text, label = 'Copy') {
  const b = h('button', {
    type: 'button', onclick: async () => {
      try {
        await navigator.clipboard.writeText(text)
      } catch { // an insecure address: by hand
        const area = h('textarea', {}, text)
        document.body.append(area)
        area.select()
        document.execCommand('copy')
        area.remove()
      }
      b.textContent = 'Copied'
      setTimeout(() => { b.textContent = label }, 1500)
    },
  }, label)
  return b
}

// panel is a part of a view with a title.
export function panel(title, ...children) {
  return h('section', { class: 'panel' }, h('h2', {}, title), children)
}

// part is a piece of a view that is drawn anew when what it shows has changed.
export function part(load, draw, attributes) {
  const e = h('div', attributes ?? {})
  let before, asked = 0
  return {
    e,
    async update() {
      const turn = ++asked
      let answer
      try {
        answer = await load()
        if (turn !== asked) return // something newer was asked since
      } catch (error) {
        if (turn !== asked) return
        if (before !== error.message) fill(e, h('p', { class: 'wrong', role: 'status' }, error.message))
        before = error.message
        return
      }
      const text = JSON.stringify(answer)
      if (text === before) return
      before = text
      draw(e, answer)
    },
  }
}

// table has a row for each of rows: its cells, or { cells, ... } with attributes of the row. head
// are the titles of columns; those of numbers stand right. Where there is no room for
// columns a row becomes a block in which each cell has its title.
export function table(head, rows, { numbers = [], label, first = 'td' } = {}) {
  const titles = head.map(x => typeof x === 'string' ? x : x?.textContent ?? '')
  return h('table', { class: 'stack', role: 'table', 'aria-label': label },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, head.map((x, i) => h('th', { scope: 'col', role: 'columnheader', class: numbers.includes(i) && 'number' }, x)))),
    h('tbody', { role: 'rowgroup' }, rows.map(row => {
      const { cells = row, ...more } = Array.isArray(row) ? {} : row
      return h('tr', { role: 'row', ...more }, cells.map((cell, i) => i === 0 && first === 'th' ? h('th', { scope: 'row', role: 'rowheader' }, cell) :
        h('td', { role: 'cell', class: [numbers.includes(i) && 'number', (cell === '' || cell === undefined || cell === false) && 'none'].filter(Boolean).join(' ') || undefined, 'data-label': titles[i] }, h('span', {}, cell))))
    })))
}

// grave are words of lines that are looked for in a log.
const grave = /\b(error|exception|traceback|fatal|panic|failed|killed)\b/i

// logged are lines of a log: each begins where it can be seen, and what was looked for stands out.
export function logged(lines, find = '') {
  return lines.map(line => {
    const at = find ? line.toLowerCase().indexOf(find.toLowerCase()) : -1
    return h('span', { class: grave.test(line) ? 'line grave' : 'line' }, at < 0 ? line : [line.slice(0, at), h('mark', {}, line.slice(at, at + find.length)), line.slice(at + find.length)], '\n')
  })
}
