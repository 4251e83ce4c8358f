// B2, B4 `priority`: the highest priority first, and inside a priority the one enqueued first.
// Bound: none. A priority is served only while no higher one has work; what is never to starve wants `weighted` or
// `adaptive`.
import { Bands } from './bands.js'
import { OrdinalQueue } from './ordinalQueue.js'
import type { ReadyFacts, ReadyOrder } from './readyOrder.js'

export class PriorityOrder implements ReadyOrder {
  private readonly bands = new Bands(() => new OrdinalQueue())

  constructor(private readonly facts: ReadyFacts) {}

  get size(): number {
    let size = 0
    for (const { queue } of this.bands.sorted) size += queue.size
    return size
  }

  push(priority: number, ordinal: number): void {
    this.bands.of(priority).push(ordinal)
  }

  peek(): number {
    const { facts } = this
    for (const { priority, queue } of this.bands.sorted) {
      while (queue.size > 0) {
        const ordinal = queue.peek()
        if (facts.priorityOf(ordinal) === priority) return ordinal
        queue.take()
      }
    }
    return Number.NaN
  }

  served(priority: number, ordinal: number): void {
    this.dropHead(priority, ordinal)
  }

  dropHead(priority: number, ordinal: number): void {
    const band = this.bands.find(priority)
    if (band !== undefined && band.queue.peek() === ordinal) band.queue.take()
  }

  forEachHead(visit: (ordinal: number) => void): void {
    const { facts } = this
    for (const { priority, queue } of this.bands.sorted) {
      while (queue.size > 0 && facts.priorityOf(queue.peek()) !== priority) queue.take()
      if (queue.size > 0) visit(queue.peek())
    }
  }

  sweep(): void {
    for (const { priority, queue } of this.bands.sorted) {
      queue.sweep((ordinal) => this.facts.priorityOf(ordinal) === priority)
    }
  }
}
