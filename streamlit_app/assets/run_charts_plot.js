// One chart: uPlot with our colours, axes, marks and legend. Lines may change at any time; zoom, cursor and
// canvas stay.

const load = (name) => import(new URL(name + new URL(import.meta.url).search, import.meta.url).href)
const { AXES, TICK_STEPS, ticks, tick, short, valueText } = await load("./run_charts_words.js")

const FEW_POINTS = 60
const NEAR_PX = 5
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]]
let library = null

/** uPlot, fetched once. */
export function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.src = new URL(`./uplot/uPlot.min.js${new URL(import.meta.url).search}`, import.meta.url).href
    script.onload = () => resolve(window.uPlot)
    script.onerror = (event) => {
      library = null // the next one who needs it tries again
      script.remove()
      reject(event)
    }
    document.head.append(script)
  })
  return library
}

/** The colours of the theme as they are now; a canvas cannot read them from CSS. */
export function readPalette(root) {
  const style = getComputedStyle(root)
  const read = (name, fallback) => style.getPropertyValue(name).trim() || fallback
  return {
    text: read("--st-gray-text-color", read("--st-gray-color", "#5B6475")),
    strong: read("--st-text-color", "#1C2230"),
    grid: read("--st-border-color", "#DDE1E9"),
    font: `11px ${style.fontFamily}`,
    lines: read("--st-chart-categorical-colors", "#4353B8,#0F8177,#B8611B,#A0417F,#3F7D2F,#2F78B7,#8A5A44")
      .split(",").map((color) => color.trim()),
  }
}

export class Plot {
  /** `view` tells the range and the axis, the palette and the marks; it is told where people zoom to. */
  constructor(chart, cell, view) {
    Object.assign(this, { chart, cell, view, lines: [], shape: "" })
  }

  /** Draw these lines: `{name, x, y, color, width, alpha, dash, dots}`; those with the same x may share it. */
  set(lines) {
    this.lines = lines
    const shape = JSON.stringify([this.view.axis, this.isLog, lines.map(({ name }) => name)])
    if (shape !== this.shape || !this.plot) this.rebuild(shape)
    else this.plot.setData(this.data(), true)
    this.tell()
  }

  get isLog() { return this.chart.mayBeLog && this.view.isLog }

  rebuild(shape) {
    this.plot?.destroy()
    this.plot = null
    const { clientWidth: width, clientHeight: height } = this.cell.plot
    if (!width || !height || !this.lines.length) return
    this.shape = shape
    this.plot = new window.uPlot(this.options(width, height), this.data(), this.cell.plot)
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.cell.plot
    if (!width || !height) return
    if (!this.plot) this.set(this.lines)
    else if (this.plot.width !== width || this.plot.height !== height) this.plot.setSize({ width, height })
  }

  recolor() {
    if (this.plot) this.plot.redraw(false, true)
    this.tell()
  }

  destroy() {
    this.plot?.destroy()
    this.plot = null
  }

  data() {
    const tables = []
    for (const line of this.lines) {
      const y = this.isLog ? line.y.map((value) => (value > 0 ? value : null)) : line.y
      const last = tables[tables.length - 1]
      if (last && last[0] === line.x) last.push(y)
      else tables.push([line.x, y])
    }
    return tables.length === 1 ? tables[0] : window.uPlot.join(tables)
  }

  options(width, height) {
    const { view } = this
    const palette = () => view.palette
    return {
      width, height,
      padding: [8, 20, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: view.axis === "clock", range: () => view.range },
        y: { distr: this.isLog ? 3 : 1, range: (plot, low, high) => this.yRange(low, high) },
      },
      axes: [this.xAxis(palette), this.yAxis(palette)],
      series: [{}, ...this.lines.map((line, index) => this.series(line, index))],
      cursor: {
        y: false,
        points: { size: 7 },
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => { view.resetZoom(); return null } },
        sync: {
          key: view.syncKey, scales: ["x", null], setSeries: false,
          filters: { pub: (kind) => kind === "mousemove" || kind === "mouseleave" },
        },
      },
      hooks: {
        setCursor: [() => this.tellLegend()],
        setSelect: [(plot) => this.onSelect(plot)],
        draw: [(plot) => drawMarks(plot, view, this.chart.isLosses)],
      },
    }
  }

  xAxis(palette) {
    const { axis } = this.view
    return {
      ...style(palette), size: 26, space: axis === "clock" ? 80 : 70,
      label: AXES[axis].name, labelSize: 16, labelFont: palette().font, labelGap: -2,
      grid: { show: false },
      ...(TICK_STEPS[axis] ? { incrs: TICK_STEPS[axis] } : {}),
      values: (plot, places, index, space, step) => ticks(axis, places, step),
    }
  }

  yAxis(palette) {
    const unit = this.chart.unit && this.chart.unit.length < 4 ? ` ${this.chart.unit}` : ""
    const text = (value, step) => (value === null ? "" : `${this.isLog ? short(value) : tick(value, step)}${unit}`)
    const values = (plot, places, index, space, step) => places.map((place) => text(place, step))
    return { ...style(palette), size: 62, space: 32, values }
  }

  series(line, index) {
    const few = (plot, number, first, last) => {
      if (line.dots) return line.x.length < 200
      return line.dots === undefined && last - first < FEW_POINTS && line.x.length < FEW_POINTS
    }
    const stroke = () => this.colorOf(line)
    return {
      // A spike of the loss would leave nothing to see of its exponential.
      auto: !(line.isFaint && this.chart.isSteep),
      label: line.name, stroke, width: line.width ?? 1.5, alpha: line.alpha ?? 1,
      dash: line.dash ?? [], points: { show: few, size: line.dots ? 6 : 5, fill: stroke, stroke },
    }
  }

  colorOf(line) {
    const { lines } = this.view.palette
    return lines[(line.color ?? 0) % lines.length]
  }

  yRange(low, high) {
    const { from, to } = this.chart
    if (low === null || high === null) return this.isLog ? [0.1, 10] : [from ?? 0, to ?? 1]
    if (this.isLog) return roundEnds(low, high)
    const space = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1
    const bottom = from ?? (low >= 0 && low < space ? 0 : low - space)
    return [bottom, to ?? high + space]
  }

  onSelect(plot) {
    const { left, width } = plot.select
    if (width < NEAR_PX) return
    const [begin, end] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
    this.view.zoomTo(begin, end)
  }

  /** Move the cursor to the next or the one before of the points. */
  step(by) {
    const { plot } = this
    if (!plot) return
    const [first, last] = plot.series[0].idxs ?? [0, plot.data[0].length - 1]
    const index = Math.min(last, Math.max(first, (plot.cursor.idx ?? (by > 0 ? first - 1 : last + 1)) + by))
    const left = plot.valToPos(plot.data[0][index], "x")
    plot.setCursor({ left, top: plot.over.clientHeight / 2 }, true, true)
  }

  // What is told

  tell() {
    this.tellLegend()
    const { title, unit } = this.chart
    const values = this.told(this.lines)
      .map((line) => `${this.nameOf(line)} ${valueText(newest(line.y), unit, this.chart.isLosses)}`)
    const marks = this.chart.isLosses ? this.view.marks.labelled.slice(-3).map(([, , mark]) => `. ${mark}`) : []
    const text = (values.length ? `${title}. Newest: ${values.join(", ")}` : `${title}. No value yet`) + marks.join("")
    if (this.cell.plot.getAttribute("aria-label") !== text) this.cell.plot.setAttribute("aria-label", text)
  }

  /** In a small chart there is room for the smoothed values only. */
  told(lines) { return lines.filter(({ isFaint }) => this.chart.isLosses || !isFaint) }

  nameOf(line) { return this.chart.isLosses ? line.name : line.plain ?? line.name }

  tellLegend() {
    const { plot, cell, chart, view } = this
    const index = plot?.cursor.idx ?? null
    const values = this.lines.map((line, number) =>
      index === null ? newest(line.y) : nearest(plot.data[number + 1], index))
    const items = this.lines.map((line, number) => ({
      name: this.nameOf(line), isFaint: line.isFaint, dots: line.dots,
      text: valueText(values[number], chart.unit, chart.isLosses),
      color: this.colorOf(line), dash: Boolean(line.dash?.length),
    }))
    cell.tellLegend(this.told(items))
    if (!cell.place) return
    const x = index === null ? null : plot.data[0][index]
    cell.place.textContent = x === null ? (items.length ? "Newest" : "") : AXES[view.axis].legend(x)
    cell.mark.textContent = x === null ? "" : markNear(plot, view)
  }
}

/** The ends of a log scale: the round numbers around what is drawn. */
function roundEnds(low, high) {
  const size = (value) => 10 ** Math.floor(Math.log10(value))
  const [bottom, top] = [Math.floor(low / size(low)) * size(low), Math.ceil(high / size(high)) * size(high)]
  return [bottom, top > bottom ? top : bottom + size(low)]
}

export const dashOf = (number) => DASHES[number % DASHES.length]

function style(palette) {
  return {
    stroke: () => palette().text, font: palette().font,
    grid: { stroke: () => palette().grid, width: 1 },
    ticks: { stroke: () => palette().grid, width: 1, size: 4 },
  }
}

function newest(values) {
  for (let index = values.length - 1; index >= 0; index -= 1) if (values[index] != null) return values[index]
  return null
}

/** The value at an index, or the nearest there is. */
function nearest(values, index) {
  for (let by = 0; by < values.length; by += 1) {
    if (values[index - by] != null) return values[index - by]
    if (values[index + by] != null) return values[index + by]
  }
  return null
}

// Marks

function drawMarks(plot, view, isLarge) {
  const { ctx, bbox } = plot
  const ratio = window.devicePixelRatio || 1
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  ctx.strokeStyle = ctx.fillStyle = view.palette.text
  ctx.lineWidth = ratio
  const foot = bbox.top + bbox.height
  if (isLarge) for (const x of view.marks.checkpoints) line(ctx, place(plot, x), foot - 7 * ratio, foot)
  ctx.setLineDash([4 * ratio, 3 * ratio])
  let free = -Infinity
  for (const { x, text } of grouped(plot, view.marks.labelled)) {
    line(ctx, x, bbox.top, foot)
    if (isLarge) free = label(ctx, view, ratio, text, x, bbox, free)
  }
  ctx.restore()
}

/** A text beside a mark, where there is room for it; up to where it reaches. */
function label(ctx, view, ratio, text, x, bbox, free) {
  ctx.font = view.palette.font.replace("11px", `${11 * ratio}px`)
  ctx.textBaseline = "top"
  ctx.textAlign = "left"
  const shown = text.length > 28 ? `${text.slice(0, 27)}…` : text
  const width = ctx.measureText(shown).width
  const isLeft = x + width + 8 * ratio > bbox.left + bbox.width
  const left = Math.max(bbox.left + 2 * ratio, isLeft ? x - width - 4 * ratio : x + 4 * ratio)
  if (left < free) return free
  ctx.fillText(shown, left, bbox.top + 2 * ratio)
  return left + width + 8 * ratio
}

/** Marks at the same place as one: a pause and the attempt that went on from it. */
function grouped(plot, labelled) {
  const groups = []
  for (const [value, , text] of labelled) {
    const x = place(plot, value)
    const last = groups[groups.length - 1]
    if (last && Math.abs(last.x - x) < 2) last.text = `${last.text}, ${text.charAt(0).toLowerCase()}${text.slice(1)}`
    else groups.push({ x, text })
  }
  return groups
}

function markNear(plot, view) {
  const near = (value) => Math.abs(plot.valToPos(value, "x") - plot.cursor.left) <= NEAR_PX
  const labelled = view.marks.labelled.filter(([value]) => near(value)).map(([, , text]) => text)
  if (labelled.length) return labelled.join(", ")
  return view.marks.checkpoints.some(near) ? "Checkpoint" : ""
}

const place = (plot, value) => plot.valToPos(value, "x", true)

function line(ctx, x, top, foot) {
  ctx.beginPath()
  ctx.moveTo(x, top)
  ctx.lineTo(x, foot)
  ctx.stroke()
}
