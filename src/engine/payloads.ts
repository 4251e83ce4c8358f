// Payloads of waiting messages, kept in memory up to a bound; beyond it only their revision is known, and they are read
// from the log when they are claimed. The oldest stay, because they are claimed first: what arrives when the cache is
// full is not kept. A page read for one payload brings the following ones along, and those have room of their own: when
// a deep backlog is drained while new messages come in, the new ones would otherwise take all the room, and every wave
// of claims would read the same page again.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { Contents } from '../../domain/message/index.js'
import type { EventLog } from '../ports/eventLog.js'
import { LogFault } from './recovery.js'

/** Rough cost of an event object beside its payload, in bytes. */
const OBJECT_BYTES = 160
/** Slots per chunk: in one list, the first message that was kept again behind ten million others filled the gap before it at once. */
const CHUNK_BITS = 12
const CHUNK_MASK = (1 << CHUNK_BITS) - 1
/** Read when claims walk through the log in order, and when they jump. */
const PAGE_BYTES = 1_048_576
const LONE_PAGE_BYTES = 65_536
/** Room for what comes along in pages, beyond the cache's own bound. */
const AHEAD_BYTES = 8 * 1_048_576
/** A read that begins this close behind the end of the last one goes on with it. */
const IN_ORDER_REVISIONS = 50_000

export class Payloads {
  /** By slot of the message table, in chunks that are as long as they must. */
  private readonly kept: Array<Array<Contents | undefined> | undefined> = []
  private bytes = 0
  private lastPageEnd = 0

  constructor(
    private readonly log: EventLog,
    private readonly stream: string,
    private readonly bytesMax: number,
  ) {}

  /** Keeps the payload of a new message, if there is room. */
  keep(slot: number, event: Contents): void {
    this.put(slot, event, this.bytesMax)
  }

  private put(slot: number, event: Contents, bytesMax: number): void {
    this.drop(slot)
    const bytes = OBJECT_BYTES + event.payload.length
    if (this.bytes + bytes > bytesMax) return
    const chunk = this.chunkOf(slot >> CHUNK_BITS)
    const place = slot & CHUNK_MASK
    while (chunk.length <= place) chunk.push(undefined)
    chunk[place] = event
    this.bytes += bytes
  }

  private chunkOf(number: number): Array<Contents | undefined> {
    while (this.kept.length <= number) this.kept.push(undefined)
    const known = this.kept[number]
    if (known !== undefined) return known
    const chunk: Array<Contents | undefined> = []
    this.kept[number] = chunk
    return chunk
  }

  get(slot: number): Contents | undefined {
    return this.kept[slot >> CHUNK_BITS]?.[slot & CHUNK_MASK]
  }

  drop(slot: number): void {
    const chunk = this.kept[slot >> CHUNK_BITS]
    const event = chunk?.[slot & CHUNK_MASK]
    if (chunk === undefined || event === undefined) return
    chunk[slot & CHUNK_MASK] = undefined
    this.bytes -= OBJECT_BYTES + event.payload.length
  }

  /**
   * The contents at these revisions (durable ones), by revision. `slotOf` says where a message that comes along in a
   * page still waits with these contents, so that they can be kept; -1 = it does not.
   */
  async fetch(
    revisions: ReadonlyArray<number>,
    slotOf: (ordinal: number, revision: number) => number,
  ): Promise<Map<number, Contents>> {
    const found = new Map<number, Contents>()
    const wanted = new Set(revisions)
    for (const revision of [...revisions].sort((a, b) => a - b)) {
      if (found.has(revision)) continue
      const inOrder = revision >= this.lastPageEnd && revision < this.lastPageEnd + IN_ORDER_REVISIONS
      const page = await this.log.read(this.stream, revision, inOrder ? PAGE_BYTES : LONE_PAGE_BYTES)()
      if (isLeft(page)) throw new LogFault(page.left, this.stream)
      for (const batch of page.right.batches) {
        batch.events.forEach((event, index) => {
          if (event.type !== 'MessageEnqueued' && event.type !== 'MessageEdited') return
          const at = batch.firstRevision + index
          if (wanted.has(at)) found.set(at, event)
          else {
            const slot = slotOf(event.ordinal, at)
            if (slot >= 0 && this.get(slot) === undefined) this.put(slot, event, this.bytesMax + AHEAD_BYTES)
          }
        })
      }
      this.lastPageEnd = page.right.next
      if (!found.has(revision)) throw new Error(`no message got its contents at revision ${revision}`)
    }
    return found
  }
}
