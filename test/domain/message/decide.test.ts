// What is answered to every command in every situation (the table asks the compiler for all of them), and then the rules
// that depend on more than the situation: fences, due times, times to live, retry policies.
import { describe, expect, it } from 'vitest'
import type {
  AttemptFailed,
  MessageCommand,
  MessageEvent,
  MessageRefusal,
} from '../../../domain/message/index.js'
import { custom, fixed } from '../../../domain/retry/index.js'
import { at, given, messageAfter } from '../../support/spec.js'
import {
  commands,
  enqueued,
  FENCE,
  failed,
  NOW,
  ofMessage,
  type Situation,
  situations,
  started,
} from './situations.js'

type Gives = ReadonlyArray<MessageEvent> | MessageRefusal
type Row = readonly [sentence: string, gives: Gives]

const operator = { who: 'ann' } as const
const ALREADY_SO: Gives = []
const notFound: Gives = { type: 'MessageNotFound' }
const exists: Gives = { type: 'MessageExists' }
const notEditable = (now: 'Leased' | 'Dead' | 'Finished'): Gives => ({ type: 'MessageNotEditable', now })
const notClaimable = (now: 'Waiting' | 'Leased' | 'Dead' | 'Finished'): Gives => ({
  type: 'MessageNotClaimable',
  now,
})
const notCancellable = (now: 'Leased' | 'Dead' | 'Finished'): Gives => ({
  type: 'MessageNotCancellable',
  now,
})
const notExpired = (now: 'Waiting' | 'Leased' | 'Dead' | 'Finished'): Gives => ({
  type: 'MessageNotExpired',
  now,
})
const notDead = (now: 'Waiting' | 'Leased' | 'Finished'): Gives => ({ type: 'MessageNotDead', now })
const notHeld = (now: 'Absent' | 'Waiting' | 'Dead' | 'Finished'): Gives => ({
  type: 'LeaseNotHeld',
  fence: FENCE,
  now,
  heldBy: undefined,
})

/** Settling a message whose lease has gone is refused alike, whatever it was to be settled with. */
const settledLate = (what: string): Readonly<Record<Exclude<Situation, 'Leased'>, Row>> => ({
  Absent: [`${what} of a message that never was, or was forgotten, is refused`, notHeld('Absent')],
  Waiting: [`R25 ${what} after the lease ran out is refused while the message waits`, notHeld('Waiting')],
  Dead: [`R25 ${what} after the lease ran out is refused once the message is dead`, notHeld('Dead')],
  succeeded: [`R27 ${what} after the ack is refused`, notHeld('Finished')],
  cancelled: [`R25 ${what} of a cancelled message is refused`, notHeld('Finished')],
  expired: [`R25 ${what} of an expired message is refused`, notHeld('Finished')],
  purged: [`R25 ${what} of a purged message is refused`, notHeld('Finished')],
})

const table: Readonly<Record<MessageCommand['type'], Readonly<Record<Situation, Row>>>> = {
  EnqueueMessage: {
    Absent: [
      'A1 a message is accepted as it was given',
      [
        {
          type: 'MessageEnqueued',
          ...ofMessage,
          payload: '{"total":12}',
          priority: 5,
          notBefore: 110_000,
          expiresAt: 200_000,
          attributes: { group: 'customer-1', dedupKey: 'd' },
        },
      ],
    ],
    Waiting: ['A1 a message that waits is not accepted again', exists],
    Leased: ['A1 a message that runs is not accepted again', exists],
    Dead: ['A1 a dead message is not accepted again', exists],
    succeeded: ['A1 a message that was acked is not accepted again', exists],
    cancelled: ['A1 a cancelled message is not accepted again', exists],
    expired: ['A1 an expired message is not accepted again', exists],
    purged: ['A1 a purged message is not accepted again', exists],
  },
  EditMessage: {
    Absent: ['a message that is not there cannot be edited', notFound],
    Waiting: [
      'A11 a waiting message gets all of its new contents, with who asked for it',
      [
        {
          type: 'MessageEdited',
          ...ofMessage,
          payload: '{"total":13}',
          priority: 9,
          notBefore: 120_000,
          expiresAt: 0,
          attributes: { type: 'order.changed' },
          cause: 'operator',
          by: operator,
        },
      ],
    ],
    Leased: ['A11 a message that runs is not edited', notEditable('Leased')],
    Dead: ['A11 a dead message is not edited', notEditable('Dead')],
    succeeded: ['A11 a message that was acked is not edited', notEditable('Finished')],
    cancelled: ['A11 a cancelled message is not edited', notEditable('Finished')],
    expired: ['A11 an expired message is not edited', notEditable('Finished')],
    purged: ['A11 a purged message is not edited', notEditable('Finished')],
  },
  GiveUpWaiting: {
    Absent: ['a message that is not there waits for no gate', notFound],
    Waiting: [
      'C15 a message that has waited too long for its gate is a dead letter',
      [{ type: 'MessageDeadLettered', ...ofMessage, reason: 'waitedTooLong', followUps: undefined }],
    ],
    Leased: ['C15 a message that runs waits for no gate', notClaimable('Leased')],
    Dead: ['C15 a dead message waits for no gate', notClaimable('Dead')],
    succeeded: ['C15 a message that was acked waits for no gate', notClaimable('Finished')],
    cancelled: ['C15 a cancelled message waits for no gate', notClaimable('Finished')],
    expired: ['C15 an expired message waits for no gate', notClaimable('Finished')],
    purged: ['C15 a purged message waits for no gate', notClaimable('Finished')],
  },
  StartAttempt: {
    Absent: ['a message that is not there cannot be claimed', notFound],
    Waiting: [
      'I4 a claim is the start of attempt 1, under the next fence',
      [
        {
          type: 'AttemptStarted',
          zone: undefined,
          ...ofMessage,
          attempt: 1,
          fence: 50,
          leaseMs: 20_000,
          worker: 'worker-2',
          claimId: 'claim-1',
        },
      ],
    ],
    Leased: ['I3 a message with a live lease is not claimed again', notClaimable('Leased')],
    Dead: ['C3 a dead message is not claimed', notClaimable('Dead')],
    succeeded: ['a message that was acked is not claimed', notClaimable('Finished')],
    cancelled: ['a cancelled message is not claimed', notClaimable('Finished')],
    expired: ['A7 an expired message is not claimed', notClaimable('Finished')],
    purged: ['a purged message is not claimed', notClaimable('Finished')],
  },
  SucceedAttempt: {
    ...settledLate('an ack'),
    Leased: [
      'the holder of the lease acks, and the result is kept',
      [
        {
          type: 'AttemptSucceeded',
          followUps: undefined,
          reconciled: undefined,
          ...ofMessage,
          fence: FENCE,
          result: '"done"',
        },
      ],
    ],
    succeeded: ['R27 acking twice is one fact', ALREADY_SO],
  },
  FailAttempt: {
    ...settledLate('a failure report'),
    Leased: [
      'C1 a failure is recorded together with the retry that its type asks for',
      [failed, { type: 'RetryScheduled', gate: undefined, ...ofMessage, retryAt: NOW + 700, delayMs: 700 }],
    ],
  },
  ReleaseAttempt: {
    ...settledLate('a hand-back'),
    Leased: [
      'C12 a hand-back with a delay waits for that long',
      [{ type: 'AttemptReleased', ...ofMessage, fence: FENCE, notBefore: NOW + 1_500 }],
    ],
  },
  ExtendLease: {
    ...settledLate('a heartbeat'),
    Leased: [
      'C4 a heartbeat grants the lease anew',
      [{ type: 'LeaseExtended', ...ofMessage, fence: FENCE, leaseMs: 45_000 }],
    ],
  },
  CancelMessage: {
    Absent: ['a message that is not there cannot be cancelled', notFound],
    Waiting: [
      'a waiting message is cancelled, with who asked for it',
      [{ type: 'MessageCancelled', ...ofMessage, by: operator }],
    ],
    Leased: [
      'A11 the worker of a running message is asked to stop, with who asked for it',
      [{ type: 'CancelRequested', ...ofMessage, fence: FENCE, by: operator }],
    ],
    Dead: ['a dead message cannot be cancelled', notCancellable('Dead')],
    succeeded: ['a message that was acked cannot be cancelled', notCancellable('Finished')],
    cancelled: ['cancelling twice is one fact', ALREADY_SO],
    expired: ['an expired message cannot be cancelled', notCancellable('Finished')],
    purged: ['a purged message cannot be cancelled', notCancellable('Finished')],
  },
  ExpireMessage: {
    Absent: ['a message that is not there does not expire', notFound],
    Waiting: ['A7 a message without a time to live never expires', notExpired('Waiting')],
    Leased: ['A7 a running attempt is not cut short by the time to live', notExpired('Leased')],
    Dead: ['A7 a dead message does not expire', notExpired('Dead')],
    succeeded: ['A7 a message that was acked does not expire', notExpired('Finished')],
    cancelled: ['A7 a cancelled message does not expire', notExpired('Finished')],
    expired: ['A7 expiring twice is one fact', ALREADY_SO],
    purged: ['A7 a purged message does not expire', notExpired('Finished')],
  },
  RedriveMessage: {
    Absent: ['C3 a message that is not there cannot be redriven', notFound],
    Waiting: ['R30 redriving twice is one fact: the second one finds it waiting', notDead('Waiting')],
    Leased: ['R30 a redriven message that runs already is not redriven again', notDead('Leased')],
    Dead: [
      'C3 a dead message is redriven, with who asked for it',
      [{ type: 'MessageRedriven', ...ofMessage, by: operator }],
    ],
    succeeded: ['C3 a message that was acked cannot be redriven', notDead('Finished')],
    cancelled: ['C3 a cancelled message cannot be redriven', notDead('Finished')],
    expired: ['C3 an expired message cannot be redriven', notDead('Finished')],
    purged: ['C3 a purged message cannot be redriven', notDead('Finished')],
  },
  PurgeMessage: {
    Absent: ['C3 a message that is not there cannot be purged', notFound],
    Waiting: ['C3 a waiting message cannot be purged', notDead('Waiting')],
    Leased: ['C3 a message that runs cannot be purged', notDead('Leased')],
    Dead: [
      'C3 a dead message is purged by an event, with who asked for it',
      [{ type: 'MessagePurged', cause: 'operator', ...ofMessage, by: operator }],
    ],
    succeeded: ['C3 a message that was acked cannot be purged', notDead('Finished')],
    cancelled: ['C3 a cancelled message cannot be purged', notDead('Finished')],
    expired: ['C3 an expired message cannot be purged', notDead('Finished')],
    purged: ['C3 purging twice is one fact', ALREADY_SO],
  },
}

describe('the situations of the table', () => {
  it.each(Object.entries(situations))('%s is what its history leads to', (name, history) => {
    const message = messageAfter(history)
    expect(message.tag === 'Finished' ? message.outcome : message.tag).toBe(name)
  })
})

describe.each(Object.keys(table) as MessageCommand['type'][])('%s', (type) => {
  const rows = Object.entries(table[type]) as Array<[Situation, Row]>
  it.each(rows.map(([situation, [sentence, gives]]) => ({ situation, sentence, gives })))(
    '$situation: $sentence',
    ({ situation, gives }) => {
      given(situations[situation]).when(commands[type]).gives(gives)
    },
  )
})

describe('a fence', () => {
  const reclaimed = [
    ...situations.Leased,
    ...at(
      40_000,
      { ...failed, failureType: 'CRASH', message: 'the lease ran out', ended: 'leaseExpired' },
      { type: 'RetryScheduled', gate: undefined, ...ofMessage, retryAt: 40_000, delayMs: 0 },
    ),
    ...at(41_000, { ...started, attempt: 2, fence: 44, worker: 'worker-2' }),
  ]
  const late = { type: 'LeaseNotHeld', fence: FENCE, now: 'Leased', heldBy: 'worker-2' } as const

  it.each([
    ['acking', commands.SucceedAttempt],
    ['failing', commands.FailAttempt],
    ['handing back', commands.ReleaseAttempt],
    ['extending', commands.ExtendLease],
  ] as const)('R26 %s with the fence of an earlier lease is refused and names the holder', (_, command) => {
    given(reclaimed).when(command).gives(late)
  })

  it('R26 that was never handed out is refused as well', () => {
    given(situations.Leased)
      .when({ ...commands.SucceedAttempt, fence: 99 })
      .gives({ type: 'LeaseNotHeld', fence: 99, now: 'Leased', heldBy: 'worker-1' })
  })

  it('R27 of an earlier attempt does not repeat the ack of a later one', () => {
    given(
      reclaimed,
      at(42_000, {
        type: 'AttemptSucceeded',
        followUps: undefined,
        reconciled: undefined,
        ...ofMessage,
        fence: 44,
        result: undefined,
      }),
    )
      .when(commands.SucceedAttempt)
      .gives({ type: 'LeaseNotHeld', fence: FENCE, now: 'Finished', heldBy: undefined })
  })

  it('R27 of 0 does not ack a message that was cancelled before any attempt', () => {
    given(situations.cancelled)
      .when({ ...commands.SucceedAttempt, fence: 0 })
      .gives({ type: 'LeaseNotHeld', fence: 0, now: 'Finished', heldBy: undefined })
  })
})

describe('claiming', () => {
  const delayed = at(1_000, { ...enqueued, notBefore: NOW + 1 })
  const startedAt = (instant: number) => ({ ...commands.StartAttempt, at: instant })
  const begun = (attempt: number): MessageEvent => ({
    ...started,
    attempt,
    fence: 50,
    leaseMs: 20_000,
    worker: 'worker-2',
    claimId: 'claim-1',
  })

  it('B3 before the due time is refused, and at the due time it is not', () => {
    given(delayed).when(startedAt(NOW)).gives(notClaimable('Waiting'))
    given(delayed)
      .when(startedAt(NOW + 1))
      .gives([begun(1)])
  })

  it('A7 at the end of the time to live is refused, and just before it is not', () => {
    const expiring = at(1_000, { ...enqueued, expiresAt: NOW })
    given(expiring).when(startedAt(NOW)).gives(notClaimable('Waiting'))
    given(expiring)
      .when(startedAt(NOW - 1))
      .gives([begun(1)])
  })

  it('I4 after a failure is attempt 2, and after a hand-back it is attempt 1 again', () => {
    const retried = at(3_000, failed, {
      type: 'RetryScheduled',
      gate: undefined,
      ...ofMessage,
      retryAt: 4_000,
      delayMs: 1_000,
    })
    given(situations.Leased, retried)
      .when(startedAt(NOW))
      .gives([begun(2)])
    const released = at(3_000, { type: 'AttemptReleased', ...ofMessage, fence: FENCE, notBefore: 0 })
    given(situations.Leased, released)
      .when(startedAt(NOW))
      .gives([begun(1)])
  })

  it('C3 after a redrive is attempt 1, and the old time to live is over', () => {
    const redriven = at(NOW - 1, { type: 'MessageRedriven', ...ofMessage, by: undefined })
    const dead = at(1_000, { ...enqueued, expiresAt: 50_000 })
    given(dead, situations.Dead.slice(1), redriven)
      .when(startedAt(NOW))
      .gives([begun(1)])
  })
})

describe('A7 expiry', () => {
  const expiring = at(1_000, { ...enqueued, expiresAt: NOW })
  it('happens at the end of the time to live and not before', () => {
    given(expiring)
      .when({ type: 'ExpireMessage', at: NOW })
      .gives([{ type: 'MessageExpired', ...ofMessage }])
    given(expiring)
      .when({ type: 'ExpireMessage', at: NOW - 1 })
      .gives(notExpired('Waiting'))
  })
  it('reaches a message that waits for its retry', () => {
    given(
      expiring,
      at(2_000, started),
      at(3_000, failed, {
        type: 'RetryScheduled',
        gate: undefined,
        ...ofMessage,
        retryAt: NOW * 2,
        delayMs: NOW * 2 - 3_000,
      }),
    )
      .when(commands.ExpireMessage)
      .gives([{ type: 'MessageExpired', ...ofMessage }])
  })
})

describe('handing back', () => {
  it('C12 without a delay makes the message due at once', () => {
    given(situations.Leased)
      .when({ ...commands.ReleaseAttempt, delayMs: 0 })
      .gives([{ type: 'AttemptReleased', ...ofMessage, fence: FENCE, notBefore: 0 }])
  })
})

describe('the retry decision', () => {
  const fail = commands.FailAttempt
  const attemptRunning = (attempts: number, firstAt = 2_000) => [
    ...at(1_000, enqueued),
    ...Array.from({ length: attempts - 1 }, (_, i) => [
      ...at(firstAt + i, { ...started, attempt: i + 1, fence: i + 1 }),
      ...at(
        firstAt + i,
        { ...failed, fence: i + 1 },
        { type: 'RetryScheduled', gate: undefined, ...ofMessage, retryAt: firstAt + i, delayMs: 0 },
      ),
    ]).flat(),
    ...at(firstAt + attempts, { ...started, attempt: attempts, fence: FENCE }),
  ]
  const dead = (
    reason: 'attemptsExhausted' | 'budgetExceeded' | 'notRetryable' | 'poison',
  ): MessageEvent => ({
    type: 'MessageDeadLettered',
    followUps: undefined,
    ...ofMessage,
    reason,
  })
  const retry = (delayMs: number): MessageEvent => ({
    type: 'RetryScheduled',
    gate: undefined,
    ...ofMessage,
    retryAt: NOW + delayMs,
    delayMs,
  })

  it('C1 retries as often as the policy says, and then dead-letters', () => {
    given(attemptRunning(2))
      .when(fail)
      .gives([failed, retry(700)])
    given(attemptRunning(3))
      .when(fail)
      .gives([failed, dead('attemptsExhausted')])
  })

  it('C1 follows UNKNOWN for a type without a rule, also for names that every object has', () => {
    const rules = { UNKNOWN: fixed({ delayMs: 900 }) }
    for (const failureType of ['CARD_DECLINED', 'constructor', '__proto__']) {
      const reported: AttemptFailed = { ...failed, failureType }
      given(attemptRunning(1))
        .when({ ...fail, failureType, rules })
        .gives([reported, retry(900)])
    }
  })

  it('C1 goes to the dead letters at once when the failure cannot be retried', () => {
    given(attemptRunning(1))
      .when({ ...fail, retryable: false, delayMs: 10 })
      .gives([failed, dead('notRetryable')])
  })

  it('A13 obeys the policy that came with the message before that of the queue', () => {
    const own = at(1_000, { ...enqueued, attributes: { retry: custom({ delaysMs: [11, 22] }) } })
    given(own, attemptRunning(2).slice(1))
      .when(fail)
      .gives([failed, retry(22)])
    given(own, attemptRunning(3).slice(1))
      .when(fail)
      .gives([failed, dead('attemptsExhausted')])
  })

  it("C2 takes the worker's own delay, within the number of retries", () => {
    given(attemptRunning(1))
      .when({ ...fail, delayMs: 12_345 })
      .gives([failed, retry(12_345)])
    given(attemptRunning(3))
      .when({ ...fail, delayMs: 12_345 })
      .gives([failed, dead('attemptsExhausted')])
  })

  it('C2 gives up when the next start would be beyond the time budget, counted from the first attempt', () => {
    const rules = (budgetMs: number) => ({ NETWORK: fixed({ delayMs: 700, retriesMax: 9, budgetMs }) })
    const history = attemptRunning(2, 50_000)
    const spent = NOW - 50_000 + 700
    given(history)
      .when({ ...fail, rules: rules(spent) })
      .gives([failed, retry(700)])
    given(history)
      .when({ ...fail, rules: rules(spent - 1) })
      .gives([failed, dead('budgetExceeded')])
  })

  it("C2 counts the worker's own delay against the time budget", () => {
    const rules = { NETWORK: fixed({ delayMs: 700, retriesMax: 9, budgetMs: NOW }) }
    given(attemptRunning(1))
      .when({ ...fail, rules, delayMs: NOW })
      .gives([failed, dead('budgetExceeded')])
    const tight = { NETWORK: fixed({ delayMs: NOW, retriesMax: 9, budgetMs: NOW }) }
    given(attemptRunning(1))
      .when({ ...fail, rules: tight, delayMs: 5 })
      .gives([failed, retry(5)])
  })

  it.each(['leaseExpired', 'workerLost'] as const)(
    'I4 C13 counts an attempt that ended by %s under the same policy, and calls the message poison at the end',
    (ended) => {
      const rules = { CRASH: fixed({ delayMs: 0, retriesMax: 1 }) }
      const crash: AttemptFailed = { ...failed, failureType: 'CRASH', ended }
      const command = { ...fail, failureType: 'CRASH', ended, rules }
      given(attemptRunning(1))
        .when(command)
        .gives([crash, retry(0)])
      given(attemptRunning(2))
        .when(command)
        .gives([crash, dead('poison')])
    },
  )
})
