// What a ledger tells of passing its events on to Kafka.
import type { RelayStatus } from '../../ports/fanOut.js'

export type { OpenTransaction, RelayStatus, ShardState, ShardStatus } from '../../ports/fanOut.js'

export type RelayOperations = Readonly<{
  /**
   * How far the relay is, shard by shard. Over HTTP any node of a cluster may be asked, and the one that runs it answers. `no_relay` where
   * none does.
   */
  relay: () => Promise<RelayStatus>
}>
