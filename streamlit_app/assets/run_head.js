// The head of a run's page: it asks the app each second how the run is doing, and tells the page when
// more than the head has changed. The browser's tab shows how far the run is.

// Scripts of one version belong together; the address of this one tells which it is.
const load = (name) => import(new URL(name + new URL(import.meta.url).search, import.meta.url).href)
const [{ Repeated }, { make }, { buildBar, drawBar, drawTiles, lostText, set }] =
  await Promise.all(["./asking.js", "./elements.js", "./run_numbers.js"].map(load))

const POLL_MS = 1000
const APP_TITLE = document.title
const heads = new WeakMap()

export default function (root, data, tell) {
  let head = heads.get(root)
  if (!head || head.address !== data.address) {
    head?.stop()
    heads.set(root, (head = new Head(root, data.address)))
  }
  head.start(data.now, tell)
  return () => head.stop()
}

class Head {
  constructor(root, address) {
    this.address = address
    this.parts = build(root)
    this.asking = new Repeated(root, (now) => this.take(now), (error, failedAt) => {
      this.parts.lost.textContent = lostText(error, failedAt)
    })
  }

  /** What the page was drawn with. */
  start(now, tell) {
    Object.assign(this, { drawn: now.revision, tell })
    this.draw(now)
    this.asking.start(this.address, POLL_MS, () => this.now.moves)
  }

  stop() {
    this.asking.stop()
    showInTab("", null)
  }

  take(now) {
    this.parts.lost.textContent = ""
    if (this.asking.isStopped) return
    this.draw(now)
    if (now.revision !== this.drawn) this.tell("moved", true)
  }

  draw(now) {
    this.now = now
    const { parts } = this
    parts.badge.className = `badge ${now.color}`
    set(parts.icon, now.icon)
    set(parts.phase, now.phase)
    set(parts.why, now.why)
    set(parts.warning, now.warning)
    set(parts.stale, now.stale)
    drawBar(parts.bar, now.bar)
    drawTiles(parts.tiles, now.tiles)
    drawLines(parts.lines, now.lines)
    showInTab(now.tab, now.bar)
  }
}

function build(root) {
  const parts = {}
  for (const [name, kind] of Object.entries({
    icon: "span", phase: "span", why: "span", tiles: "dl", lines: "div",
    warning: "p", stale: "p", lost: "p",
  })) parts[name] = make(kind, { className: name })
  parts.icon.ariaHidden = "true"
  for (const name of ["warning", "stale", "lost"]) parts[name].setAttribute("role", "status")
  parts.badge = make("span", { className: "badge" }, parts.icon, parts.phase)
  parts.bar = buildBar()
  const state = make("div", { className: "state" }, parts.badge, parts.why)
  root.replaceChildren(
    state, parts.lost, parts.stale, parts.bar.element, parts.warning, parts.tiles, parts.lines,
  )
  return parts
}

function drawLines(list, lines) {
  while (list.children.length > lines.length) list.lastChild.remove()
  while (list.children.length < lines.length) list.append(make("div"))
  lines.forEach((text, place) => set(list.children[place], text))
}

let ownIcon = null

/** Name and progress in the browser's tab; what the app has there, when there is nothing to tell. */
function showInTab(text, bar) {
  document.title = text || APP_TITLE
  const link = document.querySelector("link[rel~='icon']")
  if (!link) return
  if (!link.href.startsWith("data:image/svg+xml,")) ownIcon = link.href
  const wanted = text && bar ? ring(bar.fraction) : ownIcon
  if (wanted && link.href !== wanted) link.href = wanted
}

/** A ring that closes as the run goes on. */
function ring(fraction) {
  const circle = (color, extra) =>
    `<circle cx="16" cy="16" r="12" fill="none" stroke="${color}" stroke-width="7" ${extra}/>`
  const length = 2 * Math.PI * 12
  const done = `stroke-dasharray="${(length * fraction).toFixed(1)} ${length.toFixed(1)}" transform="rotate(-90 16 16)"`
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${circle("#B8C0D0", "")}${circle("#4353B8", done)}</svg>`
  return `data:image/svg+xml,${encodeURIComponent(svg)}`
}
