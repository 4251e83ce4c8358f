// Asks whether a resource is there and sets its gate by the answer (C15): one question at a time, each with a limit, the
// next a while after the answer. A probe that never returns is not asked a second time meanwhile; its gate stays closed.
import { failureMessage } from '../../domain/failure/index.js'
import type { Gate, GateProbe, Probe, ProbeOptions, WorkerLifecycle } from '../api/types/index.js'
import type { Clock } from '../ports/clock.js'
import { errorFrom, tell } from '../runtime/tell.js'

export const PROBE_EVERY_MS = 5_000
export const PROBE_TIMEOUT_MS = 5_000

type Answer = Readonly<{ available: boolean; why: string }>

/** Counts as one of its ledger's workers: it stops with them. */
export class GateProbeRunner implements GateProbe, WorkerLifecycle {
  readonly name: string
  readonly id: string
  readonly gate: string
  private last: boolean | undefined
  private stopping = false
  private cancelTimer: (() => void) | undefined
  private round: Promise<void> | undefined
  /** Still on its way, from the last question or one before. */
  private asked: Promise<void> | undefined
  private controller = new AbortController()

  constructor(
    private readonly gateDoor: Gate,
    private readonly probe: Probe,
    private readonly clock: Clock,
    private readonly options: ProbeOptions,
  ) {
    this.gate = gateDoor.name
    this.name = `probe of gate ${this.gate}`
    this.id = this.name
    this.start()
  }

  readonly available = (): boolean | undefined => this.last
  readonly running = (): number => 0
  readonly isRunning = (): boolean => !this.stopping

  readonly start = (): void => {
    if (this.round !== undefined || this.cancelTimer !== undefined) return
    this.stopping = false
    this.begin()
  }

  readonly stop = async (): Promise<void> => {
    this.stopping = true
    this.cancelTimer?.()
    this.cancelTimer = undefined
    this.controller.abort(new Error('the probe is stopped'))
    await this.round
  }

  private begin(): void {
    this.cancelTimer = undefined
    this.round = this.runRound().then(() => {
      this.round = undefined
      if (this.stopping) return
      this.cancelTimer = this.clock.after(this.options.everyMs ?? PROBE_EVERY_MS, () => this.begin())
    })
  }

  /** Never rejects. */
  private async runRound(): Promise<void> {
    const { available, why } = await this.ask()
    if (this.stopping) return
    this.last = available
    const by = { who: 'gate probe', why }
    try {
      await (available ? this.gateDoor.open(by) : this.gateDoor.close(by))
    } catch (error) {
      tell(this.options.onError, errorFrom(error))
    }
  }

  /** Ends at the limit and when it is stopped, whatever the probe does. */
  private ask(): Promise<Answer> {
    if (this.asked !== undefined)
      return Promise.resolve({ available: false, why: 'the probe has not answered the last question yet' })
    const { timeoutMs = PROBE_TIMEOUT_MS } = this.options
    this.controller = new AbortController()
    const { signal } = this.controller
    return new Promise((resolve) => {
      const cancel = this.clock.after(timeoutMs, () => {
        resolve({ available: false, why: `the probe did not answer within ${timeoutMs} ms` })
        this.controller.abort(new Error(`no answer within ${timeoutMs} ms`))
      })
      signal.addEventListener('abort', () => resolve({ available: false, why: 'stopped' }), { once: true })
      this.asked = this.answerOf(signal).then((answer) => {
        this.asked = undefined
        cancel()
        resolve(answer)
      })
      signal.addEventListener('abort', cancel, { once: true })
    })
  }

  private async answerOf(signal: AbortSignal): Promise<Answer> {
    try {
      const available = (await this.probe(signal)) === true
      return { available, why: available ? 'the probe says yes' : 'the probe says no' }
    } catch (error) {
      return { available: false, why: `the probe failed: ${failureMessage(error)}` }
    }
  }
}
