// The history of one message, read without an index of events: from its last event back along the `previous` revisions
// that stand with each event, to the enqueue.
import { isLeft } from 'fp-ts/lib/Either.js'
import { type LedgerEvent, positionAt } from '../../domain/batch.js'
import type { EventLog } from '../ports/eventLog.js'
import { LogFault } from './recovery.js'

/** A message with more events than this is shown with its last ones; a retry policy ends long before. */
export const HISTORY_EVENTS_MAX = 10_000
const PAGE_BYTES = 1

export type PastEvent = Readonly<{
  revision: number
  position: number
  at: number
  epoch: number
  event: LedgerEvent
}>

/** Oldest first. */
export const readHistory = async (
  log: EventLog,
  stream: string,
  ordinal: number,
  lastRevision: number,
): Promise<ReadonlyArray<PastEvent>> => {
  const events: PastEvent[] = []
  let revision = lastRevision
  while (revision >= 0 && events.length < HISTORY_EVENTS_MAX) {
    const page = await log.read(stream, revision, PAGE_BYTES)()
    if (isLeft(page)) {
      // What stood before a cut is gone from the log; the rest is still the truth.
      if (page.left.type === 'RevisionTruncated' && events.length > 0) break
      throw new LogFault(page.left, stream)
    }
    const batch = page.right.batches[0]
    if (batch === undefined) break
    // Neighbours of one message often share a batch, so it is walked as far as it goes.
    while (revision >= batch.firstRevision) {
      const index = revision - batch.firstRevision
      const event = batch.events[index]
      // The register that led here is a cache without checksums: an entry that does not fit is no history.
      if (event === undefined || !('ordinal' in event) || event.ordinal !== ordinal) return events.reverse()
      events.push({ revision, position: positionAt(batch, index), at: batch.at, epoch: batch.epoch, event })
      revision = batch.previous[index] ?? -1
    }
  }
  return events.reverse()
}
