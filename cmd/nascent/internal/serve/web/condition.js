// Conditions over candidates, as the command line has them (docs/cli.md): read by the same
// rules, refused at the same characters. Package engine/expression is what this follows, and
// the tests hold them together.

// Positions and lengths are those of a program that counts characters and bytes.
const bytes = text => new TextEncoder().encode(text).length

function wrong(text, at, remedy, problem) {
  return new Error(`position ${[...text.slice(0, at)].length + 1}: ${problem}; ${remedy}`)
}

const letter = c => /[A-Za-z_]/.test(c), digit = c => /[0-9]/.test(c)
const comparators = ['<=', '>=', '!=', '==', '=', '<', '>', '~']
const forms = { metric: 'metric("val/acc")', gene: 'gene("blocks[0].kernel")', usage: 'usage("memory")' }

const log = x => x < 0 ? NaN : Math.log(x)
const fold = f => x => x.reduce((a, b) => f(a, b))
const round = x => Math.sign(x) * Math.floor(Math.abs(x) + 0.5)
const power = ([x, y]) => x === 1 ? 1 : x === -1 && Math.abs(y) === Infinity ? 1 : x ** y
const functions = {
  abs: [['x'], x => Math.abs(x[0])], ceil: [['x'], x => Math.ceil(x[0])], exp: [['x'], x => Math.exp(x[0])], floor: [['x'], x => Math.floor(x[0])],
  ln: [['x'], x => log(x[0])], log: [['x'], x => log(x[0])], log10: [['x'], x => Math.log10(x[0])], log2: [['x'], x => Math.log2(x[0])],
  round: [['x'], x => round(x[0])], sigmoid: [['x'], x => 1 / (1 + Math.exp(-x[0]))], sqrt: [['x'], x => Math.sqrt(x[0])], tanh: [['x'], x => Math.tanh(x[0])],
  pow: [['x', 'y'], power], clip: [['x', 'low', 'high'], x => Math.min(Math.max(x[0], x[1]), x[2])],
  max: [['x', 'y'], fold(Math.max), true], min: [['x', 'y'], fold(Math.min), true],
}
const usage = name => `${name}(${functions[name][0].join(', ')}${functions[name][2] ? ', ...' : ''})`
const operators = { '+': x => x[0] + x[1], '-': x => x[0] - x[1], '*': x => x[0] * x[1], '/': x => x[0] / x[1], '^': power, '**': power }

// parse reads a condition as a tree of { sort, at, to, ... }: sorts are number, text, named,
// call, comparison and logic.
export function parse(text) {
  let kind, at = 0, to = 0, last = '', quoted
  const token = () => text.slice(at, to)
  const fail = (remedy, problem) => wrong(text, at, remedy, problem)
  const is = (...signs) => kind === 'sign' && signs.includes(token())

  function next() {
    last = token()
    for (at = to; at < text.length && ' \t\r\n'.includes(text[at]); at++);
    const rest = text.slice(at), c = rest[0], run = part => {
      let n = 0
      while (n < rest.length && part(n)) n++
      return n
    }
    if (rest === '') [kind, to] = ['end', at]
    else if (letter(c)) {
      [kind, to] = ['word', at + run(i => letter(rest[i]) || digit(rest[i]))]
      path()
    } else if (digit(c) || c === '.') {
      [kind, to] = ['number', at + run(i => digit(rest[i]) || letter(rest[i]) || rest[i] === '.' || i > 0 && '+-'.includes(rest[i]) && 'eE'.includes(rest[i - 1]) && !rest.startsWith('0x'))]
    } else if (c === '"' || c === "'") {
      const n = rest.indexOf(c, 1)
      if (n < 0) throw fail(`write ${c} behind the text`, 'a quotation mark opens and does not close')
      kind = 'quoted'
      quoted = rest.slice(1, n)
      to = at + n + 1
    } else if (rest.startsWith('**')) [kind, to] = ['sign', at + 2]
    else if ('<>=!~&|'.includes(c)) {
      const found = comparators.find(s => rest.startsWith(s))
      if (!found) throw fail('write ' + { '&': 'and', '|': 'or', '!': 'not' }[c], `'${c}' is no operator`);
      [kind, to] = ['sign', at + found.length]
    } else if ('+-*/^(),'.includes(c)) [kind, to] = ['sign', at + 1]
    else throw fail(c === ':' && forms[last] ? `write ${last}("NAME")` : 'there are = != < <= > >= ~, and, or, not, + - * / ^ and parentheses', `'${[...rest][0]}' is no operator`)
  }

  function path() {
    while (to < text.length && '.['.includes(text[to])) {
      const found = (text[to] === '.' ? /^\.[A-Za-z_][A-Za-z_0-9]*/ : /^\[[0-9]+\]/).exec(text.slice(to))
      if (!found && text[to] === '.') throw fail('write the name of a gene behind the point', `${text.slice(at, to + 1)} ends with a point`)
      if (!found) throw fail('write a place, as in blocks[0], or none for any element', `${token()}[ does not go on as a path does`)
      to += found[0].length
    }
  }

  const word = w => kind === 'word' && token() === w
  const value = () => joined('or', () => joined('and', negated))

  function joined(by, operand) {
    let left = operand()
    while (word(by)) {
      next()
      const right = operand()
      left = { sort: 'logic', at: left.at, to: right.to, by, args: [left, right] }
    }
    return left
  }

  function negated() {
    if (!word('not')) return compared()
    const from = at
    next()
    const n = negated()
    return { sort: 'logic', at: from, to: n.to, by: 'not', args: [n] }
  }

  function compared() {
    const left = sum()
    if (!is(...comparators)) return left
    const by = token() === '==' ? '=' : token()
    next()
    const right = sum()
    if (is(...comparators)) {
      throw fail(`write ${text.slice(left.at, right.to)} and ${text.slice(right.at, right.to)} ${token()} ...`, `a comparison has two sides, and ${token()} a third`)
    }
    return { sort: 'comparison', at: left.at, to: right.to, by, args: [left, right] }
  }

  const sum = () => chain(product, '+', '-'), product = () => chain(signed, '*', '/')

  function chain(operand, ...signs) {
    let left = operand()
    while (is(...signs)) {
      const apply = operators[token()]
      next()
      const right = operand()
      left = { sort: 'call', at: left.at, to: right.to, apply, args: [left, right] }
    }
    return left
  }

  function signed() {
    if (!is('+', '-')) return raised()
    const from = at, negative = token() === '-'
    next()
    const n = signed()
    return negative ? { sort: 'call', at: from, to: n.to, apply: x => -x[0], args: [n] } : n
  }

  function raised() {
    const base = operand()
    if (!is('^', '**')) return base
    next()
    const exponent = signed()
    return { sort: 'call', at: base.at, to: exponent.to, apply: power, args: [base, exponent] }
  }

  function operand() {
    const from = at, end = to, said = token()
    if (kind === 'number') {
      const x = /^([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(said) ? Number(said) : NaN
      if (!Number.isFinite(x)) {
        const digits = said.replace(/[A-Za-z_]+$/, '')
        throw fail(digits !== said && digits !== '' && !Number.isNaN(Number(digits)) ? `to multiply write ${digits}*${said.slice(digits.length)}` : 'write it like 0.02 or 1e-3', `${said} is no number`)
      }
      next()
      return { sort: 'number', at: from, to: end, number: x }
    }
    if (kind === 'word' && ['and', 'or', 'not'].includes(said)) {
      throw fail('write a condition on both sides of and and or, and in parentheses behind an operator', `${said} stands where a value should`)
    }
    if (kind === 'word') {
      next()
      if (is('(')) return call(said, from)
      return { sort: 'named', at: from, to: end, name: said, form: '' }
    }
    if (kind === 'quoted') {
      const n = { sort: 'text', at: from, to: end, name: quoted }
      next()
      return n
    }
    if (is('(')) {
      next()
      const n = { ...value(), at: from, to }
      closes(from)
      return n
    }
    if (kind === 'end' && last !== '') throw fail('write a number, a metric or a function of them', `something is missing after ${last}`)
    if (is(')') && last === '(') throw fail('write something between them, or remove them', 'there is nothing between the parentheses')
    throw fail('write a number, a metric or a function of them', `${said} stands where a value should`)
  }

  function closes(opened) {
    if (is(')')) return next()
    if (kind === 'end') throw wrong(text, opened, 'write ) behind what it holds', 'a parenthesis opens and does not close')
    throw leftOver()
  }

  function call(name, from) {
    const opened = at
    if (Object.hasOwn(forms, name)) return form(name, from, opened)
    if (!Object.hasOwn(functions, name)) throw wrong(text, from, 'there are ' + Object.keys(functions).sort().join(', '), `there is no function ${name}`)
    const [takes, apply, many] = functions[name], n = { sort: 'call', at: from, apply, args: [] }
    do {
      next()
      if (is(')') && n.args.length === 0) break
      n.args.push(value())
    } while (is(','))
    n.to = to
    closes(opened)
    if (n.args.length !== takes.length && !(many && n.args.length > takes.length)) {
      const want = many ? `${takes.length} arguments or more` : takes.length === 1 ? 'one argument' : `${takes.length} arguments`
      throw wrong(text, from, 'write ' + usage(name), `${name} takes ${want} and has ${n.args.length}`)
    }
    return n
  }

  function form(name, from, opened) {
    next()
    if (kind !== 'quoted' || quoted === '') throw fail('write ' + forms[name], `${name} takes a name in quotation marks`)
    const n = { sort: 'named', at: from, name: quoted, form: name }
    next()
    n.to = to
    closes(opened)
    return n
  }

  function leftOver() {
    if (is(')')) return fail('remove it, or open one before', 'a parenthesis closes that was not opened')
    if (is(',')) return fail('write decimals with a point: 0.02', 'a comma stands where no arguments are')
    if (Object.hasOwn(functions, last)) return fail('write ' + usage(last), `${last} is a function and needs parentheses`)
    return fail('to multiply write *, to join conditions and or or; a text of several words is in quotation marks', `an operator is missing between ${last} and ${token()}`)
  }

  if (bytes(text) > 1000) throw wrong(text, 0, 'an expression has at most 1000', `it has ${bytes(text)} bytes`)
  next()
  if (kind === 'end') throw wrong(text, 0, 'write one such as accuracy > 0.9 and not failed', 'the expression is empty')
  const root = value()
  if (kind !== 'end') throw leftOver()
  return root
}

const kinds = { 0: 'a group or a list of genes', 1: 'a number', 2: 'a text', 4: 'true or false' }
const Num = 1, Text = 2, Truth = 4
const kindText = k => kinds[k] ?? 'of several kinds'

// kindOf is what a value is.
export const kindOf = v => typeof v === 'number' ? Num : typeof v === 'boolean' ? Truth : Text

const compares = {
  '=': (x, y) => x === y, '!=': (x, y) => x !== y,
  '<': (x, y) => numbers(x, y) && x < y, '<=': (x, y) => numbers(x, y) && x <= y, '>': (x, y) => numbers(x, y) && x > y, '>=': (x, y) => numbers(x, y) && x >= y,
  '~': (x, y) => typeof x === 'string' && typeof y === 'string' && x.includes(y),
}
const numbers = (x, y) => typeof x === 'number' && typeof y === 'number'
const truths = { yes: true, true: true, no: false, false: false }

// condition makes of a text what tells whether it holds of a row. scope(form, name) is the
// column of a name: { kind, words, many, at(row) } with a list of values of a row; undefined
// where there is none, a string to be written where there are several.
export function condition(text, scope) {
  const source = n => text.slice(n.at, n.to)
  const always = v => ({ kind: kindOf(v), at: () => [v] })
  const holds = f => ({ kind: Truth, at: row => [f(row)] })

  function truth(n, c) {
    if (!(c.kind & Truth)) throw wrong(text, n.at, `compare it, as in ${source(n)} = ...`, `${source(n)} is ${kindText(c.kind)} and no condition`)
    return row => c.at(row).some(v => v === true)
  }

  function value(n) {
    switch (n.sort) {
      case 'number': return always(n.number)
      case 'text': return always(n.name)
      case 'named': {
        const c = scope(n.form, n.name)
        if (typeof c === 'string') throw wrong(text, n.at, c, `${source(n)} may mean several things`)
        if (!c) throw wrong(text, n.at, 'see Names', `there is no ${n.form || 'field, metric or gene'} "${n.name}"`)
        return c
      }
      case 'call': return call(n)
      case 'comparison': return comparison(n)
    }
    const parts = n.args.map(a => truth(a, value(a)))
    if (n.by === 'and') return holds(row => parts[0](row) && parts[1](row))
    if (n.by === 'or') return holds(row => parts[0](row) || parts[1](row))
    return holds(row => !parts[0](row))
  }

  function call(n) {
    let many = -1
    const args = n.args.map((a, i) => {
      const c = value(a)
      if (!(c.kind & Num)) throw wrong(text, a.at, 'write a number there', `${source(a)} is ${kindText(c.kind)} and no number`)
      if (c.many && many >= 0) throw wrong(text, a.at, 'name an element of one of them, as in blocks[0].kernel', `${source(n.args[many])} and ${source(a)} have several values each`)
      if (c.many) many = i
      return c
    })
    const at = row => {
      const x = []
      for (let i = 0; i < args.length; i++) {
        if (i === many) continue
        const v = args[i].at(row)[0]
        if (typeof v !== 'number') return []
        x[i] = v
      }
      if (many < 0) return [n.apply(x)]
      return args[many].at(row).filter(v => typeof v === 'number').map(v => {
        x[many] = v
        return n.apply(x)
      })
    }
    return { kind: Num, many: many >= 0, at }
  }

  function comparison(n) {
    const sides = n.args.map((a, i) => side(a, n.args[1 - i], (words, word) => words.some(w => n.by !== '~' ? w === word : i === 1 ? w.includes(word) : word.includes(w)))), both = sides[0].kind & sides[1].kind
    if ('<>'.includes(n.by[0])) {
      if (!(both & Num)) {
        const i = sides.findIndex(c => !(c.kind & Num))
        throw wrong(text, n.args[i].at, 'compare it by = or !=', `${source(n.args[i])} is ${kindText(sides[i].kind)}, and ${n.by} compares numbers`)
      }
    } else if (n.by === '~') {
      const i = sides.findIndex(c => !(c.kind & Text))
      if (i >= 0) throw wrong(text, n.args[i].at, 'compare it by = or <', `${source(n.args[i])} is ${kindText(sides[i].kind)}, and ~ looks for a text within another`)
    } else if (!both) {
      throw wrong(text, n.args[1].at, 'compare what is of one kind', `${source(n.args[0])} is ${kindText(sides[0].kind)} and ${source(n.args[1])} is ${kindText(sides[1].kind)}`)
    }
    const compare = compares[n.by]
    return holds(row => {
      const x = sides[0].at(row)
      return x.length > 0 && sides[1].at(row).some(b => x.some(a => compare(a, b)))
    })
  }

  // side is one of a comparison. A word may be a text that the other side can have, as has
  // tells of the texts that it may be.
  function side(n, other, has) {
    if (n.sort !== 'text' && (n.sort !== 'named' || n.form !== '') || other.sort === 'text') return value(n)
    let c = { kind: 0 }
    if (other.sort === 'named') {
      c = scope(other.form, other.name)
      if (!c || typeof c === 'string') return value(n) // it may be the text, and this the name
    }
    const said = n.name
    if (n.sort === 'named') {
      if (Object.hasOwn(truths, said) && c.kind & Truth && !c.words?.includes(said)) return always(truths[said])
      const known = scope('', said)
      if (c.words?.includes(said)) { /* it is this text */ }
      else if (known && typeof known !== 'string' && c.kind === Text && !(known.kind & Text)) { /* what holds only texts is never compared with a number */ }
      else if (known || !(c.kind & Text)) return value(n)
    }
    if (c.kind & Text && c.words && !has(c.words, said)) {
      throw wrong(text, n.at, 'it has ' + c.words.slice(0, 12).join(', '), `${source(other)} is never "${said}"`)
    }
    return always(said)
  }

  const root = parse(text)
  return truth(root, value(root))
}
