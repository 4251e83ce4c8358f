// Which logs are guarded against a connection that does not answer (C14), and by what. A log over a network always is, unless
// that is turned off. The others are not: they live in this process, where nothing can be cut, and report their own faults;
// docs/operations.md has the price.
import { type CircuitOptions, circuit } from '../../domain/circuit/index.js'
import { DEFAULT_LOG_GUARD, guardedLog } from '../engine/guardedLog.js'
import type { Clock } from '../ports/clock.js'
import { TIMER_MS_MAX } from '../ports/clock.js'
import type { EventLog, LogCondition } from '../ports/eventLog.js'
import { systemClock } from '../runtime/systemClock.js'

export type LogGuardOptions = Readonly<{
  /** An append without an answer within this is unknown. Default 10 s. */
  appendTimeoutMs?: number
  /** A read without an answer within this has failed. Default 10 s. */
  readTimeoutMs?: number
  /** When calls are refused at once, and for how long. Default: after 5 failures within 60 s, for 5 s. */
  circuit?: CircuitOptions
}>

export type GuardOptions = Readonly<{
  /** true or settings = the log is guarded, false = it is not. Default: logs over a network are. */
  logGuard?: LogGuardOptions | boolean
}>

/** Of a node: whoever may have its queues within seconds must not take longer to try whether the log answers again. */
const NODE_GUARD: LogGuardOptions = { circuit: { openMs: 1_000 } }
const NETWORK_KINDS: ReadonlySet<string> = new Set(['eventstoredb'])

/** @throws RangeError for what is not accepted */
export const withLogGuard = (
  log: EventLog,
  options: GuardOptions & Readonly<{ clock?: Clock; cluster?: unknown }>,
): EventLog => {
  const isInCluster = options.cluster !== undefined
  const {
    logGuard = isInCluster ? NODE_GUARD : NETWORK_KINDS.has(log.condition().kind),
    clock = systemClock,
  } = options
  if (logGuard === false) return log
  const own = logGuard === true ? {} : logGuard
  return guardedLog(log, clock, {
    appendTimeoutMs: timeoutMs('appendTimeoutMs', own.appendTimeoutMs ?? DEFAULT_LOG_GUARD.appendTimeoutMs),
    readTimeoutMs: timeoutMs('readTimeoutMs', own.readTimeoutMs ?? DEFAULT_LOG_GUARD.readTimeoutMs),
    circuit: circuit(own.circuit, DEFAULT_LOG_GUARD.circuit),
  })
}

const timeoutMs = (name: string, ms: number): number => {
  if (Number.isInteger(ms) && ms >= 1 && ms <= TIMER_MS_MAX) return ms
  throw new RangeError(`logGuard.${name}: accepted is a whole number from 1 to ${TIMER_MS_MAX}`)
}

/** For health: a log that is open and does not answer is as bad as one that has stopped, and says why, or when it is tried again. */
export const reachOf = ({
  state,
  reason,
  outage,
  breaker,
}: LogCondition): Readonly<{ state: string; reason: string | undefined }> => {
  if (state === 'open' && outage !== undefined) return { state: 'unreachable', reason: outage }
  if (state !== 'open' || breaker === undefined || breaker.state === 'closed') return { state, reason }
  const next = breaker.retryInMs > 0 ? `it is tried again in ${breaker.retryInMs} ms` : 'it is being tried'
  return { state: 'unreachable', reason: next }
}
