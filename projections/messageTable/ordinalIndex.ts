// From a message's ordinal to its slot in the table. Ordinals are handed out in sequence, so pages of 64 of them, found
// through a small Map, cost 4 bytes a message where messages are dense, and at worst 256 bytes for one lone survivor
// (a page of thousands would make each old dead letter cost kilobytes).

const PAGE_BITS = 6
const PAGE_ORDINALS = 1 << PAGE_BITS
const PAGE_MASK = PAGE_ORDINALS - 1
const FIRST_PAGES = 64
/** Pages per segment: 256 KiB. In one piece the slots of eight million messages held up the loop while they were copied. */
const SEGMENT_BITS = 10
const SEGMENT_PAGES = 1 << SEGMENT_BITS
const SEGMENT_MASK = SEGMENT_PAGES - 1
/** Numbers without a page to each one with one, above which sorting is cheaper than counting. */
const SPARSE_FROM = 8

export class OrdinalIndex {
  private readonly pages = new Map<number, number>()
  /** Slot + 1 of each ordinal of each page; 0 = none. The first segment doubles until it is as long as the others are. */
  private readonly segments = [new Int32Array(FIRST_PAGES * PAGE_ORDINALS)]
  private pagesThere = FIRST_PAGES
  private used = new Int32Array(FIRST_PAGES)
  private freePages: number[] = []
  private nextPage = 0
  // The page of the last look-up: neighbours are looked up together.
  private lastNumber = -1
  private lastPage = -1

  /** How many ordinals it has room for. */
  get capacity(): number {
    return this.pagesThere * PAGE_ORDINALS
  }

  slotOf(ordinal: number): number {
    const page = this.find(Math.floor(ordinal / PAGE_ORDINALS))
    return page < 0 ? -1 : this.segments[page >> SEGMENT_BITS]![placeOf(page, ordinal & PAGE_MASK)]! - 1
  }

  set(ordinal: number, slot: number): void {
    const number = Math.floor(ordinal / PAGE_ORDINALS)
    let page = this.find(number)
    if (page < 0) page = this.add(number)
    const segment = this.segments[page >> SEGMENT_BITS]!
    const at = placeOf(page, ordinal & PAGE_MASK)
    if (segment[at] === 0) this.used[page]!++
    segment[at] = slot + 1
  }

  delete(ordinal: number): void {
    const number = Math.floor(ordinal / PAGE_ORDINALS)
    const page = this.find(number)
    if (page < 0) return
    const segment = this.segments[page >> SEGMENT_BITS]!
    const at = placeOf(page, ordinal & PAGE_MASK)
    if (segment[at] === 0) return
    segment[at] = 0
    this.used[page]!--
    if (this.used[page] === 0) {
      this.pages.delete(number)
      this.freePages.push(page)
      this.lastNumber = -1
    }
  }

  /**
   * Every ordinal that is there with its slot, upwards from `from` or downwards from it, until `visit` answers false. What
   * lies between two of them costs next to nothing, however much it is.
   */
  walk(from: number, step: 1 | -1, visit: (ordinal: number, slot: number) => boolean): void {
    let place = from & PAGE_MASK
    for (const number of this.pagesFrom(Math.floor(from / PAGE_ORDINALS), step)) {
      if (number !== Math.floor(from / PAGE_ORDINALS)) place = step === 1 ? 0 : PAGE_MASK
      const page = this.pages.get(number)
      if (page === undefined) continue
      const segment = this.segments[page >> SEGMENT_BITS]!
      for (; place >= 0 && place < PAGE_ORDINALS; place += step) {
        const slot = segment[placeOf(page, place)]! - 1
        if (slot >= 0 && !visit(number * PAGE_ORDINALS + place, slot)) return
      }
    }
  }

  /** One number after the other where pages are dense; where they are sparse, those that are there, sorted. */
  private *pagesFrom(from: number, step: 1 | -1): Iterable<number> {
    const last = step === 1 ? this.lastPageNumber() : 0
    if (Math.abs(last - from) <= SPARSE_FROM * this.pages.size) {
      for (let number = from; step === 1 ? number <= last : number >= last; number += step) yield number
      return
    }
    const numbers = Float64Array.from(this.pages.keys()).sort()
    for (let n = step === 1 ? 0 : numbers.length - 1; n >= 0 && n < numbers.length; n += step) {
      const number = numbers[n]!
      if (step === 1 ? number >= from : number <= from) yield number
    }
  }

  private lastPageNumber(): number {
    let last = 0
    for (const number of this.pages.keys()) if (number > last) last = number
    return last
  }

  private find(number: number): number {
    if (number === this.lastNumber) return this.lastPage
    const page = this.pages.get(number)
    if (page === undefined) return -1
    this.lastNumber = number
    this.lastPage = page
    return page
  }

  private add(number: number): number {
    const page = this.freePages.pop() ?? this.nextPage++
    if (page >= this.pagesThere) this.grow()
    this.pages.set(number, page)
    this.lastNumber = number
    this.lastPage = page
    return page
  }

  private grow(): void {
    if (this.pagesThere < SEGMENT_PAGES) {
      const first = new Int32Array(this.segments[0]!.length * 2)
      first.set(this.segments[0]!)
      this.segments[0] = first
      this.pagesThere *= 2
    } else {
      this.segments.push(new Int32Array(SEGMENT_PAGES * PAGE_ORDINALS))
      this.pagesThere += SEGMENT_PAGES
    }
    if (this.pagesThere <= this.used.length) return
    const used = new Int32Array(this.used.length * 2)
    used.set(this.used)
    this.used = used
  }
}

/** Inside the page's segment. */
const placeOf = (page: number, place: number): number => (page & SEGMENT_MASK) * PAGE_ORDINALS + place
