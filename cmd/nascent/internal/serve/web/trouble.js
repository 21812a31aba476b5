// What went wrong, and what the plugins print.

import { h, fill, logged, part, panel } from 'nascent/dom.js'
import { failures } from 'nascent/overview.js'

export function trouble(context) {
  const { ask } = context
  const reasons = part(() => ask('/failures'), (e, f) => fill(e, panel('Failures by reason', f.invalid + f.failed === 0 ? h('p', {}, 'Nothing has failed.') : failures(f, context))))
  let file = '', find = ''
  const field = h('input', { type: 'search', placeholder: 'lines with …', 'aria-label': 'lines with' })
  const form = h('form', { class: 'filter', onsubmit: event => { event.preventDefault(); find = field.value; log.update() } }, field, h('button', {}, 'Find'))
  const chosen = h('span')
  const log = part(() => ask('/log', { file, find }), (e, l) => {
    fill(chosen, l.files.length > 1 && h('label', {}, 'log ', h('select', { onchange: event => { file = event.target.value; log.update() } }, l.files.map(f => h('option', { value: f, selected: f === l.file }, f)))))
    const pre = h('pre', { class: 'log', tabindex: 0, 'aria-label': 'log' }, logged(l.lines, find))
    fill(e, l.more && h('p', { class: 'faint' }, `The last ${l.lines.length} lines.`), l.lines.length ? pre : h('p', { class: 'faint' }, l.file ? 'There is no such line.' : 'There are no logs.'))
    pre.scrollTop = pre.scrollHeight
  })
  return {
    e: h('div', {}, reasons.e, panel('Logs', h('div', { class: 'tools' }, chosen, form), log.e)),
    async update() {
      await reasons.update()
      await log.update()
    },
  }
}
