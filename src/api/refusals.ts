// From typed refusals to what callers see: one stable code, one sentence and the facts for each. The only place where
// these codes are written down; HTTP maps them to statuses.
import type { QueueRefusal, ResizeRefusal } from '../../domain/queue/index.js'
import type { DoorRefusal } from '../door/newMessage.js'
import type { Failure, PartitionRefusal } from '../engine/replies.js'
import { AppendFailed } from '../engine/streamFold.js'
import {
  type LedgerqError,
  NotFoundError,
  RefusedError,
  UnavailableError,
  UnknownOutcomeError,
} from './errors.js'

/** Definite: nothing was asked of the node that leads it. */
type ClusterRefusal = Readonly<{
  type: 'QueueElsewhere'
  queue: string
  node: string | undefined
  address: string | undefined
}>

/** Some of its nodes could not read what would be written. */
type LevelRefusal = Readonly<{ type: 'ClusterTooOld'; level: number; needed: number }>

export type Refusal =
  | PartitionRefusal
  | QueueRefusal
  | ResizeRefusal
  | DoorRefusal
  | ClusterRefusal
  | LevelRefusal

export const errorOf = (refusal: Refusal): LedgerqError => {
  const { code, message } = describeRefusal(refusal)
  const { type: _type, ...details } = refusal
  return refusal.type === 'MessageNotFound' ||
    refusal.type === 'QueueNotFound' ||
    refusal.type === 'ScheduleNotFound'
    ? new NotFoundError(code, message, details)
    : new RefusedError(code, message, details)
}

export const describeRefusal = (refusal: Refusal): { code: string; message: string } => {
  switch (refusal.type) {
    case 'Invalid':
      return { code: 'invalid', message: `${refusal.field}: ${refusal.problem}` }
    case 'QueueSettingsInvalid':
    case 'ScheduleInvalid':
      return { code: 'invalid', message: `${refusal.field}: accepted is ${refusal.accepted}` }
    case 'ScheduleNotFound':
      return { code: 'schedule_not_found', message: `there is no schedule "${refusal.name}"` }
    case 'TooManySchedules':
      return { code: 'too_many_schedules', message: `a queue has at most ${refusal.max} schedules` }
    case 'QueueNotFound':
      return { code: 'queue_not_found', message: `there is no queue "${refusal.queue}"` }
    case 'TooManyResizes':
      return { code: 'too_many_resizes', message: resizesText(refusal.max) }
    case 'ClusterTooOld':
      return { code: 'cluster_too_old', message: levelText(refusal) }
    case 'QueueElsewhere':
      return { code: 'queue_elsewhere', message: elsewhereText(refusal.queue, refusal.node, refusal.address) }
    case 'QueueExists':
      return { code: 'queue_exists', message: queueExistsText(refusal.queue, refusal.field) }
    case 'QueueNotEmpty':
      return { code: 'queue_not_empty', message: notEmptyText(refusal.queue, refusal.messages) }
    case 'QueueFull':
      return {
        code: 'queue_full',
        message: `the queue holds ${refusal.size} messages, at most ${refusal.maxSize} are accepted (maxSize)`,
      }
    case 'LoadShed':
      return { code: 'load_shed', message: loadShedText(refusal) }
    case 'Overloaded':
      return {
        code: 'overloaded',
        message: `${refusal.pending} messages are waiting to be recorded, at most ${refusal.pendingMax}; come back shortly`,
      }
    case 'BatchTooLarge':
      return {
        code: 'batch_too_large',
        message: `the batch has ${refusal.bytes} bytes for one partition, at most ${refusal.bytesMax} are accepted`,
      }
    case 'MessageNotFound':
      return { code: 'message_not_found', message: 'there is no such message, or it was forgotten' }
    case 'MessageExists':
      return { code: 'message_exists', message: 'the message exists already' }
    case 'LeaseNotHeld':
      return { code: 'lease_not_held', message: leaseNotHeldText(refusal.now, refusal.heldBy) }
    case 'MessageNotClaimable':
      return { code: 'message_not_claimable', message: `the message is ${situation(refusal.now)}` }
    case 'MessageNotCancellable':
      return {
        code: 'message_not_cancellable',
        message: `the message is ${situation(refusal.now)}; only waiting messages can be cancelled`,
      }
    case 'MessageNotCancelable':
      return { code: 'message_not_cancelable', message: 'the message was enqueued with cancelable: false' }
    case 'MessageNotEditable':
      return {
        code: 'message_not_editable',
        message: `the message is ${situation(refusal.now)}; only waiting messages can be edited`,
      }
    case 'MessageChanged':
      return { code: 'message_changed', message: 'the message has changed since it was read; read it again' }
    case 'MessageNotPurgeable':
      return {
        code: 'message_not_purgeable',
        message: `the message is ${situation(refusal.now)}; only waiting messages and dead letters can be purged`,
      }
    case 'LeaseLimitReached':
      return { code: 'lease_limit_reached', message: leaseLimitText(refusal) }
    case 'FollowUpsInvalid':
      return { code: 'invalid', message: `followUps: ${refusal.problem}` }
    case 'TooManySwitches':
      return {
        code: 'too_many_switches',
        message: `at most ${refusal.max} groups, gates or circuits of a queue can be switched off at once`,
      }
    case 'MessageNotDead':
      return {
        code: 'message_not_dead',
        message: `the message is ${situation(refusal.now)}, not a dead letter`,
      }
    case 'MessageNotExpired':
      return { code: 'message_not_expired', message: `the message is ${situation(refusal.now)}` }
  }
}

const loadShedText = ({
  size,
  maxSize,
  shedBelowPriority,
}: Extract<PartitionRefusal, { type: 'LoadShed' }>): string =>
  `the queue is under load (${size} of ${maxSize} messages): priorities below ${shedBelowPriority} are turned away for now (shedAbovePercent)`

const leaseLimitText = ({
  heldMs,
  messageTimeoutMs,
}: Extract<PartitionRefusal, { type: 'LeaseLimitReached' }>): string =>
  `the attempt has held its lease for ${heldMs} ms, at most ${messageTimeoutMs} ms are granted (messageTimeoutMs)`

const resizesText = (max: number): string =>
  `a queue is resized at most ${max} times; further on a new queue takes over`

const levelText = ({ level, needed }: LevelRefusal): string =>
  `all nodes of the cluster have to understand level ${needed} for that, and it is at level ${level}: update the older ones; it rises when none of them was seen for six times the tenure (a minute, unless set)`

const elsewhereText = (queue: string, node: string | undefined, address: string | undefined): string =>
  node === undefined
    ? `no node of the cluster leads the queue "${queue}" now; come back shortly`
    : `the queue "${queue}" is led by the node ${node}: use connectLedger with ${address}, or with any node`

const notEmptyText = (queue: string, messages: number): string =>
  `the queue "${queue}" holds ${messages} messages; delete it with evenIfNotEmpty to drop them`

const queueExistsText = (queue: string, field: string): string =>
  `the queue "${queue}" exists with other settings: it was created with another ${field}; configure changes a queue`

type Situation = 'Absent' | 'Waiting' | 'Leased' | 'Dead' | 'Finished'

const situation = (now: Situation): string => {
  switch (now) {
    case 'Absent':
      return 'finished long ago, or never was'
    case 'Waiting':
      return 'waiting'
    case 'Leased':
      return 'in work'
    case 'Dead':
      return 'a dead letter'
    case 'Finished':
      return 'finished'
  }
}

const leaseNotHeldText = (now: Situation, heldBy: string | undefined): string =>
  heldBy === undefined
    ? `this lease has ended: the message is ${situation(now)}`
    : `this lease has ended: the message is in work with ${heldBy} now`

/** A failed reply as the error that the caller's promise rejects with. */
export const errorOfFailure = (failure: Failure): LedgerqError => {
  switch (failure.kind) {
    case 'refused':
      return errorOf(failure.refusal)
    case 'unavailable':
      return new UnavailableError(failure.reason)
    case 'unknown':
      return new UnknownOutcomeError(
        `${failure.reason}; repeat the call with the same id or idempotency key to be sure`,
      )
  }
}

/** For changes of the catalogue and of control streams, whose appends fail by throwing. */
export const withPublicErrors = async <A>(change: Promise<A>): Promise<A> => {
  try {
    return await change
  } catch (error) {
    throw error instanceof AppendFailed ? errorOfFailure(error.failure) : error
  }
}
