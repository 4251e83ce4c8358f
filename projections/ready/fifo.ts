// A queue of numbers in chunks: push at the tail, take at the head, nothing is ever moved once it is long. A short one
// is one small array: a queue with thousands of lanes has thousands of these, most of them with a few entries.

/** Fits into the object itself (V8 keeps typed arrays of up to 64 bytes on its heap). */
const FIRST_CAPACITY = 8
const CHUNK = 2_048

export class Fifo {
  private chunks: Float64Array[] = [new Float64Array(FIRST_CAPACITY)]
  private first = this.chunks[0]!
  private last = this.first
  private headAt = 0
  private tailAt = 0
  private count = 0
  private spare: Float64Array | undefined

  get size(): number {
    return this.count
  }

  push(value: number): void {
    if (this.tailAt === this.last.length) this.extend()
    this.last[this.tailAt++] = value
    this.count++
  }

  /** The value at the head; NaN when empty. */
  peek(): number {
    return this.count === 0 ? Number.NaN : this.first[this.headAt]!
  }

  /** The value pushed last; NaN when empty. */
  lastPushed(): number {
    return this.count === 0 ? Number.NaN : this.last[this.tailAt - 1]!
  }

  take(): number {
    if (this.count === 0) return Number.NaN
    const value = this.first[this.headAt++]!
    this.count--
    if (this.count === 0) {
      this.headAt = 0
      this.tailAt = 0
    } else if (this.headAt === this.first.length) {
      this.spare = this.chunks.shift()
      this.first = this.chunks[0]!
      this.headAt = 0
    }
    return value
  }

  /** The value pushed last is taken back; NaN when empty. */
  takeLast(): number {
    if (this.count === 0) return Number.NaN
    const value = this.last[--this.tailAt]!
    this.count--
    if (this.count === 0) {
      this.headAt = 0
      this.tailAt = 0
    } else if (this.tailAt === 0) {
      this.spare = this.chunks.pop()
      this.last = this.chunks[this.chunks.length - 1]!
      this.tailAt = this.last.length
    }
    return value
  }

  private extend(): void {
    const { first } = this
    if (this.chunks.length > 1 || first.length === CHUNK) {
      this.last = this.spare ?? new Float64Array(CHUNK)
      this.spare = undefined
      this.chunks.push(this.last)
      this.tailAt = 0
      return
    }
    const roomy = this.count <= first.length / 2 ? first : new Float64Array(first.length * 2)
    roomy.set(first.subarray(this.headAt, this.tailAt))
    this.chunks = [roomy]
    this.first = roomy
    this.last = roomy
    this.headAt = 0
    this.tailAt = this.count
  }
}
