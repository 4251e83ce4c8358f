// B4 `lifo`: the message enqueued last, whatever its priority; one that comes back goes to its old place.
// Bound: none. While messages arrive as fast as they are worked off, the oldest waits for ever: give them a time to live.
import { Fifo } from './fifo.js'
import { NumberHeap } from './numberHeap.js'
import type { ReadyFacts, ReadyOrder } from './readyOrder.js'

export class LifoOrder implements ReadyOrder {
  /** Ascending; the next one is at its end. */
  private readonly stack = new Fifo()
  /** Negated, so that the least is the greatest ordinal. */
  private readonly comeBack = new NumberHeap()

  constructor(private readonly facts: ReadyFacts) {}

  get size(): number {
    return this.stack.size + this.comeBack.size
  }

  push(_priority: number, ordinal: number): void {
    const last = this.stack.lastPushed()
    if (ordinal > last || Number.isNaN(last)) this.stack.push(ordinal)
    else this.comeBack.push(-ordinal)
  }

  peek(): number {
    while (this.size > 0) {
      const ordinal = this.top()
      if (this.isReady(ordinal)) return ordinal
      this.takeTop()
    }
    return Number.NaN
  }

  served(priority: number, ordinal: number): void {
    this.dropHead(priority, ordinal)
  }

  dropHead(_priority: number, ordinal: number): void {
    if (this.top() === ordinal) this.takeTop()
  }

  /** The oldest is at the other end of the stack, or anywhere among the few that came back. */
  forEachHead(visit: (ordinal: number) => void): void {
    const { stack, comeBack } = this
    while (stack.size > 0 && !this.isReady(stack.peek())) stack.take()
    if (stack.size > 0) visit(stack.peek())
    comeBack.forEach((negated) => {
      if (this.isReady(-negated)) visit(-negated)
    })
    const next = this.peek()
    if (!Number.isNaN(next)) visit(next)
  }

  sweep(): void {
    const kept: number[] = []
    while (this.size > 0) {
      const ordinal = this.takeTop()
      if (ordinal !== kept[kept.length - 1] && this.isReady(ordinal)) kept.push(ordinal)
    }
    for (let n = kept.length - 1; n >= 0; n--) this.stack.push(kept[n]!)
  }

  private isReady(ordinal: number): boolean {
    return !Number.isNaN(this.facts.priorityOf(ordinal))
  }

  private top(): number {
    const last = this.stack.lastPushed()
    const back = -this.comeBack.peek()
    return back > last || Number.isNaN(last) ? back : last
  }

  private takeTop(): number {
    const last = this.stack.lastPushed()
    const back = -this.comeBack.peek()
    return back > last || Number.isNaN(last) ? -this.comeBack.take() : this.stack.takeLast()
  }
}
