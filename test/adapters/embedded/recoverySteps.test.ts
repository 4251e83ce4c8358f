// What a start does to the disk, call by call: what is written again, synced and renamed, in which order (§5, R08); and what it
// keeps in its index.
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import type { Disk } from '../../../src/adapters/embedded/disk.js'
import { type Recovered, type RecoveryOptions, recover } from '../../../src/adapters/embedded/recovery.js'
import { SEGMENT_HEADER_BYTES } from '../../../src/adapters/embedded/segments.js'
import { copyOf, type MemoryFiles, memoryDisk } from '../../support/embedded/memoryDisk.js'
import {
  HEAD_PATH,
  headsOf,
  RECOVERY,
  recovered,
  SEGMENTS,
  SMALL_SEGMENT_BYTES,
  SmallLog,
  segmentPath,
} from '../../support/embedded/smallLog.js'

const nameOf = (path: string): string => path.replace(/^.*\//, '')

/** Every call that changes the disk, as a line of text. */
const recording = (files: MemoryFiles) => {
  const calls: string[] = []
  const opened: string[] = []
  const disk = memoryDisk(files)
  const note = (call: string): void => void calls.push(call)
  const recorded: Disk = {
    ...disk,
    open: (path, create) => {
      const fd = disk.open(path, create)
      opened[fd] = nameOf(path)
      if (create) note(`create ${nameOf(path)}`)
      return fd
    },
    write: (fd, bytes, offset) => {
      note(`write ${opened[fd]} ${offset}..${offset + bytes.length}`)
      disk.write(fd, bytes, offset)
    },
    datasync: (fd) => note(`sync ${opened[fd]}`),
    rename: (from, to) => {
      note(`rename ${nameOf(from)} ${nameOf(to)}`)
      disk.rename(from, to)
    },
    remove: (path) => {
      note(`remove ${nameOf(path)}`)
      disk.remove(path)
    },
    syncDirectory: (folder) => note(`sync folder ${nameOf(folder)}`),
  }
  return { recorded, calls }
}
const started = (files: MemoryFiles, over: Partial<RecoveryOptions> = {}) => {
  const { recorded, calls } = recording(files)
  const answer = recover(recorded, recorded.open(HEAD_PATH), { ...RECOVERY, ...over })
  if (E.isLeft(answer)) throw new Error(answer.left.reason)
  return { found: answer.right, calls }
}
const [ONE, TWO] = [1, 2].map((segment) => nameOf(segmentPath(segment)))
/** The head mark goes into both slots; where both hold, the newer one first. */
const markBoth = (first: 0 | 512) => {
  const slots = first === 0 ? ['0..112', '512..624'] : ['512..624', '0..112']
  return slots.flatMap((slot) => [`write head ${slot}`, 'sync head'])
}

/** What a commit in flight may have reached. */
const clear = (name: string | undefined, from: number) => [
  `write ${name} ${from}..${SMALL_SEGMENT_BYTES}`,
  `sync ${name}`,
]

describe('§5: a start', () => {
  it('syncs names, clears what is behind the end, writes again what stands above the mark, and only then moves the mark', () => {
    const log = new SmallLog()
    log.append('a', 2)
    log.append('a', 1, false)
    const { start, end } = log.lastFrame()
    const { found, calls } = started(log.files)
    expect(headsOf(found)).toEqual({ a: 2 })
    expect(calls).toEqual([
      'sync folder segments',
      ...clear(ONE, end),
      `write ${ONE} ${start}..${end}`,
      `sync ${ONE}`,
      ...markBoth(0),
    ])
  })

  it('does so in every segment above the mark', () => {
    const log = new SmallLog()
    log.append('a', 2)
    log.append('a', 1, false)
    const first = log.lastFrame()
    log.nextSegment()
    log.append('a', 1, false)
    const second = log.lastFrame()
    expect(started(log.files).calls).toEqual([
      'sync folder segments',
      ...clear(TWO, second.end),
      `write ${ONE} ${first.start}..${first.end}`,
      `sync ${ONE}`,
      `write ${TWO} ${SEGMENT_HEADER_BYTES}..${second.end}`,
      `sync ${TWO}`,
      ...markBoth(0),
    ])
  })

  it('writes nothing of what the mark covers', () => {
    const log = new SmallLog()
    log.append('a', 2)
    log.nextSegment()
    log.append('a', 1)
    expect(started(log.files).calls).toEqual([
      'sync folder segments',
      ...clear(TWO, log.lastFrame().end),
      ...markBoth(512),
    ])
  })

  it('cuts what is broken with zeros and a sync before anything else', () => {
    const log = new SmallLog()
    log.append('a', 2)
    const bytes = log.files.get(segmentPath(1)) ?? new Uint8Array()
    const { end } = log.lastFrame()
    bytes[end + 6] = 1
    expect(started(log.files).calls).toEqual(['sync folder segments', ...clear(ONE, end), ...markBoth(0)])
    expect(bytes[end + 6]).toBe(0)
  })

  it('R08: clears also what is seen as zeros: the sync of an earlier cut may have failed, and the disk hold what was cut', () => {
    const log = new SmallLog()
    log.append('a', 2)
    const { end } = log.lastFrame()
    log.append('a', 1, false)
    const torn = log.files.get(segmentPath(1)) ?? new Uint8Array()
    const inPayload = log.lastFrame().end - 12
    torn[inPayload] = (torn[inPayload] ?? 0) ^ 1
    const onDisk = copyOf(log.files)
    const failing = memoryDisk(log.files)
    const open = (disk: Disk) => recover(disk, disk.open(HEAD_PATH), RECOVERY)
    expect(() =>
      open({
        ...failing,
        datasync: () => {
          throw new Error('EIO')
        },
      }),
    ).toThrow('EIO')

    // The cache shows zeros now; what the next start writes and syncs is what the disk will hold when the cache forgets.
    const paths: string[] = []
    const next = memoryDisk(log.files)
    const answer = open({
      ...next,
      open: (path, create) => {
        const fd = next.open(path, create)
        paths[fd] = path
        return fd
      },
      write: (fd, bytes, offset) => {
        next.write(fd, bytes, offset)
        onDisk.get(paths[fd] ?? '')?.set(bytes, offset)
      },
    })
    expect(E.isRight(answer)).toBe(true)
    const held = onDisk.get(segmentPath(1)) ?? new Uint8Array()
    expect(held.subarray(end).every((byte) => byte === 0)).toBe(true)
  })

  it('gives a tail that lost its end its room back, and syncs it', () => {
    const log = new SmallLog()
    log.append('a', 2)
    const { end } = log.lastFrame()
    const bytes = log.files.get(segmentPath(1)) ?? new Uint8Array()
    log.files.set(segmentPath(1), bytes.slice(0, end))
    const { found, calls } = started(log.files)
    expect(calls).toEqual([
      'sync folder segments',
      `sync ${ONE}`,
      ...markBoth(0),
      `write ${ONE} ${end}..${SMALL_SEGMENT_BYTES}`,
      `sync ${ONE}`,
    ])
    expect(found.tail).toEqual({ segment: 1, end, bytes: SMALL_SEGMENT_BYTES })
    expect(started(log.files, { segmentBytes: end }).found.tail.bytes).toBe(SMALL_SEGMENT_BYTES)
  })

  it('makes the first segment whole before it has its name, and writes its zeros once', () => {
    const log = new SmallLog()
    log.files.delete(segmentPath(1))
    expect(started(log.files).calls).toEqual([
      'sync folder segments',
      `create ${ONE}.tmp`,
      `write ${ONE}.tmp 0..${SEGMENT_HEADER_BYTES}`,
      `write ${ONE}.tmp ${SEGMENT_HEADER_BYTES}..${SMALL_SEGMENT_BYTES}`,
      `sync ${ONE}.tmp`,
      `rename ${ONE}.tmp ${ONE}`,
      'sync folder segments',
      ...markBoth(512),
    ])
    // The next start finds it, and knows of no commit that it did not reach.
    expect(started(log.files).calls).toEqual(expect.arrayContaining(clear(ONE, SEGMENT_HEADER_BYTES)))
  })

  it('keeps one prepared segment that is sound, and removes every other', () => {
    const log = new SmallLog()
    log.append('a', 1)
    log.addSegment(2)
    log.addSegment(3)
    const { found, calls } = started(log.files)
    expect(found.isNextPrepared).toBe(true)
    expect(calls.filter((call) => call.startsWith('remove'))).toEqual([`remove ${nameOf(segmentPath(3))}`])
    expect(calls.at(-1)).toBe('sync folder segments')
    expect(calls).toEqual(expect.arrayContaining(clear(TWO, SEGMENT_HEADER_BYTES)))
    const shorter = copyOf(log.files)
    shorter.set(segmentPath(2), (shorter.get(segmentPath(2)) ?? new Uint8Array()).slice(0, 100))
    expect(started(shorter).found.isNextPrepared).toBe(false)
    expect(shorter.has(segmentPath(2))).toBe(false)
  })
})

describe('what a start keeps', () => {
  const threeSegments = (): SmallLog => {
    const log = new SmallLog()
    log.append('a', 3)
    log.nextSegment()
    log.append('b', 2)
    log.append('a', 1)
    log.nextSegment()
    log.append('b', 4)
    return log
  }
  const sound = (answer: ReturnType<typeof recovered>): Recovered => {
    if (E.isLeft(answer)) throw new Error(answer.left.reason)
    return answer.right
  }

  it('is the last frame of each segment, though one buffer serves them all', () => {
    const log = threeSegments()
    const { index, place } = sound(recovered(log.files))
    const lastOf = (segment: number) => log.frames.findLast((frame) => frame.segment === segment)?.mark
    expect(
      index.segments.map(({ number, nextFrame, nextPosition, end, lastHash }) => ({
        segment: number,
        frame: nextFrame - 1,
        nextPosition,
        end,
        hash: new Uint8Array(lastHash),
      })),
    ).toEqual(
      [1, 2, 3].map((segment) => ({ ...lastOf(segment), hash: new Uint8Array(lastOf(segment)?.hash ?? []) })),
    )
    expect([...place.previousHash]).toEqual([...(lastOf(3)?.hash ?? [])])
  })

  it('is the digest of each stream, which the next batch has to name', () => {
    const log = threeSegments()
    const digests = () =>
      [...sound(recovered(log.files)).index.streams].map(([name, { digest }]) => [name, [...digest]])
    const before = digests()
    log.append('a', 1)
    const after = digests()
    expect(after[0]).not.toEqual(before[0])
    expect(after[1]).toEqual(before[1])
  })

  it('does not depend on the order in which the folder names its files', () => {
    const log = threeSegments()
    const turned: MemoryFiles = new Map([...log.files].reverse())
    const { index } = sound(recovered(turned))
    expect(index.segments.map(({ number }) => number)).toEqual([1, 2, 3])
  })

  it('knows nothing of other files in the folder, and leaves them alone', () => {
    const log = threeSegments()
    log.files.set(`${SEGMENTS}/notes.txt`, new Uint8Array([1]))
    expect(headsOf(sound(recovered(log.files)))).toEqual({ a: 3, b: 5 })
    expect(log.files.has(`${SEGMENTS}/notes.txt`)).toBe(true)
  })
})

describe('hashes that a start checks', () => {
  /** Six segments of one frame each, of which one has decayed in its payload, where no link stands. */
  const decayedIn = (segment: number): MemoryFiles => {
    const log = new SmallLog()
    for (let n = 1; n <= 6; n++) {
      if (n > 1) log.nextSegment()
      log.append('a', 1)
    }
    const frame = log.frames.find((one) => one.segment === segment)
    const bytes = log.files.get(segmentPath(segment)) ?? new Uint8Array()
    const at = (frame?.end ?? 0) - 12
    bytes[at] = (bytes[at] ?? 0) ^ 1
    return log.files
  }

  it.each([
    [0, 5],
    [1, 5],
    [SMALL_SEGMENT_BYTES, 5],
    [SMALL_SEGMENT_BYTES + 1, 4],
    [2 * SMALL_SEGMENT_BYTES, 4],
    [3 * SMALL_SEGMENT_BYTES, 3],
    [100 * SMALL_SEGMENT_BYTES, 1],
  ])(
    'are those of the newest bytes it was told (%i), the segment before, and two at least: from segment %i on',
    (verifyOnOpenBytes, from) => {
      for (let segment = 1; segment <= 6; segment++) {
        const answer = recovered(decayedIn(segment), { verifyOnOpenBytes })
        expect(E.isLeft(answer)).toBe(segment >= from)
      }
    },
  )
})
