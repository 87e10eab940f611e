// How a run is told apart on the compare page: a short line in its colour and its dash, and its name.

const DASHES = ["", "6 3", "2 2.5", "7 2.5 2 2.5", "11 3", "11 2.5 2 2.5"] // as DASHES in run_slots.py
const WIDTH = 30
const SVG = "http://www.w3.org/2000/svg"

/** The colour of a slot in the theme of the page. */
export function colorOf(root, slot) {
  const told = getComputedStyle(root).getPropertyValue("--st-chart-categorical-colors")
  const colors = told.split(",").map((color) => color.trim()).filter(Boolean)
  return colors.length ? colors[slot % colors.length] : "currentColor"
}

/** A run's line and its name, which leads to its page. */
export function runName(root, run) {
  const link = document.createElement("a")
  link.href = `run?run=${encodeURIComponent(run.id)}`
  link.className = "run"
  link.title = run.name // it may be cut
  const name = document.createElement("span")
  name.textContent = run.name
  link.append(sample(colorOf(root, run.slot), run.slot), name)
  return link
}

function sample(color, slot) {
  const svg = document.createElementNS(SVG, "svg")
  svg.setAttribute("viewBox", `0 0 ${WIDTH} 8`)
  svg.setAttribute("aria-hidden", "true")
  const line = document.createElementNS(SVG, "line")
  const set = { x1: 0, x2: WIDTH, y1: 4, y2: 4, stroke: color, "stroke-width": 3 }
  for (const [key, value] of Object.entries(set)) line.setAttribute(key, value)
  line.setAttribute("stroke-dasharray", DASHES[slot % DASHES.length])
  svg.append(line)
  return svg
}
