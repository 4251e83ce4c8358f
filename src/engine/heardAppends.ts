// How far all appends have been heard of, in a log whose positions cannot be counted (EventStoreDB): an append in flight, or one
// of unknown outcome, may stand anywhere from where the log ended when it was begun. Below the lowest of those places nothing
// of ours is missing.

type Open = Readonly<{
  floor: number
  batchId: string
  /** A try of this very batch was not answered. */
  isLost: boolean
  /** So was one of an earlier batch, which may stand there all the same. */
  isEarlierLost: boolean
}>

export class HeardAppends {
  private readonly open = new Map<string, Open>()

  /** `durableTo`: where the log is known to reach. Answers with the place from which the append may stand. */
  begin(stream: string, batchId: string, durableTo: number): number {
    const earlier = this.open.get(stream)
    if (earlier?.batchId === batchId) return earlier.floor
    const floor = earlier?.floor ?? durableTo
    this.open.set(stream, { floor, batchId, isLost: false, isEarlierLost: earlier !== undefined })
    return floor
  }

  /** True = something of this stream may be in the log that was never told of: only reading shows it. */
  landed(stream: string): boolean {
    const open = this.open.get(stream)
    this.open.delete(stream)
    return open?.isEarlierLost === true
  }

  /** `isElsewhere`: something else stands in its place, so it will not turn up, whatever became of earlier tries. */
  refused(stream: string, isElsewhere: boolean): void {
    const open = this.open.get(stream)
    if (open !== undefined && !open.isEarlierLost && (isElsewhere || !open.isLost)) this.open.delete(stream)
  }

  lost(stream: string): void {
    const open = this.open.get(stream)
    if (open !== undefined) this.open.set(stream, { ...open, isLost: true })
  }

  lowest(durableTo: number): number {
    let lowest = durableTo
    for (const { floor } of this.open.values()) if (floor < lowest) lowest = floor
    return lowest
  }
}
