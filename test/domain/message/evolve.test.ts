// The readable reducer takes in what `decide` can produce and nothing else: any other pair is a corrupt log (I8, I3).
import { describe, expect, it } from 'vitest'
import { Defect } from '../../../domain/invariant.js'
import { evolveMessage, type Message, type MessageEvent } from '../../../domain/message/index.js'
import { messageAfter } from '../../support/spec.js'
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
const pairs = Object.values(rows).flatMap(({ event, on }) =>
  Object.keys(situations).map((situation) => ({
    type: event.type,
    situation: situation as Situation,
    event: event as MessageEvent,
    on: on as ReadonlyArray<Tag>,
  })),
)
const messageIn = (situation: Situation): Message => messageAfter(situations[situation])
const isTaken = ({ situation, on }: (typeof pairs)[number]): boolean => on.includes(messageIn(situation).tag)

describe('I8 the reducer', () => {
  it.each(pairs.filter(isTaken))('takes $type on a message that is $situation', ({ situation, event }) => {
    expect(() => evolveMessage(messageIn(situation), event, 5_000)).not.toThrow()
  })

  it.each(pairs.filter((pair) => !isTaken(pair)))(
    'calls $type on a message that is $situation a corrupt log',
    ({ situation, event }) => {
      const taking = () => evolveMessage(messageIn(situation), event, 5_000)
      expect(taking).toThrow(Defect)
      expect(taking).toThrow(/^I8 /)
    },
  )

  it.each(Object.values(rows).filter(({ on }) => on.includes('Leased')))(
    'I3: calls $event.type with the fence of another lease a corrupt log',
    ({ event }) => {
      const stale = { ...event, fence: FENCE - 1 } as MessageEvent
      expect(() => evolveMessage(messageIn('Leased'), stale, 5_000)).toThrow(/^I3 /)
    },
  )
})
