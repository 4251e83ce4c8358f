// The relay of a ledger: tells every event of the log to the fan-out, shard by shard, in the background. Nothing waits for it, and
// nothing is held for it in memory: what is not told yet is in the log.
import { isLeft } from 'fp-ts/lib/Either.js'
import { positionAt } from '../../domain/batch.js'
import type { RelayStatus, ShardStatus } from '../ports/fanOut.js'
import { ShardRelay, type ShardRelayDeps } from './shardRelay.js'

export type RelayDeps = ShardRelayDeps & Readonly<{ topic: string }>

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

  /** Whether the topic holds this event, and so all before it in its stream. */
  async isTold(stream: string, revision: number): Promise<boolean> {
    const found = await this.deps.log.read(stream, revision, 1)()
    const batch = isLeft(found) ? undefined : found.right.batches[0]
    if (batch === undefined) return false
    const position = positionAt(batch, revision - batch.firstRevision)
    // Which shard has it is known once the topic is; until then the slowest one speaks for all.
    return this.shards.every((shard) => !shard.has(stream) || shard.committed.next > position)
  }

  /** Terms of all shards since the start: one each, unless something went wrong. */
  get terms(): number {
    return this.shards.reduce((sum, shard) => sum + shard.terms, 0)
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
