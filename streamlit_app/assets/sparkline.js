// A tiny curve of some values, the newest at the right, where a dot marks it.

const SVG = "http://www.w3.org/2000/svg"
const WIDTH = 100
const HEIGHT = 32
const MARGIN = 4

export class Sparkline {
  constructor() {
    this.figure = document.createElement("div")
    this.figure.className = "sparkline"
    this.figure.setAttribute("role", "img")
    const svg = document.createElementNS(SVG, "svg")
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`)
    svg.setAttribute("preserveAspectRatio", "none")
    this.line = document.createElementNS(SVG, "polyline")
    this.dot = document.createElement("span")
    svg.append(this.line)
    this.figure.append(svg, this.dot)
  }

  draw(values, alt) {
    const points = place(values)
    this.figure.setAttribute("aria-label", alt)
    this.line.setAttribute("points", points.map((point) => point.join(",")).join(" "))
    const last = points.at(-1)
    this.dot.hidden = !last
    if (last) this.dot.style.top = `${last[1]}px`
  }
}

/** Where each value stands: `[x, y]`, the lowest value at the bottom. */
function place(values) {
  const low = Math.min(...values), high = Math.max(...values)
  const span = high - low || 1
  const across = WIDTH / Math.max(1, values.length - 1)
  const down = (value) => MARGIN + ((high - value) / span) * (HEIGHT - 2 * MARGIN)
  if (values.length === 1) return [[WIDTH, HEIGHT / 2]]
  return values.map((value, at) => [round(at * across), round(high > low ? down(value) : HEIGHT / 2)])
}

const round = (number) => Math.round(number * 100) / 100
