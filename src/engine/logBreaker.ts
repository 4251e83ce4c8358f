// The circuit in front of a log (C14): whether a call may go out, and what its end says about the connection. The rules are
// those of the circuits of queues (domain/circuit), on ticks instead of recorded time: nothing of it is in the log.
import {
  admitsOne,
  CIRCUIT_CLOSED,
  type CircuitSettings,
  type CircuitState,
  decideCircuit,
  evolveCircuit,
  failuresCounted,
  noteAttemptStarted,
  noteFailure,
  noteNeutral,
  noteSuccess,
} from '../../domain/circuit/index.js'
import type { Clock } from '../ports/clock.js'
import type { LogBreakerCondition } from '../ports/eventLog.js'

const NAME = 'log'

/** A call that was let out, by number. */
export type Admission = number
/** A call that did not have to be let out: it only waits for one that had been. */
export const NO_ADMISSION: Admission = 0

export class LogBreaker {
  private circuit: CircuitState = CIRCUIT_CLOSED
  private calls = 0

  constructor(
    private readonly clock: Clock,
    private readonly settings: CircuitSettings,
  ) {}

  /** Undefined = refused; {@link retryInMs} says until when. */
  admit(): Admission | undefined {
    this.decide()
    if (!admitsOne(this.circuit, this.settings)) return undefined
    this.calls += 1
    this.circuit = noteAttemptStarted(this.circuit, this.calls, this.settings)
    return this.calls
  }

  answered(call: Admission): void {
    // The usual case costs nothing.
    if (this.circuit === CIRCUIT_CLOSED) return
    this.circuit = noteSuccess(this.circuit, call, this.clock.tickMs(), this.settings)
    this.decide()
  }

  failed(call: Admission): void {
    this.circuit = noteFailure(this.circuit, call, this.clock.tickMs(), this.settings)
    this.decide()
  }

  /** It ended in a way that says nothing about the connection. */
  unclear(call: Admission): void {
    this.circuit = noteNeutral(this.circuit, call)
  }

  /** Until a call is let out again; 0 = one may be now. */
  retryInMs(): number {
    const { circuit } = this
    return circuit._tag === 'Open' ? Math.max(0, Math.ceil(circuit.retryAt - this.clock.tickMs())) : 0
  }

  get isOpen(): boolean {
    return this.circuit._tag === 'Open' && this.retryInMs() > 0
  }

  condition(): LogBreakerCondition {
    const failures = failuresCounted(this.circuit, this.clock.tickMs(), this.settings)
    const states = { Closed: 'closed', Open: 'open', HalfOpen: 'halfOpen' } as const
    return { state: states[this.circuit._tag], retryInMs: this.retryInMs(), failures }
  }

  private decide(): void {
    const at = this.clock.tickMs()
    const event = decideCircuit(NAME, this.circuit, at, this.settings)
    if (event !== undefined) this.circuit = evolveCircuit(this.circuit, event, at)
  }
}
