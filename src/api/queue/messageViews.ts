// What lists and look-ups show of a message: a fold of its own history, so that live and finished ones are shown alike.
import { encodeEvent } from '../../../domain/codecs.js'
import { generatedId, type PartitionRef } from '../../../domain/ids.js'
import {
  ABSENT,
  evolveMessage,
  type Message,
  type MessageEnqueued,
  type MessageEvent,
  stateAt,
} from '../../../domain/message/index.js'
import type { PastEvent } from '../../engine/history.js'
import type { DeadLetter, HistoryEntry, MessageView } from '../types/index.js'

const iso = (ms: number): string | undefined => (ms === 0 ? undefined : new Date(ms).toISOString())

const parsed = (text: string | undefined): unknown => (text === undefined ? undefined : JSON.parse(text))

export const historyEntry = ({ revision, position, at, epoch, event }: PastEvent): HistoryEntry => {
  const { type, version, data } = encodeEvent(event)
  return { revision, position, at: new Date(at).toISOString(), epoch, type, version, data }
}

export const viewOfHistory = (
  ref: PartitionRef,
  history: ReadonlyArray<PastEvent>,
  at: number,
  position: number,
): MessageView | undefined => {
  const first = history[0]
  if (first === undefined || first.event.type !== 'MessageEnqueued') return undefined
  const { event: enqueued } = first
  /** As they were enqueued, or last edited. */
  let contents: Pick<MessageEnqueued, 'payload' | 'attributes'> = enqueued
  let message: Message = ABSENT
  let last: Exclude<Message, { tag: 'Absent' | 'Finished' }> | undefined
  let result: string | undefined
  for (const past of history) {
    message = evolveMessage(message, past.event as MessageEvent, past.at)
    if (message.tag !== 'Absent' && message.tag !== 'Finished') last = message
    if (past.event.type === 'AttemptSucceeded') result = past.event.result
    if (past.event.type === 'MessageEdited') contents = past.event
  }
  if (message.tag === 'Absent' || last === undefined) return undefined
  const attributes = contents.attributes ?? {}
  const { wishes } = last
  return {
    id: enqueued.callerId ?? generatedId(ref, enqueued.ordinal),
    queue: ref.queue,
    partition: ref.partition,
    state: stateAt(message, at),
    type: wishes.type,
    topic: wishes.topic,
    group: wishes.group,
    tenant: wishes.tenant,
    zone: wishes.zone,
    gate: wishes.gate,
    priority: last.priority,
    attempts: last.attempts,
    enqueuedAt: new Date(first.at).toISOString(),
    notBefore: message.tag === 'Waiting' ? iso(message.dueAt) : undefined,
    expiresAt: message.tag === 'Waiting' ? iso(message.expiresAt) : undefined,
    worker: message.tag === 'Leased' ? message.worker : undefined,
    failureType: last.failureType,
    payload: parsed(contents.payload),
    blob: attributes.blob,
    headers: attributes.headers ?? {},
    correlationId: attributes.correlationId,
    causationId: attributes.causationId,
    rerunOf: attributes.rerunOf,
    result: parsed(result),
    position,
  }
}

export const deadLetterOf = (view: MessageView, history: ReadonlyArray<PastEvent>): DeadLetter => {
  let deadAt = view.enqueuedAt
  let reason = 'unknown'
  let failure: { type: string; message: string } | undefined
  for (const { event, at } of history) {
    if (event.type === 'AttemptFailed') failure = { type: event.failureType, message: event.message }
    if (event.type === 'MessageDeadLettered') {
      reason = event.reason
      deadAt = new Date(at).toISOString()
    }
  }
  return { ...view, deadAt, reason, failure }
}
