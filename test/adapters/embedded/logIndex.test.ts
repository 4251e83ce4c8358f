// Where the blocks of a stream are found: held against a plain list of what stands in each block.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  addFrame,
  addSegment,
  type BlockPlace,
  blockOfRevision,
  blockOfStreamAfter,
  emptyIndex,
  type LogIndex,
  type SegmentIndex,
} from '../../../src/adapters/embedded/logIndex.js'

const FRAME_BYTES = 40_000
const FRAMES_PER_SEGMENT = 60
const NO_HASH = new Uint8Array(32)

type Stood = { place: BlockPlace; first: number; last: number }

/** A log of frames with one event of each named stream, and for each stream where its events stand. */
const built = (frames: ReadonlyArray<ReadonlyArray<number>>) => {
  const index = emptyIndex()
  const stood = new Map<string, Stood[]>()
  const heads = new Map<string, number>()
  let segment: SegmentIndex | undefined
  frames.forEach((streams, frame) => {
    if (segment === undefined || frame % FRAMES_PER_SEGMENT === 0)
      segment = addSegment(index, index.segments.length + 1, { frame, position: 0, previousHash: NO_HASH })
    const sections = [...new Set(streams)].map((number) => {
      const stream = `s${number}`
      const firstRevision = (heads.get(stream) ?? -1) + 1
      heads.set(stream, firstRevision)
      return { stream, firstRevision, events: 1, digest: NO_HASH }
    })
    addFrame(index, segment, { bytes: FRAME_BYTES, hash: NO_HASH, sections })
    const place = { segment: segment.number, block: segment.blockOffsets.length - 1 }
    for (const { stream, firstRevision: revision } of sections) {
      const there = stood.get(stream) ?? []
      const before = there.at(-1)
      if (before?.place.segment === place.segment && before.place.block === place.block)
        before.last = revision
      else there.push({ place, first: revision, last: revision })
      stood.set(stream, there)
    }
  })
  return { index, stood }
}

const walked = (index: LogIndex, name: string, revision: number): BlockPlace[] => {
  const stream = index.streams.get(name)
  const places: BlockPlace[] = []
  if (stream === undefined) return places
  let place = blockOfRevision(index, stream, name, revision)
  for (; place !== undefined; place = blockOfStreamAfter(index, stream, name, place)) places.push(place)
  return places
}

const textOf = ({ segment, block }: BlockPlace): string => `${segment}/${block}`
const logs = fc.array(fc.array(fc.nat(30), { maxLength: 6 }), { minLength: 1, maxLength: 240 })

it('I6 every block that holds a revision or a later one of a stream is walked, in order', () => {
  fc.assert(
    fc.property(logs, fc.nat(), (frames, at) => {
      const { index, stood } = built(frames)
      for (const [name, there] of stood) {
        const head = there.at(-1)?.last ?? 0
        const revision = at % (head + 1)
        const places = walked(index, name, revision)
        const wanted = there.filter(({ last }) => last >= revision).map(({ place }) => textOf(place))
        const order = places.map(({ segment, block }) => segment * 1_000 + block)
        expect(order).toEqual([...order].sort((a, b) => a - b))
        expect(places.map(textOf).filter((place) => wanted.includes(place))).toEqual(wanted)
      }
    }),
    { numRuns: 150 },
  )
})

it('R60 of ten thousand quiet streams each is read without the blocks of the others', () => {
  const quiet = Array.from({ length: 2_000 }, (_, n) => [n])
  const { index, stood } = built([...quiet, ...quiet, ...quiet])
  for (const name of ['s0', 's777', 's1999'])
    expect(walked(index, name, 0).map(textOf)).toEqual(stood.get(name)?.map(({ place }) => textOf(place)))
})

it('R58 the newest events of a stream are found at once, however many blocks lie before them', () => {
  const others = Array.from({ length: 40 }, (_, n) => n + 1)
  const { index, stood } = built(Array.from({ length: 59 }, () => [0, ...others]))
  const there = stood.get('s0')?.map(({ place }) => textOf(place)) ?? []
  expect(walked(index, 's0', 58).map(textOf)).toEqual(there.slice(-1))
  // More blocks than are entered: those in between are walked one by one.
  expect(there.length).toBeGreaterThan(20)
  expect(walked(index, 's0', 0).map(textOf)).toEqual(there)
})
