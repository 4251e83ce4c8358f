// The primitive values of the wire form: each has one spelling, comes back, and is refused in any other.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Defect } from '../../../domain/invariant.js'
import { ByteReader, Malformed } from '../../../domain/wire/byteReader.js'
import { ByteWriter } from '../../../domain/wire/byteWriter.js'
import { natural, text } from '../../support/arbitraries.js'

const written = (write: (out: ByteWriter) => void): Uint8Array => {
  const out = new ByteWriter(1)
  write(out)
  return out.bytes().slice()
}
const reading = (...bytes: number[]) => new ByteReader(new Uint8Array(bytes))

const integer = fc.oneof(natural, fc.maxSafeInteger(), fc.constantFrom(-63, -64, 63, 64, -(2 ** 53) + 1))

describe('numbers', () => {
  it('come back, varint and signed, to the last whole number of a double', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(natural, integer, fc.double({ noNaN: true }))), (rows) => {
        const bytes = written((out) => {
          for (const [unsigned, signed, double] of rows) {
            out.varint(unsigned)
            out.signed(signed)
            out.f64(double)
          }
        })
        const reader = new ByteReader(bytes)
        expect(rows.map(() => [reader.varint(), reader.signed(), reader.f64()])).toStrictEqual(rows)
        expect(reader.remaining).toBe(0)
      }),
    )
  })

  it.each([
    [0, 1],
    [127, 1],
    [128, 2],
    [16_383, 2],
    [16_384, 3],
    [2 ** 31, 5],
    [Number.MAX_SAFE_INTEGER, 8],
  ])('%d takes %d bytes', (value, bytes) => {
    expect(written((out) => out.varint(value))).toHaveLength(bytes)
  })

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('%d is no varint', (value) => {
    expect(() => written((out) => out.varint(value))).toThrow(Defect)
  })

  it.each([0.5, -0.5, 63.5, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 53, -(2 ** 53)])(
    '%d is no signed number',
    (value) => {
      expect(() => written((out) => out.signed(value))).toThrow(Defect)
    },
  )

  it('are refused in a longer spelling, above 2^53 - 1, as negative zero and when they are cut off', () => {
    expect(() => reading(0x80, 0x00).varint()).toThrow(Malformed)
    expect(() => reading(0x80, 0x00).signed()).toThrow(Malformed)
    expect(() => reading(0x01).signed()).toThrow(Malformed)
    expect(() => reading(...Array(7).fill(0xff), 0x7f).varint()).toThrow(Malformed)
    expect(() => reading(...Array(20).fill(0xff)).varint()).toThrow(Malformed)
    expect(() => reading(...Array(20).fill(0xff)).signed()).toThrow(Malformed)
    expect(() => reading(0xff).varint()).toThrow(Malformed)
    expect(() => reading(1, 2, 3).u32()).toThrow(Malformed)
    expect(() => reading(1, 2, 3, 4, 5, 6, 7).f64()).toThrow(Malformed)
    expect(() => reading().u8()).toThrow(Malformed)
  })
})

describe('texts', () => {
  it('come back unchanged, in UTF-8, whatever their length and script', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 5 }), (texts) => {
        const bytes = written((out) => {
          for (const each of texts) out.string(each)
        })
        const reader = new ByteReader(bytes)
        expect(texts.map(() => reader.string())).toStrictEqual(texts)
        expect(reader.remaining).toBe(0)
      }),
    )
  })

  it('are plain UTF-8 after their length in bytes', () => {
    fc.assert(
      fc.property(text, (each) => {
        const utf8 = Buffer.from(each, 'utf8')
        const length = written((out) => out.varint(utf8.length))
        expect(written((out) => out.string(each))).toEqual(new Uint8Array([...length, ...utf8]))
      }),
    )
  })

  it.each([5_000, 100_000])('come back when %d characters outgrow their room', (chars) => {
    for (const each of [
      'x'.repeat(chars),
      'ż'.repeat(chars),
      '🐂'.repeat(chars / 2),
      `${'x'.repeat(chars)}€`,
    ]) {
      expect(new ByteReader(written((out) => out.string(each))).string()).toBe(each)
    }
  })

  it.each(['\ud83d', 'a\udc00', `${'x'.repeat(500)}\ud83dx`])(
    'I10: with a lone surrogate are refused, as they would come back changed',
    (broken) => {
      expect(() => written((out) => out.string(broken))).toThrow(Defect)
    },
  )

  it('are refused when they are not UTF-8, an encoded surrogate included, or reach beyond the end', () => {
    expect(() => reading(1, 0xff).string()).toThrow(Malformed)
    expect(() => reading(2, 0xc0, 0x80).string()).toThrow(Malformed)
    expect(() => reading(3, 0xed, 0xa0, 0x80).string()).toThrow(Malformed)
    expect(() => reading(3, 0x61, 0x62).string()).toThrow(Malformed)
  })
})

describe('the writer', () => {
  it('starts again after a reset without growing, and shows any part of what it wrote', () => {
    const out = new ByteWriter(4)
    out.string('first, longer than four bytes')
    const room = out.bytes().buffer.byteLength
    out.reset()
    expect(out.length).toBe(0)
    out.u8(7)
    const from = out.length
    out.string('ab')
    expect([...out.bytes(from)]).toEqual([2, 0x61, 0x62])
    expect(out.bytes().buffer.byteLength).toBe(room)
  })

  it('sets a length afterwards, little endian', () => {
    const bytes = written((out) => {
      const at = out.reserveU32()
      out.u8(9)
      out.setU32(at, 0x01020304)
    })
    expect([...bytes]).toEqual([4, 3, 2, 1, 9])
    expect(new ByteReader(bytes).u32()).toBe(0x01020304)
    expect(() => new ByteWriter().setU32(0, 1)).toThrow(Defect)
  })
})

describe('the reader', () => {
  it('stays within the limit it was given', () => {
    const reader = reading(1, 2, 3)
    reader.limitTo(1)
    expect(reader.u8()).toBe(1)
    expect(() => reader.u8()).toThrow(Malformed)
    expect(() => reader.limitTo(4)).toThrow(Malformed)
    reader.limitTo(3)
    expect(reader.remaining).toBe(2)
  })
})
