// Which events of the log are worth a line for an operator, and how it reads. What happens for every message is not: the log
// itself says it. Payloads and texts of failures stand in a line only when that was asked for.
import type { EventBatch, LedgerEvent } from '../../domain/batch.js'
import { generatedId, type PartitionRef, parsePartitionStream } from '../../domain/ids.js'
import type { Actor } from '../../domain/message/index.js'
import type { LogFields, LogLevel } from './logger.js'

export type EventLine = Readonly<{
  level: LogLevel
  event: string
  fields: LogFields
  /** Present in lines about one message. */
  message?: Readonly<{ queue: string; id: string }>
}>

const CONTROL_STREAM = /^control-(.+)~\d+$/

const by = (actor: Actor | undefined): LogFields =>
  actor === undefined ? {} : { by: actor.who, ...(actor.why === undefined ? {} : { why: actor.why }) }

const line = (level: LogLevel, event: string, fields: LogFields): EventLine => ({ level, event, fields })

const ofQueue = (queue: string | undefined, event: LedgerEvent): EventLine | undefined => {
  switch (event.type) {
    case 'QueueCreated':
      return line('info', 'queue created', { queue: event.queue, ...by(event.by) })
    case 'QueueDeleted':
      return line('info', 'queue deleted', { queue: event.queue, ...by(event.by) })
    case 'QueueConfigured':
      return line('info', 'queue configured', { queue, ...by(event.by) })
    case 'QueueResized':
      return line('info', 'queue resized', { queue, partitions: event.partitions, ...by(event.by) })
    case 'LayoutDrained':
      return line('info', 'older partitions drained', { queue, first: event.first })
    case 'QueuePaused':
      return line('info', 'queue paused', { queue, ...by(event.by) })
    case 'QueueResumed':
      return line('info', 'queue resumed', { queue, ...by(event.by) })
    case 'CircuitForced':
      return line('info', 'circuit forced', { queue, circuit: event.circuit, to: event.to, ...by(event.by) })
    default:
      return undefined
  }
}

type Failure = Readonly<{ ordinal: number; failureType: string; message: string }>

const ofMessage = (
  ref: PartitionRef,
  event: Readonly<{ ordinal: number; callerId: string | undefined }>,
  head: Readonly<{ level: LogLevel; event: string; fields: LogFields }>,
  failed: Failure | undefined,
  payloads: boolean,
): EventLine => {
  const id = event.callerId ?? generatedId(ref, event.ordinal)
  const mine = failed?.ordinal === event.ordinal ? failed : undefined
  const failure = mine === undefined ? {} : { failureType: mine.failureType }
  const text = mine === undefined || !payloads ? {} : { failure: mine.message }
  const { queue, partition } = ref
  return {
    ...head,
    fields: { queue, partition, id, ...head.fields, ...failure, ...text },
    message: { queue, id },
  }
}

const ofPartition = (
  ref: PartitionRef,
  event: LedgerEvent,
  failed: Failure | undefined,
  payloads: boolean,
): EventLine | undefined => {
  const { queue, partition } = ref
  switch (event.type) {
    case 'MessageDeadLettered': {
      const head = { level: 'warn', event: 'dead letter', fields: { reason: event.reason } } as const
      return ofMessage(ref, event, head, failed, payloads)
    }
    case 'RetryScheduled': {
      const retryAt = new Date(event.retryAt).toISOString()
      const head = { level: 'debug', event: 'attempt failed', fields: { retryAt } } as const
      return ofMessage(ref, event, head, failed, payloads)
    }
    case 'CircuitOpened': {
      const { circuit, reason } = event
      const retryAt = new Date(event.retryAt).toISOString()
      return line('warn', 'circuit opened', { queue, partition, circuit, reason, retryAt })
    }
    case 'CircuitHalfOpened':
      return line('info', 'circuit half open', { queue, partition, circuit: event.circuit })
    case 'CircuitClosed':
      return line('info', 'circuit closed', {
        queue,
        partition,
        circuit: event.circuit,
        reason: event.reason,
      })
    case 'CapacityReached':
      return line('warn', 'queue full', { queue, partition, size: event.size, maxSize: event.maxSize })
    default:
      return undefined
  }
}

/** Calls `tell` for what is worth a line; runs over every event that is recorded, so it makes nothing for the others. */
export const tellEvents = (
  stream: string,
  { events }: EventBatch,
  payloads: boolean,
  tell: (line: EventLine) => void,
): void => {
  const ref = parsePartitionStream(stream)
  if (ref === undefined) {
    const queue = CONTROL_STREAM.exec(stream)?.[1]
    for (const event of events) {
      const told = ofQueue(queue, event)
      if (told !== undefined) tell(told)
    }
    return
  }
  // The failure stands right before the decision about it, in the same batch.
  let failed: Failure | undefined
  for (const event of events) {
    if (event.type === 'AttemptFailed') failed = event
    else {
      const told = ofPartition(ref, event, failed, payloads)
      if (told !== undefined) tell(told)
    }
  }
}
