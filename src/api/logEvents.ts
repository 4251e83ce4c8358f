// The log as a list of events in its own order, page by page: durable ones only, so that nobody is shown what a crash
// could take back. A page is bounded by events and by bytes, whatever was asked for.
import { isLeft } from 'fp-ts/lib/Either.js'
import { indexFrom, type LedgerEvent, positionAt, type RecordedBatch } from '../../domain/batch.js'
import { generatedId, parsePartitionStream } from '../../domain/ids.js'
import { LogFault } from '../engine/recovery.js'
import type { EventLog } from '../ports/eventLog.js'
import { UnavailableError } from './errors.js'
import { historyEntry } from './queue/messageViews.js'
import { errorOf } from './refusals.js'
import type { EventsOptions, EventsPage, LogEvent } from './types/index.js'

export const EVENTS_LIMIT_MAX = 500
const EVENTS_LIMIT_DEFAULT = 50
/** One batch always fits, and a batch is at most a few of these. */
const PAGE_BYTES = 1_048_576
const CONTROL_STREAM = /^control-(.+)~\d+$/

const wholeNumber = (field: string, value: number, from: number, to: number): number => {
  if (Number.isSafeInteger(value) && value >= from && value <= to) return value
  const range = to === Number.MAX_SAFE_INTEGER ? `from ${from}` : `from ${from} to ${to}`
  throw errorOf({ type: 'Invalid', field, problem: `accepted is a whole number ${range}` })
}

export const readEvents = async (log: EventLog, options: EventsOptions = {}): Promise<EventsPage> => {
  const from = wholeNumber('from', options.from ?? 0, 0, Number.MAX_SAFE_INTEGER)
  const limit = wholeNumber('limit', options.limit ?? EVENTS_LIMIT_DEFAULT, 1, EVENTS_LIMIT_MAX)
  const page = await log.readAll(from, PAGE_BYTES)()
  if (isLeft(page)) {
    const { left: fault } = page
    if (fault.type === 'LogStopped' || fault.type === 'LogUnavailable')
      throw new UnavailableError(fault.reason)
    throw new LogFault(fault, 'of all events')
  }
  const events: LogEvent[] = []
  for (const batch of page.right.batches) {
    // The first batch may start before the event that was asked for.
    for (let index = indexFrom(batch, from); index < batch.events.length; index++) {
      const event = batch.events[index] as LedgerEvent
      if (events.length === limit) return { events, next: positionAt(batch, index), atEnd: false }
      events.push(logEvent(batch, index, event))
    }
  }
  return { events, next: page.right.next, atEnd: page.right.atEnd }
}

const logEvent = (batch: RecordedBatch, index: number, event: LedgerEvent): LogEvent => {
  const { stream, at, epoch } = batch
  const past = { revision: batch.firstRevision + index, position: positionAt(batch, index), at, epoch, event }
  return { ...historyEntry(past), stream, ...subjectOf(stream, event) }
}

const subjectOf = (stream: string, event: LedgerEvent): { queue?: string; id?: string } => {
  const ref = parsePartitionStream(stream)
  if (ref !== undefined) {
    const id = 'ordinal' in event ? { id: generatedId(ref, event.ordinal) } : {}
    return { queue: ref.queue, ...id }
  }
  const queue = 'queue' in event ? event.queue : CONTROL_STREAM.exec(stream)?.[1]
  return queue === undefined ? {} : { queue }
}
