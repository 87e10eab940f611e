// What stands around the charts of a run: choices, buttons, and a cell for each chart.

const load = (name) => import(new URL(name + new URL(import.meta.url).search, import.meta.url).href)
const { make } = await load("./elements.js")
const { AXES } = await load("./run_charts_words.js")

const SMOOTHINGS = [0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999]
const STORE = "run charts"
const DEFAULTS = { axis: "step", smoothing: 0.9, isLog: false }

const button = (text, title) =>
  make("button", { type: "button", textContent: text, title, data: { "aria-label": title } })

/** The parts around the charts, put into the root; the skeleton is as high as what comes. */
export function build(root) {
  const parts = {
    axis: make("select", {}, ...Object.entries(AXES).map(([key, { name }]) => new Option(name, key))),
    smoothing: make("input", { type: "range", min: 0, max: SMOOTHINGS.length - 1, step: 1 }),
    smoothed: make("output", { className: "smoothed" }),
    log: make("input", { type: "checkbox" }),
    back: button("←", "Earlier"), forth: button("→", "Later"),
    closer: button("+", "Zoom in"), farther: button("−", "Zoom out"),
    reset: make("button", { type: "button", textContent: "Reset zoom", title: "Show the whole run (Esc)" }),
    state: make("div", { className: "state", data: { role: "status" } }),
    grid: make("div", { className: "grid" }),
    more: make("details", { className: "more", hidden: true }, make("summary", { textContent: "More curves" })),
    moreGrid: make("div", { className: "grid" }),
  }
  parts.more.append(parts.moreGrid)
  const zoom = make("span", { className: "zoom", data: { role: "group", "aria-label": "Zoom" } },
    parts.back, parts.forth, parts.farther, parts.closer, parts.reset)
  const tools = make("div", { className: "tools" },
    make("label", {}, "Over ", parts.axis),
    make("label", {}, "Smoothing ", parts.smoothing, parts.smoothed),
    make("label", {}, parts.log, " Log scale"),
    zoom)
  parts.large = new Cell("Loss", true)
  root.replaceChildren(tools, parts.large.element, parts.state, parts.grid, parts.more)
  return parts
}

/** The place of one chart: title, legend, and what uPlot draws into. */
export class Cell {
  constructor(title, isLarge = false) {
    this.legend = make("div", { className: "legend" })
    this.plot = make("div", { className: "plot", tabIndex: isLarge ? 0 : -1, data: { role: "img", "aria-label": title } })
    const head = make("div", { className: "head" })
    if (isLarge) {
      this.place = make("span", { className: "place" })
      this.mark = make("span", { className: "near" })
      this.empty = make("p", { className: "empty", hidden: true })
      head.append(this.place, this.legend, this.mark)
    } else {
      head.append(make("span", { className: "title", textContent: title }), this.legend)
    }
    this.element = make("div", { className: `chart waiting ${isLarge ? "large" : "small"}` }, head, this.plot)
    if (isLarge) this.element.append(this.empty)
    this.items = []
  }

  wait(isWaiting) { this.element.classList.toggle("waiting", isWaiting) }

  tellLegend(items) {
    const names = items.map(({ name }) => name).join("\n")
    if (names !== this.names) {
      this.names = names
      this.items = items.map((item) => legendItem(item, items.length > 1 || Boolean(this.place)))
      this.legend.replaceChildren(...this.items.map(({ element }) => element))
    }
    items.forEach(({ text, color }, index) => {
      const { value, swatch } = this.items[index]
      if (value.textContent !== text) value.textContent = text
      swatch.style.color = color
    })
  }
}

function legendItem({ name, isFaint, dash, dots }, isNamed) {
  const kind = dots ? "dots" : dash ? "dashed" : isFaint ? "faint" : ""
  const swatch = make("i", { className: `swatch ${kind}`, data: { "aria-hidden": "true" } })
  const value = make("b")
  const element = make("span", { className: "item" })
  if (isNamed) element.append(swatch, make("span", { textContent: name }))
  element.append(value)
  return { element, value, swatch }
}

// Choices, kept by the browser

/** What was chosen the last time; whatever does not fit any more is as it was at first. */
export function readChoices() {
  let stored = {}
  try { stored = JSON.parse(localStorage.getItem(STORE)) ?? {} } catch { /* private windows may refuse */ }
  return {
    axis: stored.axis in AXES ? stored.axis : DEFAULTS.axis,
    smoothing: SMOOTHINGS.includes(stored.smoothing) ? stored.smoothing : DEFAULTS.smoothing,
    isLog: stored.isLog === true,
  }
}

/** Show the choices, and call `onChange` with the name of each that is changed. */
export function listenToChoices(parts, choices, onChange) {
  const keep = (name, value) => {
    choices[name] = value
    // Only this one: another may be other than what was chosen, for what this run does not tell.
    try { localStorage.setItem(STORE, JSON.stringify({ ...readChoices(), [name]: value })) } catch { /* as above */ }
    onChange(name)
  }
  const tell = () => {
    parts.smoothed.textContent = choices.smoothing ? String(choices.smoothing) : "off"
    parts.smoothing.setAttribute("aria-valuetext", parts.smoothed.textContent)
  }
  parts.axis.value = choices.axis
  parts.smoothing.value = SMOOTHINGS.indexOf(choices.smoothing)
  parts.log.checked = choices.isLog
  tell()
  parts.axis.addEventListener("change", () => keep("axis", parts.axis.value))
  parts.log.addEventListener("change", () => keep("isLog", parts.log.checked))
  parts.smoothing.addEventListener("input", () => {
    keep("smoothing", SMOOTHINGS[Number(parts.smoothing.value)])
    tell()
  })
}
