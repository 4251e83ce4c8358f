// All that was told of one queue of a chaos run, put before the checkers of the simulation, with what nobody hears the answer of:
// heartbeats and hand-backs of workers of the library, and hand-backs of claims whose client has gone.

import type { LedgerEvent, RecordedBatch } from '../../domain/batch.js'
import { CATALOG_STREAM, controlStream } from '../../domain/ids.js'
import { type Asked, ordinalOf, type QueueRecords } from './chaosRecords.js'
import { checkPartitions } from './checkersAnswers.js'
import type { AskedMessage, Calls, SettleCall } from './checkersCalls.js'
import { type Control, controlsOf } from './checkersControl.js'

/** Queues of a chaos run have one partition each. */
const partition = 0

const askedMessage = ({
  payload,
  priority = 0,
  id: callerId,
  dedupKey,
  idempotencyKey,
  dedupMode,
}: Asked): AskedMessage => ({
  payload,
  priority,
  callerId,
  attributes: {
    ...(dedupKey === undefined ? {} : { dedupKey }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  },
  dedupMode,
})

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
  // The checkers know one queue, by the name that it has in the simulation.
  const idOf = (id: string): string => id.replace(`${queue}.`, 'orders.')
  return {
    enqueues: enqueues.map((call) => ({
      ...call,
      partition,
      repeats: false,
      messages: call.messages.map(askedMessage),
      results: call.results.map((result) => ({ ...result, id: idOf(result.id) })),
    })),
    claims: claims.map((call) => ({ ...call, given: call.given.map((one) => ({ ...one, partition })) })),
    settles: settleCalls(records, batches),
    operates: operates.map((call) => ({ ...call, partition })),
    edits: edits.map((call) => ({ ...call, partition, ordinal: ordinalOf(call.id) })),
    sweeps: clears.map((call) => ({ ...call, command: 'clear' as const })),
    reruns: [],
    histories: [],
  }
}

/** The checkers ask after calls by their names, and take every named one for one of those; here most bear that of the door. */
const withNamesOfCalls = (batches: ReadonlyArray<RecordedBatch>): ReadonlyArray<RecordedBatch> =>
  batches.map((batch) => ({
    ...batch,
    events: batch.events.map(
      (event): LedgerEvent =>
        'by' in event && !/^(?:edit|clear)-/.test(event.by?.who ?? '') ? { ...event, by: undefined } : event,
    ),
  }))

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

type Streams = ReadonlyMap<string, ReadonlyArray<RecordedBatch>>

const controlsIn = (queue: string, streams: Streams): ReadonlyArray<Control> => {
  const created = (streams.get(CATALOG_STREAM) ?? [])
    .flatMap(({ events }) => events)
    .find((event) => event.type === 'QueueCreated' && event.queue === queue)
  if (created?.type !== 'QueueCreated') throw new Error(`no queue ${queue} was ever created`)
  return controlsOf(created.config, streams.get(controlStream(queue, 1)) ?? [])
}

/** The broken promises of a queue that has drained. */
export const judged = (
  queue: string,
  records: QueueRecords,
  batches: ReadonlyArray<RecordedBatch>,
  streams: Streams,
): ReadonlyArray<string> => {
  const rules = { controls: controlsIn(queue, streams), isPrompt: false, dead: incarnationsIn(batches) }
  const { broken, left } = checkPartitions(
    [withNamesOfCalls(batches)],
    callsOf(queue, records, batches),
    rules,
  )
  const alive = left.filter((situation) => situation !== 'dead').length
  const sentences = broken.map((sentence) => `${queue}, ${sentence}`)
  return alive === 0
    ? sentences
    : [...sentences, `${queue}: ${alive} messages are left after all has drained`]
}
