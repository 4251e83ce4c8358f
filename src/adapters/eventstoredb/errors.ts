// Every fault of the EventStoreDB log is built here, once, from whatever the client threw. What matters is whether an append may
// still turn up: only what the server, or the client before it sent anything, has refused for certain is definite (I1, I2).
import type { LogCorrupt, LogStopped, LogUnavailable, OutcomeUnknown } from '../../ports/eventLog.js'

/** The server, or what lies in it, is not what this log can stand on: nothing was written. */
export type LogUnusable = Readonly<{ type: 'LogUnusable'; reason: string }>
/** Nothing lies there; said only to those who look and make nothing. */
export type NoLedger = Readonly<{ type: 'NoLedger'; reason: string }>
export type OpenFault = LogUnusable | LogUnavailable

/** `refused`: for certain not done. `deleted`, `tooLarge`, `denied`: so, too. `unclear`: nobody knows. */
export type CallFault = Readonly<{
  kind: 'unclear' | 'refused' | 'denied' | 'tooLarge' | 'deleted' | 'badPosition'
  reason: string
}>

// Numbers of gRPC's status codes; its package is loaded only with the client.
const INVALID_ARGUMENT = 3
const PERMISSION_DENIED = 7
const OUT_OF_RANGE = 11
const UNKNOWN = 2
const UNAUTHENTICATED = 16

/** Said by the client before a call is sent: no connection could be made, or no node be found. */
const NOT_SENT = /^(?:\d+ \w+: )?No connection established|^Failed to discover after/
/** Said by a server that hands a request on to nobody: it starts, has too much to do, or knows no leader. */
const NOT_HANDLED = /Server Is Not Ready|Server Is Too Busy|No leader info available/i
const BAD_POSITION = /position/i

type Raised = Readonly<{
  code?: unknown
  details?: unknown
  message?: unknown
  metadata?: Readonly<{ getMap?: () => Record<string, unknown> }>
}>

/** Calls that gave no answer within their time: the timer is ours. */
export class NoAnswer extends Error {
  constructor(ms: number) {
    super(`EventStoreDB did not answer within ${ms} ms`)
  }
}

export const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

export const callFaultOf = (cause: unknown): CallFault => {
  const { code, details, message, metadata } = (
    typeof cause === 'object' && cause !== null ? cause : {}
  ) as Raised
  const text = typeof details === 'string' && details !== '' ? details : String(message ?? cause)
  const fault = (kind: CallFault['kind'], reason = text): CallFault => ({ kind, reason })
  switch (metadata?.getMap?.().exception) {
    case 'access-denied':
      return fault('denied', `EventStoreDB denies access: ${text}`)
    case 'stream-deleted':
      return fault('deleted')
    case 'maximum-append-size-exceeded':
      return fault('tooLarge')
    case 'not-leader':
      return fault('unclear', 'the node of EventStoreDB is not the leader')
  }
  if (code === PERMISSION_DENIED || code === UNAUTHENTICATED)
    return fault('denied', `EventStoreDB denies access: ${text}`)
  if (NOT_SENT.test(text)) return fault('refused', `EventStoreDB cannot be reached: ${text}`)
  if (NOT_HANDLED.test(text)) return fault('refused', `EventStoreDB refuses: ${text}`)
  const mayBePosition = code === UNKNOWN || code === INVALID_ARGUMENT || code === OUT_OF_RANGE
  if (mayBePosition && BAD_POSITION.test(text)) return fault('badPosition')
  return fault('unclear')
}

export const unavailable = (cause: unknown): LogUnavailable => ({
  type: 'LogUnavailable',
  reason: callFaultOf(cause).reason,
})
export const stopped = (reason: string): LogStopped => ({ type: 'LogStopped', reason })
export const outcomeUnknown = (reason: string): OutcomeUnknown => ({ type: 'OutcomeUnknown', reason })
export const unusable = (reason: string): LogUnusable => ({ type: 'LogUnusable', reason })

/** `offset` is the place in EventStoreDB's own log, as its tools name it; 0 = not known. */
export const corrupt = (
  stream: string,
  revision: number | undefined,
  reason: string,
  offset = 0,
): LogCorrupt => ({ type: 'LogCorrupt', file: 'EventStoreDB', offset, stream, revision, reason })

/** Thrown where a page is put together, and told as the fault it carries. */
export class ReadRefused extends Error {
  constructor(readonly fault: LogCorrupt) {
    super(fault.reason)
  }
}
