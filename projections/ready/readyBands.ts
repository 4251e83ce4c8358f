// Which message is next: the highest priority first, and inside a priority the one enqueued first. New messages arrive
// in that order already, so each band is a plain queue; only those that come back (retries, delays, releases) go through
// a small heap. Both hold ordinals; the caller drops those that are no longer ready when they come up.
import { Fifo } from './fifo.js'
import { NumberHeap } from './numberHeap.js'

class Band {
  readonly inOrder = new Fifo()
  readonly comeBack = new NumberHeap()

  get size(): number {
    return this.inOrder.size + this.comeBack.size
  }

  push(ordinal: number): void {
    const last = this.inOrder.lastPushed()
    if (ordinal > last || Number.isNaN(last)) this.inOrder.push(ordinal)
    else this.comeBack.push(ordinal)
  }

  peek(): number {
    const first = this.inOrder.peek()
    const back = this.comeBack.peek()
    return back < first || Number.isNaN(first) ? back : first
  }

  take(): number {
    const first = this.inOrder.peek()
    return this.comeBack.peek() < first || Number.isNaN(first) ? this.comeBack.take() : this.inOrder.take()
  }
}

export class ReadyBands {
  private readonly byPriority = new Map<number, Band>()
  /** Highest priority first. */
  private bands: Array<{ priority: number; band: Band }> = []

  push(priority: number, ordinal: number): void {
    let band = this.byPriority.get(priority)
    if (band === undefined) {
      band = new Band()
      this.byPriority.set(priority, band)
      this.bands.push({ priority, band })
      this.bands.sort((a, b) => b.priority - a.priority)
    }
    band.push(ordinal)
  }

  /** The ordinal that is next by order, whether or not it is still ready; NaN when there is none. */
  peek(): number {
    for (const { band } of this.bands) if (band.size > 0) return band.peek()
    return Number.NaN
  }

  /** Visits the first entry of each priority that `isReady`; the others before it are dropped. */
  forEachHead(isReady: (ordinal: number) => boolean, visit: (ordinal: number) => void): void {
    for (const { band } of this.bands) {
      while (band.size > 0 && !isReady(band.peek())) band.take()
      if (band.size > 0) visit(band.peek())
    }
  }

  /** Drops the entry if it is the next of its priority; elsewhere it stays until it comes up. */
  dropHead(priority: number, ordinal: number): void {
    const band = this.byPriority.get(priority)
    if (band !== undefined && band.peek() === ordinal) band.take()
  }

  take(): number {
    for (const { band } of this.bands) if (band.size > 0) return band.take()
    return Number.NaN
  }
}
