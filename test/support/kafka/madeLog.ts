// Logs of events that any process makes in the same words, so that two relays in two processes tell one log.
import { isLeft } from 'fp-ts/lib/Either.js'
import { type LedgerEvent, NO_REVISION } from '../../../domain/batch.js'
import { openMemoryLog } from '../../../src/adapters/memory/eventLog.js'
import type { EventLog } from '../../../src/ports/eventLog.js'

const EVENTS_PER_BATCH = 3
const BEGAN_MS = 1_790_000_000_000

const enqueued = (ordinal: number, payload: string): LedgerEvent => ({
  type: 'MessageEnqueued',
  ordinal,
  callerId: undefined,
  payload,
  priority: 0,
  notBefore: 0,
  expiresAt: 0,
  attributes: undefined,
})

/** Batches `from` to `to` of each stream, three events in each; one that is odd holds more than ASCII. */
export const appendMade = async (log: EventLog, streams: number, from: number, to: number): Promise<void> => {
  for (let n = from; n < to; n++) {
    for (let stream = 0; stream < streams; stream++) {
      const first = n * EVENTS_PER_BATCH
      const events = Array.from({ length: EVENTS_PER_BATCH }, (_, index) =>
        enqueued(first + index + 1, n % 2 === 0 ? `{"n":${first + index}}` : `{"text":"žluťoučký 🐎 ${n}"}`),
      )
      const append = log.append(`partition-made~1.${stream}`, first - 1, {
        batchId: `made-${stream}-${n}`,
        at: BEGAN_MS + n,
        epoch: 1,
        events,
        previous: events.map(() => NO_REVISION),
      })
      const appended = await append()
      if (isLeft(appended)) throw new Error(JSON.stringify(appended.left))
    }
  }
}

export const madeLog = async (streams: number, batches: number): Promise<EventLog> => {
  const log = openMemoryLog()
  await appendMade(log, streams, 0, batches)
  return log
}
