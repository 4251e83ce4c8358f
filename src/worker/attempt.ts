// One run of a handler: its signal, its deadline, and what its end means for the log. The AbortController is made only
// when a handler asks for the signal: making one costs more than the rest of a short job.
import { type FailureType, failureMessage, isFailureType } from '../../domain/failure/index.js'
import { DURATION_MS_MAX } from '../../domain/queue/index.js'
import type { Settlement } from '../engine/requests.js'

export type LeaseName = Readonly<{ ordinal: number; fence: number }>

/** Results larger than this are not kept (A10), in characters of JSON. */
export const RESULT_CHARS_MAX = 16_384

/** Registered: a handler may come from another copy of this package. */
const OUTCOME: unique symbol = Symbol.for('ledgerq.outcome') as never
type WishedOutcome = Readonly<{
  [OUTCOME]: true
  wish: 'release' | 'fail'
  delayMs: number | undefined
  failureType: FailureType | undefined
  message: string
  retryable: boolean
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

/** Return it from a handler to fail the attempt with a type of failure, without throwing. @throws RangeError */
export const fail = (options: {
  type: FailureType
  message?: string
  retryable?: boolean
  delayMs?: number
}): unknown =>
  ({
    [OUTCOME]: true,
    wish: 'fail',
    delayMs: checkedDelay(options.delayMs),
    failureType: options.type,
    message: options.message ?? '',
    retryable: options.retryable ?? true,
  }) satisfies WishedOutcome

/** A payload that does not fit the queue's codec any more, found when the handler reads it: no retry will help. */
export class UndecodablePayload extends Error {
  override readonly name = 'UndecodablePayload'
  readonly failureType = 'VALIDATION'
  readonly retryable = false
}

export const settlementOfValue = (lease: LeaseName, value: unknown): Settlement => {
  const { ordinal, fence } = lease
  if (value === undefined) return { ordinal, fence, outcome: 'ack', result: undefined }
  if (typeof value === 'object' && value !== null && OUTCOME in value) {
    const wish = value as WishedOutcome
    if (wish.wish === 'release') return { ordinal, fence, outcome: 'release', delayMs: wish.delayMs ?? 0 }
    const { delayMs, retryable } = wish
    const failureType = isFailureType(wish.failureType) ? wish.failureType : 'UNKNOWN'
    const message = wish.message === '' ? '' : failureMessage(wish.message)
    return { ordinal, fence, outcome: 'fail', failureType, message, retryable, delayMs }
  }
  return { ordinal, fence, outcome: 'ack', result: resultText(value) }
}

const resultText = (value: unknown): string | undefined => {
  try {
    const text = JSON.stringify(value)
    return text !== undefined && text.length <= RESULT_CHARS_MAX ? text : undefined
  } catch {
    return undefined // Not JSON (a cycle, a bigint): the work is done all the same.
  }
}

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
  return {
    ordinal: lease.ordinal,
    fence: lease.fence,
    outcome: 'fail',
    failureType: classify(error),
    message: failureMessage(error),
    retryable,
    delayMs: undefined,
  }
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
    readonly alone: boolean,
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
