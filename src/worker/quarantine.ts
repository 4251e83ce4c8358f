// One at a time after a crash (§4.5): messages that were running when the process died run alone in the whole process, so
// that a poison message counts only itself out and its neighbours do not pay. Shared by all local workers of a ledger.
//   open: claim freely ──an in-doubt message is ready──> draining: no new claims ──nothing runs──> alone: one claim, one run
//   ... and again while in-doubt messages are ready; then open.

type Phase = 'open' | 'draining' | 'alone'

export class Quarantine {
  private phase: Phase = 'open'
  /** Claims that are out plus messages that run, in all workers. */
  private busy = 0
  private waiting: Array<() => void> = []
  private readonly onDraining = new Set<() => void>()

  /** May a worker claim now, and how? When not, `onChange` is called once that may have changed. */
  enter(onChange: () => void): 'freely' | 'alone' | 'not now' {
    if (this.phase === 'open') return 'freely'
    if (this.phase === 'draining' && this.busy === 0) {
      this.phase = 'alone'
      return 'alone'
    }
    this.waiting.push(onChange)
    return 'not now'
  }

  begin(count: number): void {
    this.busy += count
  }

  end(count: number): void {
    this.busy -= count
    if (this.busy === 0 && this.phase !== 'open') this.wake()
  }

  /** A claim saw that in-doubt messages are ready. */
  inDoubtReady(): void {
    if (this.phase !== 'open') return
    this.phase = 'draining'
    for (const listener of this.onDraining) listener()
  }

  /** Claims that wait for messages, of whatever queue, hold up the ones in doubt: whoever has one out is told. */
  whenDraining(listener: () => void): () => void {
    this.onDraining.add(listener)
    return () => this.onDraining.delete(listener)
  }

  /** The claim made alone, or the run that came of it, is over; `more` = others are ready. */
  aloneOver(more: boolean): void {
    this.phase = more ? 'draining' : 'open'
    this.wake()
  }

  get isOpen(): boolean {
    return this.phase === 'open'
  }

  private wake(): void {
    for (const onChange of this.waiting.splice(0)) onChange()
  }
}
