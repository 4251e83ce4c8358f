// What this node holds of what it owns: opens what it was given, ends what it was deprived of, one after the other for each unit, so
// that a queue that comes and goes is never open twice in one process.

export type UnitWork = Readonly<{
  /** Opens it. Rejects when it cannot: asked again while it is owned. */
  take: () => Promise<void>
  /** Ends it; what it holds open is closed when this resolves. */
  release: () => Promise<void>
}>

type Held = {
  readonly work: UnitWork
  isWanted: boolean
  isOpen: boolean
  /** It failed at this tick. */
  failedAt: number | undefined
  running: Promise<void> | undefined
  readonly sinceTick: number
}

export class HeldUnits {
  private readonly held = new Map<string, Held>()

  constructor(
    private readonly tickMs: () => number,
    private readonly retryMs: number,
    private readonly onFailure: (unit: string, error: unknown) => void,
  ) {}

  /** Makes what is held what is owned; the rest happens in the background. */
  want(owned: ReadonlySet<string>, workOf: (unit: string) => UnitWork): void {
    for (const [unit, held] of this.held) {
      if (owned.has(unit)) continue
      held.isWanted = false
      this.run(unit, held)
    }
    for (const unit of owned) {
      let held = this.held.get(unit)
      if (held === undefined) {
        const work = workOf(unit)
        const sinceTick = this.tickMs()
        held = { work, isWanted: true, isOpen: false, failedAt: undefined, running: undefined, sinceTick }
        this.held.set(unit, held)
      }
      held.isWanted = true
      const isPausing = held.failedAt !== undefined && this.tickMs() - held.failedAt < this.retryMs
      if (!held.isOpen && !isPausing) this.run(unit, held)
    }
  }

  /** Ends the work on one of them, though it is owned. */
  async release(unit: string): Promise<void> {
    const held = this.held.get(unit)
    if (held === undefined) return
    held.isWanted = false
    this.run(unit, held)
    await held.running
  }

  /** How long it has been held; 0 = it is not open. */
  heldMs(unit: string): number {
    const held = this.held.get(unit)
    return held?.isOpen === true ? this.tickMs() - held.sinceTick : 0
  }

  isOpen(unit: string): boolean {
    return this.held.get(unit)?.isOpen === true
  }

  get units(): ReadonlyArray<string> {
    return [...this.held.keys()]
  }

  private run(unit: string, held: Held): void {
    held.running ??= this.settle(unit, held).finally(() => {
      held.running = undefined
    })
  }

  private async settle(unit: string, held: Held): Promise<void> {
    while (held.isWanted !== held.isOpen) {
      if (held.isWanted) {
        try {
          await held.work.take()
          held.isOpen = true
          held.failedAt = undefined
        } catch (error) {
          held.failedAt = this.tickMs()
          this.onFailure(unit, error)
          // What it opened before it failed must not stay open.
          await held.work.release().catch(() => undefined)
          break
        }
      } else {
        await held.work.release().catch((error: unknown) => this.onFailure(unit, error))
        held.isOpen = false
      }
    }
    if (!held.isWanted && !held.isOpen) this.held.delete(unit)
  }
}
