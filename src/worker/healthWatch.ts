// Asks a health probe again and again (D11). One that throws, answers `false`, or does not answer in time, is sick until a
// later check says otherwise.
import { failureMessage } from '../../domain/failure/index.js'
import type { HealthProbe } from '../api/types/index.js'
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'

const EVERY_MS = 10_000
const TIMEOUT_MS = 5_000

const isDuration = (ms: number): boolean => Number.isInteger(ms) && ms >= 1 && ms <= TIMER_MS_MAX

export class HealthWatch {
  isSick = false
  why: string | undefined
  checkedAtMs: number | undefined
  private readonly everyMs: number
  private readonly timeoutMs: number
  /** Counts checks: the answer of one that was given up, or stopped, comes too late. */
  private turn = 0
  private cancelTimer: (() => void) | undefined
  private current: AbortController | undefined

  /** @throws RangeError on a duration that is none. */
  constructor(
    name: string,
    private readonly probe: HealthProbe,
    private readonly clock: Clock,
    /** After each check; `isNews` = it is the first, or says otherwise than the one before. */
    private readonly onChecked: (isNews: boolean) => void,
  ) {
    this.everyMs = probe.everyMs ?? EVERY_MS
    this.timeoutMs = probe.timeoutMs ?? TIMEOUT_MS
    if (typeof probe.check !== 'function' || !isDuration(this.everyMs) || !isDuration(this.timeoutMs))
      throw new RangeError(`processor ${name}: health is a check, with everyMs and timeoutMs from 1`)
  }

  start(): void {
    this.stop()
    this.check()
  }

  stop(): void {
    this.turn++
    this.cancelTimer?.()
    this.cancelTimer = undefined
    this.current?.abort(new Error('the worker is stopping'))
    this.current = undefined
  }

  private check(): void {
    const turn = ++this.turn
    const controller = new AbortController()
    this.current = controller
    this.cancelTimer = this.clock.after(this.timeoutMs, () => {
      if (turn !== this.turn) return
      const error = new DOMException(`no answer within ${this.timeoutMs} ms`, 'TimeoutError')
      this.ended(error.message)
      controller.abort(error)
    })
    // Started in a promise: a probe that throws at once is sick like any other.
    Promise.resolve()
      .then(() => this.probe.check(controller.signal))
      .then(
        (answer) =>
          turn === this.turn && this.ended(answer === false ? 'the check answered false' : undefined),
        (error: unknown) => turn === this.turn && this.ended(failureMessage(error)),
      )
  }

  private ended(why: string | undefined): void {
    this.turn++
    this.current = undefined
    this.cancelTimer?.()
    this.cancelTimer = this.clock.after(this.everyMs, () => this.check())
    const isNews = this.checkedAtMs === undefined || this.isSick !== (why !== undefined)
    this.checkedAtMs = this.clock.wallMs()
    this.isSick = why !== undefined
    this.why = why
    this.onChecked(isNews)
  }
}
