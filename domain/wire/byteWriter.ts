// Writes the primitive values of the wire form into one buffer that grows and is used again. Each value has exactly one
// spelling (shortest varint, no negative zero), so that equal batches give equal bytes and equal hashes (§4.7).
import { invariant } from '../invariant.js'

const FIRST_BYTES = 4_096
/** 53 bits in groups of 7. */
const VARINT_BYTES_MAX = 8
/** Up to here a loop over the characters beats the call into the engine (bench/micro/batchRows.ts). */
const LOOP_CHARS_MAX = 32
/** Up to here there is always room for the longest UTF-8 a text can have, so that it is encoded once. */
const ROOMY_CHARS_MAX = 4_096
// In every Node we run on; the type library follows only with ES2024.
const isWellFormed = (text: string): boolean =>
  (text as unknown as Readonly<{ isWellFormed: () => boolean }>).isWellFormed()

const encoder = new TextEncoder()

export class ByteWriter {
  /** Bytes written so far. */
  length = 0
  private buffer: Uint8Array
  private view: DataView

  constructor(bytes: number = FIRST_BYTES) {
    this.buffer = new Uint8Array(bytes)
    this.view = new DataView(this.buffer.buffer)
  }

  /** Forgets what was written and keeps the room. Views handed out by `bytes` are overwritten from here on. */
  reset(): void {
    this.length = 0
  }

  /** What was written from `from` on: a view, valid until the next write or `reset`. */
  bytes(from = 0): Uint8Array {
    return this.buffer.subarray(from, this.length)
  }

  u8(value: number): void {
    this.ensure(1)
    this.buffer[this.length++] = value
  }

  /** Leaves room for a number that is known later (`setU32`); returns where. */
  reserveU32(): number {
    this.ensure(4)
    const at = this.length
    this.length += 4
    return at
  }

  setU32(at: number, value: number): void {
    invariant(value <= 0xffff_ffff && at + 4 <= this.length, 'a section fits its 32 bit length')
    this.view.setUint32(at, value, true)
  }

  /** Whole numbers from 0 to 2^53 - 1, seven bits a byte, lowest first. */
  varint(value: number): void {
    if (value === (value & 0x7f)) {
      this.ensure(1)
      this.buffer[this.length++] = value
      return
    }
    invariant(Number.isSafeInteger(value) && value >= 0, 'a varint is a whole number from 0 to 2^53 - 1')
    this.ensure(VARINT_BYTES_MAX)
    this.groups(value)
  }

  /** Whole numbers from -(2^53 - 1) to 2^53 - 1: sign in the lowest bit, six bits beside it, then as a varint. */
  signed(value: number): void {
    if (value > -64 && value < 64 && value === (value | 0)) {
      this.ensure(1)
      this.buffer[this.length++] = value < 0 ? (-value << 1) | 1 : value << 1
      return
    }
    invariant(Number.isSafeInteger(value), 'a signed number is whole and within 2^53 - 1')
    this.ensure(VARINT_BYTES_MAX + 1)
    const magnitude = Math.abs(value)
    // Doubling first, as zigzag does, would leave the whole numbers that a double can hold.
    this.buffer[this.length++] = 0x80 | ((magnitude % 64) << 1) | (value < 0 ? 1 : 0)
    this.groups(Math.floor(magnitude / 64))
  }

  f64(value: number): void {
    this.ensure(8)
    this.view.setFloat64(this.length, value, true)
    this.length += 8
  }

  /** Byte length, then UTF-8. Text that has no UTF-8 form is refused: it would come back changed (I10). */
  string(text: string): void {
    const chars = text.length
    if (chars > LOOP_CHARS_MAX) {
      this.encoded(text)
      return
    }
    this.ensure(chars + 1)
    const buffer = this.buffer
    let at = this.length
    buffer[at++] = chars
    for (let i = 0; i < chars; i++) {
      const code = text.charCodeAt(i)
      if (code >= 0x80) {
        this.encoded(text)
        return
      }
      buffer[at++] = code
    }
    this.length = at
  }

  /** The length's place is guessed as if all were ASCII; where that was wrong the text moves up. */
  private encoded(text: string): void {
    const chars = text.length
    const guessed = varintBytes(chars)
    this.ensure((chars > ROOMY_CHARS_MAX ? chars : chars * 3) + VARINT_BYTES_MAX)
    const start = this.length
    let { read, written } = encoder.encodeInto(text, this.buffer.subarray(start + guessed))
    if (written !== chars) {
      invariant(isWellFormed(text), 'I10 text with a lone surrogate has no UTF-8 form')
      if (read !== chars) {
        this.ensure(chars * 3 + VARINT_BYTES_MAX)
        written = encoder.encodeInto(text, this.buffer.subarray(start + guessed)).written
      }
      const needed = varintBytes(written)
      if (needed !== guessed)
        this.buffer.copyWithin(start + needed, start + guessed, start + guessed + written)
    }
    this.groups(written)
    this.length += written
  }

  private groups(value: number): void {
    const buffer = this.buffer
    let at = this.length
    let rest = value
    // Bit operators see 32 bits only; what is above them goes by division.
    while (rest > 0x7fff_ffff) {
      buffer[at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 0x7f) {
      buffer[at++] = (rest & 0x7f) | 0x80
      rest >>= 7
    }
    buffer[at++] = rest
    this.length = at
  }

  private ensure(bytes: number): void {
    if (this.length + bytes > this.buffer.length) this.grow(this.length + bytes)
  }

  private grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2))
    grown.set(this.buffer.subarray(0, this.length))
    this.buffer = grown
    this.view = new DataView(grown.buffer)
  }
}

const varintBytes = (value: number): number => {
  let bytes = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) bytes++
  return bytes
}
