// A6: linear hashing by itself, over links that are plain arrays: every entry stands in its chain, there are about as many chains
// as entries, and the directory is as large as its chains are many, whichever way it came there.
import { describe, expect, it } from 'vitest'
import { HashChains } from '../../../projections/dedup/hashChains.js'

const FIRST_CHAINS = 64
const SEGMENT_CHAINS = 65_536

class Chained {
  readonly nextOf: number[] = [0]
  readonly chains = new HashChains({
    hash: (entry) => this.hash(entry),
    next: (entry) => this.nextOf[entry] ?? 0,
    setNext: (entry, next) => {
      this.nextOf[entry] = next
    },
  })
  constructor(readonly hash = (entry: number): number => Math.imul(entry, 0x9e3779b1) >>> 0) {}

  private get inside(): Readonly<{ segments: ReadonlyArray<Uint32Array>; chains: number; round: number }> {
    return this.chains as unknown as Readonly<{
      segments: ReadonlyArray<Uint32Array>
      chains: number
      round: number
    }>
  }
  get count(): number {
    return this.inside.chains
  }
  get room(): number[] {
    return this.inside.segments.map(({ length }) => length)
  }

  /** How many entries stand in front of this one; -1 = it is not in its chain. */
  depth(entry: number): number {
    let depth = 0
    for (let at = this.chains.first(this.hash(entry)); at !== 0; at = this.nextOf[at] ?? 0) {
      if (at === entry) return depth
      depth++
    }
    return -1
  }

  holds(from: number, to: number): void {
    let [lost, deepest, steps] = [0, 0, 0]
    for (let entry = from; entry <= to; entry++) {
      const depth = this.depth(entry)
      if (depth < 0) lost++
      deepest = Math.max(deepest, depth)
      steps += depth
    }
    expect([lost, this.chains.size]).toEqual([0, to - from + 1])
    // A good hash over one chain an entry: short on the average, and never long.
    expect(steps).toBeLessThan(2 * (to - from + 1))
    expect(deepest).toBeLessThan(16)
    this.isInShape()
  }

  isInShape(): void {
    const { chains, round } = this.inside
    expect(round <= chains && chains < 2 * round && Number.isInteger(Math.log2(round))).toBe(true)
    if (chains <= SEGMENT_CHAINS && this.room.length === 1) {
      expect(this.room[0]).toBeGreaterThanOrEqual(chains)
    } else expect(this.room).toEqual(Array(Math.ceil(chains / SEGMENT_CHAINS)).fill(SEGMENT_CHAINS))
  }
}

describe('A6: chains', () => {
  it('are none before the first entry, and one for each entry beyond the first 64', () => {
    const chained = new Chained()
    expect([chained.chains.first(7), chained.count, chained.room]).toEqual([0, 0, []])
    for (let entry = 1; entry <= 3_000; entry++) {
      chained.chains.add(entry)
      if (chained.count !== Math.max(FIRST_CHAINS, entry)) throw new Error(`${entry} entries`)
    }
    chained.holds(1, 3_000)
    expect(chained.room).toEqual([4_096])
  })

  it.each([0, 1, 64, 65, 100, 128, 65_535, 65_536, 65_537, 140_000])(
    'begin with room for %i, and grow and shrink from there as if they had grown to it',
    (expected) => {
      const chained = new Chained()
      chained.chains.begin(expected)
      expect(chained.count).toBe(Math.max(FIRST_CHAINS, expected))
      chained.isInShape()
      // Told again, or too late: nothing happens to what is there.
      chained.chains.begin(7)
      for (let entry = 1; entry <= 300; entry++) chained.chains.add(entry)
      expect(chained.count).toBe(Math.max(300, expected))
      chained.holds(1, 300)
      for (let entry = 1; entry < 300; entry++) chained.chains.remove(entry)
      chained.holds(300, 300)
    },
  )

  it('stand in segments beyond 65,536, and give them back', () => {
    const chained = new Chained()
    const last = 2 * SEGMENT_CHAINS + 500
    for (let entry = 1; entry <= last; entry++) chained.chains.add(entry)
    chained.holds(1, last)
    expect(chained.room).toHaveLength(3)
    for (let entry = 1; entry <= last - 1_000; entry++) chained.chains.remove(entry)
    chained.holds(last - 999, last)
    expect(chained.room).toHaveLength(1)
    // Far fewer than four chains a key, and yet no chain was taken while there were more keys than that.
    expect(chained.count).toBeLessThanOrEqual(4 * 1_000)
    expect(chained.count).toBeGreaterThan(4 * 1_000 - 5)
    // Chains that were given back begin anew.
    for (let entry = last + 1; entry <= last + 70_000; entry++) chained.chains.add(entry)
    chained.holds(last - 999, last + 70_000)
  })

  it('do not shrink while there are fewer than four for each key, and never below the first 64', () => {
    const chained = new Chained()
    for (let entry = 1; entry <= 4_000; entry++) chained.chains.add(entry)
    for (let entry = 1; entry <= 3_000; entry++) chained.chains.remove(entry)
    expect(chained.count).toBe(4_000)
    chained.chains.remove(3_001)
    expect(chained.count).toBe(3_996)
    for (let entry = 3_002; entry <= 4_000; entry++) {
      chained.chains.remove(entry)
      expect(chained.count).toBeLessThanOrEqual(Math.max(FIRST_CHAINS, 4 * chained.chains.size))
    }
    expect([chained.count, chained.chains.size]).toEqual([FIRST_CHAINS, 0])
    expect(chained.chains.first(7)).toBe(0)
  })

  it('hold what falls into one of them, and let go of the first, the last and any between', () => {
    const chained = new Chained(() => 5)
    for (let entry = 1; entry <= 200; entry++) chained.chains.add(entry)
    for (const gone of [200, 1, 100]) {
      chained.chains.remove(gone)
      expect(chained.depth(gone)).toBe(-1)
    }
    const left = Array.from({ length: 197 }, (_, n) => (n < 98 ? n + 2 : n + 3))
    const depths = left.map((entry) => chained.depth(entry)).sort((a, b) => a - b)
    expect(depths).toEqual(Array.from({ length: 197 }, (_, n) => n))
  })
})
