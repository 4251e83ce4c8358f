// B4 `fifo`: the message enqueued first, whatever its priority; one that comes back goes to its old place.
// Bound: a message waits for no message that was enqueued after it.
import { OrdinalQueue } from './ordinalQueue.js'
import type { ReadyFacts, ReadyOrder } from './readyOrder.js'

export class FifoOrder implements ReadyOrder {
  private readonly queue = new OrdinalQueue()

  constructor(private readonly facts: ReadyFacts) {}

  get size(): number {
    return this.queue.size
  }

  push(_priority: number, ordinal: number): void {
    this.queue.push(ordinal)
  }

  peek(): number {
    const { queue } = this
    while (queue.size > 0) {
      const ordinal = queue.peek()
      if (!Number.isNaN(this.facts.priorityOf(ordinal))) return ordinal
      queue.take()
    }
    return Number.NaN
  }

  served(priority: number, ordinal: number): void {
    this.dropHead(priority, ordinal)
  }

  dropHead(_priority: number, ordinal: number): void {
    if (this.queue.peek() === ordinal) this.queue.take()
  }

  forEachHead(visit: (ordinal: number) => void): void {
    const ordinal = this.peek()
    if (!Number.isNaN(ordinal)) visit(ordinal)
  }

  sweep(): void {
    this.queue.sweep((ordinal) => !Number.isNaN(this.facts.priorityOf(ordinal)))
  }
}
