// Writes without pause, to queues of their own, through nodes that were not struck: how long a queue took none is the time of a
// fail-over as clients see it. A probe never waits for the one before it, so a call that hangs hides nothing.
import type { Queue } from '../../../src/api/types/index.js'
import type { RemoteLedger } from '../../../src/client/connectLedger.js'
import { toldOf } from '../chaosLoad.js'
import type { Enqueue, Records } from '../chaosRecords.js'

type Taken = Readonly<{ askedAt: number; toldAt: number }>

/** Of one queue, since a strike. */
export type Pause = Readonly<{
  queue: string
  /** Until a write that was asked for afterwards was acknowledged. */
  resumedMs: number
  /** Between two acknowledgements, the strike counting as the first. */
  longestMs: number
}>

export class Probes {
  private readonly taken = new Map<string, Taken[]>()
  private readonly running = new Set<Promise<void>>()
  private through: ReadonlyArray<RemoteLedger> = []
  private timer: NodeJS.Timeout | undefined
  private asked = 0

  constructor(
    readonly queues: ReadonlyArray<string>,
    private readonly records: Records,
    private readonly everyMs: number,
  ) {}

  /** From now on through these. */
  go(through: ReadonlyArray<RemoteLedger>): void {
    this.through = through
    this.timer ??= setInterval(() => {
      for (const queue of this.queues) this.ask(queue)
    }, this.everyMs)
  }

  private ask(name: string): void {
    this.asked += 1
    const ledger = this.through[this.asked % this.through.length]
    if (ledger === undefined) return
    const running = this.write(ledger.knownQueue(name)).finally(() => this.running.delete(running))
    this.running.add(running)
  }

  private async write(queue: Queue<unknown>): Promise<void> {
    const payload = { n: this.records.number(), ms: 0, outcome: 'ack' }
    const call: Enqueue = this.records.enqueue(queue.name, { payload: JSON.stringify(payload) })
    const askedAt = performance.now()
    try {
      call.results = [await queue.enqueue(payload)]
      call.told = 'ok'
      const taken = this.taken.get(queue.name) ?? []
      taken.push({ askedAt, toldAt: performance.now() })
      this.taken.set(queue.name, taken)
    } catch (error) {
      call.told = toldOf(error)
    }
    this.records.saw(`probe told ${call.told}`)
  }

  /** Whether every queue took a write that was asked for since then. */
  haveResumed(since: number): boolean {
    return this.queues.every((queue) => this.pauseOf(queue, since) !== undefined)
  }

  pauses(since: number): ReadonlyArray<Pause> {
    return this.queues.flatMap((queue) => this.pauseOf(queue, since) ?? [])
  }

  private pauseOf(queue: string, since: number): Pause | undefined {
    const taken = this.taken.get(queue) ?? []
    const told = taken.flatMap(({ toldAt }) => (toldAt > since ? [toldAt] : [])).sort((a, b) => a - b)
    const afterwards = taken.flatMap(({ askedAt, toldAt }) => (askedAt >= since ? [toldAt] : []))
    if (afterwards.length === 0) return undefined
    let longestMs = 0
    let last = since
    for (const at of told) {
      longestMs = Math.max(longestMs, at - last)
      last = at
    }
    return { queue, resumedMs: Math.min(...afterwards) - since, longestMs }
  }

  /** Forgets what was measured. */
  forget(): void {
    this.taken.clear()
  }

  /** Resolves when every answer is there. */
  async stop(): Promise<void> {
    clearInterval(this.timer)
    this.timer = undefined
    await Promise.all([...this.running])
  }
}
