// What can be asked of one message. Time, fences, random numbers and the rules in force come in on the command, so that a
// decision is a function of its arguments alone.
import type { FailureRules } from '../failure/index.js'
import type { DurationMs, EpochMs } from '../time.js'
import type { Actor, AttemptEnd, EditCause, FollowUp, MessageAttributes, PurgeCause } from './events.js'

export type EnqueueMessage = Readonly<{
  type: 'EnqueueMessage'
  ordinal: number
  callerId: string | undefined
  payload: string
  priority: number
  notBefore: EpochMs
  expiresAt: EpochMs
  attributes: MessageAttributes | undefined
  at: EpochMs
}>

/** New contents for a waiting message: all of them. */
export type EditMessage = Readonly<{
  type: 'EditMessage'
  payload: string
  priority: number
  notBefore: EpochMs
  expiresAt: EpochMs
  attributes: MessageAttributes | undefined
  cause: EditCause
  by: Actor | undefined
  at: EpochMs
}>

export type StartAttempt = Readonly<{
  type: 'StartAttempt'
  /** The next value of the partition's fence counter. */
  fence: number
  leaseMs: DurationMs
  worker: string
  claimId: string | undefined
  zone: string | undefined
  at: EpochMs
}>

export type SucceedAttempt = Readonly<{
  type: 'SucceedAttempt'
  fence: number
  result: string | undefined
  followUps: ReadonlyArray<FollowUp> | undefined
  reconciled: true | undefined
  /** How a callback names this message: its public id and its queue (C9). */
  operation: Operation
  at: EpochMs
}>

export type FailAttempt = Readonly<{
  type: 'FailAttempt'
  fence: number
  failureType: string
  message: string
  ended: AttemptEnd
  /** false = to the dead letters at once, whatever the policy says. */
  retryable: boolean
  /** The worker's own wish for the delay; undefined = the policy decides. */
  delayMs: DurationMs | undefined
  /** Of the queue; the message's own retry policy wins over them. */
  rules: FailureRules
  /** Gates that failures of a type wait for, by failure type (C15). */
  waitFor: Readonly<Record<string, string>>
  /** false = a message that has failed for good is purged instead of kept (A15). */
  deadLetters: boolean
  operation: Operation
  /** In [0, 1): the only source of jitter. */
  random: number
  at: EpochMs
}>

export type Operation = Readonly<{ id: string; queue: string }>

export type ReleaseAttempt = Readonly<{
  type: 'ReleaseAttempt'
  fence: number
  delayMs: DurationMs
  at: EpochMs
}>
export type ExtendLease = Readonly<{
  type: 'ExtendLease'
  fence: number
  leaseMs: DurationMs
  /** One attempt holds its lease this long at most (A14). */
  messageTimeoutMs: DurationMs
  at: EpochMs
}>
/** Dead-letters a message that has waited for its gate longer than the queue allows (C15). */
export type GiveUpWaiting = Readonly<{
  type: 'GiveUpWaiting'
  deadLetters: boolean
  operation: Operation
  at: EpochMs
}>
export type CancelMessage = Readonly<{ type: 'CancelMessage'; by: Actor | undefined; at: EpochMs }>
export type ExpireMessage = Readonly<{ type: 'ExpireMessage'; at: EpochMs }>
export type RedriveMessage = Readonly<{ type: 'RedriveMessage'; by: Actor | undefined; at: EpochMs }>
export type PurgeMessage = Readonly<{
  type: 'PurgeMessage'
  by: Actor | undefined
  cause: PurgeCause
  /** What was meant: one in another situation is refused, as it may have changed since somebody looked. */
  meant: 'waiting' | 'dead' | 'either'
  at: EpochMs
}>

export type MessageCommand =
  | EnqueueMessage
  | EditMessage
  | StartAttempt
  | SucceedAttempt
  | FailAttempt
  | ReleaseAttempt
  | ExtendLease
  | GiveUpWaiting
  | CancelMessage
  | ExpireMessage
  | RedriveMessage
  | PurgeMessage
