// The bytes of a frame, field by field where docs/format.md says they stand, and what is not taken for a frame.
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  alignedBytes,
  FRAME_HEADER_BYTES,
  firstPlace,
  frameHeadAt,
  getU64,
  hashHolds,
  hashOf,
  previousHashOf,
  putHeader,
  putSection,
  putU64,
  SECTION_HEADER_BYTES,
  sealFrame,
  sectionBytes,
  sectionsOf,
  viewOf,
} from '../../../src/adapters/embedded/frames.js'

const LEDGER_ID = Uint8Array.from({ length: 16 }, (_, n) => n + 1)
const BEYOND_32_BITS = 2 ** 40 + 5
const PREVIOUS = new Uint8Array(32).fill(9)
const sections = [
  { name: Buffer.from('a'), firstRevision: 3, events: 2, batch: Buffer.from('first batch') },
  { name: Buffer.from('żółw'), firstRevision: BEYOND_32_BITS, events: 5, batch: Buffer.from('second batch') },
]

/** Two sections, sealed, in a buffer with other bytes behind it. */
const written = (spareBytes = 64): Readonly<{ frame: Uint8Array; room: Uint8Array; end: number }> => {
  const room = new Uint8Array(1_000).fill(0xee)
  const view = viewOf(room)
  let end = FRAME_HEADER_BYTES
  for (const section of sections) {
    room.fill(0, end, end + SECTION_HEADER_BYTES)
    end = putSection(room, view, end, section)
  }
  room.fill(0, 0, FRAME_HEADER_BYTES)
  const head = { ledgerId: LEDGER_ID, frame: 7, position: BEYOND_32_BITS, events: 7, sections: 2 }
  const bytes = putHeader(room, view, end, head)
  const frame = room.subarray(0, bytes)
  sealFrame(frame, PREVIOUS)
  return { frame, room: room.subarray(0, bytes + spareBytes), end }
}
const headOf = (bytes: Uint8Array, at = 0, ledgerId = LEDGER_ID) =>
  frameHeadAt(bytes, viewOf(bytes), at, ledgerId)
const resealed = (change: (view: DataView, frame: Uint8Array) => void): Uint8Array => {
  const frame = written().frame.slice()
  change(viewOf(frame), frame)
  sealFrame(frame, PREVIOUS)
  return frame
}

describe('a frame', () => {
  it('has each field where the format says', () => {
    const { frame, end } = written()
    const bytes = Buffer.from(frame)
    expect(bytes.subarray(0, 32)).toEqual(createHash('sha256').update(bytes.subarray(32)).digest())
    expect(bytes.toString('latin1', 32, 36)).toBe('LQFR')
    expect([bytes.readUInt16LE(36), bytes.readUInt16LE(38)]).toEqual([1, 0])
    expect([...bytes.subarray(40, 48)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect([bytes.readBigUInt64LE(48), bytes.readBigUInt64LE(56)]).toEqual([7n, BigInt(BEYOND_32_BITS)])
    expect([64, 68, 72, 76].map((at) => bytes.readUInt32LE(at))).toEqual([frame.length - 112, 7, 2, 0])
    expect(bytes.subarray(80, 112)).toEqual(Buffer.from(PREVIOUS))
    expect([bytes.readUInt32LE(112), bytes.readUInt32LE(116)]).toEqual([11, 2])
    expect(bytes.readBigUInt64LE(120)).toBe(3n)
    expect([bytes.readUInt16LE(128), ...bytes.subarray(130, 136)]).toEqual([1, 0, 0, 0, 0, 0, 0])
    expect(bytes.toString('utf8', 200, 212)).toBe('afirst batch')
    expect(frame.length % 8).toBe(0)
    expect([...frame.subarray(end)].every((byte) => byte === 0)).toBe(true)
    expect(frame.length - end).toBeLessThan(8)
  })

  it('is read as it was written, wherever it stands', () => {
    const { frame } = written()
    const { room } = written(24)
    const shifted = new Uint8Array(room.length + 40)
    shifted.set(room, 40)
    const head = { frame: 7, position: BEYOND_32_BITS, events: 7, sections: 2, bytes: frame.length }
    expect(headOf(room)).toEqual(head)
    expect(headOf(shifted, 40)).toEqual(head)
    const found = sectionsOf(shifted.subarray(40, 40 + frame.length))
    expect(
      found?.map(({ stream, firstRevision, events, position }) => [stream, firstRevision, events, position]),
    ).toEqual([
      ['a', 3, 2, BEYOND_32_BITS],
      ['żółw', BEYOND_32_BITS, 5, BEYOND_32_BITS + 2],
    ])
    expect(found?.map(({ batch }) => Buffer.from(batch).toString())).toEqual(['first batch', 'second batch'])
    expect([...previousHashOf(frame)]).toEqual([...PREVIOUS])
  })

  it('carries the digests of each section behind its numbers', () => {
    const frame = resealed((_, bytes) => {
      bytes.fill(4, 112 + 24, 112 + 56)
      bytes.fill(5, 112 + 56, 112 + 88)
    })
    const [first] = sectionsOf(frame) ?? []
    expect([...(first?.previousDigest ?? [])]).toEqual(Array(32).fill(4))
    expect([...(first?.digest ?? [])]).toEqual(Array(32).fill(5))
  })

  it('I6: holds its hash until any bit of it changes', () => {
    const { frame } = written()
    expect(hashHolds(frame)).toBe(true)
    for (let at = 0; at < frame.length; at++) {
      frame[at] = (frame[at] ?? 0) ^ 1
      expect(hashHolds(frame)).toBe(false)
      frame[at] = (frame[at] ?? 0) ^ 1
    }
    expect([...sealFrame(frame.slice(), PREVIOUS)]).toEqual([...hashOf(frame)])
  })
})

describe('what is no frame', () => {
  it('is a header that ends beyond the bytes, a frame that does, and nothing', () => {
    const { frame } = written()
    expect(headOf(frame)).toBeDefined()
    expect(headOf(frame.subarray(0, frame.length - 1))).toBeUndefined()
    expect(headOf(frame.subarray(0, FRAME_HEADER_BYTES - 1))).toBeUndefined()
    expect(headOf(frame, 8)).toBeUndefined()
    expect(headOf(new Uint8Array())).toBeUndefined()
  })

  it.each<readonly [string, (view: DataView) => void]>([
    ['another magic', (view) => view.setUint8(33, 0)],
    ['another format version', (view) => view.setUint16(36, 2, true)],
    ['something where nothing belongs', (view) => view.setUint16(38, 1, true)],
    ['the id of another ledger', (view) => view.setUint8(47, 99)],
    [
      'a length that is no multiple of eight',
      (view) => view.setUint32(64, view.getUint32(64, true) - 1, true),
    ],
  ])('is one with %s, whatever its hash', (_, change) => {
    const frame = resealed(change)
    expect(hashHolds(frame)).toBe(true)
    expect(headOf(frame)).toBeUndefined()
  })

  it('is one of another ledger', () => {
    expect(
      headOf(
        written().frame,
        0,
        LEDGER_ID.map((byte) => byte + 1),
      ),
    ).toBeUndefined()
  })
})

describe('sections that do not fill their frame', () => {
  it.each<readonly [string, (view: DataView) => void]>([
    ['there are more than there is room for', (view) => view.setUint32(72, 3, true)],
    ['there are fewer than were written', (view) => view.setUint32(72, 1, true)],
    ['the events are not those of the header', (view) => view.setUint32(68, 8, true)],
    ['a batch reaches beyond the end', (view) => view.setUint32(112, 0xffff, true)],
    ['a name reaches beyond the end', (view) => view.setUint16(128, 0xffff, true)],
    ['a batch leaves bytes that nobody wrote', (view) => view.setUint32(200 + 12, 0, true)],
  ])('are none: %s', (_, change) => {
    expect(sectionsOf(resealed(change))).toBeUndefined()
  })

  it('are none where zeros follow that the padding does not need', () => {
    const { frame } = written()
    const longer = new Uint8Array(frame.length + 8)
    longer.set(frame)
    expect(sectionsOf(longer)).toBeUndefined()
    expect(sectionsOf(frame)).toHaveLength(2)
  })
})

describe('numbers of 64 bits', () => {
  it.each([0, 1, 2 ** 32 - 1, 2 ** 32, BEYOND_32_BITS, Number.MAX_SAFE_INTEGER])('come back: %d', (value) => {
    const view = new DataView(new ArrayBuffer(16))
    putU64(view, 3, value)
    expect(view.getBigUint64(3, true)).toBe(BigInt(value))
    expect(getU64(view, 3)).toBe(value)
  })

  it('of bytes are rounded up to eight', () => {
    expect([0, 1, 7, 8, 9].map(alignedBytes)).toEqual([0, 8, 8, 8, 16])
    expect(sectionBytes(3, 10)).toBe(101)
  })
})

it('the first frame of a ledger names the ledger', () => {
  const previousHash = createHash('sha256').update(LEDGER_ID).digest()
  expect(firstPlace(LEDGER_ID)).toEqual({ frame: 1, position: 0, previousHash })
})
