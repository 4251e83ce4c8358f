// What comes next in time: an indexed min-heap of slots by the record's WAKE_AT. The place in the heap stands in the
// record, so moving or removing an entry (a lease that is acked or extended) needs no search and leaves nothing behind:
// without that, 140,000 acks a second would leave four million stale entries in a 30 s lease window.
import { HEAP_PLACE, WAKE_AT } from '../messageTable/layout.js'
import type { MessageTable } from '../messageTable/messageTable.js'

const FIRST_CAPACITY = 256

export class SlotHeap {
  private slots = new Int32Array(FIRST_CAPACITY)
  private count = 0

  constructor(private readonly table: MessageTable) {}

  get size(): number {
    return this.count
  }

  /** The slot that is due first, -1 when empty. */
  peek(): number {
    return this.count === 0 ? -1 : this.slots[0]!
  }

  /** When the first entry is due; Infinity when empty. */
  nextAt(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : this.table.double(this.slots[0]!, WAKE_AT)
  }

  /** Adds the slot, or moves it if it is in the heap. */
  set(slot: number, wakeAt: number): void {
    const place = this.table.int(slot, HEAP_PLACE) - 1
    if (place < 0) {
      this.table.setDouble(slot, WAKE_AT, wakeAt)
      if (this.count === this.slots.length) {
        const grown = new Int32Array(this.slots.length * 2)
        grown.set(this.slots)
        this.slots = grown
      }
      this.rise(this.count++, slot, wakeAt)
      return
    }
    const before = this.table.double(slot, WAKE_AT)
    this.table.setDouble(slot, WAKE_AT, wakeAt)
    if (wakeAt < before) this.rise(place, slot, wakeAt)
    else this.sink(place, slot, wakeAt)
  }

  /** Nothing happens when the slot is not in the heap. */
  remove(slot: number): void {
    const place = this.table.int(slot, HEAP_PLACE) - 1
    if (place < 0) return
    this.table.setInt(slot, HEAP_PLACE, 0)
    const last = this.slots[--this.count]!
    if (last === slot) return
    const wakeAt = this.table.double(last, WAKE_AT)
    if (wakeAt < this.table.double(slot, WAKE_AT)) this.rise(place, last, wakeAt)
    else this.sink(place, last, wakeAt)
  }

  /** Slots in no particular order. */
  *members(): Iterable<number> {
    for (let i = 0; i < this.count; i++) yield this.slots[i]!
  }

  private rise(place: number, slot: number, wakeAt: number): void {
    let at = place
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = this.slots[parent]!
      if (this.table.double(above, WAKE_AT) <= wakeAt) break
      this.put(at, above)
      at = parent
    }
    this.put(at, slot)
  }

  private sink(place: number, slot: number, wakeAt: number): void {
    let at = place
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.count) break
      let below = this.slots[child]!
      let belowAt = this.table.double(below, WAKE_AT)
      if (child + 1 < this.count) {
        const other = this.slots[child + 1]!
        const otherAt = this.table.double(other, WAKE_AT)
        if (otherAt < belowAt) {
          child++
          below = other
          belowAt = otherAt
        }
      }
      if (belowAt >= wakeAt) break
      this.put(at, below)
      at = child
    }
    this.put(at, slot)
  }

  private put(place: number, slot: number): void {
    this.slots[place] = slot
    this.table.setInt(slot, HEAP_PLACE, place + 1)
  }
}
