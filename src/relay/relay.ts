// The relay of a ledger: tells every event of the log to the fan-out, shard by shard, in the background. Nothing waits for it, and
// nothing is held for it in memory: what is not told yet is in the log.
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import type { FanOut } from '../ports/fanOut.js'
import type { EncodeRecord } from './shardReader.js'
import { ShardRelay, type ShardState } from './shardRelay.js'

export type ShardStatus = Readonly<{
  shard: number
  state: ShardState
  /** Why it does not tell. */
  reason: string | undefined
  /** Events told since the topic began. */
  told: number
  /** Position of the log below which all of its events are told. */
  position: number
  /** Positions of the log that it has not looked at yet. 0 = it has told all there is. */
  lag: number
  /** How old the newest event is that it has looked at, while there are newer ones. */
  behindMs: number
}>

export type RelayStatus = Readonly<{
  topic: string
  shards: ReadonlyArray<ShardStatus>
}>

export type RelayDeps = Readonly<{
  topic: string
  log: EventLog
  fanOut: FanOut
  clock: Clock
  encode: EncodeRecord
  onTrouble: (message: string) => void
}>

export class Relay {
  private readonly shards: ReadonlyArray<ShardRelay>
  private forget: (() => void) | undefined

  constructor(private readonly deps: RelayDeps) {
    this.shards = Array.from({ length: deps.fanOut.shards }, (_, shard) => new ShardRelay(deps, shard))
  }

  start(): void {
    this.forget = this.deps.log.onAppended(() => {
      for (const shard of this.shards) shard.nudge()
    })
    for (const shard of this.shards) shard.start()
  }

  /** Ends what is being told; the rest is told after the next start. */
  async stop(): Promise<void> {
    this.forget?.()
    await Promise.all(this.shards.map((shard) => shard.stop()))
    await this.deps.fanOut.close()
  }

  status(): RelayStatus {
    const { topic, log, clock } = this.deps
    const { nextPosition } = log.condition()
    const shards = this.shards.map((shard): ShardStatus => {
      const lag = Math.max(0, nextPosition - shard.toldTo)
      const { seenAtMs } = shard
      const behindMs = lag === 0 || seenAtMs === undefined ? 0 : Math.max(0, clock.wallMs() - seenAtMs)
      const { state, reason, committed } = shard
      return {
        shard: shard.shard,
        state,
        reason,
        told: committed.told,
        position: shard.toldTo,
        lag,
        behindMs,
      }
    })
    return { topic, shards }
  }
}
