// Which line is which run.

import { runName } from "./run_lines.js"

export default function draw(root, data) {
  const list = document.createElement("ul")
  list.setAttribute("aria-label", "Runs in the chart")
  for (const run of data.runs) {
    const item = document.createElement("li")
    item.append(runName(root, run))
    list.append(item)
  }
  root.replaceChildren(list)
}
