// A binary min-heap of values by a key, equal keys by the value: messages by the instant since which they wait, tenants by
// the instant at which they may go on.

const FIRST_CAPACITY = 8

export class KeyedHeap {
  private keys = new Float64Array(FIRST_CAPACITY)
  private values = new Float64Array(FIRST_CAPACITY)
  private count = 0

  get size(): number {
    return this.count
  }

  /** The least key; NaN when empty. */
  key(): number {
    return this.count === 0 ? Number.NaN : this.keys[0]!
  }

  /** The value under the least key; NaN when empty. */
  value(): number {
    return this.count === 0 ? Number.NaN : this.values[0]!
  }

  push(key: number, value: number): void {
    if (this.count === this.keys.length) {
      this.keys = grown(this.keys)
      this.values = grown(this.values)
    }
    let at = this.count++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.isAfter(parent, key, value)) break
      this.move(parent, at)
      at = parent
    }
    this.keys[at] = key
    this.values[at] = value
  }

  /** Drops the value under the least key. */
  drop(): void {
    if (this.count === 0) return
    const key = this.keys[--this.count]!
    const value = this.values[this.count]!
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.count) break
      if (child + 1 < this.count && this.isAfter(child, this.keys[child + 1]!, this.values[child + 1]!))
        child++
      if (this.isAfter(child, key, value)) break
      this.move(child, at)
      at = child
    }
    this.keys[at] = key
    this.values[at] = value
  }

  /** Whether the entry at `place` comes after this one. */
  private isAfter(place: number, key: number, value: number): boolean {
    const other = this.keys[place]!
    return other > key || (other === key && this.values[place]! > value)
  }

  private move(from: number, to: number): void {
    this.keys[to] = this.keys[from]!
    this.values[to] = this.values[from]!
  }
}

const grown = (values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
  const more = new Float64Array(values.length * 2)
  more.set(values)
  return more
}
