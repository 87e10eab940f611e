// The charts of a run. The browser has a whole with few points of each curve, asks for what is new every
// second, and for the finer points of what is zoomed into. All charts share the x axis, zoom and cursor.

// Scripts of one version belong together; the address of this one tells which it is.
const load = (name) => import(new URL(name + new URL(import.meta.url).search, import.meta.url).href)
const [{ SMALL, PERPLEXITY, otherChart, clockTime }, { Curves }, { Plot, dashOf, loadLibrary, readPalette },
  { Cell, build, listenToChoices, readChoices }, { make }, { ask, askTogether, untilTick }] = await Promise.all(
  ["./run_charts_words.js", "./run_charts_curves.js", "./run_charts_plot.js", "./run_charts_frame.js",
    "./elements.js", "./asking.js"].map(load),
)

const POLL_MS = 1000
const SLOWEST_POLL_MS = 15_000
const SETTLE_MS = 150
const MAX_ADDED = 4000
const LEFT_AFTER_MS = 2000
const views = new WeakMap()

export default function (root, data) {
  let view = views.get(root)
  if (!view || view.address !== data.address) {
    view?.stop()
    view?.destroy()
    views.set(root, (view = new View(root, data)))
  }
  view.start(data)
  return () => view.stop()
}

class View {
  constructor(root, data) {
    this.root = root
    this.address = data.address
    this.syncKey = `curves ${data.address}`
    this.curves = new Curves()
    this.choices = readChoices()
    this.axis = this.choices.axis
    this.turn = 0
    this.failures = 0
    this.zoom = null
    this.range = [0, 1]
    this.others = []
    this.plots = new Map()
    this.marks = { checkpoints: [], labelled: [] }
    this.parts = build(root)
    this.addCells(data)
    this.listen()
    this.onVisible = () => { if (this.live || !this.isLoaded || this.failures) this.poll() }
    this.watcher = new ResizeObserver(() => this.resize())
  }

  start(data) {
    const wasLive = this.live
    Object.assign(this, { live: data.live, empty: data.empty, isStopped: false })
    this.palette = readPalette(this.root)
    document.addEventListener("visibilitychange", this.onVisible)
    this.watcher.observe(this.root)
    if (!this.isLoaded || this.live || wasLive) this.poll()
    this.recolor()
    this.tell()
  }

  stop() {
    this.isStopped = true
    clearTimeout(this.timer)
    this.watcher.disconnect()
    document.removeEventListener("visibilitychange", this.onVisible)
    // A page that is drawn anew starts again at once; one that was left does not come back.
    setTimeout(() => { if (this.isStopped && !this.root.isConnected) this.destroy() }, LEFT_AFTER_MS)
  }

  /** uPlot keeps every plot in its lists until it is told to forget it. */
  destroy() {
    clearTimeout(this.looking)
    clearTimeout(this.choosing)
    for (const plot of this.plots.values()) plot.destroy()
  }

  get isLog() { return this.choices.isLog }
  get isSmoothed() { return this.choices.smoothing > 0 }

  // What the app is asked for

  addressOf(params) {
    const { axis, smoothing } = this.choices
    const query = new URLSearchParams({ axis, smoothing, ...params, ...(this.parts.more.open ? { more: 1 } : {}) })
    return `${this.address}?${query}`
  }

  /** Look for news at once, and then every second while the run lives and the page is seen. */
  async poll() {
    clearTimeout(this.timer)
    if (this.isStopped || document.hidden || !this.root.isConnected) return
    if (this.isPolling) return void (this.isAskedAgain = true)
    this.isPolling = true
    this.isAskedAgain = false
    try {
      await this.lookForNews()
      Object.assign(this, { failures: 0, reason: "", failedAt: null, seenAt: Date.now() })
    } catch (error) {
      this.failures += 1
      this.reason = error.name === "Error" ? error.message : ""
      this.failedAt ??= this.seenAt ?? Date.now()
    }
    this.isPolling = false
    this.tell()
    if (this.isStopped) return
    const isBehind = !this.isLoaded || this.isBehind || this.isAskedAgain
    if (!this.live && !isBehind && !this.failures) return
    const wait = Math.min(POLL_MS * 2 ** this.failures, SLOWEST_POLL_MS)
    this.timer = setTimeout(() => this.poll(), isBehind && !this.failures ? 20 : untilTick(wait))
  }

  async lookForNews() {
    const turn = this.turn
    // While a long file is read the picture is drawn anew whenever there is twice as much.
    const isDue = this.isReading && this.read >= 2 * this.wholeRead
    const isFull = this.curves.added > MAX_ADDED
    const known = isDue || isFull ? null : this.known
    const asked = known ? askTogether(this.addressOf(known)) : ask(this.addressOf({}))
    const [answer] = await Promise.all([asked, loadLibrary()])
    if (turn !== this.turn) return
    this.take(answer)
  }

  take(answer) {
    const { generation, rows, marked, until = 0 } = answer
    this.known = { generation, rows, marked, until }
    this.live = answer.live
    this.isReading = "read" in answer
    this.isBehind = Boolean(answer.behind) || this.isReading
    this.read = answer.read ?? 1
    const isFresh = Boolean(answer.whole)
    if (isFresh) this.takeWhole(answer)
    if (answer.news) this.curves.append(answer.news, this.choices.smoothing)
    // There is a curve that was not there: the whole tells its name.
    if (!isFresh && answer.curves !== this.curveCount && !this.isReading) this.askAnew()
    if (answer.marks) this.takeMarks(answer.marks, isFresh)
    if (answer.all_readings) this.curves.replaceReadings(answer.all_readings)
    if (answer.readings) this.curves.appendReadings(answer.readings)
    if (isFresh || answer.news || answer.marks || answer.readings || answer.all_readings) this.draw()
  }

  takeWhole(answer) {
    const isOther = this.axis !== this.choices.axis
    this.axis = this.choices.axis
    this.wholeRead = this.read
    this.isLoaded = true
    this.others = answer.others
    this.curveCount = answer.curves
    this.curves.replace(answer.whole)
    this.marks = { checkpoints: [], labelled: [] }
    if (isOther || answer.generation !== this.generation) this.curves.leaveWindow()
    this.generation = answer.generation
    this.offerAxes(answer.axes)
    if (this.zoom) this.lookCloser()
  }

  takeMarks({ checkpoints, labelled }, isFresh) {
    const before = isFresh ? { checkpoints: [], labelled: [] } : this.marks
    this.marks = {
      checkpoints: [...before.checkpoints, ...checkpoints], labelled: [...before.labelled, ...labelled],
    }
  }

  offerAxes(axes) {
    for (const option of this.parts.axis.options) option.disabled = !axes.includes(option.value)
    if (axes.includes(this.choices.axis) || axes.length === 0) return
    // Only for this run: others may tell more.
    this.choices.axis = this.parts.axis.value = axes[0]
    this.askAnew()
  }

  /** Ask for a whole: what is there was asked for in another way. */
  askAnew() {
    this.turn += 1
    this.known = null
    this.poll()
  }

  // Zoom

  zoomTo(begin, end) {
    const [first, last] = this.span()
    const least = this.axis === "step" || this.axis === "tokens" ? 2 : (last - first) / 1e6
    const width = Math.min(Math.max(end - begin, least), last - first)
    const left = Math.min(Math.max(begin, first), last - width)
    if (width >= (last - first) * 0.999) return this.resetZoom()
    this.zoom = [left, left + width]
    this.draw()
    this.lookCloser()
  }

  resetZoom() {
    this.zoom = null
    clearTimeout(this.looking)
    this.curves.leaveWindow()
    delete this.root.dataset.window
    this.draw()
  }

  zoomBy(factor) {
    const [begin, end] = this.range
    const middle = (begin + end) / 2, half = ((end - begin) / 2) * factor
    this.zoomTo(middle - half, middle + half)
  }

  moveBy(part) {
    const by = (this.range[1] - this.range[0]) * part
    if (this.zoom) this.zoomTo(this.range[0] + by, this.range[1] + by)
  }

  /** Load the finer points of what is zoomed into, once nobody has zoomed on for a moment. */
  lookCloser() {
    clearTimeout(this.looking)
    this.looking = setTimeout(() => this.loadWindow().catch(() => this.retryWindow()), SETTLE_MS)
  }

  retryWindow() {
    if (this.zoom && !this.isStopped) this.looking = setTimeout(() => this.lookCloser(), POLL_MS * 3)
  }

  async loadWindow() {
    const { zoom, turn } = this
    if (!zoom) return
    const answer = await ask(this.addressOf({ begin: zoom[0], end: zoom[1] }))
    if (zoom !== this.zoom || turn !== this.turn || answer.generation !== this.generation) return
    this.curves.setWindow(answer.window.curves, answer.window.readings)
    this.root.dataset.window = zoom.map((place) => place.toFixed(3)).join(" ")
    this.draw()
  }

  span() { return this.curves.span(this.axis === "clock") ?? [0, 1] }

  // Charts

  addCells(data) {
    const { parts } = this
    this.addPlot({ key: "losses", title: "Loss", unit: "", isLosses: true, mayBeLog: true }, parts.large)
    for (const chart of SMALL.filter(({ ofGpu }) => !ofGpu || data.gpus)) {
      const cell = new Cell(chart.title)
      parts.grid.append(cell.element)
      this.addPlot(chart, cell)
    }
  }

  addPlot(chart, cell) {
    this.plots.set(chart.key, new Plot(chart, cell, this))
  }

  /** Bring every chart up to date. */
  draw() {
    this.range = this.zoom ?? padded(this.span())
    this.drawOthers()
    for (const plot of this.plots.values()) {
      const lines = this.linesOf(plot.chart)
      const isEmpty = lines.length === 0
      if (plot.chart.isLosses) plot.cell.wait(isEmpty && !this.isLoaded)
      else {
        plot.cell.element.hidden = isEmpty && (this.isLoaded && !this.isBehind)
        plot.cell.wait(isEmpty)
      }
      if (!plot.chart.isOther || this.parts.more.open) plot.set(lines)
    }
    this.tell()
  }

  drawOthers() {
    const { more, moreGrid } = this.parts
    more.hidden = this.others.length === 0
    if (!more.open) return
    for (const key of this.others) {
      if (this.plots.has(key)) continue
      const chart = otherChart(key)
      const cell = new Cell(chart.title)
      moreGrid.append(cell.element)
      this.addPlot(chart, cell)
    }
  }

  linesOf(chart) {
    if (chart.isLosses) return this.lossLines((y) => y)
    if (chart.key === PERPLEXITY) return this.lossLines((y) => y.map((loss) => Math.exp(Math.min(loss, 80))))
    if (chart.ofGpu) return this.gpuLines(chart.key)
    const curve = this.curves.get(chart.key)
    return curve ? withSmooth(chart.title, curve, chart.color, this.isSmoothed) : []
  }

  lossLines(of) {
    const [loss, evaluated] = [this.curves.get("loss"), this.curves.get("eval_loss")]
    const lines = []
    if (loss) {
      const [y, smooth] = [of(loss.y), loss.smooth && of(loss.smooth)]
      lines.push(...withSmooth("Training", { x: loss.x, y, smooth }, 0, this.isSmoothed))
    }
    if (evaluated) lines.push({ name: "Validation", x: evaluated.x, y: of(evaluated.y), color: 1, width: 1.75, dots: true })
    return lines
  }

  gpuLines(kind) {
    return this.curves.of(kind).map(({ gpu, x, y }, number) => (
      { name: `GPU ${gpu}`, x, y, color: number + 5, dash: dashOf(number), dots: false }
    ))
  }

  resize() {
    for (const plot of this.plots.values()) plot.resize()
  }

  recolor() {
    this.palette = readPalette(this.root)
    for (const plot of this.plots.values()) plot.recolor()
  }

  // What people do

  listen() {
    const { parts } = this
    listenToChoices(parts, this.choices, (name) => this.onChoice(name))
    parts.reset.addEventListener("click", () => this.resetZoom())
    parts.closer.addEventListener("click", () => this.zoomBy(0.5))
    parts.farther.addEventListener("click", () => this.zoomBy(2))
    parts.back.addEventListener("click", () => this.moveBy(-0.5))
    parts.forth.addEventListener("click", () => this.moveBy(0.5))
    parts.large.plot.addEventListener("keydown", (event) => this.onKey(event))
    parts.more.addEventListener("toggle", () => {
      if (parts.more.open) this.askAnew()
    })
    // The probe has the colour of the theme; when that changes, a transition begins.
    const probe = make("i", { className: "probe", data: { "aria-hidden": "true" } })
    this.root.append(probe)
    probe.addEventListener("transitionend", () => this.recolor())
  }

  onChoice(name) {
    if (name === "isLog") return this.draw()
    if (name === "axis") this.zoom = null
    clearTimeout(this.choosing)
    this.choosing = setTimeout(() => this.askAnew(), name === "axis" ? 0 : SETTLE_MS)
  }

  onKey(event) {
    const does = {
      ArrowLeft: () => this.plots.get("losses").step(-1),
      ArrowRight: () => this.plots.get("losses").step(1),
      "+": () => this.zoomBy(0.5),
      "-": () => this.zoomBy(2),
      Escape: () => this.resetZoom(),
    }[event.key]
    if (!does || event.ctrlKey || event.metaKey || event.altKey) return
    event.stopPropagation() // Streamlit has keys of its own
    event.preventDefault()
    does()
  }

  // What is told

  tell() {
    const { parts } = this
    const isZoomed = this.zoom !== null
    for (const part of [parts.back, parts.forth, parts.farther, parts.reset]) part.disabled = !isZoomed
    const isBare = this.isLoaded && !this.isBehind && !this.curves.has("loss") && !this.curves.has("eval_loss")
    this.root.classList.toggle("bare", isBare)
    parts.large.empty.hidden = !isBare
    parts.large.empty.textContent = this.empty
    const text = this.stateText()
    if (parts.state.textContent !== text) parts.state.textContent = text
    parts.state.classList.toggle("trouble", this.failures > 0)
    this.root.setAttribute("aria-busy", String(!this.isLoaded))
  }

  stateText() {
    if (this.failures && this.reason) return this.reason
    if (this.failures) {
      const since = clockTime(this.failedAt)
      return `The app cannot be reached since ${since}: the curves are as of then. Trying again.`
    }
    if (this.isReading) return `Reading the numbers of this run: ${Math.floor(this.read * 100)} %`
    return ""
  }
}

/** A line with noise is drawn faint, and its average over it; `plain` is what the average is called alone. */
function withSmooth(name, { x, y, smooth }, color, isSmoothed) {
  if (!smooth || !isSmoothed) return [{ name, x, y, color }]
  return [
    { name, x, y, color, width: 1, alpha: 0.4, isFaint: true },
    { name: "Smoothed", plain: name, x, y: smooth, color, width: 2, dots: false },
  ]
}

function padded([first, last]) {
  return first < last ? [first, last] : [first - 1, last + 1]
}
