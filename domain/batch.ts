// What one writer appends to one stream in one call, and what comes back when it is read. Time and epoch stand once for
// the whole batch. A batch is the unit of atomicity, of the hash chain and of the expected revision (I2).
import type { ClusterEvent } from './cluster/events.js'
import type { PartitionEvent } from './partition/events.js'
import type { ProcessEvent } from './process/events.js'
import type { CatalogEvent, ControlEvent } from './queue/events.js'
import type { EpochMs } from './time.js'

export type LedgerEvent = PartitionEvent | ControlEvent | CatalogEvent | ProcessEvent | ClusterEvent

/** Revision of an event in its stream, from 0. `NO_REVISION` = the stream is empty, or there is no such event. */
export const NO_REVISION = -1

/** An event as an older version of the program has recorded it. */
export type OlderForm = Readonly<{ type: string; version: number; data: unknown }>

export type EventBatch = Readonly<{
  /**
   * Unique per writer term and batch, chosen by the writer and never derived from stream and revision: a repeated append
   * of the same batch is recognised by it, and two writers can never be taken for one another (I2).
   */
  batchId: string
  /** Recorded time of all events of the batch; never below that of the batch before it (I9). */
  at: EpochMs
  /** Term of the writer. */
  epoch: number
  events: ReadonlyArray<LedgerEvent>
  /**
   * For each event the revision of the previous event of the same message, `NO_REVISION` if there is none: a message's
   * history is read by walking back from its last event, without an index of events.
   */
  previous: ReadonlyArray<number>
  /**
   * Indexes before which the batch may be cut, by a log that takes less in one append: between them stands what has to be
   * appended together. Only for logs that say what they take; a recorded batch has none.
   */
  cuts?: ReadonlyArray<number>
  /**
   * Events that were recorded in an older version, by their place in the batch, as they stand in the log: `events` has them in today's
   * form, and the hash chain covers this one. Absent = none was.
   */
  older?: ReadonlyMap<number, OlderForm>
  /**
   * Its canonical bytes as another log has recorded them, where it comes from one: an older version may have written the same
   * events in other words, and the hash chain covers what was written. Only for logs that keep canonical bytes.
   */
  recordedBytes?: Uint8Array
}>

export type RecordedBatch = EventBatch &
  Readonly<{
    stream: string
    /** Revision of the first event; the others follow without gaps. */
    firstRevision: number
    /** Position of the first event in the order of the whole log; the others follow, unless `positions` says where. */
    position: number
    /** Of a log that does not number its events one after the other: of each event, and at last the position after them. */
    positions?: ReadonlyArray<number>
  }>

/** `index` = number of events: the position after the batch. */
export const positionAt = (
  { position, positions }: Pick<RecordedBatch, 'position' | 'positions'>,
  index: number,
): number => positions?.[index] ?? position + index

/** The first event of the batch that stands at `position` or later. */
export const indexFrom = (
  batch: Pick<RecordedBatch, 'position' | 'positions' | 'events'>,
  position: number,
): number => {
  if (batch.positions === undefined) return Math.max(0, position - batch.position)
  let index = 0
  while (index < batch.events.length && positionAt(batch, index) < position) index++
  return index
}
