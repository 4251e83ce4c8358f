// The head mark: two slots that take turns, of which the newer whole one counts (RELIABILITY finding 7).
import { describe, expect, it } from 'vitest'
import { sha256, viewOf } from '../../../src/adapters/embedded/frames.js'
import {
  firstHeadFile,
  type HeadMark,
  HeadMarkWriter,
  headMarkOf,
  readHeadMark,
} from '../../../src/adapters/embedded/headMark.js'
import { type MemoryFiles, memoryDisk } from '../../support/embedded/memoryDisk.js'

const LEDGER_ID = Uint8Array.from({ length: 16 }, (_, n) => n + 1)
const SLOT_BYTES = 112
const SECOND = 512

const markAt = (frame: number): HeadMark => ({
  frame,
  nextPosition: 2 ** 40 + frame,
  segment: 2 ** 33 + frame,
  end: 2 ** 34 + frame,
  hash: new Uint8Array(32).fill(frame),
})
const fileOf = (...frames: ReadonlyArray<number>): Uint8Array => {
  const files: MemoryFiles = new Map([['head', firstHeadFile(LEDGER_ID, markAt(0))]])
  const disk = memoryDisk(files)
  const writer = new HeadMarkWriter(disk, disk.open('head'), LEDGER_ID)
  // The first odd one goes into the second slot, as after a start.
  writer.write(markAt(0))
  writer.sync()
  for (const frame of frames) {
    writer.write(markAt(frame))
    writer.sync()
  }
  return files.get('head') ?? new Uint8Array()
}
const frameIn = (bytes: Uint8Array): number | undefined => headMarkOf(bytes, LEDGER_ID)?.frame
/** With a hash that holds, so that only the field itself speaks against it. */
const changed = (slotAt: number, change: (slot: Uint8Array) => void): Uint8Array => {
  const bytes = fileOf(1, 2)
  const slot = bytes.subarray(slotAt, slotAt + SLOT_BYTES)
  change(slot)
  slot.set(sha256(slot.subarray(32)), 0)
  return bytes
}

describe('the head mark', () => {
  it('comes back with all it says, and where it was found', () => {
    expect(headMarkOf(fileOf(1, 2), LEDGER_ID)).toEqual({ ...markAt(2), slotAt: 0, otherHolds: true })
    expect(headMarkOf(fileOf(1, 2, 3), LEDGER_ID)).toEqual({ ...markAt(3), slotAt: SECOND, otherHolds: true })
  })

  it('has each field where the format says, with nothing between its two slots', () => {
    const bytes = Buffer.from(fileOf(1, 2))
    expect(bytes).toHaveLength(SECOND + SLOT_BYTES)
    for (const [at, frame] of [
      [0, 2],
      [SECOND, 1],
    ] as const) {
      expect(bytes.toString('latin1', at + 32, at + 36)).toBe('LQHM')
      expect([bytes.readUInt16LE(at + 36), bytes.readUInt16LE(at + 38)]).toEqual([1, 0])
      expect([...bytes.subarray(at + 40, at + 48)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
      expect([48, 56, 64, 72].map((field) => Number(bytes.readBigUInt64LE(at + field)))).toEqual([
        frame,
        2 ** 40 + frame,
        2 ** 33 + frame,
        2 ** 34 + frame,
      ])
      expect([...bytes.subarray(at + 80, at + SLOT_BYTES)]).toEqual(Array(32).fill(frame))
    }
    expect(bytes.subarray(SLOT_BYTES, SECOND).every((byte) => byte === 0)).toBe(true)
  })

  it('at the birth of a ledger stands in both slots', () => {
    const bytes = fileOf()
    expect(bytes.subarray(0, SLOT_BYTES)).toEqual(bytes.subarray(SECOND))
    expect(headMarkOf(bytes.subarray(0, SLOT_BYTES), LEDGER_ID)).toEqual({
      ...markAt(0),
      slotAt: 0,
      otherHolds: false,
    })
    bytes.fill(0, 0, SLOT_BYTES)
    expect(headMarkOf(bytes, LEDGER_ID)).toEqual({ ...markAt(0), slotAt: SECOND, otherHolds: false })
  })

  it('R05: is the older one when any bit of the newer is another', () => {
    for (const [newer, slotAt] of [
      [2, 0],
      [3, SECOND],
    ] as const) {
      for (let at = slotAt; at < slotAt + SLOT_BYTES; at++) {
        const bytes = fileOf(1, ...(newer === 3 ? [2, 3] : [2]))
        bytes[at] = (bytes[at] ?? 0) ^ 0x10
        expect(frameIn(bytes)).toBe(newer - 1)
      }
    }
  })

  it.each<readonly [string, (slot: Uint8Array) => void]>([
    ['of another ledger', (slot) => slot.set([9], 47)],
    ['of another format version', (slot) => viewOf(slot).setUint16(36, 2, true)],
    ['with something where nothing belongs', (slot) => viewOf(slot).setUint16(38, 1, true)],
    ['with another magic', (slot) => slot.set([0], 32)],
  ])('is not taken from a slot %s, though its hash holds', (_, change) => {
    expect(frameIn(changed(0, change))).toBe(1)
    expect(frameIn(changed(SECOND, change))).toBe(2)
  })

  it('is none where no slot is whole, and the first one where the file ends before the second', () => {
    const bytes = fileOf(1, 2)
    expect(frameIn(bytes.subarray(0, bytes.length - 1))).toBe(2)
    expect(frameIn(bytes.subarray(0, SLOT_BYTES - 1))).toBeUndefined()
    expect(frameIn(new Uint8Array())).toBeUndefined()
  })
})

describe('writing the head mark', () => {
  const recording = () => {
    const files: MemoryFiles = new Map([['head', firstHeadFile(LEDGER_ID, markAt(0))]])
    const calls: string[] = []
    const disk = memoryDisk(files)
    const fd = disk.open('head')
    const writer = new HeadMarkWriter(
      {
        ...disk,
        write: (to, bytes, offset) => {
          calls.push(`write ${offset}`)
          disk.write(to, bytes, offset)
        },
        datasync: () => void calls.push('sync'),
      },
      fd,
      LEDGER_ID,
    )
    return { writer, calls, disk, fd, read: () => readHeadMark(disk, fd, LEDGER_ID) }
  }

  it('syncs what was written, and nothing twice', () => {
    const { writer, calls } = recording()
    writer.sync()
    expect([calls, writer.isDirty]).toEqual([[], false])
    writer.write(markAt(1))
    expect(writer.isDirty).toBe(true)
    writer.sync()
    writer.sync()
    expect([calls, writer.isDirty]).toEqual([['write 0', 'sync'], false])
  })

  it('R03: writes one slot only until it is synced, so that the other is whole whatever becomes of it', () => {
    const { writer, calls, read } = recording()
    for (const frame of [1, 2, 3]) writer.write(markAt(frame))
    writer.sync()
    for (const frame of [4, 5]) writer.write(markAt(frame))
    expect(calls).toEqual(['write 0', 'write 0', 'write 0', 'sync', 'write 512', 'write 512'])
    expect(read()).toMatchObject(markAt(5))
  })

  it.each([
    ['both hold, begins with the newer, which may never have been synced', [1, 2], undefined, 512],
    ['both hold, begins with the newer, whichever that is', [1, 2, 3], undefined, 0],
    ['only one holds, begins with the other', [1, 2], 0, 0],
    ['only one holds, begins with the other, whichever that is', [1, 2], 512, 512],
  ] as const)('into both slots, where %s', (_, frames, torn, first) => {
    const { writer, calls, read, disk, fd } = recording()
    for (const frame of frames) {
      writer.write(markAt(frame))
      writer.sync()
    }
    if (torn !== undefined) disk.write(fd, new Uint8Array(20), torn)
    const before = read()
    if (before === undefined) throw new Error('no mark')
    calls.length = 0
    writer.writeBoth(markAt(9), before)
    const second = 512 - first
    expect(calls).toEqual([`write ${first}`, 'sync', `write ${second}`, 'sync'])
    expect(read()).toMatchObject({ ...markAt(9), otherHolds: true })
  })
})
