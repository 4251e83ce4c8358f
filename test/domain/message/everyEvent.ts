// One event of each type on `order-7`, and the situations in which `decide` can produce it. The table asks the compiler for
// every type, so that a new one cannot be forgotten.
import type { Message, MessageEvent } from '../../../domain/message/index.js'
import { enqueued, FENCE, failed, ofMessage, type Situation, situations, started } from './situations.js'

type Tag = Message['tag']
type Row<Type> = Readonly<{ event: Extract<MessageEvent, Readonly<{ type: Type }>>; on: ReadonlyArray<Tag> }>

const byNobody = { by: undefined } as const
const rows: { readonly [Type in MessageEvent['type']]: Row<Type> } = {
  MessageEnqueued: { event: enqueued, on: ['Absent'] },
  MessageEdited: {
    event: { ...enqueued, type: 'MessageEdited', cause: 'operator', ...byNobody },
    on: ['Waiting'],
  },
  AttemptStarted: { event: started, on: ['Waiting'] },
  LeaseExtended: {
    event: { type: 'LeaseExtended', ...ofMessage, fence: FENCE, leaseMs: 5_000 },
    on: ['Leased'],
  },
  AttemptSucceeded: {
    event: {
      type: 'AttemptSucceeded',
      ...ofMessage,
      fence: FENCE,
      result: undefined,
      followUps: undefined,
      reconciled: undefined,
    },
    on: ['Leased'],
  },
  AttemptFailed: { event: failed, on: ['Leased'] },
  RetryScheduled: {
    event: { type: 'RetryScheduled', ...ofMessage, retryAt: 9_000, delayMs: 500, gate: undefined },
    on: ['Waiting'],
  },
  MessageDeadLettered: {
    event: { type: 'MessageDeadLettered', ...ofMessage, reason: 'poison', followUps: undefined },
    on: ['Waiting'],
  },
  AttemptReleased: {
    event: { type: 'AttemptReleased', ...ofMessage, fence: FENCE, notBefore: 0 },
    on: ['Leased'],
  },
  MessageRedriven: { event: { type: 'MessageRedriven', ...ofMessage, ...byNobody }, on: ['Dead'] },
  MessageCancelled: { event: { type: 'MessageCancelled', ...ofMessage, ...byNobody }, on: ['Waiting'] },
  CancelRequested: {
    event: { type: 'CancelRequested', ...ofMessage, fence: FENCE, ...byNobody },
    on: ['Leased'],
  },
  MessageExpired: { event: { type: 'MessageExpired', ...ofMessage }, on: ['Waiting'] },
  MessagePurged: {
    event: { type: 'MessagePurged', ...ofMessage, cause: 'operator', ...byNobody },
    on: ['Waiting', 'Dead'],
  },
}

export type Pair = Readonly<{
  type: MessageEvent['type']
  situation: Situation
  event: MessageEvent
  on: ReadonlyArray<Tag>
}>
/** Every event with every situation. */
export const pairs: ReadonlyArray<Pair> = Object.values(rows).flatMap(({ event, on }) =>
  Object.keys(situations).map((situation) => ({
    type: event.type,
    situation: situation as Situation,
    event,
    on,
  })),
)
export const ofLeases: ReadonlyArray<MessageEvent> = Object.values(rows)
  .filter(({ on }) => on.includes('Leased'))
  .map(({ event }) => event)
