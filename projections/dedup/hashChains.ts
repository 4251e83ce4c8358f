// Where a hash leads to: linear hashing (Litwin 1980). The directory grows by one chain with each key beyond one a chain and
// shrinks the same way, so there is never a moment in which all keys are placed anew; ten million of them would stall
// the loop for seconds. The directory stands in segments; the first doubles until it is as long as the others will be.

/** What is chained: entries from 1, with the hash by which each is found and the next one of its chain (0 = none). */
export type Links = Readonly<{
  hash: (entry: number) => number
  next: (entry: number) => number
  setNext: (entry: number, next: number) => void
}>

const SEGMENT_BITS = 16
const SEGMENT_CHAINS = 1 << SEGMENT_BITS
const SEGMENT_MASK = SEGMENT_CHAINS - 1
const FIRST_CHAINS = 64
/** Keys a chain below which the directory shrinks: far from 1, so that it does not go back and forth. */
const SHRINK_BELOW = 0.25

export class HashChains {
  private readonly segments: Uint32Array[] = []
  private chains = 0
  /** The power of two at or below `chains`. */
  private round = FIRST_CHAINS
  private entries = 0

  constructor(private readonly links: Links) {}

  get size(): number {
    return this.entries
  }

  /** The first entry of the chain; 0 = none. Go on with `links.next`. */
  first(hash: number): number {
    return this.chains === 0 ? 0 : this.head(this.chainOf(hash))
  }

  add(entry: number): void {
    if (this.chains === 0) this.begin()
    this.push(this.chainOf(this.links.hash(entry)), entry)
    this.entries++
    if (this.entries > this.chains) this.split()
  }

  remove(entry: number): void {
    const chain = this.chainOf(this.links.hash(entry))
    const { links } = this
    let before = 0
    for (let at = this.head(chain); at !== entry; at = links.next(at)) before = at
    if (before === 0) this.setHead(chain, links.next(entry))
    else links.setNext(before, links.next(entry))
    this.entries--
    // Five for one: with four chains a key, fewer would fall behind keys that go.
    for (let n = 0; n < 5 && this.chains > FIRST_CHAINS; n++) {
      if (this.entries >= this.chains * SHRINK_BELOW) return
      this.merge()
    }
  }

  /** Room for so many at once, before the first: growing towards them would place most of them twice. */
  begin(entries = 0): void {
    if (this.chains > 0) return
    this.chains = Math.max(FIRST_CHAINS, entries)
    this.round = 2 ** Math.floor(Math.log2(this.chains))
    if (this.chains <= SEGMENT_CHAINS)
      this.segments.push(new Uint32Array(2 ** Math.ceil(Math.log2(this.chains))))
    else
      for (let n = 0; n < this.chains; n += SEGMENT_CHAINS)
        this.segments.push(new Uint32Array(SEGMENT_CHAINS))
  }

  private chainOf(hash: number): number {
    const chain = (hash & (2 * this.round - 1)) >>> 0
    return chain < this.chains ? chain : (hash & (this.round - 1)) >>> 0
  }

  private head(chain: number): number {
    return this.segments[chain >>> SEGMENT_BITS]![chain & SEGMENT_MASK]!
  }
  private setHead(chain: number, entry: number): void {
    this.segments[chain >>> SEGMENT_BITS]![chain & SEGMENT_MASK] = entry
  }
  private push(chain: number, entry: number): void {
    this.links.setNext(entry, this.head(chain))
    this.setHead(chain, entry)
  }

  /** One more chain: it takes its share from the one that has held both so far. */
  private split(): void {
    const added = this.chains
    if (added < SEGMENT_CHAINS) this.growFirst(added + 1)
    else if (added >>> SEGMENT_BITS === this.segments.length)
      this.segments.push(new Uint32Array(SEGMENT_CHAINS))
    const from = added - this.round
    let entry = this.head(from)
    this.setHead(from, 0)
    this.chains++
    while (entry !== 0) {
      const next = this.links.next(entry)
      this.push((this.links.hash(entry) & this.round) === 0 ? from : added, entry)
      entry = next
    }
    if (this.chains === 2 * this.round) this.round *= 2
  }

  private growFirst(chains: number): void {
    const [first] = this.segments
    if (first === undefined || first.length >= chains) return
    const grown = new Uint32Array(2 * first.length)
    grown.set(first)
    this.segments[0] = grown
  }

  private merge(): void {
    if (this.chains === this.round) this.round /= 2
    const gone = --this.chains
    const into = gone - this.round
    let entry = this.head(gone)
    this.setHead(gone, 0)
    while (entry !== 0) {
      const next = this.links.next(entry)
      this.push(into, entry)
      entry = next
    }
    if ((gone & SEGMENT_MASK) === 0) this.segments.pop()
  }
}
