// Circuit breakers by name for users' own code (C8): the state machine of the queue's circuits (domain/circuit), driven
// by calls instead of by the log. Time is the clock's ticks, which never jump; instants that are shown are wall time.
import {
  type CircuitEvent,
  type CircuitOptions,
  type CircuitSettings,
  circuit,
} from '../../domain/circuit/index.js'
import type { FailureType } from '../../domain/failure/index.js'
import { CircuitBoard, type CircuitView } from '../../projections/circuits/circuitBoard.js'
import { RefusedError } from '../api/errors.js'
import type { Clock } from '../ports/clock.js'
import { systemClock } from '../runtime/systemClock.js'
import { CircuitOpenError } from './errors.js'

export type BreakerState = Readonly<{
  state: CircuitView['state']
  /** By {@link CircuitBreaker.force}. */
  forced: boolean
  /** Failures in the window while it is closed. */
  failures: number
  /** Until it is tried again; only while it is open. */
  retryInMs?: number
}>
export type BreakerListener = (event: CircuitEvent) => void
/** A call that was let through. Whoever runs it says how it ended: one of the three, once. */
export type AdmittedCall = Readonly<{
  succeeded: () => void
  failed: (type: FailureType) => void
  released: () => void
}>

export type BreakerOptions = Readonly<{
  clock?: Clock
  /** For breakers that bring none of their own; default {@link CALL_CIRCUIT}. */
  settings?: CircuitOptions
  /** Told of every change of every breaker of the registry. */
  onEvent?: BreakerListener
}>

/** The queue's defaults, but every failure counts, save BUSINESS and VALIDATION: which place is meant is plain here. */
export const CALL_CIRCUIT: CircuitSettings = circuit({ failureTypes: ['*'] })

export class CircuitBreaker {
  private readonly board = new CircuitBoard()
  private readonly listeners = new Set<BreakerListener>()
  private nextFence = 1

  constructor(
    readonly name: string,
    readonly settings: CircuitSettings,
    private readonly clock: Clock,
  ) {
    this.board.adopt(settings, {})
  }

  state(): BreakerState {
    const at = this.now()
    const [view] = this.board.list(at)
    if (view === undefined) return { state: 'closed', forced: false, failures: 0 }
    const { state, forced, failures, retryAt } = view
    return {
      state,
      forced,
      failures,
      ...(state === 'open' && !forced && retryAt !== undefined && { retryInMs: retryAt - at }),
    }
  }

  /** Keeps it open or closed whatever happens; 'auto' gives it back to its own judgement. */
  force(to: 'open' | 'closed' | 'auto'): void {
    this.board.adopt(this.settings, to === 'auto' ? {} : { [this.name]: to })
    this.now()
  }

  /** Told of every change from now on, after it has happened. Answers how to stop listening. */
  onEvent(listener: BreakerListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** @throws CircuitOpenError when the call must not be made */
  enter(): AdmittedCall {
    this.now()
    if (!this.board.admits(this.name)) throw new CircuitOpenError(this.name, this.state().retryInMs)
    const fence = this.nextFence++
    this.board.attemptStarted(this.name, fence)
    return {
      succeeded: () => this.ended(fence, { ok: true }),
      failed: (failureType) => this.ended(fence, { ok: false, failureType }),
      released: () => this.ended(fence, 'released'),
    }
  }

  private ended(fence: number, outcome: Parameters<CircuitBoard['attemptEnded']>[2]): void {
    const at = this.now()
    this.board.attemptEnded(this.name, fence, outcome, at)
    this.take(this.board.decide(this.name, at), at)
  }

  /** The time, with what its passing has changed. */
  private now(): number {
    const at = Math.floor(this.clock.tickMs())
    this.take(this.board.due(at), at)
    return at
  }

  private take(events: ReadonlyArray<CircuitEvent>, at: number): void {
    for (const event of events) {
      this.board.apply(event, at)
      const told =
        event.type === 'CircuitOpened'
          ? { ...event, retryAt: this.clock.wallMs() + event.retryAt - at }
          : event
      for (const listener of [...this.listeners]) this.tell(listener, told)
    }
  }

  /** A listener that throws must not fail the call that it hears about: the error is the process's, as with EventTarget. */
  private tell(listener: BreakerListener, event: CircuitEvent): void {
    try {
      listener(event)
    } catch (error) {
      this.clock.soon(() => {
        throw error
      })
    }
  }
}

export class CircuitBreakers {
  private readonly breakers = new Map<string, CircuitBreaker>()
  private readonly clock: Clock
  private readonly settings: CircuitSettings
  private readonly onEvent: BreakerListener | undefined

  /** @throws CircuitSettingsError */
  constructor(options: BreakerOptions = {}) {
    this.clock = options.clock ?? systemClock
    this.settings = circuit(options.settings, CALL_CIRCUIT)
    this.onEvent = options.onEvent
  }

  /**
   * The breaker of this name, made at the first call.
   *
   * @throws CircuitSettingsError
   * @throws RefusedError `breaker_exists` when it was made with other settings: one of the two would not hold
   */
  breaker(name: string, settings?: CircuitOptions): CircuitBreaker {
    const known = this.breakers.get(name)
    const wanted =
      settings === undefined ? (known?.settings ?? this.settings) : circuit(settings, this.settings)
    if (known !== undefined) {
      const field = differingField(wanted, known.settings)
      if (field === undefined) return known
      throw new RefusedError('breaker_exists', `the circuit breaker "${name}" exists with another ${field}`, {
        name,
        field,
      })
    }
    const made = new CircuitBreaker(name, wanted, this.clock)
    if (this.onEvent !== undefined) made.onEvent(this.onEvent)
    this.breakers.set(name, made)
    return made
  }

  list(): ReadonlyArray<CircuitBreaker> {
    return [...this.breakers.values()]
  }
}

const differingField = (one: CircuitSettings, other: CircuitSettings): string | undefined =>
  (Object.keys(one) as Array<keyof CircuitSettings>).find(
    (field) => JSON.stringify(one[field]) !== JSON.stringify(other[field]),
  )

/** The registry of all who bring none of their own: same name, same breaker, anywhere in the process. */
export const processBreakers = new CircuitBreakers()
