// How the last messages ended, so that a repeated ack can be told from a late one (R27). Direct-mapped by ordinal: the
// answer for an older message is the documented "not held, and forgotten". No part of the state hash: it changes no fact.
// It begins small, because most of many queues finish little (R60), and grows as long as two messages meet in one place.
import type { FinishedMessage, Outcome } from '../../domain/message/index.js'

const FIRST_PLACES = 64
const PLACES_MAX = 65_536
const OUTCOMES: ReadonlyArray<Outcome> = ['succeeded', 'cancelled', 'expired', 'purged']

export class FinishedRing {
  private places = FIRST_PLACES
  private ordinals = new Float64Array(FIRST_PLACES)
  private fences = new Float64Array(FIRST_PLACES)
  private outcomes = new Uint8Array(FIRST_PLACES)

  add(ordinal: number, outcome: Outcome, fence: number): void {
    while (this.places < PLACES_MAX && this.isTakenFor(ordinal)) this.grow()
    this.put(ordinal, OUTCOMES.indexOf(outcome), fence)
  }

  find(ordinal: number): FinishedMessage | undefined {
    const place = ordinal % this.places
    // Ordinals count from 1: an empty place must not pass for a message 0 that was acked under fence 0.
    if (ordinal < 1 || this.ordinals[place] !== ordinal) return undefined
    const outcome = OUTCOMES[this.outcomes[place]!]!
    return { tag: 'Finished', ordinal, outcome, fence: this.fences[place]! }
  }

  private isTakenFor(ordinal: number): boolean {
    const there = this.ordinals[ordinal % this.places]!
    return there !== 0 && there !== ordinal
  }

  private put(ordinal: number, outcome: number, fence: number): void {
    const place = ordinal % this.places
    this.ordinals[place] = ordinal
    this.fences[place] = fence
    this.outcomes[place] = outcome
  }

  /** Those that had a place of their own keep one: what differs by the smaller number differs by the greater. */
  private grow(): void {
    const { ordinals, fences, outcomes } = this
    this.places *= 2
    this.ordinals = new Float64Array(this.places)
    this.fences = new Float64Array(this.places)
    this.outcomes = new Uint8Array(this.places)
    for (const [place, ordinal] of ordinals.entries())
      if (ordinal !== 0) this.put(ordinal, outcomes[place]!, fences[place]!)
  }
}
