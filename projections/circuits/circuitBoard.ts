// The circuits of one partition as a fold of its stream (C6, I6): attempts that start and end, changes of circuits, and
// the adopted settings. Only circuits with something to remember have an entry, so a healthy queue pays for one look-up in
// an empty Map per event. Reading (`admits`, `decide`, `due`) changes nothing; applying the decided events does.
import {
  admitsOne,
  CIRCUIT_CLOSED,
  type CircuitEvent,
  type CircuitSettings,
  type CircuitState,
  countsAsFailure,
  decideCircuit,
  evolveCircuit,
  failuresCounted,
  isAtRest,
  noteAttemptStarted,
  noteFailure,
  noteNeutral,
  noteSuccess,
} from '../../domain/circuit/index.js'
import type { EpochMs } from '../../domain/time.js'

/** How an attempt ended, as far as circuits care; 'released' = handed back, or cancelled: no word about the place. */
export type AttemptOutcome =
  | Readonly<{ ok: true }>
  | Readonly<{ ok: false; failureType: string }>
  | 'released'

/** An operator's word outranks the machine; what is not in the record is left to it. */
export type ForcedCircuits = Readonly<Record<string, 'open' | 'closed'>>

export type CircuitView = Readonly<{
  circuit: string
  /** What counts: an operator's word, if there is one. */
  state: 'closed' | 'open' | 'halfOpen'
  forced: boolean
  /** Failures that count, while it is closed. */
  failures: number
  /** Absent while it is closed, or forced without ever having opened. */
  since?: EpochMs
  retryAt?: EpochMs
  probesRunning?: number
  probesSucceeded?: number
}>

export type CircuitBoardSnapshot = ReadonlyArray<readonly [circuit: string, state: CircuitState]>

/**
 * A zone is a place where work is done, not a customer. Circuits beyond this many at once are not watched: their
 * failures are retried as if there were no circuit breaker.
 */
export const CIRCUITS_MAX = 1_024

export class CircuitBoard {
  private readonly states = new Map<string, CircuitState>()
  private forced: ReadonlyMap<string, 'open' | 'closed'> = new Map()
  private settings: CircuitSettings | null = null

  /** Configuration and switches as the partition has adopted them; null = no circuit breaker: all is forgotten. */
  adopt(settings: CircuitSettings | null, forced: ForcedCircuits): void {
    this.settings = settings
    this.forced = new Map(Object.entries(forced))
    if (settings === null) this.states.clear()
  }

  attemptStarted(circuit: string, fence: number): void {
    const { settings } = this
    const state = this.states.get(circuit)
    if (settings === null || state === undefined) return
    this.states.set(circuit, noteAttemptStarted(state, fence, settings))
  }

  attemptEnded(circuit: string, fence: number, outcome: AttemptOutcome, at: EpochMs): void {
    const { settings } = this
    if (settings === null) return
    if (outcome === 'released') {
      const state = this.states.get(circuit)
      if (state !== undefined) this.states.set(circuit, noteNeutral(state, fence))
    } else if (outcome.ok) {
      if (!settings.adaptive && !this.states.has(circuit)) return
      this.note(circuit, settings, at, (state) => noteSuccess(state, fence, at, settings))
    } else if (countsAsFailure(settings, outcome.failureType)) {
      this.note(circuit, settings, at, (state) => noteFailure(state, fence, at, settings))
    } else {
      this.attemptEnded(circuit, fence, 'released', at)
    }
  }

  /** Keeps what there is to remember, and forgets the circuit once that is nothing. */
  private note(
    circuit: string,
    { windowMs }: CircuitSettings,
    at: EpochMs,
    noted: (state: CircuitState) => CircuitState,
  ): void {
    const known = this.states.get(circuit)
    const state = noted(known ?? CIRCUIT_CLOSED)
    if (isAtRest(state)) this.states.delete(circuit)
    else if (known !== undefined || this.hasRoom(at - windowMs)) this.states.set(circuit, state)
  }

  /** Makes room by forgetting closed circuits all of whose failures and calls are from `before` or earlier. */
  private hasRoom(before: EpochMs): boolean {
    if (this.states.size < CIRCUITS_MAX) return true
    for (const [circuit, state] of this.states) {
      if (state._tag !== 'Closed') continue
      const latest = Math.max(...state.failures, ...state.calls.map(([start]) => start))
      if (latest <= before) this.states.delete(circuit)
    }
    return this.states.size < CIRCUITS_MAX
  }

  apply(event: CircuitEvent, at: EpochMs): void {
    const state = evolveCircuit(this.states.get(event.circuit) ?? CIRCUIT_CLOSED, event, at)
    if (isAtRest(state)) this.states.delete(event.circuit)
    else this.states.set(event.circuit, state)
  }

  /** May one more attempt start? To be asked anew after each start: probes are few. */
  admits(circuit: string): boolean {
    const word = this.forced.get(circuit)
    if (word !== undefined) return word === 'closed'
    const state = this.states.get(circuit)
    return state === undefined || this.settings === null || admitsOne(state, this.settings)
  }

  /** The change that follows from what was noted; to be asked after each end of an attempt, and appended with it. */
  decide(circuit: string, at: EpochMs): ReadonlyArray<CircuitEvent> {
    const state = this.states.get(circuit)
    if (state === undefined || this.settings === null || this.forced.has(circuit)) return []
    const event = decideCircuit(circuit, state, at, this.settings)
    return event === undefined ? [] : [event]
  }

  /** Every change that is due, by now because time has passed, or because an operator left a circuit to the machine. */
  due(at: EpochMs): ReadonlyArray<CircuitEvent> {
    return [...this.states.keys()].flatMap((circuit) => this.decide(circuit, at))
  }

  /** When to ask `due`; Infinity = not before something else happens. */
  nextAt(): EpochMs {
    let next = Number.POSITIVE_INFINITY
    for (const [circuit, state] of this.states) {
      if (this.forced.has(circuit)) continue
      if (state._tag === 'Open') next = Math.min(next, state.retryAt)
      // Failed while it was forced closed: nothing more is started, so no end of an attempt would ask.
      if (state._tag === 'HalfOpen' && state.failed) next = Math.min(next, state.since)
    }
    return next
  }

  list(at: EpochMs): ReadonlyArray<CircuitView> {
    const names = new Set([...this.states.keys(), ...this.forced.keys()])
    return [...names].sort().map((circuit) => this.view(circuit, at))
  }

  private view(circuit: string, at: EpochMs): CircuitView {
    const state = this.states.get(circuit) ?? CIRCUIT_CLOSED
    const word = this.forced.get(circuit)
    const failures = this.settings === null ? 0 : failuresCounted(state, at, this.settings)
    const view = { circuit, forced: word !== undefined, failures }
    switch (state._tag) {
      case 'Closed':
        return { ...view, state: word ?? 'closed' }
      case 'Open':
        return { ...view, state: word ?? 'open', since: state.since, retryAt: state.retryAt }
      case 'HalfOpen':
        return {
          ...view,
          state: word ?? 'halfOpen',
          since: state.since,
          probesRunning: state.probes.length,
          probesSucceeded: state.successes,
        }
    }
  }

  /** What the fold remembers, as JSON; settings and switches stand in the partition's own snapshot. */
  snapshot(): CircuitBoardSnapshot {
    return [...this.states]
  }

  load(snapshot: CircuitBoardSnapshot): void {
    this.states.clear()
    for (const [circuit, state] of snapshot) this.states.set(circuit, state)
  }
}
