// Histories of one message as the log could hold them: made by the decisions themselves, so every order of events in them is
// one that can happen, and none that cannot.

import fc, { type Arbitrary } from 'fast-check'
import { isLeft } from 'fp-ts/lib/Either.js'
import { replay } from '../../../domain/decider.js'
import { DEFAULT_FAILURE_RULES } from '../../../domain/failure/index.js'
import {
  type Message,
  type MessageCommand,
  messageDecider,
  type TimedMessageEvent,
} from '../../../domain/message/index.js'
import { historyEntry } from '../../api/queue/messageViews.js'
import type { HistoryEntry } from '../../api/types/index.js'

type Step = Readonly<{ type: MessageCommand['type']; afterMs: number; n: number }>

const STEPS_MAX = 24
const START_MS = 1_790_000_000_000
const LEASE_MS = 30_000
const OPERATION = { id: 'orders.0.1', queue: 'orders' } as const
const FAILURES = ['NETWORK', 'TIMEOUT', 'BUSINESS', 'CRASH', 'OWN_TYPE'] as const

/** What happens often comes often; the rest comes often enough. */
const step: Arbitrary<Step> = fc.record({
  type: fc.oneof(
    { weight: 6, arbitrary: fc.constant<Step['type']>('StartAttempt') },
    { weight: 4, arbitrary: fc.constant<Step['type']>('FailAttempt') },
    {
      weight: 4,
      arbitrary: fc.constantFrom<Step['type']>(
        'SucceedAttempt',
        'ReleaseAttempt',
        'ExtendLease',
        'RedriveMessage',
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Step['type']>(
        'CancelMessage',
        'ExpireMessage',
        'PurgeMessage',
        'EditMessage',
      ),
    },
  ),
  afterMs: fc.oneof(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 0, max: 600_000 })),
  n: fc.nat({ max: 1_000 }),
})

const contents = (payload: string, n: number, at: number) => ({
  payload,
  priority: (n % 21) - 10,
  notBefore: n % 4 === 0 ? at + 1_000 : 0,
  expiresAt: n % 5 === 0 ? at + 300_000 : 0,
  attributes: undefined,
})

const commandOf = ({ type, n }: Step, fence: number, at: number): MessageCommand => {
  switch (type) {
    case 'StartAttempt': {
      const worker = `worker-${n % 3}`
      return { type, fence, leaseMs: LEASE_MS, worker, claimId: undefined, zone: undefined, at }
    }
    case 'SucceedAttempt': {
      const result = n % 2 === 0 ? undefined : '{"done":true}'
      const operation = OPERATION
      return { type, fence, result, followUps: undefined, reconciled: undefined, operation, at }
    }
    case 'FailAttempt': {
      const failureType = FAILURES[n % FAILURES.length] ?? 'OWN_TYPE'
      const ended = failureType === 'CRASH' ? 'workerLost' : 'reported'
      const failed = { failureType, message: 'it did not work', ended, retryable: n % 7 !== 0 } as const
      const rules = { rules: DEFAULT_FAILURE_RULES, waitFor: {}, deadLetters: true, operation: OPERATION }
      return { type, fence, ...failed, delayMs: undefined, ...rules, random: n / 1_001, at }
    }
    case 'ReleaseAttempt':
      return { type, fence, delayMs: n % 2 === 0 ? 0 : 1_000, at }
    case 'ExtendLease':
      return { type, fence, leaseMs: LEASE_MS, messageTimeoutMs: 10 * LEASE_MS, at }
    case 'EditMessage':
      return { type, ...contents('{"edited":true}', n, at), cause: 'operator', by: { who: 'operator' }, at }
    case 'PurgeMessage':
      return { type, by: { who: 'operator' }, cause: 'operator', meant: 'dead', at }
    case 'ExpireMessage':
      return { type, at }
    case 'GiveUpWaiting':
      return { type, deadLetters: true, operation: OPERATION, at }
    case 'EnqueueMessage':
      return { type, ordinal: 1, callerId: undefined, ...contents('{"n":1}', n, at), at }
    case 'CancelMessage':
    case 'RedriveMessage':
      return { type, by: { who: 'operator' }, at }
  }
}

/** A step that is refused leaves no event, as in life. */
const eventsOf = (steps: ReadonlyArray<Step>): ReadonlyArray<TimedMessageEvent> => {
  let message: Message = messageDecider.initialState
  let fence = 0
  let at = START_MS
  const events: TimedMessageEvent[] = []
  for (const taken of steps) {
    at += taken.afterMs
    // Nothing starts before it is due.
    if (taken.type === 'StartAttempt' && message.tag === 'Waiting') at = Math.max(at, message.dueAt)
    const asked = taken.type === 'StartAttempt' ? fence + 1 : fence
    const decision = messageDecider.decide(commandOf(taken, asked, at), message)
    if (isLeft(decision)) continue
    if (taken.type === 'StartAttempt' && decision.right.length > 0) fence = asked
    message = replay(messageDecider, decision.right, message)
    for (const event of decision.right) events.push(event)
  }
  return events
}

/** The events of one message, from its enqueue on, as `ledger.history(id)` answers them. */
export const histories = (): Arbitrary<ReadonlyArray<HistoryEntry>> =>
  fc
    .tuple(fc.nat({ max: 1_000 }), fc.array(step, { maxLength: STEPS_MAX }))
    .map(([n, steps]) =>
      eventsOf([{ type: 'EnqueueMessage', afterMs: 0, n }, ...steps]).map(({ event, at }, index) =>
        historyEntry({ revision: index + 1, position: index + 1, at, epoch: 1, event }),
      ),
    )
