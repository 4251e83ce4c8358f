// Has the next segment ready before it is needed, so that no commit waits for 64 MiB of zeros. Each step of filling it makes
// the commits beside it slower (p99 3.5 ms instead of 0.9), so it goes on only as fast as the current segment fills up, and
// is done when that is a quarter full. Where there is no room for it, it tries again and again: the log serves what fits
// the segment it has, and is back to normal when space is (R07).
import { reasonOf } from './errors.js'
import type { Machine } from './machine.js'
import type { Pace } from './segments.js'

const RETRY_MS = 1_000
/** How much faster than the current segment the next one may fill. */
const LEAD = 4

export type SupplyState = 'preparing' | 'ready' | 'failed'

export class SegmentSupply {
  state: SupplyState = 'preparing'
  /** Why the last try failed. */
  reason: string | undefined
  private cancelRetry = (): void => {}
  private running: Promise<void> = Promise.resolve()
  private closed = false
  private used = 0
  private waiting: Readonly<{ done: number; goOn: () => void }> | undefined

  constructor(
    private readonly prepare: (segment: number, pace: Pace) => Promise<void>,
    private readonly onChange: () => void,
    private readonly after: Machine['after'],
  ) {}

  startReady(): void {
    this.state = 'ready'
  }

  /** Prepares that segment from now on; `used` is how full the one before it is, from 0 to 1. */
  start(segment: number, used: number): void {
    this.state = 'preparing'
    this.used = used
    this.running = this.tryOnce(segment)
  }

  /** The current segment is so full now. */
  consumed(used: number): void {
    this.used = used
    if (this.waiting !== undefined && this.mayFill(this.waiting.done)) this.waiting.goOn()
  }

  async close(): Promise<void> {
    this.closed = true
    this.cancelRetry()
    this.waiting?.goOn()
    await this.running
  }

  private mayFill(done: number): boolean {
    return done <= this.used * LEAD
  }

  private async pace(done: number): Promise<void> {
    if (!this.closed && !this.mayFill(done)) {
      await new Promise<void>((goOn) => {
        this.waiting = { done, goOn }
      })
      this.waiting = undefined
    }
    if (this.closed) throw new Error('the log is closed')
  }

  private async tryOnce(segment: number): Promise<void> {
    try {
      await this.prepare(segment, (done) => this.pace(done))
      this.state = 'ready'
      this.reason = undefined
    } catch (cause) {
      this.state = 'failed'
      this.reason = `no room for the next segment: ${reasonOf(cause)}`
    }
    if (this.closed) return
    if (this.state === 'failed') {
      this.cancelRetry = this.after(RETRY_MS, () => {
        this.running = this.tryOnce(segment)
      })
    }
    this.onChange()
  }
}
