// A run that is under way, as a card: how far it is, its losses with a tiny curve, and the time left.

// Scripts of one version belong together; the address of this one tells which it is.
const load = (name) => import(new URL(name + new URL(import.meta.url).search, import.meta.url).href)
const [{ Repeated }, { make }, { buildBar, drawBar, drawTiles, lostText }, { Sparkline }] =
  await Promise.all(["./asking.js", "./elements.js", "./run_numbers.js", "./sparkline.js"].map(load))

const POLL_MS = 1000
const cards = new WeakMap()

export default function (root, data) {
  const card = cards.get(root) ?? new Card(root)
  cards.set(root, card)
  card.start(data)
  return () => card.stop()
}

class Card {
  constructor(root) {
    this.root = root
    this.bar = buildBar()
    this.first = make("dl", { className: "tiles" })
    this.sparkline = new Sparkline()
    this.others = make("dl", { className: "tiles" })
    this.lost = make("p", { className: "lost", data: { role: "status" } })
    const numbers = make("div", { className: "numbers" }, this.first, this.sparkline.figure, this.others)
    root.replaceChildren(this.bar.element, numbers, this.lost)
    this.asking = new Repeated(root, (now) => this.take(now), (error, failedAt) => {
      this.lost.textContent = lostText(error, failedAt)
    })
  }

  start({ address, now }) {
    this.draw(now)
    this.asking.start(address, POLL_MS)
  }

  stop() {
    this.asking.stop()
  }

  take(now) {
    this.lost.textContent = ""
    if (!this.asking.isStopped) this.draw(now)
  }

  draw({ bar, tiles, losses, alt }) {
    drawBar(this.bar, bar)
    drawTiles(this.first, tiles.slice(0, 1))
    this.sparkline.draw(losses, alt)
    drawTiles(this.others, tiles.slice(1))
  }
}
