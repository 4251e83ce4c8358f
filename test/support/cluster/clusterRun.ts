// Strikes in a row on one cluster under load, each held against what was told, and in the end everything drained and judged. Used by
// the tests and by `npm run cluster`. How long queues took no write is kept by kind of strike: reported, never asserted.
import { ClusterHouse, type HouseOptions } from './clusterHouse.js'
import type { Pause } from './probes.js'
import type { Strike, StrikeKind } from './strikes.js'
import { struck } from './striking.js'

type Mix = Readonly<{ producers: number; claimers: number; operates: boolean }>

/** One fail-over: the queue that waited longest. */
export type FailOver = Readonly<{ kind: StrikeKind; seed: number; resumedMs: number; longestMs: number }>

export class ClusterRun {
  readonly failOvers: FailOver[] = []
  /** Where a promise broke. */
  broken: Readonly<{ strike: Strike | undefined; directory: string }> | undefined
  private strike: Strike | undefined

  private constructor(
    readonly house: ClusterHouse,
    private readonly mix: Mix,
  ) {}

  static async begin(options: HouseOptions, mix: Mix): Promise<ClusterRun> {
    return new ClusterRun(await ClusterHouse.build(options), mix)
  }

  /** Throws what the strike broke; the answers stay, and `broken` names them. */
  async run(strike: Strike): Promise<FailOver> {
    this.strike = strike
    return this.watched(async () => {
      const { house } = this
      house.startWorker()
      house.load(this.mix, strike.seed)
      const pauses = await struck(house, strike)
      await Promise.all([house.unload(), house.probes.stop()])
      await house.log.checkRunning()
      const failOver = { kind: strike.kind, seed: strike.seed, ...worstOf(pauses) }
      this.failOvers.push(failOver)
      return failOver
    })
  }

  /** Heals, drains and judges. */
  async end(): Promise<void> {
    this.strike = undefined
    await this.watched(async () => {
      await this.house.drainQueues()
      await this.house.judge()
    })
    await this.house.leave({ keep: false })
  }

  /** Ends what still runs, and judges nothing. */
  leave(): Promise<void> {
    return this.house.leave({ keep: false })
  }

  private async watched<A>(work: () => Promise<A>): Promise<A> {
    try {
      return await work()
    } catch (error) {
      this.broken = { strike: this.strike, directory: this.house.directory }
      await this.house.leave({ keep: true })
      throw error
    }
  }
}

export const worstOf = (
  pauses: ReadonlyArray<Pause>,
): Readonly<{ resumedMs: number; longestMs: number }> => ({
  resumedMs: Math.max(0, ...pauses.map(({ resumedMs }) => resumedMs)),
  longestMs: Math.max(0, ...pauses.map(({ longestMs }) => longestMs)),
})

export type Spread = Readonly<{ of: number; p50: number; p99: number; max: number }>

export const spreadOf = (values: ReadonlyArray<number>): Spread => {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0)
  return { of: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}
