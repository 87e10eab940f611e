// What the charts of a run are called, and their numbers as a person reads them.

export const AXES = {
  step: { name: "Step", legend: (x) => `Step ${whole(x)}` },
  tokens: { name: "Tokens", legend: (x) => `${whole(x)} tokens` },
  time: { name: "Time trained", legend: (x) => `${duration(x)} trained` },
  clock: { name: "Clock", legend: (x) => moment(x) },
  epoch: { name: "Epoch", legend: (x) => `Epoch ${x.toFixed(3)}` },
}

export const PERPLEXITY = "perplexity"

/** The small charts that most runs have; those `ofGpu` show a line for each GPU. */
export const SMALL = [
  { key: "learning_rate", title: "Learning rate", unit: "", color: 6 },
  { key: "grad_norm", title: "Gradient norm", unit: "", color: 3 },
  { key: "tokens_per_second", title: "Tokens per second", unit: "", color: 4 },
  { key: PERPLEXITY, title: "Perplexity", unit: "", color: 0, mayBeLog: true, isSteep: true },
  { key: "memory", title: "GPU memory", unit: "GiB", ofGpu: true, from: 0 },
  { key: "utilization", title: "GPU busy", unit: "%", ofGpu: true, from: 0, to: 100 },
  { key: "temperature", title: "GPU temperature", unit: "°C", ofGpu: true },
  { key: "fan", title: "GPU fan", unit: "%", ofGpu: true, from: 0, to: 100 },
  { key: "power", title: "GPU power", unit: "W", ofGpu: true, from: 0 },
]

const OTHERS = { gpu_memory_gib: ["GPU memory, peak of the training", "GiB"] }

/** The chart of a curve that this page knows nothing of but its name. */
export function otherChart(key) {
  const [title, unit] = Object.hasOwn(OTHERS, key) ? OTHERS[key] : [key, ""]
  return { key, title, unit, color: 5, isOther: true }
}

const whole = (number) => Math.round(number).toLocaleString("en")

/** `0.8254`, `12.35k`, `2.00e-4`: about four digits. */
export function short(number) {
  const size = Math.abs(number)
  if (size === 0) return "0"
  if (size >= 1e6) return `${trim((number / 1e6).toPrecision(4))}M`
  if (size >= 1e4) return `${trim((number / 1e3).toPrecision(4))}k`
  if (size < 1e-3) return number.toExponential(2)
  return trim(number.toPrecision(4))
}

/** The text of a tick, fine enough to be told from one that is `step` away. */
export function tick(number, step) {
  const size = Math.abs(number)
  if (size === 0) return "0"
  if (size >= 1e6) return `${trim((number / 1e6).toFixed(decimals(step / 1e6)))}M`
  if (size >= 1e4) return `${trim((number / 1e3).toFixed(decimals(step / 1e3)))}k`
  if (size < 1e-3) return number.toExponential(decimals(step / 10 ** Math.floor(Math.log10(size))))
  return trim(number.toFixed(decimals(step)))
}

const decimals = (step) => (trim(step.toFixed(8)).split(".")[1] ?? "").length

/** A value with its unit; losses always with four digits after the point. */
export function valueText(number, unit, isLoss) {
  if (number === null || number === undefined) return "–"
  const text = isLoss && Math.abs(number) < 1e4 ? number.toFixed(4) : short(number)
  return unit ? `${text} ${unit}` : text
}

/** `42 s`, `2 min 05 s`, `3 h 12 min`, `2 d 4 h`; a time of 0 s is just that. */
export function duration(seconds) {
  const s = Math.round(seconds)
  if (s < 60) return `${s} s`
  if (s < 3600) return two(Math.floor(s / 60), "min", s % 60, "s")
  if (s < 86400) return two(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min")
  return two(Math.floor(s / 86400), "d", Math.floor((s % 86400) / 3600), "h")
}

const two = (large, unit, small, smallUnit) =>
  small ? `${large} ${unit} ${small} ${smallUnit}` : `${large} ${unit}`

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" })
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" })
const FINE = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" })

const moment = (unixS) => `${DAY.format(unixS * 1000)}, ${FINE.format(unixS * 1000)}`
export const clockTime = (unixMs) => FINE.format(unixMs)

/** Texts for the ticks of an x axis. */
export function ticks(axis, places, step) {
  if (axis === "time") return places.map(duration)
  if (axis === "epoch") return places.map((place) => trim(place.toFixed(4)))
  if (axis === "clock") return clockTicks(places, step)
  return places.map((place) => countTick(place, step))
}

function clockTicks(places, step) {
  const form = step >= 86400 ? DAY : step < 60 ? FINE : TIME
  return places.map((place, index) => {
    const day = DAY.format(place * 1000)
    const isOther = index > 0 && DAY.format(places[index - 1] * 1000) !== day
    return isOther ? day : form.format(place * 1000)
  })
}

function countTick(place, step) {
  if (place >= 1e6) return `${trim((place / 1e6).toFixed(step < 1e4 ? 3 : 2))}M`
  if (step >= 1000) return `${place / 1000}k`
  return place.toLocaleString("en")
}

const trim = (text) => (text.includes(".") ? text.replace(/\.?0+($|e)/, "$1") : text)

const MINUTE = 60, HOUR = 3600, A_DAY = 86400
/** How far ticks may be apart: whole steps, and times as clocks show them. */
export const TICK_STEPS = {
  time: [1, 2, 5, 10, 20, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE,
    HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR, A_DAY, 2 * A_DAY, 5 * A_DAY, 10 * A_DAY, 30 * A_DAY],
  step: Array.from({ length: 48 }, (_, n) => [1, 2, 5][n % 3] * 10 ** Math.floor(n / 3)),
}
TICK_STEPS.tokens = TICK_STEPS.step
