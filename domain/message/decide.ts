// What is answered to a command on one message: events, nothing ("already so") or a refusal. One function per command,
// one switch over the situations in each. Keeps I3 (only the live fence settles), I4 (a claim is an attempt, whatever
// ends it) and I7 (retry decisions become recorded facts).
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import { ruleFor } from '../failure/index.js'
import {
  decideRetry,
  type RetryDecision,
  type RetryPolicy,
  retriesLeft,
  wouldExceedBudget,
} from '../retry/index.js'
import { NO_INSTANT } from '../time.js'
import type {
  CancelMessage,
  EnqueueMessage,
  ExpireMessage,
  ExtendLease,
  FailAttempt,
  MessageCommand,
  PurgeMessage,
  RedriveMessage,
  ReleaseAttempt,
  StartAttempt,
  SucceedAttempt,
} from './commands.js'
import type { MessageEvent } from './events.js'
import type { LeasedMessage, Message } from './message.js'
import { leaseNotHeld, type MessageRefusal, messageNotFound } from './refusals.js'

export type MessageDecision = Either<MessageRefusal, ReadonlyArray<MessageEvent>>

const ALREADY_SO: MessageDecision = right([])

export const decide = (command: MessageCommand, message: Message): MessageDecision => {
  switch (command.type) {
    case 'EnqueueMessage':
      return enqueue(command, message)
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
  const { ordinal, callerId } = message
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
  return right([failed, afterFailure(command, message)])
}

/** The retry decision. The policy of the failure that just happened decides, so the same message may meet several. */
const afterFailure = (command: FailAttempt, message: LeasedMessage): MessageEvent => {
  const { ordinal, callerId } = message
  if (!command.retryable) return { type: 'MessageDeadLettered', ordinal, callerId, reason: 'notRetryable' }
  const policy = message.retry ?? ruleFor(command.rules, command.failureType)
  const verdict = retryVerdict(command, message, policy)
  if (verdict._tag === 'GiveUp') {
    return { type: 'MessageDeadLettered', ordinal, callerId, reason: verdict.reason }
  }
  const { delayMs } = verdict
  return { type: 'RetryScheduled', ordinal, callerId, retryAt: command.at + delayMs, delayMs }
}

const retryVerdict = (command: FailAttempt, message: LeasedMessage, policy: RetryPolicy): RetryDecision => {
  const { at, random, delayMs } = command
  const { attempts: attempt, firstStartedAt: firstAt, previousDelayMs } = message
  if (delayMs === undefined) return decideRetry(policy, { attempt, firstAt, at, random, previousDelayMs })
  // The worker chooses when, not whether: the number of retries and the time budget stay those of the policy (C2).
  if (retriesLeft(policy, attempt) === 0) return { _tag: 'GiveUp', reason: 'attemptsExhausted' }
  if (wouldExceedBudget(policy, firstAt, at, delayMs)) return { _tag: 'GiveUp', reason: 'budgetExceeded' }
  return { _tag: 'Retry', delayMs }
}

const release = (command: ReleaseAttempt, message: Message): MessageDecision => {
  if (message.tag !== 'Leased' || message.fence !== command.fence) {
    return left(leaseNotHeld(command.fence, message))
  }
  const { ordinal, callerId } = message
  const notBefore = command.delayMs === 0 ? NO_INSTANT : command.at + command.delayMs
  return right([{ type: 'AttemptReleased', ordinal, callerId, fence: command.fence, notBefore }])
}

const extend = (command: ExtendLease, message: Message): MessageDecision => {
  if (message.tag !== 'Leased' || message.fence !== command.fence) {
    return left(leaseNotHeld(command.fence, message))
  }
  const { ordinal, callerId } = message
  return right([{ type: 'LeaseExtended', ordinal, callerId, fence: command.fence, leaseMs: command.leaseMs }])
}

const cancel = (command: CancelMessage, message: Message): MessageDecision => {
  switch (message.tag) {
    case 'Absent':
      return left(messageNotFound)
    case 'Waiting':
      return right([
        { type: 'MessageCancelled', ordinal: message.ordinal, callerId: message.callerId, by: command.by },
      ])
    case 'Finished':
      return message.outcome === 'cancelled'
        ? ALREADY_SO
        : left({ type: 'MessageNotCancellable', now: message.tag })
    case 'Leased':
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
    case 'Dead':
      return right([
        { type: 'MessagePurged', ordinal: message.ordinal, callerId: message.callerId, by: command.by },
      ])
    case 'Finished':
      return message.outcome === 'purged' ? ALREADY_SO : left({ type: 'MessageNotDead', now: message.tag })
    case 'Waiting':
    case 'Leased':
      return left({ type: 'MessageNotDead', now: message.tag })
  }
}
