// Where a batch worker gets its messages from and where their outcomes go: the engine in this process
// (localBatchSource.ts), or a server (src/client/remoteBatchSource.ts).
import type { BatchMessage } from '../api/types/batches.js'
import type { Settlement } from '../engine/requests.js'
import type { LeaseName } from './attempt.js'

/** A message in our hands: its lease is ours until it is settled or lost. */
export type HeldMessage<A> = {
  readonly message: BatchMessage<A>
  readonly id: string
  readonly lease: LeaseName
  readonly leaseMs: number
  readonly timeoutMs: number
  /** Runs as a batch of its own: it is in doubt after a crash, or asked for that. */
  readonly alone: boolean
  /** Its outcome is decided (time limit, hand-back), or the lease is lost: what the handler still says is ignored. */
  settled: boolean
  isLost: boolean
  /** Somebody wants it cancelled (A11). */
  isCancelWanted: boolean
  /** The handler asked for a lease until then: heartbeats must not shorten it. */
  heldUntilTick: number
}

export type BatchLimits = Readonly<{ batching: boolean; maxBatchSize: number; batchTimeoutMs: number }>

export type BatchClaim<Held> = Readonly<{
  held: ReadonlyArray<Held>
  /** False = no more will come while these are held: whatever has gathered must run. */
  mayGather: boolean
}>

export type BatchSource<A, Held extends HeldMessage<A> = HeldMessage<A>> = Readonly<{
  /** What the queue says now; read before each batch. Rejects when it cannot be told. */
  limits: () => Promise<BatchLimits>
  /** Waits up to `waitMs` for a first message; may answer more than `max` when a lost answer is repeated. */
  claim: (max: () => number, waitMs: number, gathered: number) => Promise<BatchClaim<Held>>
  /** Recorded sooner or later, repeated while there is no answer. */
  settle: (held: Held, settlement: Settlement) => void
  /** The slot of the message is free: whatever ran it has ended. */
  ended: (held: Held) => void
  /** Answers the ones whose leases are lost. */
  extend: (held: ReadonlyArray<Held>, leaseMs: number | undefined) => Promise<ReadonlyArray<Held>>
  /** Claims may be asked for; hears from then on of which messages somebody wants cancelled. */
  start: (cancelWanted: (isWanted: (held: Held) => boolean) => void) => void
  /** Ends a claim that waits, and lets no new one wait. */
  stop: () => void
  /** Every outcome so far is answered, or given up. */
  emptied: () => Promise<void>
}>
