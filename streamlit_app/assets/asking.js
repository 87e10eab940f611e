// Questions to the app's routes. What the parts of a page ask each second is asked at the same tick and in
// one request, since a request costs the app more than most answers.

const TICK_MS = 1000
const GATHER_MS = 10
const PATIENCE_MS = 20_000
const TOGETHER = "/api/together"
const MOST_TOGETHER = 8
const SLOWEST_MS = 10_000
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

/** Asks an address again and again, as long as the part stands in its page; seldom while nobody sees it. */
export class Repeated {
  constructor(root, take, fail = () => {}) {
    Object.assign(this, { root, take, fail, failures: 0, failedAt: null, isPolling: false })
    this.onVisible = () => this.poll()
  }

  /** Ask so often; `isWanted` tells each time whether there is anything to wait for. */
  start(address, everyMs, isWanted = () => true) {
    Object.assign(this, { address, everyMs, isWanted, isStopped: false })
    document.addEventListener("visibilitychange", this.onVisible)
    this.wait()
  }

  stop() {
    this.isStopped = true
    clearTimeout(this.timer)
    document.removeEventListener("visibilitychange", this.onVisible)
  }

  wait() {
    clearTimeout(this.timer)
    if (this.isStopped || !(this.isWanted() || this.failures)) return
    const pace = document.hidden ? SLOWEST_MS : this.everyMs * 2 ** this.failures
    this.timer = setTimeout(() => this.poll(), untilTick(Math.min(pace, SLOWEST_MS)))
  }

  async poll() {
    if (this.isStopped || this.isPolling || !this.root.isConnected) return
    this.isPolling = true
    try {
      const answer = await askTogether(this.address)
      Object.assign(this, { failures: 0, failedAt: null })
      this.take(answer)
    } catch (error) {
      this.failures += 1
      this.failedAt ??= new Date()
      this.fail(error, this.failedAt)
    }
    this.isPolling = false
    this.wait()
  }
}

async function askGathered() {
  const questions = gathered.splice(0, MOST_TOGETHER)
  if (gathered.length) setTimeout(askGathered)
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
