// What a caller's promise rejects with: the three kinds of failure as classes, each with a stable code. `RefusedError`
// and `UnavailableError` are definite (nothing of the call is or will be in the log); after `UnknownOutcomeError` the
// same call with the same id or idempotency key is safe.

export type ErrorDetails = Readonly<Record<string, unknown>>

export class LedgerqError extends Error {
  constructor(
    /** Stable, for programs: `queue_full`, `lease_not_held`, … */
    readonly code: string,
    message: string,
    readonly details: ErrorDetails = {},
  ) {
    super(message)
    this.name = new.target.name
  }
}

/** The call was understood and turned down. */
export class RefusedError extends LedgerqError {}

/** The ledger cannot take the call now; it may later. */
export class UnavailableError extends LedgerqError {
  constructor(message: string, details?: ErrorDetails) {
    super('unavailable', message, details)
  }
}

/** The call may or may not have been recorded. */
export class UnknownOutcomeError extends LedgerqError {
  constructor(message: string, details?: ErrorDetails) {
    super('unknown_outcome', message, details)
  }
}

export class NotFoundError extends RefusedError {}

export const isLedgerqError = (error: unknown): error is LedgerqError => error instanceof LedgerqError
