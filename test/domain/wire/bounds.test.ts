// The wire form at its edges: the first and last value of each spelling, buffers that end exactly where a value does, and
// lengths that reach into what follows.
import { isLeft, isRight } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import type { EventBatch, LedgerEvent } from '../../../domain/batch.js'
import { Defect } from '../../../domain/invariant.js'
import { fixed } from '../../../domain/retry/index.js'
import { decodeBatch, encodeBatch, LEAF_ROWS, leavesOf } from '../../../domain/wire/batchRows.js'
import { ByteReader, Malformed } from '../../../domain/wire/byteReader.js'
import { ByteWriter } from '../../../domain/wire/byteWriter.js'
import { ROW_KINDS } from '../../../domain/wire/rowKinds.js'

const written = (write: (out: ByteWriter) => void): number[] => {
  const out = new ByteWriter(1)
  write(out)
  return [...out.bytes()]
}
const reading = (...bytes: number[]) => new ByteReader(new Uint8Array(bytes))
const refusalOf = (read: () => unknown): Malformed => {
  try {
    read()
  } catch (thrown) {
    if (thrown instanceof Malformed) return thrown
    throw thrown
  }
  throw new Error('it was read')
}

const enqueued = (ordinal: number): LedgerEvent => ({
  type: 'MessageEnqueued',
  ordinal,
  callerId: undefined,
  payload: '{}',
  priority: 0,
  notBefore: 0,
  expiresAt: 0,
  attributes: undefined,
})
const batchOf = (count: number): EventBatch => ({
  batchId: 'b',
  at: 1_000,
  epoch: 1,
  events: Array.from({ length: count }, (_, n) => enqueued(n + 1)),
  previous: Array.from({ length: count }, () => -1),
})
const encoded = (batch: EventBatch): Uint8Array => {
  const out = new ByteWriter()
  encodeBatch(batch, out)
  return out.bytes().slice()
}

describe('a number', () => {
  it('around nothing has its sign in the lowest bit, and nothing has no sign', () => {
    expect([0, -0, 1, -1, 63, -63].map((value) => written((out) => out.signed(value)))).toEqual([
      [0],
      [0],
      [2],
      [3],
      [126],
      [127],
    ])
    expect(reading(0).signed()).toBe(0)
  })

  it('is read where the bytes end with it', () => {
    expect(reading(1, 0, 0, 0).u32()).toBe(1)
    expect(reading(0, 0, 0, 0, 0, 0, 240, 63).f64()).toBe(1)
    expect(reading(0xff, 0x7f).varint()).toBe(16_383)
  })

  it('that reaches beyond the end is refused, however far into the bytes it stands', () => {
    const reader = reading(...Array<number>(12).fill(0))
    for (let n = 0; n < 9; n++) reader.u8()
    expect(refusalOf(() => reader.f64()).reason).toBe('ends too early')
    expect(refusalOf(() => reader.u32()).reason).toBe('ends too early')
    expect(reader.remaining).toBe(3)
  })

  it('of 32 bits that was left open is set where the buffer ends with it, and fits', () => {
    expect(written((out) => out.setU32(out.reserveU32(), 7))).toEqual([7, 0, 0, 0])
    expect(written((out) => out.setU32(out.reserveU32(), 0xffff_ffff))).toEqual([255, 255, 255, 255])
    expect(() => written((out) => out.setU32(out.reserveU32(), 2 ** 32))).toThrow(Defect)
  })
})

describe('a text', () => {
  it.each(['\u007f', '\u0080', '\u07ff', '\u0800', '\ufeff', '\uffff', '\u{10000}', '\u{10ffff}'])(
    'comes back at the edges of UTF-8: %j',
    (char) => {
      for (const chars of [1, 4, 5, 12, 13, 31, 32, 33, 127, 128]) {
        const text = char.repeat(chars)
        const bytes = written((out) => out.string(text))
        expect(reading(...bytes).string()).toBe(text)
        expect(bytes.slice(-Buffer.byteLength(text))).toEqual([...Buffer.from(text)])
      }
    },
  )

  it('that reaches beyond the end is refused, however far into the bytes it stands', () => {
    const reader = reading(9, 9, 3, 0x61, 0x62)
    reader.u8()
    reader.u8()
    expect(refusalOf(() => reader.string()).reason).toBe('a text reaches beyond the end')
  })

  it('that is no UTF-8 is refused with the place where it begins', () => {
    expect(refusalOf(() => reading(1, 0xff).string())).toMatchObject({
      name: 'Malformed',
      offset: 1,
      reason: 'a text that is not UTF-8',
    })
  })
})

describe('the buffer', () => {
  it('doubles when it is full, so that small values are not copied again and again', () => {
    const out = new ByteWriter(1)
    const buffers = new Set<ArrayBufferLike>()
    for (let n = 0; n < 10_000; n++) {
      out.u8(n & 0xff)
      buffers.add(out.bytes().buffer)
    }
    expect(buffers.size).toBeLessThanOrEqual(15)
    expect(out.bytes().every((byte, n) => byte === (n & 0xff))).toBe(true)
  })

  it('is never read backwards', () => {
    const reader = reading(1, 2, 3)
    reader.u8()
    reader.u8()
    expect(refusalOf(() => reader.limitTo(1)).reason).toBe('a length reaches beyond the end')
    reader.limitTo(2)
    expect(reader.remaining).toBe(0)
  })
})

describe('a batch', () => {
  it('has the previous revision of every event', () => {
    const short = { ...batchOf(2), previous: [-1] }
    expect(() => encoded(short)).toThrow('every event of a batch has its previous revision')
  })

  it('§4.7 is refused when a block reaches over the length of the next: its leaves would be cut elsewhere', () => {
    const bytes = encoded(batchOf(LEAF_ROWS + 1))
    expect(isRight(decodeBatch(bytes))).toBe(true)
    const [[, first] = [0, 0]] = leavesOf(bytes)
    const view = new DataView(bytes.buffer)
    view.setUint32(first, view.getUint32(first, true) + 4, true)
    expect(decodeBatch(bytes)).toMatchObject({ left: { reason: 'bytes where the end was expected' } })
  })

  it('that is cut like one has a leaf for its header alone', () => {
    expect(leavesOf(new Uint8Array([1, 0, 0, 0, 0]))).toEqual([[0, 5]])
    expect(() => leavesOf(new Uint8Array([1, 0, 0, 0]))).toThrow(Defect)
    expect(() => leavesOf(new Uint8Array([1, 1, 0, 0, 0]))).toThrow(Defect)
  })

  it.each([0, 1, 255])(
    'I8: that holds a row kind of the future names it, whatever its flags: %i',
    (flags) => {
      const bytes = encoded(batchOf(1))
      const [, [block] = [0, 0]] = leavesOf(bytes)
      bytes.set([ROW_KINDS, flags], block + 4)
      expect(decodeBatch(bytes)).toEqual({
        _tag: 'Left',
        left: { type: 'UnknownRowKind', kind: ROW_KINDS, index: 0 },
      })
    },
  )

  it.each<readonly [string, string, LedgerEvent]>([
    ['"queue"', '"qeuue"', { ...enqueued(1), attributes: { onSuccess: { queue: 'mails' } } } as LedgerEvent],
    ['"fixed"', '"fixes"', { ...enqueued(1), attributes: { retry: fixed() } } as LedgerEvent],
  ])('I8: whose event holds what cannot be read is refused by name: %s as %s', (found, instead, event) => {
    const bytes = encoded({ ...batchOf(1), events: [event] })
    bytes.set(new TextEncoder().encode(instead), Buffer.from(bytes.buffer).indexOf(found))
    expect(decodeBatch(bytes)).toMatchObject({
      left: {
        type: 'EventUndecodable',
        index: 0,
        fault: { type: 'InvalidEventData', eventType: event.type },
      },
    })
  })

  it('of no bytes at all is refused', () => {
    expect(isLeft(decodeBatch(new Uint8Array()))).toBe(true)
  })
})
