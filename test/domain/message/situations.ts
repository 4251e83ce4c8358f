// One message, `order-7`, in each situation it can be in, and one command of each type. Both tables ask the compiler for
// an entry per situation and per command, so a new one cannot be forgotten.

import type {
  AttemptFailed,
  AttemptStarted,
  Message,
  MessageCommand,
  MessageEnqueued,
  Outcome,
  TimedMessageEvent,
} from '../../../domain/message/index.js'
import { fixed } from '../../../domain/retry/index.js'
import { at } from '../../support/spec.js'

export const ofMessage = { ordinal: 7, callerId: 'order-7' } as const
export const FENCE = 41
export const NOW = 100_000

export const enqueued: MessageEnqueued = {
  type: 'MessageEnqueued',
  ...ofMessage,
  payload: '{"total":12}',
  priority: 0,
  notBefore: 0,
  expiresAt: 0,
  attributes: undefined,
}
export const started: AttemptStarted = {
  type: 'AttemptStarted',
  zone: undefined,
  ...ofMessage,
  attempt: 1,
  fence: FENCE,
  leaseMs: 30_000,
  worker: 'worker-1',
  claimId: undefined,
}
export const failed: AttemptFailed = {
  type: 'AttemptFailed',
  ...ofMessage,
  fence: FENCE,
  failureType: 'NETWORK',
  message: 'connection refused',
  ended: 'reported',
}
const operator = { who: 'ann' } as const

export type Situation = Exclude<Message['tag'], 'Finished'> | Outcome

const waiting = at(1_000, enqueued)
const leased = [...waiting, ...at(2_000, started)]
const dead = [
  ...leased,
  ...at(3_000, failed, {
    type: 'MessageDeadLettered',
    followUps: undefined,
    ...ofMessage,
    reason: 'notRetryable',
  }),
]

export const situations: Readonly<Record<Situation, ReadonlyArray<TimedMessageEvent>>> = {
  Absent: [],
  Waiting: waiting,
  Leased: leased,
  Dead: dead,
  succeeded: [
    ...leased,
    ...at(3_000, {
      type: 'AttemptSucceeded',
      followUps: undefined,
      reconciled: undefined,
      ...ofMessage,
      fence: FENCE,
      result: undefined,
    }),
  ],
  cancelled: [...waiting, ...at(3_000, { type: 'MessageCancelled', ...ofMessage, by: undefined })],
  expired: [
    ...at(1_000, { ...enqueued, expiresAt: 2_000 }),
    ...at(2_000, { type: 'MessageExpired', ...ofMessage }),
  ],
  purged: [...dead, ...at(4_000, { type: 'MessagePurged', cause: 'operator', ...ofMessage, by: undefined })],
}

type CommandOf<Type> = Extract<MessageCommand, Readonly<{ type: Type }>>

export const commands: { readonly [Type in MessageCommand['type']]: CommandOf<Type> } = {
  EnqueueMessage: {
    type: 'EnqueueMessage',
    ...ofMessage,
    payload: '{"total":12}',
    priority: 5,
    notBefore: 110_000,
    expiresAt: 200_000,
    attributes: { group: 'customer-1', dedupKey: 'd' },
    at: NOW,
  },
  StartAttempt: {
    type: 'StartAttempt',
    zone: undefined,
    fence: 50,
    leaseMs: 20_000,
    worker: 'worker-2',
    claimId: 'claim-1',
    at: NOW,
  },
  SucceedAttempt: {
    type: 'SucceedAttempt',
    followUps: undefined,
    reconciled: undefined,
    operation: { id: 'order-7', queue: 'orders' },
    fence: FENCE,
    result: '"done"',
    at: NOW,
  },
  FailAttempt: {
    type: 'FailAttempt',
    waitFor: {},
    deadLetters: true,
    operation: { id: 'order-7', queue: 'orders' },
    fence: FENCE,
    failureType: 'NETWORK',
    message: 'connection refused',
    ended: 'reported',
    retryable: true,
    delayMs: undefined,
    rules: { NETWORK: fixed({ delayMs: 700, retriesMax: 2 }) },
    random: 0.5,
    at: NOW,
  },
  EditMessage: {
    type: 'EditMessage',
    payload: '{"total":13}',
    priority: 9,
    notBefore: 120_000,
    expiresAt: 0,
    attributes: { type: 'order.changed' },
    cause: 'operator',
    by: operator,
    at: NOW,
  },
  GiveUpWaiting: {
    type: 'GiveUpWaiting',
    deadLetters: true,
    operation: { id: 'order-7', queue: 'orders' },
    at: NOW,
  },
  ReleaseAttempt: { type: 'ReleaseAttempt', fence: FENCE, delayMs: 1_500, at: NOW },
  ExtendLease: { type: 'ExtendLease', messageTimeoutMs: 300_000, fence: FENCE, leaseMs: 45_000, at: NOW },
  CancelMessage: { type: 'CancelMessage', by: operator, at: NOW },
  ExpireMessage: { type: 'ExpireMessage', at: NOW },
  RedriveMessage: { type: 'RedriveMessage', by: operator, at: NOW },
  PurgeMessage: { type: 'PurgeMessage', by: operator, cause: 'operator', meant: 'dead', at: NOW },
}
