// Ordinals in ascending order. New messages arrive in that order, so they go through a plain queue; only those that come
// back (retries, delays, releases) go through a small heap.
import { Fifo } from './fifo.js'
import { NumberHeap } from './numberHeap.js'

export class OrdinalQueue {
  private inOrder = new Fifo()
  private comeBack: NumberHeap | undefined

  get size(): number {
    return this.inOrder.size + (this.comeBack === undefined ? 0 : this.comeBack.size)
  }

  push(ordinal: number): void {
    const last = this.inOrder.lastPushed()
    if (ordinal > last || Number.isNaN(last)) this.inOrder.push(ordinal)
    else {
      this.comeBack ??= new NumberHeap()
      this.comeBack.push(ordinal)
    }
  }

  /** The least ordinal; NaN when empty. */
  peek(): number {
    const first = this.inOrder.peek()
    if (this.comeBack === undefined || this.comeBack.size === 0) return first
    const back = this.comeBack.peek()
    return back < first || Number.isNaN(first) ? back : first
  }

  take(): number {
    if (this.comeBack === undefined || this.comeBack.size === 0) return this.inOrder.take()
    const first = this.inOrder.peek()
    return this.comeBack.peek() < first || Number.isNaN(first) ? this.comeBack.take() : this.inOrder.take()
  }

  /** Keeps the ordinals that `isKept`, each once. */
  sweep(isKept: (ordinal: number) => boolean): void {
    const kept = new Fifo()
    while (this.size > 0) {
      const ordinal = this.take()
      if (ordinal !== kept.lastPushed() && isKept(ordinal)) kept.push(ordinal)
    }
    this.inOrder = kept
    this.comeBack = undefined
  }
}
