// Circuits of the naive partition: one readable state each, folded by the rules of domain/circuit, none ever forgotten.
import {
  admitsOne,
  CIRCUIT_CLOSED,
  type CircuitEvent,
  type CircuitSettings,
  type CircuitState,
  circuitOf,
  countsAsFailure,
  DEFAULT_CIRCUIT,
  decideCircuit,
  evolveCircuit,
  isAtRest,
  noteAttemptStarted,
  noteFailure,
  noteNeutral,
  noteSuccess,
} from '../../domain/circuit/index.js'
import type { Switches } from '../../domain/queue/index.js'

type Forced = Switches['forcedCircuits']

export class ModelCircuits {
  private settings: CircuitSettings | null = DEFAULT_CIRCUIT
  private forced: Forced = {}
  private states: Record<string, CircuitState> = {}

  adopt(settings: CircuitSettings | null, forced: Forced): void {
    this.settings = settings
    this.forced = forced
    if (settings === null) this.states = {}
  }

  private change(
    zone: string | undefined,
    changed: (state: CircuitState, settings: CircuitSettings) => CircuitState,
  ): void {
    if (this.settings === null) return
    const circuit = circuitOf(zone)
    this.states[circuit] = changed(this.states[circuit] ?? CIRCUIT_CLOSED, this.settings)
  }

  started(zone: string | undefined, fence: number): void {
    this.change(zone, (state, settings) => noteAttemptStarted(state, fence, settings))
  }
  succeeded(zone: string | undefined, fence: number, at: number): void {
    this.change(zone, (state, settings) => noteSuccess(state, fence, at, settings))
  }
  failed(zone: string | undefined, fence: number, failureType: string, at: number): void {
    this.change(zone, (state, settings) =>
      countsAsFailure(settings, failureType)
        ? noteFailure(state, fence, at, settings)
        : noteNeutral(state, fence),
    )
  }
  released(zone: string | undefined, fence: number): void {
    this.change(zone, (state) => noteNeutral(state, fence))
  }
  apply(event: CircuitEvent, at: number): void {
    this.states[event.circuit] = evolveCircuit(this.states[event.circuit] ?? CIRCUIT_CLOSED, event, at)
  }

  admits(zone: string | undefined): boolean {
    const circuit = circuitOf(zone)
    const word = this.forced[circuit]
    if (word !== undefined) return word === 'closed'
    return this.settings === null || admitsOne(this.states[circuit] ?? CIRCUIT_CLOSED, this.settings)
  }

  /** Every change that is due. */
  due(at: number): ReadonlyArray<CircuitEvent> {
    return Object.entries(this.states).flatMap(([circuit, state]) => {
      if (this.forced[circuit] !== undefined) return []
      return decideCircuit(circuit, state, at, this.settings ?? DEFAULT_CIRCUIT) ?? []
    })
  }

  /** What there is to remember, by name. */
  list(): ReadonlyArray<readonly [string, CircuitState]> {
    return Object.entries(this.states)
      .filter(([, state]) => !isAtRest(state))
      .sort(([a], [b]) => (a < b ? -1 : 1))
  }
}
