// The log of a run. The browser holds a window on it: some thousand lines between the offsets `top` and
// `bottom`. At the end of the log it follows what is added; elsewhere it holds still and counts.

// Scripts of one version belong together; the address of this one tells which it is.
const load = (name) => import(new URL(name + new URL(import.meta.url).search, import.meta.url).href)
const [{ Rows }, { Search }, { build, remember, bytesText }, { ask, askTogether, untilTick }] = await Promise.all(
  ["./run_log_rows.js", "./run_log_search.js", "./run_log_frame.js", "./asking.js"].map(load),
)

const POLL_MS = 1000
const SLOWEST_POLL_MS = 10_000
const TYPING_MS = 250
const NEAR_PX = 600
const views = new WeakMap()

export default function (root, data) {
  let view = views.get(root)
  if (!view || view.address !== data.address) {
    view?.stop()
    views.set(root, (view = new View(root, data.address)))
  }
  view.start(data)
  return () => view.stop()
}

class Anew extends Error {}

class View {
  constructor(root, address) {
    this.root = root
    this.address = address
    this.parts = build(root, `${address}/whole`)
    this.rows = new Rows(this.parts.rows)
    this.search = new Search(
      (params) => this.ask("search", params), () => this.tellSearch(), (start) => this.showLine(start),
    )
    this.turn = 0
    this.failures = 0
    this.onVisible = () => this.poll()
    this.sight = new IntersectionObserver((entries) => {
      this.isSeen = entries.at(-1).isIntersecting
      if (this.isSeen) this.poll()
    }, { rootMargin: "200px" })
    this.reset()
    this.listen()
  }

  /** Nothing is known of the log. */
  reset() {
    Object.assign(this, {
      generation: null, size: null, top: 0, bottom: 0, open: null, counted: 0, unseen: 0,
      attempts: [], isMarked: false, chosen: null, floor: 0, ceiling: null, follows: true, loading: false,
    })
    this.turn += 1
    this.rows.clear()
    this.search.clear()
    this.rows.mark("", null)
  }

  start(data) {
    const wasLive = this.live
    Object.assign(this, { live: data.live, empty: data.empty, isStopped: false })
    document.addEventListener("visibilitychange", this.onVisible)
    this.sight.observe(this.root)
    if (this.generation === null || this.live || wasLive) this.poll()
    this.tell()
  }

  stop() {
    this.isStopped = true
    clearTimeout(this.timer)
    document.removeEventListener("visibilitychange", this.onVisible)
    this.sight.disconnect()
  }

  // What the app is asked for

  async ask(what, params = {}) {
    if (this.isStopped) throw new Error("The page was left.")
    const query = new URLSearchParams(params)
    if (this.generation !== null) query.set("generation", this.generation)
    const address = `${this.address}/${what}?${query}`
    const answer = await (what === "news" ? askTogether(address) : ask(address))
    if (answer.anew) throw new Anew()
    this.size = answer.size
    this.generation = answer.generation
    return answer
  }

  /** Do what asks the app; what failed is told, and a log that was begun anew is read anew. */
  async attempt(work) {
    try {
      await work()
      this.failures = 0
      this.reason = ""
    } catch (error) {
      if (error instanceof Anew) {
        this.reset()
        setTimeout(() => this.poll())
      } else {
        this.failures += 1
        this.reason = error.name === "Error" ? error.message : ""
        this.failedAt ??= Date.now()
        clearTimeout(this.timer)
        if (!this.isStopped) this.timer = setTimeout(() => this.poll(), POLL_MS)
      }
    }
    if (!this.failures) this.failedAt = null
    this.tell()
  }

  /** Look for news at once, and then every second while the run lives and the log is on the screen. */
  async poll() {
    clearTimeout(this.timer)
    if (this.isStopped || this.isPolling || document.hidden || !(this.isSeen || this.isUnread)) return
    this.isPolling = true
    await this.attempt(() => this.lookForNews())
    this.isPolling = false
    if (this.isStopped) return
    const isBehind = this.generation === null || !this.isMarked || this.known !== this.size
    if (!this.live && !isBehind && !this.failures) return
    const wait = Math.min(POLL_MS * 2 ** this.failures, SLOWEST_POLL_MS)
    this.timer = setTimeout(() => this.poll(), isBehind && !this.failures ? 20 : untilTick(wait))
  }

  /** What one sees when one scrolls to it is there before. */
  get isUnread() { return this.generation === null || !this.isMarked }

  /** Up to where the log was shown or counted. */
  get known() { return this.follows ? this.bottom : Math.max(this.counted, this.bottom) }

  async lookForNews() {
    if (this.generation === null) return this.loadEnd()
    if (!this.isMarked) this.takeMarks(await this.ask("marks"))
    const { turn, follows, known } = this
    const params = follows ? { from: this.open ?? this.bottom } : { from: known, count: 1 }
    const answer = await this.ask("news", { ...params, seen: known })
    if (turn !== this.turn || follows !== this.follows) return
    if (answer.attempts) this.takeMarks(answer)
    if (answer.many) await this.loadEnd()
    else if (answer.lines) this.addBelow(answer, params.from)
    else if (answer.count !== undefined) {
      this.counted = answer.end
      this.unseen += answer.count
    }
    if (answer.lines || answer.count) this.attempt(() => this.search.goOn())
  }

  takeMarks(answer) {
    this.attempts = answer.attempts
    this.isMarked = answer.all || this.isMarked
    this.isMarkedAll = answer.all
    this.bound()
  }

  // The window

  async loadEnd() {
    const answer = await this.load({ floor: this.floor, ...(this.ceiling === null ? {} : { before: this.ceiling }) })
    if (!answer) return
    this.follows = this.ceiling === null
    this.unseen = 0
    this.scrollToEnd()
  }

  async loadBeginning() {
    const answer = await this.load({ after: this.floor, ...this.above() })
    if (!answer) return
    this.hold()
    this.parts.pane.scrollTop = 0
  }

  async loadAround(start) {
    return this.load({ around: start, floor: this.floor, ...this.above() })
  }

  above() { return this.ceiling === null ? {} : { ceiling: this.ceiling } }

  /** Show other lines than those that are shown; null if meanwhile others were asked for. */
  async load(params) {
    const turn = (this.turn += 1)
    this.loading = false
    const answer = await this.ask("lines", params)
    if (turn !== this.turn) return null
    this.rows.clear()
    this.rows.append(answer.lines)
    Object.assign(this, { top: answer.start, bottom: answer.end, open: answer.open })
    return answer
  }

  /** What was asked for and has not come yet is not wanted any more. */
  forgetLoads() {
    this.turn += 1
    this.loading = false
  }

  /** Load what stands above or below when it is nearly reached. */
  async reach(isAbove) {
    const end = this.ceiling ?? this.size
    if (this.loading || (isAbove ? this.top <= this.floor : this.bottom >= end && this.open === null)) return
    const turn = this.turn
    this.loading = true
    const from = this.open ?? this.bottom
    const params = isAbove ? { before: this.top, floor: this.floor } : { after: from, ...this.above() }
    try {
      const answer = await this.ask("lines", params)
      if (turn !== this.turn) return
      if (isAbove) this.addAbove(answer)
      else this.addBelow(answer, from)
    } finally {
      if (turn === this.turn) this.loading = false
    }
    // Nothing but hidden lines, or still a short page: there is more to load.
    if (isAbove && this.parts.pane.scrollTop < NEAR_PX) await this.reach(true)
  }

  addAbove(answer) {
    const { pane } = this.parts
    const height = pane.scrollHeight
    this.rows.prepend(answer.lines)
    this.top = answer.start
    pane.scrollTop += pane.scrollHeight - height
    const removed = this.rows.pruneBottom()
    if (removed === null) return
    Object.assign(this, { bottom: removed, open: null })
    this.hold()
  }

  addBelow(answer, from) {
    const { pane } = this.parts
    this.rows.dropFrom(from)
    this.rows.append(answer.lines)
    Object.assign(this, { bottom: answer.end, open: answer.open })
    const height = pane.scrollHeight
    const top = this.rows.pruneTop()
    if (top !== null) {
      this.top = top
      if (!this.follows) pane.scrollTop -= height - pane.scrollHeight
    }
    if (this.follows) this.scrollToEnd()
  }

  hold() {
    if (this.follows) this.counted = this.size ?? 0
    this.follows = false
  }

  scrollToEnd() {
    const { pane } = this.parts
    pane.scrollTop = pane.scrollHeight
  }

  onScroll() {
    const { pane } = this.parts
    const left = pane.scrollHeight - pane.scrollTop - pane.clientHeight
    const isAtEnd = left < 8 && this.ceiling === null && this.bottom >= (this.follows ? this.bottom : this.size)
    if (isAtEnd && !this.follows) Object.assign(this, { follows: true, unseen: 0 })
    if (!isAtEnd) this.hold()
    if (pane.scrollTop < NEAR_PX) this.attempt(() => this.reach(true))
    if (left < NEAR_PX && !this.follows) this.attempt(() => this.reach(false))
    this.tell()
  }

  /** Show the line that begins at the offset, in the middle of the pane. */
  showLine(start) {
    return this.attempt(async () => {
      this.hold()
      if (this.rows.find(start)) this.forgetLoads()
      else if (!(await this.loadAround(start))) return
      this.rows.mark(this.rows.wanted, start)
      const row = this.rows.find(start)
      if (!row) return
      const { pane } = this.parts
      pane.scrollTop = row.offsetTop - pane.clientHeight / 2 + row.offsetHeight / 2
      pane.scrollLeft = 0
      pane.scrollIntoView({ block: "nearest" })
    })
  }

  // What people do

  listen() {
    const { parts } = this
    parts.pane.addEventListener("scroll", () => this.onScroll(), { passive: true })
    parts.pane.addEventListener("keydown", (event) => this.onKey(event))
    parts.top.addEventListener("click", () => this.attempt(() => this.loadBeginning()))
    for (const end of [parts.end, parts.pill]) end.addEventListener("click", () => this.goToEnd())
    parts.error.addEventListener("click", () => this.showLine(this.firstError))
    parts.attempts.addEventListener("change", () => this.choose(parts.attempts.value))
    remember(parts.wrap, "log wrap", true, (isOn) => this.lay("wraps", isOn))
    remember(parts.tall, "log taller", false, (isOn) => this.lay("taller", isOn))
    this.listenToSearch()
  }

  listenToSearch() {
    const { field, next, previous, troubles } = this.parts
    field.addEventListener("input", () => {
      clearTimeout(this.typing)
      this.typing = setTimeout(() => this.seekText(), TYPING_MS)
    })
    field.addEventListener("keydown", (event) => {
      event.stopPropagation()
      if (event.key === "Escape") this.leaveSearch()
      if (event.key !== "Enter") return
      event.preventDefault()
      if (this.search.what?.text === field.value) this.step(event.shiftKey ? -1 : 1)
      else this.seekText()
    })
    next.addEventListener("click", () => this.step(1))
    previous.addEventListener("click", () => this.step(-1))
    troubles.addEventListener("click", () => {
      field.value = ""
      if (this.search.what?.troubles) this.leaveSearch()
      else this.seek({ troubles: 1 })
    })
    this.tellSearch()
  }

  lay(name, isOn) {
    const { pane } = this.parts
    const anchor = this.follows ? null : this.firstSeen()
    pane.classList.toggle(name, isOn)
    if (this.follows) this.scrollToEnd()
    else if (anchor) pane.scrollTop = anchor.offsetTop
  }

  firstSeen() {
    const { pane } = this.parts
    return [...this.parts.rows.children].find((row) => row.offsetTop + row.offsetHeight > pane.scrollTop)
  }

  onKey(event) {
    event.stopPropagation() // Streamlit has keys of its own
    const does = {
      End: () => this.goToEnd(),
      Home: () => this.attempt(() => this.loadBeginning()),
      "/": () => this.parts.field.focus(),
      Escape: () => this.leaveSearch(),
    }[event.key]
    if (!does || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    does()
  }

  goToEnd() {
    this.attempt(() => this.loadEnd())
  }

  step(by) {
    this.attempt(() => this.search.step(by))
  }

  seekText() {
    clearTimeout(this.typing)
    const text = this.parts.field.value
    if (text.trim()) this.seek({ text })
    else this.leaveSearch()
  }

  seek(what) {
    this.rows.mark((what.text ?? "").toLowerCase(), null)
    this.attempt(() => this.search.begin(what, this.floor, this.ceiling))
  }

  leaveSearch() {
    clearTimeout(this.typing)
    const wasSearch = this.search.what !== null
    this.parts.field.value = ""
    this.search.clear()
    this.rows.mark("", null)
    this.tellSearch()
    if (wasSearch) this.parts.pane.focus()
  }

  // Attempts

  choose(value) {
    this.chosen = value === "" ? null : Number(value)
    this.bound()
    if (this.search.what) this.seek(this.search.what)
    this.attempt(() => (this.chosen === null ? this.loadEnd() : this.loadBeginning()))
  }

  /** The bytes of the chosen attempt. */
  bound() {
    const ceiling = this.ceiling
    this.floor = this.attempts[this.chosen]?.[1] ?? 0
    this.ceiling = this.chosen === null ? null : (this.attempts[this.chosen + 1]?.[1] ?? null)
    if (this.ceiling === null || this.ceiling === ceiling) return
    this.hold()
    this.rows.dropFrom(this.ceiling)
    if (this.bottom > this.ceiling) Object.assign(this, { bottom: this.ceiling, open: null })
  }

  get firstError() {
    const among = this.chosen === null ? this.attempts : [this.attempts[this.chosen] ?? []]
    return among.map((attempt) => attempt[2]).find((start) => start != null) ?? null
  }

  // What is told

  tell() {
    const { parts } = this
    const isEmpty = this.size === 0
    parts.empty.hidden = !isEmpty
    parts.empty.textContent = this.empty
    for (const part of [parts.tools, parts.frame]) part.hidden = isEmpty
    const unseen = this.unseen.toLocaleString("en")
    parts.pill.hidden = this.unseen === 0 || this.ceiling !== null
    parts.pill.textContent = `${unseen} new ${this.unseen === 1 ? "line" : "lines"}, jump to the end`
    parts.state.textContent = this.stateText()
    parts.state.className = this.failures ? "trouble" : ""
    parts.size.textContent = this.size ? bytesText(this.size) : ""
    parts.error.disabled = this.firstError === null
    parts.error.title = this.errorText()
    this.tellAttempts()
  }

  stateText() {
    if (this.failures) {
      const seconds = Math.round((Date.now() - this.failedAt) / 1000)
      return this.reason || `The app cannot be reached. What is shown is ${seconds} s old; trying again.`
    }
    if (!this.size) return ""
    if (!this.live) return "The run is not writing now."
    return this.follows ? "Following the end." : "Holding still: new lines do not move what you read."
  }

  errorText() {
    if (this.firstError !== null) return "Jump to the first error"
    return this.isMarkedAll ? "There is no error" : "No error has been found so far"
  }

  tellAttempts() {
    const { attempts } = this.parts
    attempts.hidden = this.attempts.length < 2
    const names = ["All attempts", ...this.attempts.map(([number]) => (number ? `Attempt ${number}` : "Before the first"))]
    if (attempts.length === names.length) return
    attempts.replaceChildren(...names.map((name, index) => new Option(name, index ? index - 1 : "")))
    attempts.value = this.chosen ?? ""
  }

  tellSearch() {
    const { parts, search } = this
    parts.count.textContent = search.words
    parts.troubles.setAttribute("aria-pressed", String(Boolean(search.what?.troubles)))
    for (const button of [parts.next, parts.previous]) {
      button.hidden = search.what === null
      button.disabled = search.hits.length === 0
    }
    parts.count.hidden = search.what === null
  }
}
