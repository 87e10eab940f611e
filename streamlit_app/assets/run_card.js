// A run that is under way, as a card: how far it is, its losses with a tiny curve, and the time left.

// Scripts of one version belong together; the address of this one tells which it is.
const load = (name) => import(new URL(name + new URL(import.meta.url).search, import.meta.url).href)
const [{ askTogether, untilTick }, { make }, { buildBar, drawBar, drawTiles, lostText }, { Sparkline }] =
  await Promise.all(["./asking.js", "./elements.js", "./run_numbers.js", "./sparkline.js"].map(load))

const POLL_MS = 1000
const SLOWEST_POLL_MS = 10_000
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
    this.failures = 0
    this.bar = buildBar()
    this.first = make("dl", { className: "tiles" })
    this.sparkline = new Sparkline()
    this.others = make("dl", { className: "tiles" })
    this.lost = make("p", { className: "lost", data: { role: "status" } })
    const numbers = make("div", { className: "numbers" }, this.first, this.sparkline.figure, this.others)
    root.replaceChildren(this.bar.element, numbers, this.lost)
    this.onVisible = () => this.poll()
  }

  start({ address, now }) {
    Object.assign(this, { address, isStopped: false })
    document.addEventListener("visibilitychange", this.onVisible)
    this.draw(now)
    this.wait()
  }

  stop() {
    this.isStopped = true
    clearTimeout(this.timer)
    document.removeEventListener("visibilitychange", this.onVisible)
  }

  wait() {
    clearTimeout(this.timer)
    const pace = document.hidden ? SLOWEST_POLL_MS : Math.min(POLL_MS * 2 ** this.failures, SLOWEST_POLL_MS)
    if (!this.isStopped) this.timer = setTimeout(() => this.poll(), untilTick(pace))
  }

  async poll() {
    if (this.isStopped || this.isPolling || !this.root.isConnected) return
    this.isPolling = true
    try {
      const now = await askTogether(this.address)
      Object.assign(this, { failures: 0, failedAt: null })
      this.lost.textContent = ""
      if (!this.isStopped) this.draw(now)
    } catch (error) {
      this.failures += 1
      this.failedAt ??= new Date()
      this.lost.textContent = lostText(error, this.failedAt)
    }
    this.isPolling = false
    this.wait()
  }

  draw({ bar, tiles, losses, alt }) {
    drawBar(this.bar, bar)
    drawTiles(this.first, tiles.slice(0, 1))
    this.sparkline.draw(losses, alt)
    drawTiles(this.others, tiles.slice(1))
  }
}
