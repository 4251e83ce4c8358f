// Where finished messages are found once they have left the writer's memory (§4.9): a rebuildable view, on disk beside the
// embedded log. By ordinal it knows the revision of the message's last event; history walks back from there. Callers' ids
// are kept beside it. It may lag behind the log, never lead it: only durable events are noted.
import type { Outcome } from '../../domain/message/index.js'

export type FinishedEntry = Readonly<{ ordinal: number; revision: number; outcome: Outcome }>

export type FinishedQuery = Readonly<{ outcome?: Outcome; before?: number; after?: number; limit: number }>

export type FinishedRegister = Readonly<{
  /** Remembers how a message ended, and its caller's id if it had one. Cheap: called for every finished message. */
  note: (stream: string, entry: FinishedEntry, callerId: string | undefined) => void
  find: (stream: string, ordinal: number) => Promise<FinishedEntry | undefined>
  /** The ordinal of the latest finished message with this caller's id. */
  findCallerId: (stream: string, callerId: string) => Promise<number | undefined>
  /**
   * Newest ordinals first, below `before` if given; with `after` instead, the oldest first, above it. `outcome` filters. At
   * most `limit` entries.
   */
  page: (stream: string, query: FinishedQuery) => Promise<ReadonlyArray<FinishedEntry>>
  /** Everything noted so far is on disk when this resolves; the register then covers the stream up to `revision`. */
  flush: (stream: string, revision: number) => Promise<void>
  /** Events up to this revision need not be noted again; -1 = rebuild from the start. */
  coveredTo: (stream: string) => number
  /** Forgets a stream entirely. */
  drop: (stream: string) => Promise<void>
  close: () => Promise<void>
}>
