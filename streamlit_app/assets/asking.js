// Questions to the app's routes. What the parts of a page ask each second is asked at the same tick and in
// one request, since a request costs the app more than most answers.

const TICK_MS = 1000
const GATHER_MS = 10
const PATIENCE_MS = 20_000
const TOGETHER = "/api/together"
let gathered = []

/** The answer of a route, at once. */
export async function ask(url) {
  const reply = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) })
  return read(reply.ok, await reply.json().catch(() => ({})))
}

/** The same, together with what else is asked at this moment. */
export function askTogether(url) {
  return new Promise((resolve, reject) => {
    gathered.push({ url, resolve, reject })
    if (gathered.length === 1) setTimeout(askGathered, GATHER_MS)
  })
}

/** Milliseconds until the page's tick that is nearest to so many milliseconds from now. */
export function untilTick(ms) {
  const now = performance.now()
  return Math.max(0, Math.round((now + ms) / TICK_MS) * TICK_MS - now)
}

async function askGathered() {
  const questions = gathered
  gathered = []
  if (questions.length === 1) {
    const [{ url, resolve, reject }] = questions
    return ask(url).then(resolve, reject)
  }
  try {
    const query = new URLSearchParams(questions.map(({ url }) => ["ask", url]))
    const answers = await ask(`${TOGETHER}?${query}`)
    questions.forEach(({ resolve, reject }, place) => {
      const { status, body } = answers[place]
      try { resolve(read(status === 200, body)) } catch (error) { reject(error) }
    })
  } catch (error) {
    for (const { reject } of questions) reject(error)
  }
}

function read(isOk, body) {
  if (!isOk) throw new Error(body.reason ?? "The app could not answer this; its log tells why.")
  return body
}
