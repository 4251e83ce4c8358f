// The relay of a ledger: tells every event of the log to the fan-out, shard by shard, in the background. Nothing waits for it, and
// nothing is held for it in memory: what is not told yet is in the log.
import { isLeft } from 'fp-ts/lib/Either.js'
import { positionAt } from '../../domain/batch.js'
import type { RelayStatus, ShardStatus } from '../ports/fanOut.js'
import { ShardRelay, type ShardRelayDeps } from './shardRelay.js'
import { TransactionWatch, type TransactionWatchDeps } from './transactionWatch.js'

export type RelayDeps = ShardRelayDeps & TransactionWatchDeps & Readonly<{ topic: string }>

const iso = (ms: number): string => new Date(ms).toISOString()

export class Relay {
  private readonly shards: ReadonlyArray<ShardRelay>
  private readonly watch: TransactionWatch
  private forget: (() => void) | undefined

  constructor(private readonly deps: RelayDeps) {
    this.shards = Array.from({ length: deps.fanOut.shards }, (_, shard) => new ShardRelay(deps, shard))
    this.watch = new TransactionWatch(deps)
  }

  start(): void {
    this.forget = this.deps.log.onAppended(() => {
      for (const shard of this.shards) shard.nudge()
    })
    for (const shard of this.shards) shard.start()
    this.watch.start()
  }

  /** Ends what is being told; the rest is told after the next start. */
  async stop(): Promise<void> {
    this.forget?.()
    await Promise.all([...this.shards.map((shard) => shard.stop()), this.watch.stop()])
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
    const { topic, log } = this.deps
    const head = log.condition().nextPosition
    return {
      topic,
      head,
      shards: this.shards.map((shard) => this.statusOf(shard, head)),
      openTransactions: this.watch.open(),
    }
  }

  private statusOf(shard: ShardRelay, head: number): ShardStatus {
    const { log, clock } = this.deps
    const { state, reason, committed, seenAtMs, lastFault } = shard
    const lag = Math.max(0, head - shard.toldTo)
    const stillMs = lag === 0 ? 0 : shard.stillMs
    // Before it has looked at any event, all that is known is for how long it has not.
    const behindMs = seenAtMs === undefined ? stillMs : Math.max(0, clock.wallMs() - seenAtMs)
    return {
      shard: shard.shard,
      state,
      since: iso(shard.sinceMs),
      reason,
      told: committed.told,
      position: shard.toldTo,
      lag,
      lagEvents: log.isSparse === true ? undefined : lag,
      behindMs: lag === 0 ? 0 : behindMs,
      stillMs,
      lastFault:
        lastFault === undefined
          ? undefined
          : { type: lastFault.type, reason: lastFault.reason, at: iso(lastFault.atMs) },
    }
  }
}
