// A binary min-heap of numbers, for the few messages that become ready out of order.

const FIRST_CAPACITY = 8

export class NumberHeap {
  private values = new Float64Array(FIRST_CAPACITY)
  private count = 0

  get size(): number {
    return this.count
  }

  /** The least value; NaN when empty. */
  peek(): number {
    return this.count === 0 ? Number.NaN : this.values[0]!
  }

  push(value: number): void {
    if (this.count === this.values.length) {
      const grown = new Float64Array(this.values.length * 2)
      grown.set(this.values)
      this.values = grown
    }
    let at = this.count++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.values[parent]! <= value) break
      this.values[at] = this.values[parent]!
      at = parent
    }
    this.values[at] = value
  }

  /** In no particular order. */
  forEach(visit: (value: number) => void): void {
    for (let at = 0; at < this.count; at++) visit(this.values[at]!)
  }

  take(): number {
    const least = this.peek()
    if (this.count === 0) return least
    const value = this.values[--this.count]!
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.count) break
      if (child + 1 < this.count && this.values[child + 1]! < this.values[child]!) child++
      if (this.values[child]! >= value) break
      this.values[at] = this.values[child]!
      at = child
    }
    this.values[at] = value
    return least
  }
}
