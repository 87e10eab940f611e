// How far a run is, and its numbers as tiles: the same in the head of its page and on a card.

// Scripts of one version belong together; the address of this one tells which it is.
const load = (name) => import(new URL(name + new URL(import.meta.url).search, import.meta.url).href)
const { make } = await load("./elements.js")

/** Only what is another text is written: a screen reader tells what changes. */
export function set(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/** The bar with its text above it. */
export function buildBar() {
  const fill = make("div", { className: "fill" })
  const text = make("div", { className: "barText" })
  const track = make("div", {
    className: "track", data: { role: "progressbar", "aria-label": "Progress of the run" },
  }, fill)
  return { element: make("div", { className: "bar" }, text, track), text, track, fill }
}

export function drawBar({ element, text, track, fill }, bar) {
  element.hidden = !bar
  if (!bar) return
  set(text, bar.text)
  fill.style.width = `${bar.fraction * 100}%`
  track.setAttribute("aria-valuenow", String(Math.round(bar.fraction * 100)))
  track.setAttribute("aria-valuetext", bar.text)
}

/** A label, a value and a note in each, into a list. */
export function drawTiles(list, tiles) {
  while (list.children.length > tiles.length) list.lastChild.remove()
  while (list.children.length < tiles.length) {
    list.append(make("div", {}, make("dt"), make("dd", { className: "value" }), make("dd", { className: "note" })))
  }
  tiles.forEach((texts, place) => {
    texts.forEach((text, part) => set(list.children[place].children[part], text))
  })
}

/** Since when the app has not answered. */
export function lostText(error, failedAt) {
  return (error.name === "Error" && error.message) ||
    `No answer from the app since ${failedAt.toLocaleTimeString()}: these numbers are from then. Trying again…`
}
