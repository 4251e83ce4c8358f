// What a failure means to the shell: 0 ok, 1 failed, 2 usage, 3 not found, 4 conflict.
import { CommanderError } from 'commander'
import { isLedgerqError, NotFoundError } from '../api/errors.js'
import { ConfigError } from '../config/index.js'
import { isConflict } from '../http/problem.js'

export const EXIT = { ok: 0, failed: 1, usage: 2, notFound: 3, conflict: 4 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** The command was typed wrongly, in a way that its parser cannot see. */
export class UsageError extends Error {}

/** A failure whose sentence has been said already. */
export class CommandFailed extends Error {
  constructor(
    readonly exitCode: ExitCode,
    message = '',
  ) {
    super(message)
  }
}

export const exitCodeOf = (error: unknown): ExitCode => {
  if (error instanceof CommandFailed) return error.exitCode
  // Help and version leave commander as errors with exit code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof UsageError || error instanceof ConfigError) return EXIT.usage
  if (error instanceof NotFoundError) return EXIT.notFound
  if (isLedgerqError(error)) {
    if (error.details.fault === 'DirectoryLocked' || isConflict(error.code)) return EXIT.conflict
  }
  return EXIT.failed
}
