// A key as bytes, with the hash that it is found by: the name space, then one byte a character, or two where one is not
// enough. Bytes are what is compared, so two keys are never taken for one (A6); the hash only says where to look. It is
// keyed (HalfSipHash-1-3, Aumasson and Bernstein), because keys come from callers: with a hash that anybody can compute,
// one of them could choose keys that all land in one place, and make every later look-up walk through them.

export type DedupKind = 'dedup' | 'idempotency' | 'id'

const SPACE: Record<DedupKind, number> = { dedup: 1, idempotency: 2, id: 3 }
const PREFIX = ['', 'd', 'i', 'c'] as const
const WIDE = 0x80
const FIRST_BYTES = 4_096

/** One key at a time, in memory that is used again for the next. */
export class KeyBytes {
  bytes = new Uint8Array(FIRST_BYTES)
  length = 0
  hash = 0
  private words = new Uint32Array(this.bytes.buffer)
  /** The key that is here, when it came as a text. */
  private text: string | undefined
  private kind: DedupKind = 'dedup'
  private seedA = 0x9e3779b9
  private seedB = 0x85ebca6b

  /** From now on another hash; only while nothing is remembered. */
  seed(seed: string): void {
    this.text = undefined
    for (let i = 0; i < seed.length; i++) {
      this.seedA = Math.imul(this.seedA ^ seed.charCodeAt(i), 0x01000193)
      this.seedB = Math.imul(this.seedB + seed.charCodeAt(i), 0xcc9e2d51)
      this.seedB ^= this.seedB >>> 15
    }
  }

  take(kind: DedupKind, key: string): void {
    // One enqueue looks the same id up twice and enters it.
    if (key === this.text && kind === this.kind) return
    this.text = key
    this.kind = kind
    const { length } = key
    this.reserve(1 + 2 * length)
    const { bytes } = this
    let all = 0
    for (let i = 0; i < length; i++) {
      const code = key.charCodeAt(i)
      all |= code
      bytes[i + 1] = code
    }
    if (all <= 0xff) {
      bytes[0] = SPACE[kind]
      this.finish(1 + length)
      return
    }
    for (let i = 0; i < length; i++) {
      const code = key.charCodeAt(i)
      bytes[2 * i + 1] = code
      bytes[2 * i + 2] = code >> 8
    }
    bytes[0] = SPACE[kind] | WIDE
    this.finish(1 + 2 * length)
  }

  /** A key that was taken earlier, from where it is kept. */
  takeFrom(bytes: Uint8Array, start: number, end: number): void {
    this.text = undefined
    this.reserve(end - start)
    for (let i = start; i < end; i++) this.bytes[i - start] = bytes[i]!
    this.finish(end - start)
  }

  private reserve(bytes: number): void {
    if (bytes + 4 <= this.bytes.length) return
    this.bytes = new Uint8Array(4 * (bytes + 4))
    this.words = new Uint32Array(this.bytes.buffer)
  }

  private finish(length: number): void {
    this.length = length
    this.bytes.fill(0, length, length + 3)
    this.hash = keyedHash(this.words, length, this.seedA, this.seedB)
  }
}

/** The name space as one letter, and the key. */
export const nameOf = (bytes: Uint8Array, start: number, end: number): string => {
  const head = bytes[start] ?? 0
  const codes: number[] = []
  if ((head & WIDE) === 0) for (let i = start + 1; i < end; i++) codes.push(bytes[i]!)
  else for (let i = start + 1; i < end; i += 2) codes.push(bytes[i]! | (bytes[i + 1]! << 8))
  return (PREFIX[head & ~WIDE] ?? '?') + String.fromCharCode(...codes)
}

const keyedHash = (words: Uint32Array, length: number, seedA: number, seedB: number): number => {
  let a = seedA
  let b = seedB
  let c = seedA ^ 0x6c796765
  let d = seedB ^ 0x74656462
  const count = (length + 3) >> 2
  // The words of the key, its length, then three rounds that let nobody work back.
  for (let n = 0; n < count + 4; n++) {
    const word = n < count ? words[n]! | 0 : n === count ? length : 0
    if (n === count + 1) c ^= 0xff
    d ^= word
    a = (a + b) | 0
    b = ((b << 5) | (b >>> 27)) ^ a
    a = (a << 16) | (a >>> 16)
    c = (c + d) | 0
    d = ((d << 8) | (d >>> 24)) ^ c
    a = (a + d) | 0
    d = ((d << 7) | (d >>> 25)) ^ a
    c = (c + b) | 0
    b = ((b << 13) | (b >>> 19)) ^ c
    c = (c << 16) | (c >>> 16)
    a ^= word
  }
  return (b ^ d) >>> 0
}
