// A recorded batch with its place in the hash chain, as it goes from one store to another: its canonical bytes are those that
// were recorded, to the byte, whatever this version would write today; only so does the chain survive the move (§4.7).
import { batchDigest } from './batchDigest.js'

export type ChainedBatch = Readonly<{
  stream: string
  firstRevision: number
  /** How many. */
  events: number
  /** Where it stands in the log it was read from: of its first event, and after its last one. */
  position: number
  nextPosition: number
  previousDigest: Uint8Array
  digest: Uint8Array
  bytes: Uint8Array
}>

export const lastRevisionOf = ({
  firstRevision,
  events,
}: Pick<ChainedBatch, 'firstRevision' | 'events'>): number => firstRevision + events - 1

/** True if nobody has changed the batch since its digest was computed, nor put it elsewhere. */
export const digestHolds = (batch: ChainedBatch): boolean =>
  Buffer.compare(batchDigest(batch.previousDigest, batch, batch.bytes), batch.digest) === 0

export type ChainFaultKind =
  /** What was read is not what was written. */
  | 'damaged'
  /** It may work another time. */
  | 'unavailable'
  /** The two sides do not go together. */
  | 'conflict'
  /** There is nothing at this place. */
  | 'notFound'
  /** It cannot be done, whatever the time. */
  | 'refused'

/** Thrown by whoever reads or writes chained batches; its message is a sentence for an operator. */
export class ChainFault extends Error {
  override readonly name = 'ChainFault'
  constructor(
    readonly kind: ChainFaultKind,
    message: string,
  ) {
    super(message)
  }
}
