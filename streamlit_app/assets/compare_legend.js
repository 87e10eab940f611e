// Which line is which run; the one that is pointed at stands out in the chart.

import { runName } from "./run_lines.js"

const DIM = "0.12"

export default function draw(root, data) {
  const list = document.createElement("ul")
  list.setAttribute("aria-label", "Runs in the chart")
  for (const run of data.runs) {
    const item = document.createElement("li")
    const name = runName(root, run)
    for (const event of ["mouseenter", "focus"]) name.addEventListener(event, () => raise(run.slot))
    for (const event of ["mouseleave", "blur"]) name.addEventListener(event, () => raise(null))
    item.append(name)
    list.append(item)
  }
  root.replaceChildren(list)
}

/** Dim all lines but those of a run; none with null. A chart that is drawn anew forgets it. */
function raise(slot) {
  for (const plot of document.querySelectorAll(".live-plot")) {
    const traces = plot.data ?? []
    plot.querySelectorAll(".scatterlayer .trace").forEach((line, place) => {
      const trace = traces[place]
      if (!trace) return
      line.style.opacity = slot === null || trace.meta?.slot === slot ? (trace.opacity ?? 1) : DIM
    })
  }
}
