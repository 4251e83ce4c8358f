// One run of a handler: its signal, its deadline, and what its end means for the log. The AbortController is made only
// when a handler asks for the signal: making one costs more than the rest of a short job.
import { isLeft } from 'fp-ts/lib/Either.js'
import { type FailureType, failureMessage, isFailureType } from '../../domain/failure/index.js'
import { type FollowUp, SYSTEM_FAILURE } from '../../domain/message/index.js'
import { DURATION_MS_MAX } from '../../domain/queue/index.js'
import type { FollowUpRequest } from '../api/types/followUps.js'
import { acceptFollowUps } from '../door/followUps.js'
import type { Settlement } from '../engine/requests.js'

export type LeaseName = Readonly<{ ordinal: number; fence: number }>

/** Results larger than this are not kept (A10), in characters of JSON. */
export const RESULT_CHARS_MAX = 16_384

/** Registered: a handler may come from another copy of this package. */
const OUTCOME: unique symbol = Symbol.for('ledgerq.outcome') as never
type WishedOutcome = Readonly<{
  [OUTCOME]: true
  wish: 'release' | 'fail' | 'reconciled' | 'complete'
  delayMs: number | undefined
  failureType: FailureType | undefined
  message: string
  retryable: boolean
  result?: unknown
  followUps?: ReadonlyArray<FollowUp> | undefined
}>

const checkedDelay = (delayMs: number | undefined): number | undefined => {
  if (delayMs === undefined || (Number.isInteger(delayMs) && delayMs >= 0 && delayMs <= DURATION_MS_MAX))
    return delayMs
  throw new RangeError(`delayMs: accepted is a whole number of milliseconds from 0 to ${DURATION_MS_MAX}`)
}

/** Return it from a handler to hand the message back without counting the attempt. @throws RangeError */
export const release = (options: { delayMs?: number } = {}): unknown =>
  ({
    [OUTCOME]: true,
    wish: 'release',
    delayMs: checkedDelay(options.delayMs),
    failureType: undefined,
    message: '',
    retryable: true,
  }) satisfies WishedOutcome

/**
 * Return it from a handler to fail the attempt with a type of failure, without throwing. `retryAfterMs`: another name for
 * `delayMs`, as other services call it. @throws RangeError
 */
export const fail = (options: {
  type: FailureType
  message?: string
  retryable?: boolean
  delayMs?: number
  retryAfterMs?: number
}): unknown =>
  ({
    [OUTCOME]: true,
    wish: 'fail',
    delayMs: checkedDelay(options.delayMs ?? options.retryAfterMs),
    failureType: options.type,
    message: options.message ?? '',
    retryable: options.retryable ?? true,
  }) satisfies WishedOutcome

/**
 * Return it from a handler to succeed with follow-ups: messages that are recorded with the success, and enqueued after it,
 * whatever happens in between (C9). @throws RangeError when one of them would be refused
 */
export const complete = (
  result?: unknown,
  options: { followUps?: ReadonlyArray<FollowUpRequest> } = {},
): unknown => {
  const followUps = acceptFollowUps(options.followUps)
  if (isLeft(followUps)) throw new RangeError(`${followUps.left.field}: ${followUps.left.problem}`)
  return {
    [OUTCOME]: true,
    wish: 'complete',
    delayMs: undefined,
    failureType: undefined,
    message: '',
    retryable: true,
    result,
    followUps: followUps.right,
  } satisfies WishedOutcome
}

/** What ends an attempt whose effect is known to have happened already (C5). */
export const reconciledWith = (result: unknown): unknown =>
  ({
    [OUTCOME]: true,
    wish: 'reconciled',
    delayMs: undefined,
    failureType: undefined,
    message: '',
    retryable: true,
    result,
  }) satisfies WishedOutcome

/** Nothing that the business said: the message cannot be handled here, and no retry will help (C3). */
export class SystemError extends Error {
  readonly failureType = SYSTEM_FAILURE
  readonly retryable = false
}

/** A payload that does not fit the queue's codec any more, found when the handler reads it. */
export class UndecodablePayload extends SystemError {
  override readonly name = 'UndecodablePayload'
}

/** Why the signal of a handler fires whose message somebody wants cancelled (A11). */
export class CancelledError extends Error {
  override readonly name = 'CancelledError'
  readonly failureType: FailureType = 'CANCELLED'
  constructor() {
    super('the message is to be cancelled')
  }
}

/** What a handler reported without throwing, as failure handlers see it. */
class ReportedFailure extends Error {
  override readonly name = 'ReportedFailure'
  constructor(
    readonly failureType: FailureType,
    message: string,
    readonly retryable: boolean,
  ) {
    super(message)
  }
}

const RETURNED_FALSE = 'the handler returned false'

const typeOfWish = ({ failureType }: WishedOutcome): FailureType =>
  isFailureType(failureType) ? failureType : 'UNKNOWN'

/** The failure that a handler's answer means; undefined when it means none. */
export const failureReportedBy = (value: unknown): ReportedFailure | undefined => {
  if (value === false) return new ReportedFailure('UNKNOWN', RETURNED_FALSE, true)
  if (typeof value !== 'object' || value === null || !(OUTCOME in value)) return undefined
  const wish = value as WishedOutcome
  return wish.wish === 'fail'
    ? new ReportedFailure(typeOfWish(wish), wish.message, wish.retryable)
    : undefined
}

export const isWishedOutcome = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && OUTCOME in value

export const settlementOfValue = (lease: LeaseName, value: unknown): Settlement => {
  const { ordinal, fence } = lease
  if (value === undefined) return { ordinal, fence, outcome: 'ack', result: undefined }
  if (typeof value === 'object' && value !== null && OUTCOME in value) {
    const wish = value as WishedOutcome
    if (wish.wish === 'reconciled')
      return { ordinal, fence, outcome: 'ack', result: resultText(wish.result), reconciled: true }
    if (wish.wish === 'complete') {
      const { followUps } = wish
      const acked = { ordinal, fence, outcome: 'ack', result: resultText(wish.result) } as const
      return followUps === undefined ? acked : { ...acked, followUps }
    }
    if (wish.wish === 'release') return { ordinal, fence, outcome: 'release', delayMs: wish.delayMs ?? 0 }
    const { delayMs, retryable } = wish
    const message = wish.message === '' ? '' : failureMessage(wish.message)
    return { ordinal, fence, outcome: 'fail', failureType: typeOfWish(wish), message, retryable, delayMs }
  }
  if (value === false) return failed(lease, 'UNKNOWN', RETURNED_FALSE, true)
  return { ordinal, fence, outcome: 'ack', result: resultText(value) }
}

const failed = (
  { ordinal, fence }: LeaseName,
  failureType: FailureType,
  message: string,
  retryable: boolean,
): Settlement => ({ ordinal, fence, outcome: 'fail', failureType, message, retryable, delayMs: undefined })

const resultText = (value: unknown): string | undefined => {
  try {
    const text = JSON.stringify(value)
    return text !== undefined && text.length <= RESULT_CHARS_MAX ? text : undefined
  } catch {
    return undefined // Not JSON (a cycle, a bigint): the work is done all the same.
  }
}

/** A system error keeps its type whatever the user's classifier thinks of it: it is none of theirs. */
export const failureTypeOf = (error: unknown, classify: (error: unknown) => FailureType): FailureType =>
  error instanceof SystemError ? SYSTEM_FAILURE : classify(error)

export const settlementOfError = (
  lease: LeaseName,
  error: unknown,
  classify: (error: unknown) => FailureType,
): Settlement => {
  const retryable = !(
    typeof error === 'object' &&
    error !== null &&
    'retryable' in error &&
    error.retryable === false
  )
  return failed(lease, failureTypeOf(error, classify), failureMessage(error), retryable)
}

export class Attempt {
  private controller: AbortController | undefined
  private reason: Error | undefined
  /** The outcome is decided already (time limit, lost lease, hand-back): what the handler still answers is ignored. */
  settled = false
  /** The handler asked for a lease until then: heartbeats must not shorten it. */
  heldUntilTick = 0

  constructor(
    readonly partition: number,
    readonly ordinal: number,
    readonly fence: number,
    readonly attempt: number,
    readonly leaseToken: string,
    readonly deadlineTick: number,
    readonly leaseMs: number,
    readonly alone: boolean,
    readonly inDoubt: boolean,
    private readonly extendLease: (attempt: Attempt, leaseMs: number) => Promise<void>,
  ) {}

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController()
      if (this.reason !== undefined) this.controller.abort(this.reason)
    }
    return this.controller.signal
  }

  readonly extend = (leaseMs: number): Promise<void> => this.extendLease(this, leaseMs)

  abort(reason: Error): void {
    this.reason = reason
    this.controller?.abort(reason)
  }
}
