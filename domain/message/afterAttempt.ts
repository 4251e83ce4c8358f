// What follows the end of an attempt, decided with it and recorded in the same batch: another try, the dead letters, and the
// messages that tell of the end (callbacks, C9). The policy of the failure that just happened decides, so the same message may
// meet several.
import { ruleFor } from '../failure/index.js'
import {
  decideRetry,
  type RetryDecision,
  type RetryPolicy,
  retriesLeft,
  wouldExceedBudget,
} from '../retry/index.js'
import type { FailAttempt, GiveUpWaiting, Operation, SucceedAttempt } from './commands.js'
import type { CallbackTarget, DeadLetterReason, FollowUp, MessageEvent } from './events.js'
import type { LeasedMessage, MessageFacts } from './message.js'

/** Failures that say nothing about the work: no handler for it, or a payload that cannot be read (C3). */
export const SYSTEM_FAILURE = 'SYSTEM'

export const afterFailure = (command: FailAttempt, message: LeasedMessage): ReadonlyArray<MessageEvent> => {
  const { failureType } = command
  const { wishes, ordinal, callerId } = message
  const giveUp = (reason: DeadLetterReason): ReadonlyArray<MessageEvent> =>
    deadLettered(command, message, reason, { type: failureType, message: command.message })
  if (failureType === SYSTEM_FAILURE) return giveUp('systemError')
  if (wishes.guarantee === 'fireAndForget') return giveUp('singleDelivery')
  if (!command.retryable || wishes.retryable === false) return giveUp('notRetryable')
  const verdict = retryVerdict(command, message, wishes.retry ?? ruleFor(command.rules, failureType))
  if (verdict._tag === 'GiveUp') {
    // Whose attempts ended with their workers' deaths is suspected of causing them (C13).
    const poison = command.ended !== 'reported' && verdict.reason === 'attemptsExhausted'
    return giveUp(poison ? 'poison' : verdict.reason)
  }
  const { delayMs } = verdict
  const gate = Object.hasOwn(command.waitFor, failureType) ? command.waitFor[failureType] : undefined
  return [{ type: 'RetryScheduled', ordinal, callerId, retryAt: command.at + delayMs, delayMs, gate }]
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

type Failure = Readonly<{ type: string; message: string }>

/** A queue that keeps no dead letters records the death all the same, with its reason, and the purge behind it (A15, I5). */
export const deadLettered = (
  { deadLetters, operation }: Pick<FailAttempt | GiveUpWaiting, 'deadLetters' | 'operation'>,
  message: MessageFacts,
  reason: DeadLetterReason,
  failure: Failure | undefined,
): ReadonlyArray<MessageEvent> => {
  const { ordinal, callerId, wishes, attempts } = message
  const error = failure ?? { type: 'RESOURCE', message: `gate ${wishes.gate ?? ''} stayed closed` }
  const followUps = callback(
    wishes.onFailure,
    operation,
    `"attempts":${attempts},"error":${JSON.stringify(error)}`,
  )
  const dead: MessageEvent = { type: 'MessageDeadLettered', ordinal, callerId, reason, followUps }
  if (deadLetters) return [dead]
  return [dead, { type: 'MessagePurged', ordinal, callerId, by: undefined, cause: 'noDeadLetters' }]
}

/** What the handler asked for, then the callback that the sender asked for. */
export const afterSuccess = (
  { followUps, operation, result }: SucceedAttempt,
  { wishes }: LeasedMessage,
): ReadonlyArray<FollowUp> | undefined => {
  const told = callback(wishes.onSuccess, operation, `"result":${result ?? 'null'}`)
  if (told === undefined) return followUps
  return followUps === undefined ? told : [...followUps, ...told]
}

/** `outcome` is JSON text of further fields: a result goes in as it was accepted. */
const callback = (
  target: CallbackTarget | undefined,
  { id, queue }: Operation,
  outcome: string,
): ReadonlyArray<FollowUp> | undefined => {
  if (target === undefined) return undefined
  const payload = `{"operationId":${JSON.stringify(id)},"queue":${JSON.stringify(queue)},${outcome}}`
  return [{ queue: target.queue, payload, ...(target.type === undefined ? {} : { type: target.type }) }]
}
