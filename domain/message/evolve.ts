// The readable reducer: what each event makes of a message. It is the specification of the columnar one in
// projections/messageTable (a property test holds the two equal) and it covers every pair that `decide` can produce (I8);
// any other pair is a corrupt log and fails `invariant`.
import { invariant } from '../invariant.js'
import { type EpochMs, NO_INSTANT } from '../time.js'
import type { AttemptStarted, MessageEnqueued, MessageEvent, RetryScheduled } from './events.js'
import {
  type DeadMessage,
  type FinishedMessage,
  type LeasedMessage,
  type Message,
  type MessageFacts,
  type Outcome,
  type WaitingMessage,
  wishesOf,
} from './message.js'

/** `at` is the recorded time of the event's batch. */
export const evolve = (message: Message, event: MessageEvent, at: EpochMs): Message => {
  switch (event.type) {
    case 'MessageEnqueued':
      invariant(message.tag === 'Absent', 'I8 MessageEnqueued on a message that exists')
      return enqueued(event, at)
    case 'MessageEdited':
      return {
        ...expectWaiting(message, event),
        wishes: wishesOf(event.attributes),
        priority: event.priority,
        dueAt: event.notBefore,
        expiresAt: event.expiresAt,
      }
    case 'AttemptStarted':
      return started(expectWaiting(message, event), event, at)
    case 'LeaseExtended':
      return { ...expectLeased(message, event, event.fence), leaseMs: event.leaseMs }
    case 'AttemptSucceeded':
      expectLeased(message, event, event.fence)
      return finished(event.ordinal, 'succeeded', event.fence)
    case 'AttemptFailed': {
      // Between the failure and the retry decision of the same batch the message waits, due at once.
      const leased = expectLeased(message, event, event.fence)
      return {
        ...factsOf(leased),
        tag: 'Waiting',
        dueAt: NO_INSTANT,
        inDoubt: event.ended === 'workerLost',
        failureType: event.failureType,
      }
    }
    case 'RetryScheduled':
      return retryScheduled(expectWaiting(message, event), event)
    case 'MessageDeadLettered':
      return { ...factsOf(expectWaiting(message, event)), tag: 'Dead', deadAt: at }
    case 'AttemptReleased': {
      const leased = expectLeased(message, event, event.fence)
      const attempts = leased.attempts - 1
      return {
        ...factsOf(leased),
        tag: 'Waiting',
        attempts,
        firstStartedAt: attempts === 0 ? NO_INSTANT : leased.firstStartedAt,
        dueAt: event.notBefore,
        inDoubt: leased.inDoubt,
      }
    }
    case 'MessageRedriven':
      invariant(message.tag === 'Dead', 'I8 MessageRedriven on a message that is not dead')
      return {
        ...factsOf(message),
        tag: 'Waiting',
        dueAt: at,
        inDoubt: false,
        attempts: 0,
        firstStartedAt: NO_INSTANT,
        previousDelayMs: 0,
        failureType: undefined,
        expiresAt: NO_INSTANT,
      }
    case 'MessageCancelled':
      expectWaiting(message, event)
      return finished(event.ordinal, 'cancelled', 0)
    case 'CancelRequested':
      return { ...expectLeased(message, event, event.fence), cancelRequested: { by: event.by } }
    case 'MessageExpired':
      expectWaiting(message, event)
      return finished(event.ordinal, 'expired', 0)
    case 'MessagePurged':
      invariant(
        message.tag === 'Dead' || message.tag === 'Waiting',
        'I8 MessagePurged on a message that neither waits nor is dead',
      )
      return finished(event.ordinal, 'purged', 0)
  }
}

const enqueued = (event: MessageEnqueued, at: EpochMs): WaitingMessage => ({
  tag: 'Waiting',
  ordinal: event.ordinal,
  callerId: event.callerId,
  wishes: wishesOf(event.attributes),
  priority: event.priority,
  enqueuedAt: at,
  expiresAt: event.expiresAt,
  attempts: 0,
  firstStartedAt: NO_INSTANT,
  previousDelayMs: 0,
  failureType: undefined,
  dueAt: event.notBefore,
  inDoubt: false,
})

const started = (waiting: WaitingMessage, event: AttemptStarted, at: EpochMs): LeasedMessage => ({
  ...factsOf(waiting),
  tag: 'Leased',
  attempts: waiting.attempts + 1,
  firstStartedAt: waiting.firstStartedAt === NO_INSTANT ? at : waiting.firstStartedAt,
  fence: event.fence,
  leaseMs: event.leaseMs,
  startedAt: at,
  worker: event.worker,
  inDoubt: waiting.inDoubt,
  cancelRequested: undefined,
})

const retryScheduled = (message: WaitingMessage, event: RetryScheduled): WaitingMessage => ({
  ...message,
  dueAt: event.retryAt,
  previousDelayMs: event.delayMs,
  wishes: event.gate === undefined ? message.wishes : { ...message.wishes, gate: event.gate },
})

const factsOf = (message: WaitingMessage | LeasedMessage | DeadMessage): MessageFacts => ({
  ordinal: message.ordinal,
  callerId: message.callerId,
  wishes: message.wishes,
  priority: message.priority,
  enqueuedAt: message.enqueuedAt,
  expiresAt: message.expiresAt,
  attempts: message.attempts,
  firstStartedAt: message.firstStartedAt,
  previousDelayMs: message.previousDelayMs,
  failureType: message.failureType,
})

const finished = (ordinal: number, outcome: Outcome, fence: number): FinishedMessage => ({
  tag: 'Finished',
  ordinal,
  outcome,
  fence,
})

const expectWaiting = (message: Message, event: MessageEvent): WaitingMessage => {
  invariant(message.tag === 'Waiting', `I8 ${event.type} on a message that is ${message.tag}`)
  return message
}

const expectLeased = (message: Message, event: MessageEvent, fence: number): LeasedMessage => {
  invariant(message.tag === 'Leased', `I8 ${event.type} on a message that is ${message.tag}`)
  invariant(
    message.fence === fence,
    `I3 ${event.type} carries fence ${fence}, the lease has ${message.fence}`,
  )
  return message
}
