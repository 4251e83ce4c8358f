// B4 `adaptive`: priorities that grow with waiting, the faster the later the queue runs.
//
//   effective priority = priority + waited / step,   step = AGE_STEP_MS / (1 + lag / LAG_UNIT_MS)
//
// `waited` = time since the message became ready; `lag` = the longest that any ready message has waited, which says how
// loaded the queue is whatever its throughput. Equal effective priorities: the one that has waited longer, then the one
// enqueued first. An idle queue is close to strict priority; in one that is a minute behind, age counts twice as much.
// Bound: `step` is never more than AGE_STEP_MS, so a message of priority p is never passed by one of priority q > p that
// became ready more than (q - p) · AGE_STEP_MS after it. With the named priorities: low (-10) lets high (10) pass for at
// most two minutes' worth of arrivals, less under load.
import type { EpochMs } from '../../domain/time.js'
import { Bands } from './bands.js'
import { KeyedHeap } from './keyedHeap.js'
import type { ReadyFacts, ReadyOrder } from './readyOrder.js'

/** Waiting that makes up for one step of priority in a queue that does not lag. */
export const AGE_STEP_MS = 6_000
export const LAG_UNIT_MS = 60_000

export class AdaptiveOrder implements ReadyOrder {
  /** Of each priority, by how long they have waited: its head is the only one that can be next. */
  private readonly bands = new Bands(() => new KeyedHeap())

  constructor(private readonly facts: ReadyFacts) {}

  get size(): number {
    let size = 0
    for (const { queue } of this.bands.sorted) size += queue.size
    return size
  }

  push(priority: number, ordinal: number, since: EpochMs): void {
    this.bands.of(priority).push(since, ordinal)
  }

  peek(at: EpochMs): number {
    let oldest = at
    for (const { priority, queue } of this.bands.sorted) {
      this.dropStale(priority, queue)
      if (queue.size > 0) oldest = Math.min(oldest, queue.key())
    }
    const stepMs = AGE_STEP_MS / (1 + (at - oldest) / LAG_UNIT_MS)
    let next = Number.NaN
    let highest = Number.NEGATIVE_INFINITY
    for (const { priority, queue } of this.bands.sorted) {
      // NaN of an empty band is never ahead. Of two that are equal, the one of the lower priority has waited longer.
      const effective = priority + (at - queue.key()) / stepMs
      if (effective >= highest) {
        next = queue.value()
        highest = effective
      }
    }
    return next
  }

  served(priority: number, ordinal: number): void {
    this.dropHead(priority, ordinal)
  }

  dropHead(priority: number, ordinal: number): void {
    const band = this.bands.find(priority)
    if (band !== undefined && band.queue.value() === ordinal) band.queue.drop()
  }

  forEachHead(visit: (ordinal: number) => void): void {
    for (const { priority, queue } of this.bands.sorted) {
      this.dropStale(priority, queue)
      if (queue.size > 0) visit(queue.value())
    }
  }

  sweep(): void {
    for (const { priority, queue } of this.bands.sorted) {
      const kept: Array<readonly [since: EpochMs, ordinal: number]> = []
      while (queue.size > 0) {
        this.dropStale(priority, queue)
        const [since, ordinal] = [queue.key(), queue.value()]
        if (queue.size > 0 && kept[kept.length - 1]?.[1] !== ordinal) kept.push([since, ordinal])
        queue.drop()
      }
      for (const [since, ordinal] of kept) queue.push(since, ordinal)
    }
  }

  private dropStale(priority: number, queue: KeyedHeap): void {
    const { facts } = this
    while (queue.size > 0) {
      const ordinal = queue.value()
      if (facts.priorityOf(ordinal) === priority && facts.sinceOf(ordinal) === queue.key()) return
      queue.drop()
    }
  }
}
