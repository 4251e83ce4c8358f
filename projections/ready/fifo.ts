// A queue of numbers in chunks: push at the tail, take at the head, nothing is ever moved.

const CHUNK = 2_048

export class Fifo {
  private readonly chunks: Float64Array[] = []
  private head = 0
  private tail = 0
  private spare: Float64Array | undefined

  get size(): number {
    return this.tail - this.head
  }

  push(value: number): void {
    const chunk = Math.floor(this.tail / CHUNK)
    if (chunk === this.chunks.length) {
      this.chunks.push(this.spare ?? new Float64Array(CHUNK))
      this.spare = undefined
    }
    this.chunks[chunk]![this.tail % CHUNK] = value
    this.tail++
  }

  /** The value at the head; NaN when empty. */
  peek(): number {
    return this.head === this.tail ? Number.NaN : this.chunks[0]![this.head]!
  }

  /** The value pushed last; NaN when empty. */
  last(): number {
    if (this.head === this.tail) return Number.NaN
    const at = this.tail - 1
    return this.chunks[Math.floor(at / CHUNK)]![at % CHUNK]!
  }

  take(): number {
    const value = this.peek()
    if (this.head === this.tail) return value
    this.head++
    if (this.head === CHUNK) {
      this.spare = this.chunks.shift()
      this.head = 0
      this.tail -= CHUNK
    }
    return value
  }
}
