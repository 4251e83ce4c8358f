// Which events a shard tells next, in the order of the log: reads pages, takes the shard's own streams, and holds that no revision is
// missing between two that it tells. Reads on only when asked, so memory is bounded by one page and one batch of records.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import { indexFrom, type LedgerEvent, positionAt, type RecordedBatch } from '../../domain/batch.js'
import { partitionOf } from '../../domain/ids.js'
import type { EventLog, ReadFault } from '../ports/eventLog.js'
import type { FanOutRecord, LastTold } from '../ports/fanOut.js'

export type EncodeRecord = (batch: RecordedBatch, index: number, partition: number) => FanOutRecord

export type OwnRecords = Readonly<{
  records: ReadonlyArray<FanOutRecord>
  /** All of the shard's events below this position are told with these. */
  next: number
  last: LastTold | undefined
  /** Recorded time of the last event that was looked at, own or not. */
  seenAtMs: number | undefined
  /** Nothing durable was left when this was read. */
  atEnd: boolean
}>

/** An event is not there any more, and was not told: nobody may guess what it said. */
export type RevisionMissing = Readonly<{ type: 'RevisionMissing'; reason: string }>

const PAGE_BYTES = 1_048_576

export type ShardOf = Readonly<{ shard: number; shards: number; partitions: number }>

/** Partition of the topic for a stream of the log: one for as long as the topic lives, so that its order is the stream's. */
export const topicPartition = (stream: string, partitions: number): number => partitionOf(stream, partitions)

export class ShardReader {
  private readonly nextRevisions = new Map<string, number>()
  private page: ReadonlyArray<RecordedBatch> = []
  /** Where in the page to go on. */
  private place = 0
  private pageNext: number
  private pageAtEnd = false

  constructor(
    private readonly log: EventLog,
    private readonly encode: EncodeRecord,
    private readonly of: ShardOf,
    /** Position from which on the shard's events are not told yet. */
    private from: number,
  ) {
    this.pageNext = from
  }

  /** At most `countMax` records of `bytesMax` together, one at least if there is one in what is read. */
  async read(bytesMax: number, countMax: number): Promise<Either<ReadFault | RevisionMissing, OwnRecords>> {
    if (this.place >= this.page.length) {
      const page = await this.log.readAll(this.pageNext, PAGE_BYTES)()
      if (isLeft(page)) return page
      this.page = page.right.batches
      this.place = 0
      this.from = this.pageNext
      this.pageNext = page.right.next
      this.pageAtEnd = page.right.atEnd
    }
    const records: FanOutRecord[] = []
    let last: LastTold | undefined
    let seenAtMs: number | undefined
    let bytes = 0
    for (; this.place < this.page.length; this.place++) {
      const batch = this.page[this.place] as RecordedBatch
      seenAtMs = batch.at
      const { stream, batchId, firstRevision } = batch
      const partition = topicPartition(stream, this.of.partitions)
      if (partition % this.of.shards !== this.of.shard) continue
      for (let index = indexFrom(batch, this.from); index < batch.events.length; index++) {
        const revision = firstRevision + index
        const expected = this.nextRevisions.get(stream) ?? revision
        if (revision !== expected) return left(missing(stream, expected, revision))
        const record = this.encode(batch, index, partition)
        const position = positionAt(batch, index)
        if (records.length > 0 && (bytes + record.bytes > bytesMax || records.length === countMax)) {
          this.from = position
          return right({ records, next: position, last, seenAtMs, atEnd: false })
        }
        this.nextRevisions.set(stream, revision + 1)
        records.push(record)
        bytes += record.bytes
        last = { stream, revision, position, batchId }
      }
    }
    return right({ records, next: this.pageNext, last, seenAtMs, atEnd: this.pageAtEnd })
  }
}

const missing = (stream: string, expected: number, found: number): RevisionMissing => ({
  type: 'RevisionMissing',
  reason: `${stream}: revision ${expected} is not in the log any more, revision ${found} is the next one; it was not told`,
})

export const isSameEvent = (batch: RecordedBatch, { stream, revision, batchId }: LastTold): boolean => {
  const index = revision - batch.firstRevision
  const event: LedgerEvent | undefined = batch.events[index]
  return batch.stream === stream && batch.batchId === batchId && event !== undefined
}
