// What the five orders of a queue (B4) have in common. An order holds the ordinals of messages that are ready, or were:
// a message that stops being ready is dropped at once when it stands first, and otherwise when it comes up. `ReadyFacts`,
// given at construction, tell the two apart, so no caller ever sees one that is ready no longer.
// What is next depends on what was pushed, what was served, and the time: never on a clock or on chance.
import type { EpochMs } from '../../domain/time.js'

/** What an order asks about its entries. An edited or retried message may have another entry by now. */
export type ReadyFacts = Readonly<{
  /** NaN when the message is not ready, or not in this lane. */
  priorityOf: (ordinal: number) => number
  /** Of a message that is ready. */
  sinceOf: (ordinal: number) => EpochMs
}>

export interface ReadyOrder {
  /** Entries; some may be ready no longer. */
  readonly size: number
  /** `since` = when the message became ready: its due time, or when it was enqueued. */
  push(priority: number, ordinal: number, since: EpochMs): void
  /** The ordinal of the message that is next; NaN when there is none. Asking again at the same time gives the same. */
  peek(at: EpochMs): number
  /** The message was handed out, as {@link peek} said or (in replay) as the log says: its band has had its turn. */
  served(priority: number, ordinal: number): void
  /** The message is ready no longer, and nobody's turn was used: dropped if it stands first in its band. */
  dropHead(priority: number, ordinal: number): void
  /** Visits the first message of each band and, where that is not it, the one that has waited longest. */
  forEachHead(visit: (ordinal: number) => void): void
  /** Drops every entry that is ready no longer, and the second of any two of the same message. */
  sweep(): void
}
