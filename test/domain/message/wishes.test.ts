// What a sender wished for, at the end of an attempt: which reason wins, what is told to whom, and queues that keep no dead
// letters (A13, A15, C3, C9, C13, C15).
import { describe, expect, it } from 'vitest'
import {
  ABSENT,
  decideMessage,
  evolveMessage,
  type Message,
  type MessageAttributes,
  type MessageCommand,
  type MessageEvent,
} from '../../../domain/message/index.js'
import { fixed } from '../../../domain/retry/index.js'
import { commands, enqueued, FENCE, NOW, started } from './situations.js'

const leasedWith = (attributes: MessageAttributes, ...more: ReadonlyArray<MessageEvent>): Message =>
  [{ ...enqueued, attributes }, started, ...more].reduce<Message>(
    (message, event) => evolveMessage(message, event, 2_000),
    ABSENT,
  )
const waitingWith = (attributes: MessageAttributes): Message =>
  evolveMessage(ABSENT, { ...enqueued, attributes }, 1_000)
const decided = (command: MessageCommand, message: Message): ReadonlyArray<MessageEvent> => {
  const decision = decideMessage(command, message)
  if (decision._tag === 'Left') throw new Error(decision.left.type)
  return decision.right
}
const { FailAttempt, SucceedAttempt, GiveUpWaiting, EditMessage, PurgeMessage, CancelMessage } = commands
const reasonOf = (events: ReadonlyArray<MessageEvent>): string | undefined =>
  events.flatMap((event) => (event.type === 'MessageDeadLettered' ? [event.reason] : []))[0]
const told = (events: ReadonlyArray<MessageEvent>): unknown =>
  events.flatMap((event) => ('followUps' in event ? (event.followUps ?? []) : []))

describe('why a message is given up', () => {
  const often = { retry: fixed({ delayMs: 5, retriesMax: 9 }) }
  it.each<readonly [string, MessageAttributes, Partial<typeof FailAttempt>, string | undefined]>([
    ['A13: its policy retries', often, {}, undefined],
    [
      'C3: SYSTEM comes before every wish',
      { guarantee: 'fireAndForget' },
      { failureType: 'SYSTEM' },
      'systemError',
    ],
    ['A13: one delivery', { ...often, guarantee: 'fireAndForget' }, {}, 'singleDelivery'],
    ['A13: retryable false', { ...often, retryable: false }, {}, 'notRetryable'],
    ['C1: the worker said so', often, { retryable: false }, 'notRetryable'],
    [
      'C13: a lease ran out once too often',
      { retry: fixed({ retriesMax: 0 }) },
      { ended: 'leaseExpired' },
      'poison',
    ],
    [
      'C13: a worker was lost once too often',
      { retry: fixed({ retriesMax: 0 }) },
      { ended: 'workerLost' },
      'poison',
    ],
    ['C1: it was reported', { retry: fixed({ retriesMax: 0 }) }, {}, 'attemptsExhausted'],
    [
      'C1: the budget, also without a word',
      { retry: fixed({ delayMs: 5_000, budgetMs: 1 }) },
      { ended: 'workerLost' },
      'budgetExceeded',
    ],
  ])('%s', (_, attributes, over, reason) => {
    const events = decided({ ...FailAttempt, ...over }, leasedWith(attributes))
    expect(reasonOf(events)).toBe(reason)
    expect(events[0]?.type).toBe('AttemptFailed')
  })

  it('C15: a message that has waited too long is dead though no attempt was made', () => {
    const events = decided(GiveUpWaiting, waitingWith({ gate: 'ftp', onFailure: { queue: 'failed' } }))
    expect(reasonOf(events)).toBe('waitedTooLong')
    expect(told(events)).toEqual([
      {
        queue: 'failed',
        payload:
          '{"operationId":"order-7","queue":"orders","attempts":0,"error":{"type":"RESOURCE","message":"gate ftp stayed closed"}}',
      },
    ])
    expect(decideMessage(GiveUpWaiting, leasedWith({}))).toMatchObject({
      left: { type: 'MessageNotClaimable', now: 'Leased' },
    })
  })
})

describe('gates by failure type (C15)', () => {
  it('C15: a retry waits for the gate of its failure, and from then on the message does', () => {
    const events = decided({ ...FailAttempt, waitFor: { NETWORK: 'vpn' } }, leasedWith({ gate: 'ftp' }))
    expect(events[1]).toMatchObject({ type: 'RetryScheduled', gate: 'vpn' })
    const after = events.reduce<Message>(
      (one, event) => evolveMessage(one, event, NOW),
      leasedWith({ gate: 'ftp' }),
    )
    expect(after).toMatchObject({ tag: 'Waiting', wishes: { gate: 'vpn' } })
  })

  it.each(['constructor', '__proto__', 'toString'])(
    'C15: a failure type named %s has no gate by accident',
    (failureType) => {
      const events = decided({ ...FailAttempt, failureType }, leasedWith({ retry: fixed({ retriesMax: 1 }) }))
      expect(events[1]).toMatchObject({ type: 'RetryScheduled', gate: undefined })
    },
  )
})

describe('who is told of the end (C9)', () => {
  it('C9: the handler’s follow-ups come first, then the sender’s callback with the result as it was accepted', () => {
    const followUps = [{ queue: 'next', payload: '1' }]
    const command = { ...SucceedAttempt, followUps, result: '{"total":10000000000000001}' }
    expect(told(decided(command, leasedWith({ onSuccess: { queue: 'done', type: 'order' } })))).toEqual([
      ...followUps,
      {
        queue: 'done',
        payload: '{"operationId":"order-7","queue":"orders","result":{"total":10000000000000001}}',
        type: 'order',
      },
    ])
  })

  it('C9: a retry tells nobody, and a success not those who wait for a failure', () => {
    const message = leasedWith({ onFailure: { queue: 'failed' }, retry: fixed({ retriesMax: 1 }) })
    expect(told(decided(FailAttempt, message))).toEqual([])
    expect(told(decided(SucceedAttempt, message))).toEqual([])
  })
})

describe('a queue without dead letters (A15)', () => {
  it.each<readonly [string, MessageCommand, Message]>([
    ['a failure', { ...FailAttempt, retryable: false, deadLetters: false }, leasedWith({})],
    ['a wait that was too long', { ...GiveUpWaiting, deadLetters: false }, waitingWith({ gate: 'ftp' })],
  ])('A15: %s ends in the purge, behind the death and its reason', (_, command, message) => {
    expect(decided(command, message).slice(-2)).toMatchObject([
      { type: 'MessageDeadLettered' },
      { type: 'MessagePurged', cause: 'noDeadLetters', by: undefined },
    ])
  })
})

describe('a wish to stop (A11)', () => {
  const asked: MessageEvent = {
    type: 'CancelRequested',
    ordinal: 7,
    callerId: 'order-7',
    fence: FENCE,
    by: { who: 'ann' },
  }

  it('A11: outlasts heartbeats, and ends with the attempt', () => {
    const extended = leasedWith({}, asked, {
      type: 'LeaseExtended',
      ordinal: 7,
      callerId: 'order-7',
      fence: FENCE,
      leaseMs: 1,
    })
    expect(decided(CancelMessage, extended)).toEqual([])
    expect(decided({ ...FailAttempt, failureType: 'SYSTEM' }, extended)).toMatchObject([
      { type: 'AttemptFailed' },
      { type: 'MessageCancelled', by: { who: 'ann' } },
    ])
  })
})

describe('purging what waits (A9)', () => {
  it('A9: is allowed where it is asked for, and refused where only a dead letter was meant', () => {
    const waiting = waitingWith({})
    expect(decided({ ...PurgeMessage, meant: 'waiting', cause: 'overflow' }, waiting)).toMatchObject([
      { type: 'MessagePurged', cause: 'overflow' },
    ])
    expect(decideMessage(PurgeMessage, waiting)).toMatchObject({ left: { type: 'MessageNotDead' } })
    expect(decideMessage({ ...PurgeMessage, meant: 'either' }, leasedWith({}))).toMatchObject({
      left: { type: 'MessageNotPurgeable', now: 'Leased' },
    })
  })

  it('A8: is refused to a dead letter where only what waits was meant', () => {
    const leased = leasedWith({})
    const died = decided({ ...FailAttempt, retryable: false }, leased).reduce<Message>(
      (message, event) => evolveMessage(message, event, NOW),
      leased,
    )
    expect(died.tag).toBe('Dead')
    expect(decideMessage({ ...PurgeMessage, meant: 'waiting' }, died)).toMatchObject({
      left: { type: 'MessageNotPurgeable', now: 'Dead' },
    })
    expect(decided({ ...PurgeMessage, meant: 'either' }, died)).toMatchObject([{ type: 'MessagePurged' }])
  })

  it('A11: an edit of a message in doubt leaves it in doubt', () => {
    const lost = decided(
      { ...FailAttempt, ended: 'workerLost' },
      leasedWith({ retry: fixed({ delayMs: 0, retriesMax: 3 }) }),
    )
    const events = [...lost, ...decided(EditMessage, waitingWith({}))]
    const after = events.reduce<Message>((one, event) => evolveMessage(one, event, NOW), leasedWith({}))
    expect(after).toMatchObject({ tag: 'Waiting', inDoubt: true, attempts: 1, priority: 9 })
  })
})
