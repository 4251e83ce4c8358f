// Reads what ByteWriter wrote, and nothing else: every read is checked against the end, and a second spelling of the same
// value is refused, so that bytes that decode are the bytes that encoding gives again.

/** Thrown by ByteReader only, and caught where a whole value is decoded: it never leaves domain/wire. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
  constructor(
    readonly offset: number,
    readonly reason: string,
  ) {
    super(reason)
  }
}

/** 53 bits in groups of 7. */
const VARINT_BYTES_MAX = 8
/** Up to here building the text from its codes beats the call into the decoder (bench/micro/batchRows.ts). */
const LOOP_BYTES_MAX = 12

// A byte order mark is text like any other here: it must come back.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class ByteReader {
  private readonly view: DataView
  private limit: number

  constructor(
    private readonly buffer: Uint8Array,
    public offset = 0,
  ) {
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    this.limit = buffer.length
  }

  get remaining(): number {
    return this.limit - this.offset
  }

  /** Nothing beyond `end` is read until the next call. */
  limitTo(end: number): void {
    if (end < this.offset || end > this.buffer.length) throw this.malformed('a length reaches beyond the end')
    this.limit = end
  }

  malformed(reason: string): Malformed {
    return new Malformed(this.offset, reason)
  }

  u8(): number {
    if (this.offset >= this.limit) throw this.malformed('ends too early')
    return this.buffer[this.offset++] as number
  }

  u32(): number {
    if (this.limit - this.offset < 4) throw this.malformed('ends too early')
    const value = this.view.getUint32(this.offset, true)
    this.offset += 4
    return value
  }

  varint(): number {
    const first = this.u8()
    return first < 0x80 ? first : this.groups(first & 0x7f, 128, VARINT_BYTES_MAX - 1)
  }

  signed(): number {
    const first = this.u8()
    const low = (first & 0x7f) >> 1
    const magnitude = first < 0x80 ? low : this.groups(low, 64, VARINT_BYTES_MAX)
    if ((first & 1) === 0) return magnitude
    if (magnitude === 0) throw this.malformed('negative zero')
    return -magnitude
  }

  f64(): number {
    if (this.limit - this.offset < 8) throw this.malformed('ends too early')
    const value = this.view.getFloat64(this.offset, true)
    this.offset += 8
    return value
  }

  string(): string {
    const bytes = this.varint()
    if (bytes > this.limit - this.offset) throw this.malformed('a text reaches beyond the end')
    const start = this.offset
    this.offset += bytes
    if (bytes <= LOOP_BYTES_MAX) {
      const text = this.ascii(start, bytes)
      if (text !== undefined) return text
    }
    try {
      return decoder.decode(this.buffer.subarray(start, start + bytes))
    } catch {
      throw new Malformed(start, 'a text that is not UTF-8')
    }
  }

  private ascii(start: number, bytes: number): string | undefined {
    let text = ''
    for (let i = start; i < start + bytes; i++) {
      const code = this.buffer[i] as number
      if (code >= 0x80) return undefined
      text += String.fromCharCode(code)
    }
    return text
  }

  private groups(low: number, lowWeight: number, bytesMax: number): number {
    let value = low
    let weight = lowWeight
    for (let i = 0; i < bytesMax; i++) {
      const byte = this.u8()
      value += (byte & 0x7f) * weight
      if (byte < 0x80) {
        if (byte === 0) throw this.malformed('a number with a leading zero')
        if (value > Number.MAX_SAFE_INTEGER) throw this.malformed('a number above 2^53 - 1')
        return value
      }
      weight *= 128
    }
    throw this.malformed('a number of too many bytes')
  }
}
