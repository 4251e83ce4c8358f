// Keeps the register of finished messages in step with one partition (§4.9), and knows whether it is. The register is a view:
// it may lag, and the queue does not wait for it. Who asks it waits, because a finished message that it has not seen yet
// would read like one that never was.
import type { LedgerEvent } from '../../domain/batch.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import type { FinishedRegister } from '../ports/finishedRegister.js'
import { catchUp, noteBatch } from './registerFeed.js'

/** Pauses between tries to read what the register missed (doubling). */
const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 60_000
/** How long one read waits for it; some ten million events are read in that time. */
const WAIT_MS = 10_000

export type RegisterFollowerDeps = Readonly<{ log: EventLog; register: FinishedRegister; clock: Clock }>

export class RegisterFollower {
  /** It has seen all that was in the log when this term began; until then it must not claim to cover it. */
  private isCaughtUp = false
  private catchingUp: Promise<void> = Promise.resolve()
  private failures = 0
  private cancelRetry = (): void => undefined
  private readonly stopped = new AbortController()

  constructor(
    private readonly deps: RegisterFollowerDeps,
    private readonly stream: string,
    private readonly onTrouble: (message: string) => void,
  ) {}

  /** A term begins: what others wrote, or an earlier process left unnoted, is read from the log. */
  begin(): void {
    this.cancelRetry()
    const { log, register } = this.deps
    this.isCaughtUp = false
    this.catchingUp = catchUp(log, register, this.stream, this.stopped.signal).then((reachedEnd) => {
      this.isCaughtUp = reachedEnd
      this.failures = 0
    }, this.fellBehind)
  }

  /** Only for a durable batch. */
  note(firstRevision: number, events: ReadonlyArray<LedgerEvent>): void {
    noteBatch(this.deps.register, this.stream, { firstRevision, events })
  }

  /** False = it lags, and what it does not know may have finished all the same. */
  async isReady(): Promise<boolean> {
    await this.catchingUp
    return this.isCaughtUp
  }

  /** The same for somebody who waits: false after `WAIT_MS`, too. */
  async isReadySoon(): Promise<boolean> {
    if (this.isCaughtUp) return true
    let stopWaiting = (): void => undefined
    const late = new Promise<boolean>((resolve) => {
      stopWaiting = this.deps.clock.after(WAIT_MS, () => resolve(false))
    })
    try {
      return await Promise.race([this.isReady(), late])
    } finally {
      stopWaiting()
    }
  }

  /** Never rejects: without it the next start reads more. */
  async flush(revision: number): Promise<void> {
    if (!this.isCaughtUp) return
    const { register } = this.deps
    try {
      await register.flush(this.stream, revision)
    } catch (error) {
      this.lags(error as Error)
      return
    }
    // Its file was lost meanwhile: everything is noted again, from the log.
    if (register.coveredTo(this.stream) < 0 && !this.stopped.signal.aborted) this.begin()
  }

  /** No catching up begins any more, and the one that runs ends early. */
  stop(): void {
    this.stopped.abort()
    this.cancelRetry()
  }

  async end(): Promise<void> {
    await this.catchingUp
  }

  private lags(error: Error): void {
    this.onTrouble(`the register of finished messages lags: ${error.message}`)
  }

  /** What could not be read now may be read later. */
  private readonly fellBehind = (error: Error): void => {
    this.lags(error)
    if (this.stopped.signal.aborted) return
    const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.failures++)
    this.cancelRetry = this.deps.clock.after(pauseMs, () => this.begin())
  }
}
