// Payloads of waiting messages, kept in memory up to a bound; beyond it only their revision is known, and they are read
// from the log when they are claimed. The oldest stay, because they are claimed first: what arrives when the cache is
// full is not kept. A page read for one payload brings the following ones along, so a deep backlog drains sequentially.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { MessageEnqueued } from '../../domain/message/index.js'
import type { EventLog } from '../ports/eventLog.js'

/** Rough cost of an event object beside its payload, in bytes. */
const OBJECT_BYTES = 160
const PAGE_BYTES = 1_048_576

export class Payloads {
  /** By slot of the message table. */
  private readonly kept: Array<MessageEnqueued | undefined> = []
  private bytes = 0

  constructor(
    private readonly log: EventLog,
    private readonly stream: string,
    private readonly bytesMax: number,
  ) {}

  keep(slot: number, event: MessageEnqueued): void {
    const bytes = OBJECT_BYTES + event.payload.length
    if (this.bytes + bytes > this.bytesMax) {
      if (this.kept[slot] !== undefined) this.drop(slot)
      return
    }
    if (this.kept[slot] !== undefined) this.drop(slot)
    while (this.kept.length <= slot) this.kept.push(undefined)
    this.kept[slot] = event
    this.bytes += bytes
  }

  get(slot: number): MessageEnqueued | undefined {
    return this.kept[slot]
  }

  drop(slot: number): void {
    const event = this.kept[slot]
    if (event === undefined) return
    this.kept[slot] = undefined
    this.bytes -= OBJECT_BYTES + event.payload.length
  }

  /**
   * The enqueue events at these revisions (durable ones), by revision. `slotOf` says where a message that comes along
   * in a page still waits, so that it can be kept; -1 = it does not.
   */
  async fetch(
    revisions: ReadonlyArray<number>,
    slotOf: (ordinal: number) => number,
  ): Promise<Map<number, MessageEnqueued>> {
    const found = new Map<number, MessageEnqueued>()
    const wanted = new Set(revisions)
    for (const revision of [...revisions].sort((a, b) => a - b)) {
      if (found.has(revision)) continue
      const page = await this.log.read(this.stream, revision, PAGE_BYTES)()
      if (isLeft(page)) throw new Error(`payload at revision ${revision} cannot be read: ${page.left.type}`)
      for (const batch of page.right.batches) {
        batch.events.forEach((event, index) => {
          if (event.type !== 'MessageEnqueued') return
          const at = batch.firstRevision + index
          if (wanted.has(at)) found.set(at, event)
          else {
            const slot = slotOf(event.ordinal)
            if (slot >= 0 && this.kept[slot] === undefined) this.keep(slot, event)
          }
        })
      }
      if (!found.has(revision)) throw new Error(`no message was enqueued at revision ${revision}`)
    }
    return found
  }
}
