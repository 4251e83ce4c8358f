// One queue per priority, highest first: what the priority and the adaptive order share. Priorities are few at any time,
// but a caller may use hundreds one after another, so bands that have run empty are swept now and then.

export type Band<Q> = { readonly priority: number; readonly queue: Q }

const SWEEP_AT = 32

export class Bands<Q extends { readonly size: number }> {
  private readonly byPriority = new Map<number, Band<Q>>()
  private sweepAt = SWEEP_AT
  /**
   * The one that was asked for last: most queues use one priority, and a look-up is a tenth of a push. None while bands are
   * swept, because that is done for one that was asked for and is not there.
   */
  private last: Band<Q> | undefined
  /** Highest priority first. */
  sorted: Array<Band<Q>> = []

  constructor(private readonly empty: () => Q) {}

  find(priority: number): Band<Q> | undefined {
    if (this.last?.priority !== priority) this.last = this.byPriority.get(priority)
    return this.last
  }

  of(priority: number): Q {
    return (this.find(priority) ?? this.add(priority)).queue
  }

  private add(priority: number): Band<Q> {
    if (this.sorted.length >= this.sweepAt) this.dropEmpty()
    const band = { priority, queue: this.empty() }
    this.byPriority.set(priority, band)
    this.sorted.push(band)
    this.sorted.sort((a, b) => b.priority - a.priority)
    return band
  }

  private dropEmpty(): void {
    this.sorted = this.sorted.filter((band) => {
      if (band.queue.size === 0) this.byPriority.delete(band.priority)
      return band.queue.size > 0
    })
    this.sweepAt = Math.max(SWEEP_AT, 2 * this.sorted.length)
  }
}
