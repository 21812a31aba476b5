// What is asked of whoever has the search: the server that this page came from or, in a
// report, the file itself.

const served = {
  // get is the answer to a query, see docs/serve.md; an error has the status, too.
  async get(path, parameters) {
    let r
    try {
      r = await fetch(path + query(parameters))
    } catch {
      throw new Error('nascent serve does not answer; start it again')
    }
    return read(r)
  },

  // post asks for a change. An answer that is lost is asked for once more: the request's name
  // has it happen once.
  async post(path, body) {
    const ask = () => fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
    let r
    try {
      r = await ask().catch(ask)
    } catch {
      throw new Error('nascent serve does not answer: ask again, it will happen once')
    }
    return read(r)
  },

  // follow calls changed when a search has, until what it returns is called.
  follow: streamed,
}

let source = served

// use has answers come from somewhere else: an object as served is, and kept says how much
// of the search it has.
export const use = other => { source = other }

export const get = (path, parameters) => source.get(path, parameters)

export const post = (path, body) => source.post(path, body)

export const follow = (names, changed) => source.follow(names, changed)

// kept is what a report has of the search: { text, all, list }; undefined of a server, which
// has all of it.
export const kept = () => source.kept

async function read(r) {
  const answer = await r.json()
  if (!r.ok) throw Object.assign(new Error(answer.error), { status: r.status })
  return answer
}

export function query(parameters) {
  const q = new URLSearchParams()
  for (const [k, v] of Object.entries(parameters ?? {})) {
    if (Array.isArray(v)) v.forEach(x => q.append(k, x))
    else if (v !== undefined && v !== null && v !== '') q.set(k, v)
  }
  const text = q.toString()
  return text ? '?' + text : ''
}

export const searchPath = (name, rest = '') => '/api/searches' + (name === undefined ? '' : '/' + encodeURIComponent(name)) + rest

// streamed listens as long as the page is to be seen: the stream is closed in a hidden tab,
// for a browser has six connections to a server and no more.
function streamed(names, changed) {
  let stream, again
  const open = () => {
    clearTimeout(again)
    if (document.hidden || stream) return
    stream = new EventSource('/api/events' + query({ search: names }))
    stream.onmessage = changed
    stream.onerror = () => {
      stream?.close()
      stream = undefined
      again = setTimeout(open, 3000)
    }
  }
  const close = () => {
    stream?.close()
    stream = undefined
    clearTimeout(again)
  }
  const turn = () => document.hidden ? close() : open()
  document.addEventListener('visibilitychange', turn)
  open()
  return () => {
    close()
    document.removeEventListener('visibilitychange', turn)
  }
}
