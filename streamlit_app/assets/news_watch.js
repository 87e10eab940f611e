// Asks the app whether there is something new to say on every page, and has it said.

// Scripts of one version belong together; the address of this one tells which it is.
const load = (name) => import(new URL(name + new URL(import.meta.url).search, import.meta.url).href)
const { askTogether, untilTick } = await load("./asking.js")

const POLL_MS = 2000
const SLOWEST_POLL_MS = 10_000
const watches = new WeakMap()

export default function (root, data, tell) {
  const watch = watches.get(root) ?? new Watch(root)
  watches.set(root, watch)
  watch.start(data, tell)
  return () => watch.stop()
}

class Watch {
  constructor(root) {
    this.root = root
    this.onVisible = () => this.poll()
  }

  /** What was said when the page was drawn. */
  start({ address, revision }, tell) {
    Object.assign(this, { address, revision, tell, isStopped: false })
    document.addEventListener("visibilitychange", this.onVisible)
    this.wait()
  }

  stop() {
    this.isStopped = true
    clearTimeout(this.timer)
    document.removeEventListener("visibilitychange", this.onVisible)
  }

  wait() {
    clearTimeout(this.timer)
    const pace = document.hidden || this.isLost ? SLOWEST_POLL_MS : POLL_MS
    if (!this.isStopped) this.timer = setTimeout(() => this.poll(), untilTick(pace))
  }

  async poll() {
    if (this.isStopped || this.isPolling || !this.root.isConnected) return
    this.isPolling = true
    try {
      const revision = await askTogether(this.address)
      this.isLost = false
      if (!this.isStopped && revision !== this.revision) this.tell("moved", true)
    } catch {
      // Streamlit says itself that the app cannot be reached.
      this.isLost = true
    }
    this.isPolling = false
    this.wait()
  }
}
