// What has happened lately, in steps of ten seconds over the last ten minutes of log time (E1): throughput, and the share
// of messages that ended well. Recorded time only, so replay gives the same numbers.
import type { EpochMs } from '../../domain/time.js'

export const RATE_COLUMNS = ['enqueued', 'started', 'succeeded', 'failed', 'deadLettered', 'expired'] as const
export type RateColumn = (typeof RATE_COLUMNS)[number]
export const RATE_ENQUEUED = 0
export const RATE_STARTED = 1
export const RATE_SUCCEEDED = 2
export const RATE_FAILED = 3
export const RATE_DEAD_LETTERED = 4
export const RATE_EXPIRED = 5

const STEP_MS = 10_000
const STEPS = 60

const WIDTH = 8

export type RatesView = Readonly<{ windowMs: number } & Record<RateColumn, number>>
export type RatesSnapshot = Readonly<{ step: number; cells: ReadonlyArray<number> }>

export class RecentRates {
  private readonly cells = new Float64Array(STEPS * WIDTH)
  /** The step that is being counted. */
  private step = 0
  private base = 0

  /** Called once for each batch, before its events. */
  moveTo(at: EpochMs): void {
    const step = Math.floor(at / STEP_MS)
    if (step === this.step) return
    const passed = Math.min(STEPS, step - this.step)
    for (let n = 1; n <= passed; n++) {
      const base = ((this.step + n) % STEPS) * WIDTH
      this.cells.fill(0, base, base + WIDTH)
    }
    this.step = step
    this.base = (step % STEPS) * WIDTH
    // After a long silence the steps between were skipped, and the one in use may be among them.
    if (passed === STEPS) this.cells.fill(0)
  }

  note(column: number): void {
    this.cells[this.base + column]!++
  }

  /** Sums over the last `windowMs`, at most ten minutes, in whole steps, the running one included. */
  view(at: EpochMs, windowMs = 60_000): RatesView {
    const last = Math.floor(at / STEP_MS)
    const steps = Math.max(1, Math.min(STEPS, Math.ceil(windowMs / STEP_MS)))
    const sums: Record<string, number> = {}
    RATE_COLUMNS.forEach((name, column) => {
      let sum = 0
      for (let step = last - steps + 1; step <= last; step++) {
        if (step <= this.step - STEPS || step > this.step) continue
        sum += this.cells[(((step % STEPS) + STEPS) % STEPS) * WIDTH + column]!
      }
      sums[name] = sum
    })
    return { windowMs: steps * STEP_MS, ...(sums as Record<RateColumn, number>) }
  }

  snapshot(): RatesSnapshot {
    return { step: this.step, cells: [...this.cells] }
  }

  load({ step, cells }: RatesSnapshot): void {
    this.step = step
    this.base = (step % STEPS) * WIDTH
    cells.forEach((count, cell) => {
      this.cells[cell] = count
    })
  }
}
