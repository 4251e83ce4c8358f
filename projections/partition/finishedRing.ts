// How the last messages ended, so that a repeated ack can be told from a late one (R27). Direct-mapped by ordinal: the
// answer for an older message is the documented "not held, and forgotten". No part of the state hash: it changes no fact.
import type { FinishedMessage, Outcome } from '../../domain/message/index.js'

const PLACES = 65_536
const OUTCOMES: ReadonlyArray<Outcome> = ['succeeded', 'cancelled', 'expired', 'purged']

export class FinishedRing {
  private readonly ordinals = new Float64Array(PLACES)
  private readonly fences = new Float64Array(PLACES)
  private readonly outcomes = new Uint8Array(PLACES)

  add(ordinal: number, outcome: Outcome, fence: number): void {
    const place = ordinal % PLACES
    this.ordinals[place] = ordinal
    this.fences[place] = fence
    this.outcomes[place] = OUTCOMES.indexOf(outcome)
  }

  find(ordinal: number): FinishedMessage | undefined {
    const place = ordinal % PLACES
    // Ordinals count from 1: an empty place must not pass for a message 0 that was acked under fence 0.
    if (ordinal < 1 || this.ordinals[place] !== ordinal) return undefined
    const outcome = OUTCOMES[this.outcomes[place]!]!
    return { tag: 'Finished', ordinal, outcome, fence: this.fences[place]! }
  }
}
