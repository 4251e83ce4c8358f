// What a scan of a segment says: the chain it followed, why it ended, and why a batch cannot follow its stream.
import { describe, expect, it } from 'vitest'
import { firstPlace, sealFrame, viewOf } from '../../../src/adapters/embedded/frames.js'
import {
  hasFrameBehind,
  likelyContent,
  type ScanOptions,
  scanSegment,
  sectionMisfit,
} from '../../../src/adapters/embedded/scan.js'
import { LEDGER_ID, SMALL_SEGMENT_BYTES, SmallLog, segmentPath } from '../../support/embedded/smallLog.js'

const smallLog = () => {
  const log = new SmallLog()
  log.append('a', 3)
  log.append('b', 2)
  log.append('a', 1)
  return { log, bytes: log.files.get(segmentPath(1)) ?? new Uint8Array() }
}
const scan = (bytes: Uint8Array, over: Partial<ScanOptions> = {}) =>
  scanSegment(bytes, firstPlace(LEDGER_ID), {
    ledgerId: LEDGER_ID,
    hashesChecked: true,
    onFrame: () => undefined,
    ...over,
  })

describe('a scan', () => {
  it('follows every frame and ends where nothing was ever written', () => {
    const { log, bytes } = smallLog()
    const found: string[] = []
    const end = scan(bytes, {
      onFrame: ({ head, offset, sections }) => {
        found.push(`${head.frame} at ${offset}: ${sections.map(({ stream }) => stream).join()}`)
        return undefined
      },
    })
    const starts = log.frames.map(({ start }) => start)
    expect(found).toEqual([`1 at ${starts[0]}: a`, `2 at ${starts[1]}: b`, `3 at ${starts[2]}: a`])
    expect(end).toMatchObject({
      offset: log.lastFrame().end,
      rest: { kind: 'zeros' },
      place: { frame: 4, position: 6 },
    })
    expect([...end.place.previousHash]).toEqual([...log.lastFrame().mark.hash])
  })

  it('does not change what it answered when the buffer is used again', () => {
    const { bytes } = smallLog()
    const { place } = scan(bytes)
    const before = [...place.previousHash]
    bytes.fill(0)
    expect([...place.previousHash]).toEqual(before)
  })

  it('pauses at the first frame after so many bytes, and goes on from there', () => {
    const { log, bytes } = smallLog()
    const [first, second] = log.frames
    const paused = scan(bytes, { bytesMax: 1 })
    expect(paused).toMatchObject({ offset: first?.end, rest: { kind: 'more' }, place: { frame: 2 } })
    const exactly = scan(bytes, { bytesMax: (second?.end ?? 0) - 64 })
    expect(exactly).toMatchObject({ offset: second?.end, rest: { kind: 'more' } })
    const options = { ledgerId: LEDGER_ID, hashesChecked: true, onFrame: () => undefined }
    expect(scanSegment(bytes, paused.place, { ...options, offset: paused.offset })).toMatchObject({
      offset: log.lastFrame().end,
      rest: { kind: 'zeros' },
    })
  })

  it('tells a broken frame with one behind it from one that is the last', () => {
    for (const [n, frameBehind] of [
      [1, true],
      [2, false],
    ] as const) {
      const { log, bytes } = smallLog()
      const frame = log.frames[n]
      const at = (frame?.end ?? 0) - 10
      bytes[at] = (bytes[at] ?? 0) ^ 1
      expect(scan(bytes)).toMatchObject({
        offset: frame?.start,
        rest: { kind: 'broken', reason: 'the hash does not hold', frameBehind },
      })
      bytes.fill(1, frame?.start, (frame?.start ?? 0) + 40)
      expect(scan(bytes)).toMatchObject({
        offset: frame?.start,
        rest: { kind: 'broken', reason: 'no frame', frameBehind },
      })
    }
  })

  it('counts broken bytes up to the last that is not zero', () => {
    const { log, bytes } = smallLog()
    const { end } = log.lastFrame()
    bytes[end + 20] = 1
    expect(scan(bytes)).toMatchObject({ offset: end, rest: { kind: 'broken', bytes: 21 } })
    bytes[bytes.length - 1] = 1
    expect(scan(bytes)).toMatchObject({ rest: { bytes: SMALL_SEGMENT_BYTES - end } })
  })

  it('leaves the hashes alone where it was told to, and follows the links all the same', () => {
    const { log, bytes } = smallLog()
    const at = log.lastFrame().end - 10
    bytes[at] = (bytes[at] ?? 0) ^ 1
    expect(scan(bytes, { hashesChecked: false }).rest).toEqual({ kind: 'zeros' })
  })

  it.each<readonly [string, (frame: Uint8Array, view: DataView) => void]>([
    ['frame 9 stands where frame 2 belongs', (_, view) => view.setUint32(48, 9, true)],
    ['position 9 stands where 3 belongs', (_, view) => view.setUint32(56, 9, true)],
    ['the sections do not fill the frame', (_, view) => view.setUint32(72, 2, true)],
  ])('says why a sound frame cannot stand where it does: %s', (reason, change) => {
    const { log, bytes } = smallLog()
    const [, { start, end } = { start: 0, end: 0 }] = log.frames
    const frame = bytes.subarray(start, end)
    change(frame, viewOf(frame))
    sealFrame(frame, frame.slice(80, 112))
    expect(scan(bytes)).toMatchObject({ offset: start, rest: { kind: 'misplaced', misfit: { reason } } })
  })

  it('says so when the frame before was another one', () => {
    const { log, bytes } = smallLog()
    const [, { start, end } = { start: 0, end: 0 }] = log.frames
    sealFrame(bytes.subarray(start, end), new Uint8Array(32))
    expect(scan(bytes)).toMatchObject({
      offset: start,
      rest: { kind: 'misplaced', misfit: { reason: 'the hash of the frame before does not match' } },
    })
  })

  it('ends where whoever is asked finds that the frame does not fit', () => {
    const { log, bytes } = smallLog()
    const misfit = { reason: 'no', stream: 'b', revision: 4 }
    expect(scan(bytes, { onFrame: ({ head }) => (head.frame === 2 ? misfit : undefined) })).toEqual({
      place: expect.objectContaining({ frame: 2, position: 3 }),
      offset: log.frames[1]?.start,
      rest: { kind: 'misplaced', misfit },
    })
  })
})

describe('a frame behind', () => {
  it('is found from its first byte on, and not one byte later', () => {
    const { log, bytes } = smallLog()
    const { start } = log.lastFrame()
    expect(hasFrameBehind(bytes, start, LEDGER_ID)).toBe(true)
    expect(hasFrameBehind(bytes, start + 1, LEDGER_ID)).toBe(false)
  })

  it('is none that is broken, or of another ledger', () => {
    const { log, bytes } = smallLog()
    const { start, end } = log.lastFrame()
    expect(
      hasFrameBehind(
        bytes,
        0,
        LEDGER_ID.map((byte) => byte + 1),
      ),
    ).toBe(false)
    bytes[end - 10] = (bytes[end - 10] ?? 0) ^ 1
    expect(hasFrameBehind(bytes, start, LEDGER_ID)).toBe(false)
  })
})

describe('what a broken frame most likely held', () => {
  it('is told when the stream is known and the bytes are there', () => {
    const { log, bytes } = smallLog()
    const { start } = log.lastFrame()
    expect(likelyContent(bytes, start, (stream) => stream === 'a')).toEqual({ stream: 'a', revision: 3 })
    const nothing = { stream: undefined, revision: undefined }
    expect(likelyContent(bytes, start, () => false)).toEqual(nothing)
    expect(likelyContent(bytes.subarray(0, start + 199), start, () => true)).toEqual(nothing)
    expect(likelyContent(bytes.subarray(0, start + 201), start, () => true)).toEqual({
      stream: 'a',
      revision: 3,
    })
    viewOf(bytes).setUint32(start + 112 + 12, 0xffff_ffff, true)
    expect(likelyContent(bytes, start, () => true)).toEqual(nothing)
  })
})

describe('a batch of a stream', () => {
  const digest = (n: number) => new Uint8Array(32).fill(n)
  const stream = { head: 10, lowMark: 0, digest: digest(1), isSeen: true }
  const section = (firstRevision: number, previousDigest = digest(1)) => ({
    stream: 's',
    firstRevision,
    events: 1,
    position: 0,
    previousDigest,
    digest: digest(2),
    batch: new Uint8Array(),
  })
  const misfit = (reason: string, revision: number) => ({ reason, stream: 's', revision })

  it('follows the head with the digest of the one before', () => {
    expect(sectionMisfit(stream, section(11))).toBeUndefined()
    expect(sectionMisfit(stream, section(11, digest(3)))).toEqual(
      misfit('the digest of the batch before does not match', 11),
    )
  })

  it('that nothing is known of starts at 0', () => {
    expect(sectionMisfit(undefined, section(0))).toBeUndefined()
    expect(sectionMisfit(undefined, section(1))).toEqual(misfit('the stream starts later than at 0', 1))
  })

  it('never goes back, and never leaves a gap', () => {
    expect(sectionMisfit(stream, section(10))).toEqual(misfit('the revision stands after revision 10', 10))
    expect(sectionMisfit(stream, section(12))).toEqual(misfit('revisions before it are missing', 12))
  })

  it('§4.8 may leave a gap up to the low mark, as segments between were dropped, and none beyond it', () => {
    const truncated = { ...stream, lowMark: 20 }
    expect(sectionMisfit(truncated, section(20))).toBeUndefined()
    expect(sectionMisfit(truncated, section(21))).toEqual(misfit('revisions before it are missing', 21))
    expect(sectionMisfit(truncated, section(9))).toEqual(misfit('the revision stands after revision 10', 9))
    // What was cut before anything of the stream was met may be any of it.
    expect(sectionMisfit({ ...truncated, isSeen: false }, section(9))).toBeUndefined()
  })
})
