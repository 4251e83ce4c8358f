// What the combinators reject with, beside what the wrapped function itself throws (C8). Each has a stable code, and
// inside a handler each finds its failure type: TIMEOUT, RESOURCE, and that of the last cause.
import type { GiveUpReason } from '../../domain/retry/index.js'
import { LedgerqError } from '../api/errors.js'

/** The function took too long; what it does meanwhile is told to stop by its signal. */
export class TimeoutError extends LedgerqError {
  readonly failureType = 'TIMEOUT'

  constructor(readonly timeoutMs: number) {
    super('timeout', `no answer within ${timeoutMs} ms`, { timeoutMs })
  }
}

/** The function was not called: its circuit is open, or as many probes as may are running. */
export class CircuitOpenError extends LedgerqError {
  readonly failureType = 'RESOURCE'

  constructor(
    readonly circuit: string,
    /** Until it is tried again; undefined where that is up to the running probes, or to an operator. */
    readonly retryInMs: number | undefined,
  ) {
    const when = retryInMs === undefined ? '' : `; it is tried again in ${retryInMs} ms`
    super('circuit_open', `the circuit "${circuit}" lets no call through${when}`, { circuit, retryInMs })
  }
}

/** Every attempt that the policy grants has failed. */
export class RetriesExhaustedError extends LedgerqError {
  /** The last of {@link causes}. */
  override readonly cause: unknown

  constructor(
    readonly reason: GiveUpReason,
    /** What each attempt threw, the first one first. */
    readonly causes: ReadonlyArray<unknown>,
  ) {
    const why = reason === 'budgetExceeded' ? 'the time for retries is used up' : 'no retry is left'
    super('retries_exhausted', `${causes.length} attempts failed, and ${why}`, {
      reason,
      attempts: causes.length,
    })
    this.cause = causes.at(-1)
  }
}
