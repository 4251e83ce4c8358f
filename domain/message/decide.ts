// What is answered to a command on one message: events, nothing ("already so") or a refusal. One function per command,
// one switch over the situations in each. Keeps I3 (only the live fence settles), I4 (a claim is an attempt, whatever
// ends it) and I7 (retry decisions become recorded facts).
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import { NO_INSTANT } from '../time.js'
import { afterFailure, afterSuccess, deadLettered } from './afterAttempt.js'
import type {
  CancelMessage,
  EditMessage,
  EnqueueMessage,
  ExpireMessage,
  ExtendLease,
  FailAttempt,
  GiveUpWaiting,
  MessageCommand,
  PurgeMessage,
  RedriveMessage,
  ReleaseAttempt,
  StartAttempt,
  SucceedAttempt,
} from './commands.js'
import type { Actor, MessageEvent } from './events.js'
import type { LeasedMessage, Message, MessageFacts, WaitingMessage } from './message.js'
import { leaseNotHeld, type MessageRefusal, messageNotFound } from './refusals.js'

export type MessageDecision = Either<MessageRefusal, ReadonlyArray<MessageEvent>>

const ALREADY_SO: MessageDecision = right([])

export const decide = (command: MessageCommand, message: Message): MessageDecision => {
  switch (command.type) {
    case 'EnqueueMessage':
      return enqueue(command, message)
    case 'EditMessage':
      return edit(command, message)
    case 'StartAttempt':
      return startAttempt(command, message)
    case 'SucceedAttempt':
      return succeed(command, message)
    case 'FailAttempt':
      return fail(command, message)
    case 'ReleaseAttempt':
      return release(command, message)
    case 'ExtendLease':
      return extend(command, message)
    case 'GiveUpWaiting':
      return giveUpWaiting(command, message)
    case 'CancelMessage':
      return cancel(command, message)
    case 'ExpireMessage':
      return expire(command, message)
    case 'RedriveMessage':
      return redrive(command, message)
    case 'PurgeMessage':
      return purge(command, message)
  }
}

const enqueue = (command: EnqueueMessage, message: Message): MessageDecision => {
  if (message.tag !== 'Absent') return left({ type: 'MessageExists' })
  const { ordinal, callerId, payload, priority, notBefore, expiresAt, attributes } = command
  return right([
    { type: 'MessageEnqueued', ordinal, callerId, payload, priority, notBefore, expiresAt, attributes },
  ])
}

const edit = (command: EditMessage, message: Message): MessageDecision => {
  if (message.tag === 'Absent') return left(messageNotFound)
  if (message.tag !== 'Waiting') return left({ type: 'MessageNotEditable', now: message.tag })
  const { at: _at, type: _type, ...contents } = command
  return right([{ type: 'MessageEdited', ordinal: message.ordinal, callerId: message.callerId, ...contents }])
}

const startAttempt = (command: StartAttempt, message: Message): MessageDecision => {
  switch (message.tag) {
    case 'Absent':
      return left(messageNotFound)
    case 'Waiting': {
      const expired = message.expiresAt !== NO_INSTANT && message.expiresAt <= command.at
      if (expired || message.dueAt > command.at)
        return left({ type: 'MessageNotClaimable', now: message.tag })
      return right([
        {
          type: 'AttemptStarted',
          ordinal: message.ordinal,
          callerId: message.callerId,
          attempt: message.attempts + 1,
          fence: command.fence,
          leaseMs: command.leaseMs,
          worker: command.worker,
          claimId: command.claimId,
          zone: command.zone,
        },
      ])
    }
    case 'Leased':
    case 'Dead':
    case 'Finished':
      return left({ type: 'MessageNotClaimable', now: message.tag })
  }
}

const succeed = (command: SucceedAttempt, message: Message): MessageDecision => {
  switch (message.tag) {
    case 'Leased':
      if (message.fence !== command.fence) return left(leaseNotHeld(command.fence, message))
      return right([
        {
          type: 'AttemptSucceeded',
          ordinal: message.ordinal,
          callerId: message.callerId,
          fence: command.fence,
          result: command.result,
          followUps: afterSuccess(command, message),
          reconciled: command.reconciled,
        },
      ])
    case 'Finished':
      // A repeated ack of the attempt that did succeed is the same fact (R27); any other is late.
      if (message.outcome === 'succeeded' && message.fence === command.fence) return ALREADY_SO
      return left(leaseNotHeld(command.fence, message))
    case 'Absent':
    case 'Waiting':
    case 'Dead':
      return left(leaseNotHeld(command.fence, message))
  }
}

const fail = (command: FailAttempt, message: Message): MessageDecision => {
  if (message.tag !== 'Leased' || message.fence !== command.fence) {
    return left(leaseNotHeld(command.fence, message))
  }
  const { ordinal, callerId, cancelRequested } = message
  const { fence, failureType, ended } = command
  const failed: MessageEvent = {
    type: 'AttemptFailed',
    ordinal,
    callerId,
    fence,
    failureType,
    message: command.message,
    ended,
  }
  if (cancelRequested !== undefined) return right([failed, cancelled(message, cancelRequested.by)])
  return right([failed, ...afterFailure(command, message)])
}

const release = (command: ReleaseAttempt, message: Message): MessageDecision => {
  if (message.tag !== 'Leased' || message.fence !== command.fence) {
    return left(leaseNotHeld(command.fence, message))
  }
  const { ordinal, callerId } = message
  const notBefore = command.delayMs === 0 ? NO_INSTANT : command.at + command.delayMs
  const released: MessageEvent = {
    type: 'AttemptReleased',
    ordinal,
    callerId,
    fence: command.fence,
    notBefore,
  }
  const { cancelRequested } = message
  return right(
    cancelRequested === undefined ? [released] : [released, cancelled(message, cancelRequested.by)],
  )
}

const extend = (command: ExtendLease, message: Message): MessageDecision => {
  if (message.tag !== 'Leased' || message.fence !== command.fence) {
    return left(leaseNotHeld(command.fence, message))
  }
  const { ordinal, callerId, startedAt, wishes } = message
  const messageTimeoutMs = Math.max(command.messageTimeoutMs, wishes.timeoutMs ?? 0)
  const heldMs = command.at - startedAt
  if (heldMs >= messageTimeoutMs) return left({ type: 'LeaseLimitReached', heldMs, messageTimeoutMs })
  return right([{ type: 'LeaseExtended', ordinal, callerId, fence: command.fence, leaseMs: command.leaseMs }])
}

const cancelled = (message: LeasedMessage | WaitingMessage, by: Actor | undefined): MessageEvent => ({
  type: 'MessageCancelled',
  ordinal: message.ordinal,
  callerId: message.callerId,
  by,
})

const cancel = (command: CancelMessage, message: Message): MessageDecision => {
  switch (message.tag) {
    case 'Absent':
      return left(messageNotFound)
    case 'Waiting':
      if (message.wishes.cancelable === false) return left({ type: 'MessageNotCancelable' })
      return right([cancelled(message, command.by)])
    case 'Finished':
      return message.outcome === 'cancelled'
        ? ALREADY_SO
        : left({ type: 'MessageNotCancellable', now: message.tag })
    case 'Leased': {
      if (message.wishes.cancelable === false) return left({ type: 'MessageNotCancelable' })
      if (message.cancelRequested !== undefined) return ALREADY_SO
      const { ordinal, callerId, fence } = message
      return right([{ type: 'CancelRequested', ordinal, callerId, fence, by: command.by }])
    }
    case 'Dead':
      return left({ type: 'MessageNotCancellable', now: message.tag })
  }
}

const expire = (command: ExpireMessage, message: Message): MessageDecision => {
  switch (message.tag) {
    case 'Absent':
      return left(messageNotFound)
    case 'Waiting':
      if (message.expiresAt === NO_INSTANT || message.expiresAt > command.at) {
        return left({ type: 'MessageNotExpired', now: message.tag })
      }
      return right([{ type: 'MessageExpired', ordinal: message.ordinal, callerId: message.callerId }])
    case 'Finished':
      return message.outcome === 'expired'
        ? ALREADY_SO
        : left({ type: 'MessageNotExpired', now: message.tag })
    case 'Leased': // A running attempt is not cut short: the TTL says "never start late".
    case 'Dead':
      return left({ type: 'MessageNotExpired', now: message.tag })
  }
}

const redrive = (command: RedriveMessage, message: Message): MessageDecision => {
  switch (message.tag) {
    case 'Absent':
      return left(messageNotFound)
    case 'Dead':
      return right([
        { type: 'MessageRedriven', ordinal: message.ordinal, callerId: message.callerId, by: command.by },
      ])
    case 'Waiting':
    case 'Leased':
    case 'Finished':
      return left({ type: 'MessageNotDead', now: message.tag })
  }
}

const purge = (command: PurgeMessage, message: Message): MessageDecision => {
  switch (message.tag) {
    case 'Absent':
      return left(messageNotFound)
    case 'Waiting':
      if (command.meant !== 'dead') return purged(command, message)
      break
    case 'Dead':
      if (command.meant !== 'waiting') return purged(command, message)
      break
    case 'Finished':
      if (message.outcome === 'purged') return ALREADY_SO
      break
    case 'Leased':
  }
  const type = command.meant === 'dead' ? 'MessageNotDead' : 'MessageNotPurgeable'
  return left({ type, now: message.tag })
}

const purged = ({ by, cause }: PurgeMessage, { ordinal, callerId }: MessageFacts): MessageDecision =>
  right([{ type: 'MessagePurged', ordinal, callerId, by, cause }])

const giveUpWaiting = (command: GiveUpWaiting, message: Message): MessageDecision => {
  if (message.tag === 'Absent') return left(messageNotFound)
  if (message.tag !== 'Waiting') return left({ type: 'MessageNotClaimable', now: message.tag })
  return right(deadLettered(command, message, 'waitedTooLong', undefined))
}
