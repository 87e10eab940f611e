// A plotly chart that takes new data in place. Streamlit's own is torn down and built again on every
// change: it blinks, and loses zoom and hover. Keep a newline in this file: a one-line text would be
// taken for a file's name.

let loading = null

function loadPlotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly)
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.src = "/assets/plotly.min.js"
    script.onload = () => resolve(window.Plotly)
    script.onerror = (event) => {
      loading = null // the next one who needs it tries again
      script.remove()
      reject(event)
    }
    document.head.appendChild(script)
  })
  return loading
}

function palette(style) {
  const colors = style.getPropertyValue("--st-chart-categorical-colors").trim() || "#4353B8,#0F8177"
  return colors.split(",").map((color) => color.trim())
}

/** A trace whose `meta` tells a slot has that colour of the theme, whatever its place. */
function colored(trace, colors) {
  if (trace.meta?.slot === undefined) return trace
  const color = colors[trace.meta.slot % colors.length]
  return { ...trace, line: { ...trace.line, color }, marker: { ...trace.marker, color } }
}

function themed(layout, style) {
  const read = (name, fallback) => style.getPropertyValue(name).trim() || fallback
  const grid = read("--st-border-color-light", "#ddd")
  return {
    ...layout,
    colorway: palette(style),
    font: { color: read("--st-text-color", "#333"), family: read("--st-font", "sans-serif") },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hoverlabel: { bgcolor: read("--st-secondary-background-color", "#fff") },
    uirevision: "keep", // zoom stays while points come in
    xaxis: { automargin: true, ...layout.xaxis, gridcolor: grid, zerolinecolor: grid },
    yaxis: { automargin: true, ...layout.yaxis, gridcolor: grid, zerolinecolor: grid },
  }
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".live-plot")
  root.style.height = `${data.height}px`
  root.setAttribute("role", "img")
  root.setAttribute("aria-label", data.alt)
  loadPlotly().then(
    (Plotly) => {
      const style = getComputedStyle(root)
      const layout = themed(data.layout, style)
      const traces = data.traces.map((trace) => colored(trace, palette(style)))
      Plotly.react(root, traces, layout, { displayModeBar: false, responsive: true })
    },
    () => { root.textContent = "The chart could not be loaded; reload the page." },
  )
}
