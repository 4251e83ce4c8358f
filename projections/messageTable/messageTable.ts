// The live messages of one partition as fixed-width records in chunks (layout.ts). It stores and reads back; what an
// event changes is decided in partition/partitionState.ts. Full chunks never move, so growth never stalls the loop; while a snapshot
// is being written, a chunk that is about to change is copied first (`touch`).
import { Defect } from '../../domain/invariant.js'
import {
  type Actor,
  type DeadMessage,
  type LeasedMessage,
  NO_WISHES,
  type WaitingMessage,
  type Wishes,
} from '../../domain/message/index.js'
import * as L from './layout.js'
import { Names } from './names.js'
import { OrdinalIndex } from './ordinalIndex.js'

/** What few messages have; kept as objects beside the records. */
export type ColdFacts = Readonly<{
  callerId: string | undefined
  wishes: Wishes
  /** Which of its zones the running attempt is in. */
  zone?: string
  /** Somebody wants the running attempt stopped. */
  cancelRequested?: Readonly<{ by: Actor | undefined }>
}>

export type LiveMessage = WaitingMessage | LeasedMessage | DeadMessage

export type Chunk = {
  /** Room for a power of two of records, up to CHUNK_SLOTS. */
  doubles: Float64Array
  ints: Int32Array
  cold: Array<ColdFacts | undefined>
  /** Number of the snapshot whose copy of this chunk is safe (written, or taken aside). */
  savedFor: number
}

const NOTHING_COLD: ColdFacts = { callerId: undefined, wishes: NO_WISHES }

const recordsIn = (buffer: ArrayBuffer): Pick<Chunk, 'doubles' | 'ints'> => ({
  doubles: new Float64Array(buffer),
  ints: new Int32Array(buffer),
})

const roomFor = (records: Uint8Array, bytes: number): ArrayBuffer => {
  const roomy = new Uint8Array(bytes)
  roomy.set(records)
  return roomy.buffer
}

export class MessageTable {
  readonly chunks: Chunk[] = []
  readonly workers = new Names()
  readonly failureTypes = new Names()
  private readonly index = new OrdinalIndex()
  private freeSlot = -1
  private slots = 0
  private live = 0
  /** Rises with each snapshot; chunks with a lower `savedFor` are copied before they change. */
  private snapshotNumber = 0
  private onBeforeChange: ((chunkNumber: number) => void) | undefined

  get size(): number {
    return this.live
  }
  get slotCount(): number {
    return this.slots
  }

  slotOf(ordinal: number): number {
    return this.index.slotOf(ordinal)
  }

  /** See {@link OrdinalIndex.walk}. */
  walk(from: number, step: 1 | -1, visit: (ordinal: number, slot: number) => boolean): void {
    this.index.walk(from, step, visit)
  }

  insert(ordinal: number): number {
    if (this.index.slotOf(ordinal) >= 0) throw new Defect(`I8 ordinal ${ordinal} is already in the table`)
    let slot = this.freeSlot
    if (slot >= 0) {
      this.touch(slot)
      this.freeSlot = this.int(slot, L.GROUP_NEXT) - 1
    } else {
      slot = this.slots++
      this.makeRoom(slot)
      this.touch(slot)
    }
    const { doubles, ints } = this.chunks[slot >> L.CHUNK_SLOTS_BITS]!
    const place = slot & L.CHUNK_SLOT_MASK
    const end = (place + 1) * L.RECORD_DOUBLES
    // A loop, not fill(): the call costs more than sixteen stores.
    for (let d = place * L.RECORD_DOUBLES; d < end; d++) doubles[d] = 0
    doubles[place * L.RECORD_DOUBLES + L.ORDINAL] = ordinal
    ints[place * L.RECORD_INTS + L.TAG] = L.TAG_WAITING
    this.index.set(ordinal, slot)
    this.live++
    return slot
  }

  remove(slot: number): void {
    this.touch(slot)
    const chunk = this.chunks[slot >> L.CHUNK_SLOTS_BITS]!
    this.workers.drop(this.int(slot, L.WORKER))
    this.failureTypes.drop(this.int(slot, L.FAILURE_TYPE))
    this.index.delete(this.double(slot, L.ORDINAL))
    chunk.cold[slot & L.CHUNK_SLOT_MASK] = undefined
    this.setInt(slot, L.TAG, L.TAG_FREE)
    this.setInt(slot, L.GROUP_NEXT, this.freeSlot + 1)
    this.freeSlot = slot
    this.live--
  }

  double(slot: number, field: number): number {
    return this.chunks[slot >> L.CHUNK_SLOTS_BITS]!.doubles[
      (slot & L.CHUNK_SLOT_MASK) * L.RECORD_DOUBLES + field
    ]!
  }
  setDouble(slot: number, field: number, value: number): void {
    this.chunks[slot >> L.CHUNK_SLOTS_BITS]!.doubles[(slot & L.CHUNK_SLOT_MASK) * L.RECORD_DOUBLES + field] =
      value
  }
  int(slot: number, field: number): number {
    return this.chunks[slot >> L.CHUNK_SLOTS_BITS]!.ints[(slot & L.CHUNK_SLOT_MASK) * L.RECORD_INTS + field]!
  }
  setInt(slot: number, field: number, value: number): void {
    this.chunks[slot >> L.CHUNK_SLOTS_BITS]!.ints[(slot & L.CHUNK_SLOT_MASK) * L.RECORD_INTS + field] = value
  }
  hasFlag(slot: number, flag: number): boolean {
    return (this.int(slot, L.FLAGS) & flag) !== 0
  }
  setFlag(slot: number, flag: number, on: boolean): void {
    const flags = this.int(slot, L.FLAGS)
    this.setInt(slot, L.FLAGS, on ? flags | flag : flags & ~flag)
  }

  cold(slot: number): ColdFacts {
    if (!this.hasFlag(slot, L.FLAG_COLD)) return NOTHING_COLD
    return this.chunks[slot >> L.CHUNK_SLOTS_BITS]!.cold[slot & L.CHUNK_SLOT_MASK] ?? NOTHING_COLD
  }
  setCold(slot: number, facts: ColdFacts): void {
    this.setFlag(slot, L.FLAG_COLD, true)
    this.chunks[slot >> L.CHUNK_SLOTS_BITS]!.cold[slot & L.CHUNK_SLOT_MASK] = facts
  }

  setWorker(slot: number, worker: string | undefined): void {
    this.workers.drop(this.int(slot, L.WORKER))
    this.setInt(slot, L.WORKER, worker === undefined ? 0 : this.workers.hold(worker))
  }
  setFailureType(slot: number, type: string | undefined): void {
    this.failureTypes.drop(this.int(slot, L.FAILURE_TYPE))
    this.setInt(slot, L.FAILURE_TYPE, type === undefined ? 0 : this.failureTypes.hold(type))
  }

  /**
   * The message in its readable form, for decisions and queries. Each situation is written out as one literal: spreading
   * the common facts into it cost 3 µs and most of the garbage of a job (bench/micro/partitionState.ts).
   */
  read(slot: number): LiveMessage {
    const { doubles, ints, cold } = this.chunks[slot >> L.CHUNK_SLOTS_BITS]!
    const place = slot & L.CHUNK_SLOT_MASK
    const d = place * L.RECORD_DOUBLES
    const i = place * L.RECORD_INTS
    const flags = ints[i + L.FLAGS]!
    const rare = ((flags & L.FLAG_COLD) === 0 ? undefined : cold[place]) ?? NOTHING_COLD
    const { callerId, wishes } = rare
    const ordinal = doubles[d + L.ORDINAL]!
    const priority = ints[i + L.PRIORITY]!
    const enqueuedAt = doubles[d + L.ENQUEUED_AT]!
    const expiresAt = doubles[d + L.EXPIRES_AT]!
    const attempts = ints[i + L.ATTEMPTS]!
    const firstStartedAt = doubles[d + L.FIRST_STARTED_AT]!
    const previousDelayMs = doubles[d + L.PREVIOUS_DELAY_MS]!
    const typeNumber = ints[i + L.FAILURE_TYPE]!
    const failureType = typeNumber === 0 ? undefined : this.failureTypes.name(typeNumber)
    const inDoubt = (flags & L.FLAG_IN_DOUBT) !== 0
    switch (ints[i + L.TAG]) {
      case L.TAG_WAITING:
        return {
          tag: 'Waiting',
          ordinal,
          callerId,
          wishes,
          priority,
          enqueuedAt,
          expiresAt,
          attempts,
          firstStartedAt,
          previousDelayMs,
          failureType,
          dueAt: doubles[d + L.DUE_AT]!,
          inDoubt,
        }
      case L.TAG_LEASED:
        return {
          tag: 'Leased',
          ordinal,
          callerId,
          wishes,
          priority,
          enqueuedAt,
          expiresAt,
          attempts,
          firstStartedAt,
          previousDelayMs,
          failureType,
          fence: doubles[d + L.FENCE]!,
          leaseMs: ints[i + L.LEASE_MS]!,
          startedAt: doubles[d + L.DUE_AT]!,
          worker: this.workers.name(ints[i + L.WORKER]!),
          inDoubt,
          cancelRequested: rare.cancelRequested,
        }
      default:
        return {
          tag: 'Dead',
          ordinal,
          callerId,
          wishes,
          priority,
          enqueuedAt,
          expiresAt,
          attempts,
          firstStartedAt,
          previousDelayMs,
          failureType,
          deadAt: doubles[d + L.DUE_AT]!,
        }
    }
  }

  /** To be called before a record changes. */
  touch(slot: number): void {
    const number = slot >> L.CHUNK_SLOTS_BITS
    const chunk = this.chunks[number]!
    if (chunk.savedFor < this.snapshotNumber) {
      this.onBeforeChange?.(number)
      chunk.savedFor = this.snapshotNumber
    }
  }

  /** From now on `onBeforeChange` is called once for each chunk that existed, before its first change. */
  beginSnapshot(onBeforeChange: (chunkNumber: number) => void): void {
    this.snapshotNumber++
    this.onBeforeChange = onBeforeChange
  }
  endSnapshot(): void {
    this.onBeforeChange = undefined
  }
  markSaved(chunkNumber: number): void {
    this.chunks[chunkNumber]!.savedFor = this.snapshotNumber
  }

  private makeRoom(slot: number): void {
    const number = slot >> L.CHUNK_SLOTS_BITS
    const chunk = this.chunks[number]
    if (chunk === undefined) {
      const buffer = new ArrayBuffer((number === 0 ? L.FIRST_SLOTS : L.CHUNK_SLOTS) * L.RECORD_BYTES)
      // A chunk that is younger than the snapshot is no part of it.
      this.chunks.push({ ...recordsIn(buffer), cold: [], savedFor: this.snapshotNumber })
      return
    }
    const { buffer } = chunk.doubles
    if ((slot & L.CHUNK_SLOT_MASK) * L.RECORD_BYTES < buffer.byteLength) return
    Object.assign(chunk, recordsIn(roomFor(new Uint8Array(buffer), 2 * buffer.byteLength)))
  }

  /** Copies a chunk of a snapshot in; `linkLoaded` must follow once all are there. */
  load(records: Uint8Array, cold: ReadonlyArray<readonly [place: number, facts: ColdFacts]>): void {
    let bytes = L.FIRST_SLOTS * L.RECORD_BYTES
    while (bytes < records.length) bytes *= 2
    const chunk: Chunk = { ...recordsIn(roomFor(records, bytes)), cold: [], savedFor: this.snapshotNumber }
    for (const [place, facts] of cold) chunk.cold[place] = facts
    this.chunks.push(chunk)
  }

  /** Rebuilds index, free list and name counts from loaded chunks. Names come in the numbering of the snapshot. */
  linkLoaded(
    slots: number,
    workerOf: (number: number) => string,
    failureTypeOf: (number: number) => string,
  ): void {
    this.slots = slots
    for (let slot = slots - 1; slot >= 0; slot--) {
      if (this.int(slot, L.TAG) === L.TAG_FREE) {
        this.setInt(slot, L.GROUP_NEXT, this.freeSlot + 1)
        this.freeSlot = slot
        continue
      }
      this.index.set(this.double(slot, L.ORDINAL), slot)
      this.live++
      const worker = this.int(slot, L.WORKER)
      if (worker !== 0) this.setInt(slot, L.WORKER, this.workers.hold(workerOf(worker)))
      const type = this.int(slot, L.FAILURE_TYPE)
      if (type !== 0) this.setInt(slot, L.FAILURE_TYPE, this.failureTypes.hold(failureTypeOf(type)))
    }
  }
}
