// All that was told of one queue of a chaos run, put before the checkers of the simulation, with what nobody hears the answer of:
// heartbeats and hand-backs of workers of the library, and hand-backs of claims whose client has gone.
import type { RecordedBatch } from '../../domain/batch.js'
import { POLICIES } from './chaosMix.js'
import { ordinalOf, type QueueRecords } from './chaosRecords.js'
import type { Calls, SettleCall } from './checkers.js'
import { checkPartitions } from './checkersAnswers.js'

/** Queues of a chaos run have one partition each. */
const partition = 0

const settleCalls = (records: QueueRecords, batches: ReadonlyArray<RecordedBatch>): SettleCall[] => {
  const unheard = {
    told: 'unknown',
    partition,
    retryable: true,
    failureType: undefined,
    delayMs: undefined,
  } as const
  const calls: SettleCall[] = records.settles.map((call) => ({
    ...unheard,
    ...call,
    failureType: call.failureType,
    delayMs: call.delayMs,
  }))
  for (const { events } of batches)
    for (const event of events) {
      if (event.type !== 'AttemptReleased' && event.type !== 'LeaseExtended') continue
      const { ordinal, fence } = event
      const outcome = event.type === 'AttemptReleased' ? 'release' : 'extend'
      calls.push({ ...unheard, ordinal, fence, outcome, accepted: false })
    }
  return calls
}

const callsOf = (queue: string, records: QueueRecords, batches: ReadonlyArray<RecordedBatch>): Calls => {
  const { enqueues, claims, operates, edits, clears } = records
  const purged = batches.flatMap(({ events }) => events.filter(({ type }) => type === 'MessagePurged'))
  // The checkers know one queue, by the name that it has in the simulation.
  const idOf = (id: string): string => id.replace(`${queue}.`, 'orders.')
  return {
    enqueues: [
      ...enqueues.map((call) => ({
        ...call,
        partition,
        repeats: false,
        results: call.results.map((result) => ({ ...result, id: idOf(result.id) })),
      })),
      ...edits.map(({ told, id, changes }) => ({
        told,
        partition,
        repeats: false,
        messages: [{ payload: JSON.stringify(changes.payload), dedupMode: 'replace' as const }],
        results: told === 'ok' ? [{ id: idOf(id), duplicate: true, replaced: true as const }] : [],
      })),
    ],
    claims: claims.map((call) => ({ ...call, given: call.given.map((one) => ({ ...one, partition })) })),
    settles: settleCalls(records, batches),
    operates: [
      ...operates.map((call) => ({ ...call, partition })),
      ...(clears.length === 0 ? [] : purged).map((event) => ({
        told: 'unknown' as const,
        partition,
        ordinal: 'ordinal' in event ? event.ordinal : ordinalOf(''),
        command: 'purge',
        accepted: false,
      })),
    ],
  }
}

/** Of workers in the process of the ledger: by the time this is asked, all of them have died. */
const incarnationsIn = (batches: ReadonlyArray<RecordedBatch>): ReadonlySet<string> => {
  const found = new Set<string>()
  for (const { events } of batches)
    for (const event of events) {
      const [, incarnation] =
        event.type === 'AttemptStarted' ? (/^local:([^:]+):/.exec(event.worker) ?? []) : []
      if (incarnation !== undefined) found.add(incarnation)
    }
  return found
}

/** The broken promises of a queue that has drained. */
export const judged = (
  queue: string,
  records: QueueRecords,
  batches: ReadonlyArray<RecordedBatch>,
): ReadonlyArray<string> => {
  const rules = { policies: POLICIES, dead: incarnationsIn(batches) }
  const { broken, left } = checkPartitions([batches], callsOf(queue, records, batches), rules)
  const alive = left.filter((situation) => situation !== 'dead').length
  const sentences = broken.map((sentence) => `${queue}, ${sentence}`)
  return alive === 0
    ? sentences
    : [...sentences, `${queue}: ${alive} messages are left after all has drained`]
}
