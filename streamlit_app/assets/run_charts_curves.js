// The numbers that the browser has of a run: of each curve a whole with few points, to which new points are
// added as they come, and the finer points of the window that is zoomed into.

const PLAIN = ["learning_rate", "gpu_memory_gib"]

/** Curves that the app smooths; the browser goes on with it. */
const isSmoothed = (key) => !PLAIN.includes(key) && !key.startsWith("eval_")

export class Curves {
  constructor() { this.clear() }

  clear() {
    this.wholes = new Map()
    this.readings = new Map()
    this.added = 0
    this.leaveWindow()
  }

  leaveWindow() {
    this.windows = new Map()
    this.readingWindows = new Map()
  }

  replace(curves) {
    this.wholes = new Map(Object.entries(curves))
    this.added = 0
  }

  /** Take in points after the last ones; `smoothing` is that of the whole. */
  append(curves, smoothing) {
    for (const [key, { x, y }] of Object.entries(curves)) {
      const curve = this.wholes.get(key) ?? begin(key)
      this.wholes.set(key, curve)
      curve.x.push(...x)
      curve.y.push(...y)
      if (curve.smooth) goOn(curve, y, smoothing)
      this.added = Math.max(this.added, curve.x.length)
    }
  }

  setWindow(curves, readings) {
    this.windows = new Map(Object.entries(curves))
    this.readingWindows = byName(readings)
  }

  replaceReadings(list) { this.readings = byName(list) }

  appendReadings(list) {
    for (const [name, { kind, gpu, x, y }] of byName(list)) {
      const known = this.readings.get(name) ?? { kind, gpu, x: [], y: [] }
      this.readings.set(name, known)
      known.x.push(...x)
      known.y.push(...y)
      this.added = Math.max(this.added, known.x.length)
    }
  }

  has(key) { return Boolean(this.wholes.get(key)?.x.length) }

  /** The points of a curve, the finer ones where there are some; null for one that is not there. */
  get(key) {
    const curve = this.wholes.get(key)
    return curve?.x.length ? refined(curve, this.windows.get(key)) : null
  }

  /** The lines of one kind of reading, one for each GPU. */
  of(kind) {
    return [...this.readings]
      .filter(([, reading]) => reading.kind === kind)
      .map(([name, reading]) => ({ gpu: reading.gpu, ...refined(reading, this.readingWindows.get(name)) }))
      .sort((one, other) => one.gpu - other.gpu)
  }

  /** From the first to the last place on the axis; null without any point. */
  span(withReadings) {
    const all = [...this.wholes.values(), ...(withReadings ? this.readings.values() : [])]
    const told = all.filter(({ x }) => x.length)
    if (!told.length) return null
    return [Math.min(...told.map(({ x }) => x[0])), Math.max(...told.map(({ x }) => x[x.length - 1]))]
  }
}

function begin(key) {
  return { x: [], y: [], ...(isSmoothed(key) ? { smooth: [], average: 0, count: 0 } : {}) }
}

/** The debiased moving average of the values that follow, as core/monitor/smooth.py makes it. */
function goOn(curve, values, smoothing) {
  for (const value of values) {
    curve.average = smoothing * curve.average + (1 - smoothing) * value
    curve.count += 1
    curve.smooth.push(curve.average / (1 - smoothing ** curve.count))
  }
}

const byName = (readings) => new Map((readings ?? []).map((one) => [`${one.kind} ${one.gpu}`, one]))

/** The whole with the finer points in place of its own, between the first and the last of them. */
function refined(whole, finer) {
  if (!finer?.x.length) return whole
  const before = firstAfter(whole.x, finer.x[0], true)
  const after = firstAfter(whole.x, finer.x[finer.x.length - 1], false)
  const part = (name) => whole[name] && finer[name] &&
    [...whole[name].slice(0, before), ...finer[name], ...whole[name].slice(after)]
  return { x: part("x"), y: part("y"), smooth: part("smooth") }
}

/** The index of the first place after a value, or of the value itself. */
function firstAfter(places, value, isIncluded) {
  let low = 0, high = places.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isIncluded ? places[middle] < value : places[middle] <= value) low = middle + 1
    else high = middle
  }
  return low
}
