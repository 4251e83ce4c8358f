// Every fault of the embedded log is built here, once, from whatever was thrown.
import type { LogCorrupt, LogStopped, LogUnavailable, OutcomeUnknown } from '../../ports/eventLog.js'

/** Another process, or another `openEmbeddedLog` of this one, holds the directory. */
export type DirectoryLocked = Readonly<{ type: 'DirectoryLocked'; directory: string; reason: string }>
/** Not a ledger, or one of a format that this version does not read: nothing in it was changed. */
export type ForeignDirectory = Readonly<{ type: 'ForeignDirectory'; directory: string; reason: string }>

export type OpenFault = LogCorrupt | DirectoryLocked | ForeignDirectory | LogUnavailable

export const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

export const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined

export const unavailable = (cause: unknown): LogUnavailable => ({
  type: 'LogUnavailable',
  reason: reasonOf(cause),
})
export const stopped = (reason: string): LogStopped => ({ type: 'LogStopped', reason })
export const outcomeUnknown = (reason: string): OutcomeUnknown => ({ type: 'OutcomeUnknown', reason })

export const corrupt = (
  file: string,
  offset: number,
  reason: string,
  where: Readonly<{ stream: string | undefined; revision: number | undefined }> = {
    stream: undefined,
    revision: undefined,
  },
): LogCorrupt => ({
  type: 'LogCorrupt',
  file,
  offset,
  stream: where.stream,
  revision: where.revision,
  reason,
})
