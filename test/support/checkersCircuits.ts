// C6: the circuits of a partition told again from the log: what opens them, what may start meanwhile, and what closes them.
import type { LedgerEvent } from '../../domain/batch.js'
import type { QueueConfig } from '../../domain/queue/index.js'

/** In so many the window counts its calls (docs/circuits.md). */
const CALL_SLICES = 10

type Must = (holds: boolean, rule: string) => void
type Circuit = {
  state: 'closed' | 'open' | 'halfOpen'
  failedAt: number[]
  /** Calls that say something about the place, however they ended. */
  calledAt: number[]
  retryAt: number
  probes: Set<number>
  successes: number
  probeFailed: boolean
}

const newCircuit = (): Circuit => ({
  state: 'closed',
  failedAt: [],
  calledAt: [],
  retryAt: 0,
  probes: new Set(),
  successes: 0,
  probeFailed: false,
})

export class Circuits {
  private settings: QueueConfig['circuit'] = null
  /** By an operator's word, which outranks what is recorded here. */
  private forced: ReadonlyMap<string, string> = new Map()
  /** Forced at any time since their last own change: what they owe is said once the word is taken back. */
  private readonly owing = new Set<string>()
  private readonly circuits = new Map<string, Circuit>()
  private readonly circuitOfFence = new Map<number, string>()

  constructor(private readonly must: Must) {}

  adopted(settings: QueueConfig['circuit'], forced: Readonly<Record<string, string>>): void {
    this.settings = settings
    for (const name of this.forced.keys()) this.owing.add(name)
    this.forced = new Map(Object.entries(forced))
    for (const name of this.forced.keys()) this.owing.add(name)
    if (settings === null) this.circuits.clear()
  }

  take(event: LedgerEvent, at: number): void {
    const { settings } = this
    if ('circuit' in event && event.type !== 'CircuitForced') {
      this.must(!this.forced.has(event.circuit), `C6 ${event.type} of ${event.circuit}, which is forced`)
      this.owing.delete(event.circuit)
    }
    if (event.type === 'AttemptStarted') this.mayStart(event.zone ?? 'default', event.fence)
    if (settings === null) return
    switch (event.type) {
      case 'AttemptStarted':
        return this.started(event.zone ?? 'default', event.fence)
      case 'AttemptSucceeded':
        return this.ended(event.fence, at, 'succeeded')
      case 'AttemptReleased':
        return this.ended(event.fence, at, 'neutral')
      case 'AttemptFailed':
        return this.ended(
          event.fence,
          at,
          settings.failureTypes.includes(event.failureType) ? 'failed' : 'neutral',
        )
      case 'CircuitOpened': {
        const circuit = this.of(event.circuit)
        if (event.reason === 'probeFailed')
          this.must(circuit.probeFailed, 'C6 a probe failed when it says so')
        else {
          this.must(circuit.state === 'closed', `C6 the circuit was ${circuit.state} when it opened`)
          const failures = this.failures(circuit, at)
          this.must(failures >= this.neededToOpen(circuit, at, 0), 'C6 too few failures to open')
          const reason = failures < settings.failureThreshold ? 'failureShare' : 'failureThreshold'
          this.must(event.reason === reason, `C6 opened by ${event.reason}, not ${reason}`)
        }
        this.must(event.retryAt >= at + settings.openMs, 'C6 open for its time')
        this.circuits.set(event.circuit, { ...newCircuit(), state: 'open', retryAt: event.retryAt })
        return
      }
      case 'CircuitHalfOpened': {
        const circuit = this.of(event.circuit)
        this.must(circuit.state === 'open' && circuit.retryAt <= at, 'C6 it was tried too early')
        this.circuits.set(event.circuit, { ...newCircuit(), state: 'halfOpen' })
        return
      }
      case 'CircuitClosed': {
        const { state, successes } = this.of(event.circuit)
        const isEnough = state === 'halfOpen' && successes >= settings.successThreshold
        this.must(isEnough, `C6 closed after ${successes} probes`)
        this.circuits.delete(event.circuit)
      }
    }
  }

  /** What was due is said in the batch that made it due. */
  batchEnds(at: number): void {
    const { settings } = this
    if (settings === null) return
    for (const [name, circuit] of this.circuits) {
      if (this.owing.has(name)) continue
      const isLate = circuit.state === 'closed' && circuit.failedAt.at(-1) === at
      const needed = this.neededToOpen(circuit, at, settings.windowMs / CALL_SLICES)
      const opens = isLate && this.failures(circuit, at) >= needed
      this.must(!opens, `C6 ${name} has failed often enough to open`)
      this.must(!circuit.probeFailed, `C6 a probe of ${name} failed`)
      this.must(
        circuit.successes < settings.successThreshold,
        `C6 ${name} has succeeded often enough to close`,
      )
    }
  }

  private mayStart(name: string, fence: number): void {
    this.circuitOfFence.set(fence, name)
    this.must(this.forced.get(name) !== 'open', `C6 started though ${name} is forced open`)
  }

  private started(name: string, fence: number): void {
    const circuit = this.circuits.get(name)
    if (circuit === undefined) return
    const isForced = this.forced.has(name)
    this.must(isForced || circuit.state !== 'open', `C6 started while ${name} is open`)
    if (circuit.state !== 'halfOpen') return
    circuit.probes.add(fence)
    const probesMax = this.settings?.probesMax ?? 0
    this.must(
      this.owing.has(name) || circuit.probes.size <= probesMax,
      `C6 ${circuit.probes.size} probes of ${name}`,
    )
  }

  private ended(fence: number, at: number, how: 'succeeded' | 'failed' | 'neutral'): void {
    const name = this.circuitOfFence.get(fence) ?? 'default'
    this.circuitOfFence.delete(fence)
    if (how === 'neutral' && !this.circuits.has(name)) return
    const circuit = this.of(name)
    if (circuit.state === 'closed' && how !== 'neutral') circuit.calledAt.push(at)
    if (circuit.state === 'closed' && how === 'failed') circuit.failedAt.push(at)
    if (circuit.state !== 'halfOpen' || !circuit.probes.delete(fence)) return
    if (how === 'succeeded') circuit.successes++
    if (how === 'failed') circuit.probeFailed = true
  }

  private failures({ failedAt }: Circuit, at: number): number {
    const windowMs = this.settings?.windowMs ?? 0
    return failedAt.filter((then) => then + windowMs > at).length
  }

  /** Half of the calls, at least three, where that is less; the oldest calls count for up to a slice of the window longer. */
  private neededToOpen({ calledAt }: Circuit, at: number, longerMs: number): number {
    const { adaptive = false, failureThreshold = 0, windowMs = 0 } = this.settings ?? {}
    if (!adaptive) return failureThreshold
    const calls = calledAt.filter((then) => then + windowMs + Math.ceil(longerMs) > at).length
    return Math.min(failureThreshold, Math.max(3, Math.ceil(calls / 2)))
  }

  private of(name: string): Circuit {
    const known = this.circuits.get(name)
    if (known !== undefined) return known
    const circuit = newCircuit()
    this.circuits.set(name, circuit)
    return circuit
  }
}
