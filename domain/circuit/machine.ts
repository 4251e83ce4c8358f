// The circuit breaker as values (C6): what it remembers, how outcomes are noted, and which change follows from them or
// from the passing of time. Changes are events; notes are the fold of the attempts' own events. Time comes in as an
// argument and never goes back, so the same history gives the same state anywhere (I6, I7).
//
//   closed --enough failures--> open --retryAt has passed--> half-open --enough probes succeeded--> closed
//                                 ^----------a probe failed-------'
import type { DurationMs, EpochMs } from '../time.js'
import type { CircuitEvent, CircuitOpenReason } from './events.js'
import type { CircuitSettings } from './settings.js'

type CallSlice = readonly [startAt: EpochMs, calls: number]

export type ClosedCircuit = Readonly<{
  _tag: 'Closed'
  /** When failures that count came, oldest first; those that have left the window go with the next note. */
  failures: ReadonlyArray<EpochMs>
  /** Calls per slice of the window; kept only while the settings are adaptive. */
  calls: ReadonlyArray<CallSlice>
}>
export type OpenCircuit = Readonly<{
  _tag: 'Open'
  since: EpochMs
  retryAt: EpochMs
  reason: CircuitOpenReason
}>
export type HalfOpenCircuit = Readonly<{
  _tag: 'HalfOpen'
  since: EpochMs
  /** How long it had been open: the next opening is not shorter. */
  openForMs: DurationMs
  /** Fences of the attempts that were started as probes and still run. */
  probes: ReadonlyArray<number>
  successes: number
  /** A probe failed: the decision to open again is due. */
  failed: boolean
}>
/** Plain JSON, as it stands in snapshots. */
export type CircuitState = ClosedCircuit | OpenCircuit | HalfOpenCircuit

export const CIRCUIT_CLOSED: ClosedCircuit = Object.freeze({ _tag: 'Closed', failures: [], calls: [] })

/** Messages that name no zone share one circuit. */
export const UNNAMED_CIRCUIT = 'default'
export const circuitOf = (zone: string | undefined): string => zone ?? UNNAMED_CIRCUIT

/** Slices in which calls are counted, instead of one entry per call. A slice leaves the window as a whole. */
const CALL_SLICES = 10
/** The share rule needs so many failures at least: one failed call of two says little. */
const SHARE_FAILURES_MIN = 3
const FAILURE_SHARE = 0.5

/** What is in the window: all but the oldest, which are at the front. Mostly all of it, and then nothing is copied. */
const withoutOldest = <A>(entries: ReadonlyArray<A>, isGone: (entry: A) => boolean): ReadonlyArray<A> => {
  const first = entries.findIndex((entry) => !isGone(entry))
  if (first === 0) return entries
  return first < 0 ? [] : entries.slice(first)
}

/** A failure counts for `windowMs`; at the end of them it has just left. */
const failuresInWindow = (state: ClosedCircuit, at: EpochMs, windowMs: DurationMs): ReadonlyArray<EpochMs> =>
  withoutOldest(state.failures, (failedAt) => failedAt <= at - windowMs)

const callsInWindow = (
  { calls }: ClosedCircuit,
  at: EpochMs,
  settings: CircuitSettings,
): ReadonlyArray<CallSlice> => {
  const goneUpTo = at - settings.windowMs - sliceLengthMs(settings)
  return withoutOldest(calls, ([startAt]) => startAt <= goneUpTo)
}
const sliceLengthMs = ({ windowMs }: CircuitSettings): DurationMs => Math.ceil(windowMs / CALL_SLICES)

const withOneCall = (
  state: ClosedCircuit,
  at: EpochMs,
  settings: CircuitSettings,
): ReadonlyArray<CallSlice> => {
  if (!settings.adaptive) return []
  const kept = callsInWindow(state, at, settings)
  const startAt = at - (at % sliceLengthMs(settings))
  const last = kept.at(-1)
  // Later, when the window was made longer meanwhile; then the call goes to the last slice there is.
  if (last === undefined || last[0] < startAt) return [...kept, [startAt, 1]]
  return kept.with(-1, [last[0], last[1] + 1])
}

/**
 * How many failures in the window open the circuit: `failureThreshold`; adaptive, with `calls` as the calls that ended
 * in the window (successes, and failures that count),
 *
 *     min(failureThreshold, max(3, half of calls, rounded up))
 *
 * so that a quiet place that fails half of the time is found before it has failed `failureThreshold` times.
 */
const failuresToOpen = (settings: CircuitSettings, calls: number): number =>
  settings.adaptive
    ? Math.min(settings.failureThreshold, Math.max(SHARE_FAILURES_MIN, Math.ceil(calls * FAILURE_SHARE)))
    : settings.failureThreshold

/** Failures that count towards an opening at this time. */
export const failuresCounted = (state: CircuitState, at: EpochMs, { windowMs }: CircuitSettings): number =>
  state._tag === 'Closed' ? failuresInWindow(state, at, windowMs).length : 0

/** May one more attempt start? */
export const admitsOne = (state: CircuitState, settings: CircuitSettings): boolean => {
  switch (state._tag) {
    case 'Closed':
      return true
    case 'Open':
      return false
    case 'HalfOpen':
      return !state.failed && state.probes.length < settings.probesMax
  }
}

/** Only what starts while the circuit is half-open is a probe; what an operator lets in beyond that is none. */
export const noteAttemptStarted = (
  state: CircuitState,
  fence: number,
  settings: CircuitSettings,
): CircuitState =>
  state._tag === 'HalfOpen' && admitsOne(state, settings)
    ? { ...state, probes: [...state.probes, fence] }
    : state

/** Outcomes while open, and of attempts that are no probes, come from before the opening and say nothing new. */
export const noteSuccess = (
  state: CircuitState,
  fence: number,
  at: EpochMs,
  settings: CircuitSettings,
): CircuitState => {
  switch (state._tag) {
    case 'Closed': {
      const failures = failuresInWindow(state, at, settings.windowMs)
      return { ...state, failures, calls: withOneCall(state, at, settings) }
    }
    case 'Open':
      return state
    case 'HalfOpen':
      return state.probes.includes(fence)
        ? { ...withoutProbe(state, fence), successes: state.successes + 1 }
        : state
  }
}

/** A failure that counts; which ones do is {@link countsAsFailure}'s decision. */
export const noteFailure = (
  state: CircuitState,
  fence: number,
  at: EpochMs,
  settings: CircuitSettings,
): CircuitState => {
  switch (state._tag) {
    case 'Closed': {
      // The latest ones are enough to decide; more come together only while an operator keeps the circuit closed.
      const failures = [...failuresInWindow(state, at, settings.windowMs), at].slice(
        -settings.failureThreshold,
      )
      return { ...state, failures, calls: withOneCall(state, at, settings) }
    }
    case 'Open':
      return state
    case 'HalfOpen':
      return state.probes.includes(fence) ? { ...withoutProbe(state, fence), failed: true } : state
  }
}

/** An attempt ended and says nothing about the place: handed back, or failed in a way that does not count. */
export const noteNeutral = (state: CircuitState, fence: number): CircuitState =>
  state._tag === 'HalfOpen' && state.probes.includes(fence) ? withoutProbe(state, fence) : state

const withoutProbe = (state: HalfOpenCircuit, fence: number): HalfOpenCircuit => ({
  ...state,
  probes: state.probes.filter((probe) => probe !== fence),
})

/** Nothing is remembered: the same as a circuit that nobody has heard of. */
export const isAtRest = (state: CircuitState): boolean =>
  state._tag === 'Closed' && state.failures.length === 0 && state.calls.length === 0

/**
 * A change of the circuit. Each event says all, whatever was before it: the prefix of the log with the opening may be
 * cut (§4.8).
 */
export const evolveCircuit = (state: CircuitState, event: CircuitEvent, at: EpochMs): CircuitState => {
  switch (event.type) {
    case 'CircuitOpened':
      return { _tag: 'Open', since: at, retryAt: event.retryAt, reason: event.reason }
    case 'CircuitHalfOpened': {
      const openForMs = state._tag === 'Open' ? state.retryAt - state.since : 0
      return { _tag: 'HalfOpen', since: at, openForMs, probes: [], successes: 0, failed: false }
    }
    case 'CircuitClosed':
      return CIRCUIT_CLOSED
  }
}

/** The change that is due, if any: after an outcome was noted, or because time has passed. */
export const decideCircuit = (
  circuit: string,
  state: CircuitState,
  at: EpochMs,
  settings: CircuitSettings,
): CircuitEvent | undefined => {
  switch (state._tag) {
    case 'Closed': {
      const failures = failuresCounted(state, at, settings)
      // The usual case, without a look at the calls.
      if (failures < failuresToOpen(settings, 0)) return undefined
      const calls = callsInWindow(state, at, settings).reduce((sum, [, n]) => sum + n, 0)
      if (failures < failuresToOpen(settings, calls)) return undefined
      const reason = failures < settings.failureThreshold ? 'failureShare' : 'failureThreshold'
      return { type: 'CircuitOpened', circuit, reason, retryAt: at + settings.openMs }
    }
    case 'Open':
      return at >= state.retryAt ? { type: 'CircuitHalfOpened', circuit } : undefined
    case 'HalfOpen': {
      // Settings that were shortened meanwhile do not shorten an outage that is still going on.
      const retryAt = at + Math.max(settings.openMs, state.openForMs)
      if (state.failed) return { type: 'CircuitOpened', circuit, reason: 'probeFailed', retryAt }
      if (state.successes < settings.successThreshold) return undefined
      return { type: 'CircuitClosed', circuit, reason: 'probesSucceeded' }
    }
  }
}
