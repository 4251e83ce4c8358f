// Many cycles in a row: a new directory every so many, what happened counted over all, and at the end each fault and each rare
// state must have happened often enough, or the cycles prove nothing. Used by the test and by `npm run chaos`.
import { type Mix, mixOf } from './chaosMix.js'
import { House, NO_SMALL_DISK } from './chaosRun.js'

/** Logs stay small, so that looking at all of one stays cheap. */
const CYCLES_PER_DIRECTORY = 25

/** Below so many cycles chance decides what happens, and nothing is demanded of the counts. */
export const COUNTED_FROM_CYCLES = 200
export const SEEN_MIN = 3

const DISK_FULL = 'disk full'

/** By the names under which a house counts them. */
export const SOMETIMES = [
  'killed',
  'failpoint',
  'told to end',
  'frozen',
  'uncaught exception',
  'unhandled rejection',
  'heap exhausted',
  DISK_FULL,
  'worker killed',
  'worker frozen',
  'second process refused',
  'told ok',
  'told unknown',
  'told definite',
  'repeated enqueue: it was there',
  'repeated enqueue: it was not there',
  'repeated claim: the same messages again',
  'late settlement refused',
  'attempt ended: leaseExpired',
  'attempt ended: workerLost',
  'dead of poison',
  'a torn tail was cut',
  'recovered twice',
  'follow-up',
  'drained',
  'MessageEdited',
  'MessageExpired',
  'MessageCancelled',
  'CancelRequested',
  'MessageRedriven',
  'MessagePurged',
  'MessageDeadLettered',
  'RetryScheduled',
  'AttemptReleased',
  'LeaseExtended',
  'CapacityReached',
] as const

export class ChaosCycles {
  cycles = 0
  events = 0
  readonly seen = new Map<string, number>()
  /** Where a promise broke. */
  broken: Readonly<{ cycle: number; mix: Mix; directory: string }> | undefined
  private readonly tookMs = new Map<string, number[]>()
  private house: House | undefined
  private inHouse = 0
  private last = 0

  /** Throws what the cycle broke; the directory stays, and `broken` names it. */
  async run(cycle: number): Promise<void> {
    this.house ??= await House.build(cycle)
    const { house } = this
    await this.watched(cycle, house, () => house.cycle(cycle))
    this.cycles += 1
    this.last = cycle
    this.inHouse += 1
    if (this.inHouse >= CYCLES_PER_DIRECTORY) await this.end()
  }

  /** Heals and drains the directory in use. */
  async end(): Promise<void> {
    const { house, last: cycle } = this
    if (house === undefined) return
    await this.watched(cycle, house, () => house.drain())
    this.count(house)
    await house.leave({ keep: false })
    this.house = undefined
    this.inHouse = 0
  }

  /** Ends what still runs, and judges nothing. */
  async leave(): Promise<void> {
    await this.house?.leave({ keep: true })
    this.house = undefined
  }

  private async watched(cycle: number, house: House, work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.house = undefined
      const directory = (await house.leave({ keep: true })) ?? house.directory
      this.broken = { cycle, mix: mixOf(cycle), directory }
      throw error
    }
  }

  private count({ events, records }: House): void {
    this.events += events
    for (const [what, times] of records.seen) this.seen.set(what, (this.seen.get(what) ?? 0) + times)
    for (const [what, ms] of records.tookMs) this.tookMs.set(what, [...(this.tookMs.get(what) ?? []), ...ms])
  }

  /** So far, the directory in use included. */
  timesSeen(what: string): number {
    return (this.seen.get(what) ?? 0) + (this.house?.records.seen.get(what) ?? 0)
  }

  /** What happened too seldom, with how often; empty as long as the cycles are too few to say. */
  vacuous(): ReadonlyArray<string> {
    if (this.cycles < COUNTED_FROM_CYCLES) return []
    const isPossible = (what: string): boolean => what !== DISK_FULL || !this.seen.has(NO_SMALL_DISK)
    return SOMETIMES.filter(isPossible)
      .filter((what) => (this.seen.get(what) ?? 0) < SEEN_MIN)
      .map((what) => `${what}: ${this.seen.get(what) ?? 0}`)
  }

  /** Reported, never asserted: they are those of a machine that does other things, too. */
  durations(): ReadonlyArray<string> {
    return [...this.tookMs].map(([what, ms]) => {
      const sorted = ms.toSorted((a, b) => a - b)
      const at = (share: number): string =>
        Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toString()
      return `${what}: ${at(0.5)} ms median, ${at(0.99)} p99, ${at(1)} at most, of ${ms.length}`
    })
  }
}
