// B4 `weighted`: the bands high (priority above 0), normal (0) and low (below 0) take turns by their shares; inside a band
// the message enqueued first, so that nothing in a band starves either. A band without work passes its turn on.
// Bound: a band with share s of the total S that has work is served at least once in any floor(3S/2s) + 1 consecutive
// picks, whatever the others do; with the default shares 6, 3, 1 in any 2, 4 and 10. The k-th message of a band is
// therefore served within k times as many picks. (turnPattern.ts has the reason, and why not less.)
import { OrdinalQueue } from './ordinalQueue.js'
import type { ReadyFacts, ReadyOrder } from './readyOrder.js'
import { turnPattern } from './turnPattern.js'

export type BandShares = Readonly<{ high: number; normal: number; low: number }>

const BANDS = 3
/** -1 for NaN: a message that is not ready stands in no band. */
const bandOf = (priority: number): number => (priority > 0 ? 0 : priority === 0 ? 1 : priority < 0 ? 2 : -1)

export class WeightedOrder implements ReadyOrder {
  private readonly queues = [new OrdinalQueue(), new OrdinalQueue(), new OrdinalQueue()] as const
  private readonly turns: number
  /** For each turn and band: how many turns until it is that band's. */
  private readonly turnsUntil: Uint16Array
  private turn = 0

  constructor(
    private readonly facts: ReadyFacts,
    shares: BandShares,
  ) {
    const pattern = turnPattern([shares.high, shares.normal, shares.low])
    this.turns = pattern.length
    this.turnsUntil = new Uint16Array(pattern.length * BANDS)
    for (let band = 0; band < BANDS; band++) {
      let until = 0
      // Twice round: the first turns of the cycle look at the end of it.
      for (let turn = 2 * pattern.length - 1; turn >= 0; turn--) {
        until = pattern[turn % pattern.length] === band ? 0 : until + 1
        if (turn < pattern.length) this.turnsUntil[turn * BANDS + band] = until
      }
    }
  }

  get size(): number {
    return this.queues[0].size + this.queues[1].size + this.queues[2].size
  }

  push(priority: number, ordinal: number): void {
    this.queues[bandOf(priority)]!.push(ordinal)
  }

  peek(): number {
    let next = Number.NaN
    let least = Number.POSITIVE_INFINITY
    for (let band = 0; band < BANDS; band++) {
      const until = this.turnsUntil[this.turn * BANDS + band]!
      if (until >= least) continue
      const ordinal = this.head(band)
      if (Number.isNaN(ordinal)) continue
      next = ordinal
      least = until
    }
    return next
  }

  served(priority: number, ordinal: number): void {
    const until = this.turnsUntil[this.turn * BANDS + bandOf(priority)]!
    this.turn = (this.turn + until + 1) % this.turns
    this.dropHead(priority, ordinal)
  }

  dropHead(priority: number, ordinal: number): void {
    const queue = this.queues[bandOf(priority)]!
    if (queue.peek() === ordinal) queue.take()
  }

  forEachHead(visit: (ordinal: number) => void): void {
    for (let band = 0; band < BANDS; band++) {
      const ordinal = this.head(band)
      if (!Number.isNaN(ordinal)) visit(ordinal)
    }
  }

  sweep(): void {
    this.queues.forEach((queue, band) => {
      queue.sweep((ordinal) => bandOf(this.facts.priorityOf(ordinal)) === band)
    })
  }

  private head(band: number): number {
    const queue = this.queues[band]!
    while (queue.size > 0) {
      const ordinal = queue.peek()
      if (bandOf(this.facts.priorityOf(ordinal)) === band) return ordinal
      queue.take()
    }
    return Number.NaN
  }
}
