// Waits until nothing is under way any more, for so long and no longer: what the end of a worker waits for.
import type { Clock } from '../ports/clock.js'

export class QuietWait {
  private waiting: Array<() => void> = []

  constructor(
    private readonly clock: Clock,
    private readonly isQuiet: () => boolean,
  ) {}

  /** To be called whenever something has ended. */
  check(): void {
    if (this.waiting.length === 0 || !this.isQuiet()) return
    for (const wake of this.waiting.splice(0)) wake()
  }

  /** False when `graceMs` ended first. */
  until(graceMs: number): Promise<boolean> {
    if (this.isQuiet()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const cancel = this.clock.after(graceMs, () => resolve(false))
      const check = (): void => {
        if (!this.isQuiet()) {
          this.waiting.push(check)
          return
        }
        cancel()
        resolve(true)
      }
      this.waiting.push(check)
    })
  }
}
