// What stands around the lines of a log: its tools, the pane, and what is told below it.

const load = (name) => import(new URL(name + new URL(import.meta.url).search, import.meta.url).href)
const { make } = await load("./elements.js")

const button = (text, title, className = "") =>
  make("button", { type: "button", textContent: text, title, className })

const symbol = (text, label) =>
  make("button", { type: "button", textContent: text, title: label, data: { "aria-label": label } })

const toggle = (text, title) =>
  make("button", { type: "button", textContent: text, title, data: { "aria-pressed": "false" } })

/** The parts of the log's frame, put into the root. */
export function build(root, downloadAddress) {
  const parts = {
    attempts: make("select", { hidden: true, data: { "aria-label": "Attempt" } }),
    field: make("input", {
      type: "search", className: "field", placeholder: "Find in the log", maxLength: 200,
      autocomplete: "off", spellcheck: false, data: { "aria-label": "Find in the log" },
    }),
    count: make("span", { className: "count", data: { role: "status" } }),
    previous: symbol("↑", "Previous hit (Shift+Enter)"),
    next: symbol("↓", "Next hit (Enter)"),
    troubles: toggle("Warnings and errors", "Step through all warnings and errors"),
    error: button("First error", "Jump to the first error"),
    top: button("Beginning", "Jump to the beginning (Home)"),
    end: button("End", "Jump to the end and follow it (End)"),
    wrap: toggle("Wrap", "Break long lines"),
    tall: toggle("Taller", "Show more lines"),
    download: make("a", { href: downloadAddress, textContent: "Download", title: "The whole log as a file", download: "" }),
    rows: make("div", { className: "rows" }),
    pill: button("", "Jump to the end and follow it", "pill"),
    empty: make("p", { className: "empty" }),
    state: make("span"),
    size: make("span"),
  }
  parts.pane = make("div", {
    className: "pane", tabIndex: 0,
    data: { role: "log", "aria-live": "off", "aria-label": "Log of the run" },
  }, parts.rows)
  parts.pill.hidden = parts.empty.hidden = true
  const hits = make("div", { className: "hits" }, parts.count, parts.previous, parts.next)
  const find = make("div", { className: "find" }, parts.attempts, parts.field, parts.troubles, hits)
  parts.tools = make("div", { className: "tools" }, find, parts.top, parts.end, parts.error,
    make("span", { className: "gap" }), parts.wrap, parts.tall, parts.download)
  parts.frame = make("div", { className: "frame" }, parts.pane, parts.pill)
  parts.foot = make("div", { className: "foot" }, parts.state, parts.size)
  root.replaceChildren(parts.tools, parts.empty, parts.frame, parts.foot)
  return parts
}

/** Let a toggle remember itself in this browser. */
export function remember(element, name, fallback, apply) {
  const set = (isOn) => {
    element.setAttribute("aria-pressed", String(isOn))
    apply(isOn)
  }
  let stored = null
  try { stored = localStorage.getItem(name) } catch { /* private windows may refuse */ }
  set(stored === null ? fallback : stored === "yes")
  element.addEventListener("click", () => {
    const isOn = element.getAttribute("aria-pressed") !== "true"
    set(isOn)
    try { localStorage.setItem(name, isOn ? "yes" : "no") } catch { /* as above */ }
  })
}

export function bytesText(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"]
  let unit = 0
  while (bytes >= 999.5 && unit < units.length - 1) { bytes /= 1000; unit += 1 }
  return `${unit === 0 || bytes >= 99.5 ? bytes.toFixed(0) : bytes.toFixed(1)} ${units[unit]}`
}
