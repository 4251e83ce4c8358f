// R09: writes that are short or interrupted leave the same bytes behind as writes that are neither.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Disk, type DiskCall, openPatiently, writeFully } from '../../../src/adapters/embedded/disk.js'
import { readWhole, writeWhole } from '../../../src/adapters/embedded/files.js'
import { recover } from '../../../src/adapters/embedded/recovery.js'
import { copyOf, type MemoryFiles, memoryDisk } from '../../support/embedded/memoryDisk.js'
import { HEAD_PATH, RECOVERY, SmallLog, segmentPath } from '../../support/embedded/smallLog.js'

const PATH = 'file'
const FILE_BYTES = 64

const systemError = (code: string): Error => Object.assign(new Error(code), { code })

/** What the kernel does with one call: interrupts it, or takes at most so many bytes. */
type Answer = 'EINTR' | 'EAGAIN' | number
const answers = fc.array(
  fc.oneof(fc.constantFrom<Answer>('EINTR', 'EAGAIN'), fc.integer({ min: 1, max: 9 })),
  { maxLength: 40 },
)

/** Follows the list of answers, then takes all it gets. */
const writing = (disk: Disk, script: ReadonlyArray<Answer>): DiskCall => {
  const left = [...script]
  return (fd, bytes, start, length, offset) => {
    const answer = left.shift() ?? length
    if (typeof answer === 'string') throw systemError(answer)
    const taken = Math.min(answer, length)
    disk.write(fd, bytes.subarray(start, start + taken), offset)
    return taken
  }
}

const oneFile = (): MemoryFiles => new Map([[PATH, new Uint8Array(FILE_BYTES).fill(0xee)]])

describe('R09: short and interrupted writes', () => {
  it('leave the file as a write in one piece does, whatever the kernel answers', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: FILE_BYTES }),
        fc.nat({ max: FILE_BYTES }),
        answers,
        (bytes, offset, script) => {
          const whole = oneFile()
          const pieces = oneFile()
          const disk = memoryDisk(whole)
          disk.write(disk.open(PATH), bytes, offset)
          const faulty = memoryDisk(pieces)
          writeFully(writing(faulty, script), faulty.open(PATH), bytes, offset)
          expect(pieces).toEqual(whole)
        },
      ),
    )
  })

  it('leave a recovered ledger as it would be without them: torn tail, frames above the mark, head mark', () => {
    const log = new SmallLog()
    log.append('a', 3)
    log.append('b', 2, false)
    const end = log.lastFrame().end
    log.append('a', 4, false)
    const torn = log.files.get(segmentPath(1))
    torn?.fill(0, end + 100)
    const recoveredWith = (script: ReadonlyArray<Answer>): MemoryFiles => {
      const files = copyOf(log.files)
      const disk = memoryDisk(files)
      const call = writing(disk, script)
      const faulty: Disk = { ...disk, write: (fd, bytes, offset) => writeFully(call, fd, bytes, offset) }
      expect(recover(faulty, faulty.open(HEAD_PATH), RECOVERY)).toMatchObject({
        right: { place: { frame: 3, position: 5 } },
      })
      return files
    }
    const whole = recoveredWith([])
    expect(whole).not.toEqual(log.files)
    fc.assert(
      fc.property(answers, (script) => {
        expect(recoveredWith(script)).toEqual(whole)
      }),
    )
  })

  it('beside the log thread, too: reads and writes go on where they were interrupted or stopped', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: FILE_BYTES }),
        answers,
        answers,
        async (bytes, writes, reads) => {
          const disk = memoryDisk(new Map([[PATH, new Uint8Array(0)]]))
          const fd = disk.open(PATH)
          const part = async (script: Answer[], length: number): Promise<number> => {
            const answer = script.shift() ?? length
            if (typeof answer === 'string') throw systemError(answer)
            return Math.min(answer, length)
          }
          const file = {
            write: async (from: Uint8Array, offset: number): Promise<number> => {
              const taken = await part(writes, from.length)
              disk.write(fd, from.subarray(0, taken), offset)
              return taken
            },
            read: async (into: Uint8Array, offset: number): Promise<number> =>
              disk.read(fd, into.subarray(0, await part(reads, into.length)), offset),
          }
          await writeWhole(file, bytes, 0)
          const back = new Uint8Array(bytes.length)
          expect(await readWhole(file, back, 0)).toBe(bytes.length)
          expect(back).toEqual(bytes)
        },
      ),
    )
  })

  it.each(['EINTR', 'EAGAIN'])(
    'a write that %s interrupts again and again is an error in the end',
    (code) => {
      const calls = { count: 0 }
      const call: DiskCall = () => {
        calls.count += 1
        throw systemError(code)
      }
      expect(() => writeFully(call, 0, new Uint8Array(8), 0)).toThrow(code)
      expect(calls.count).toBeGreaterThan(10)
    },
  )

  it('an error that is no interruption is not tried again, and neither is a write that takes nothing', () => {
    const script: Array<() => number> = [
      () => 3,
      () => {
        throw systemError('EIO')
      },
    ]
    const calls = { count: 0 }
    const failing: DiskCall = () => {
      calls.count += 1
      return script.shift()?.() ?? 8
    }
    expect(() => writeFully(failing, 0, new Uint8Array(8), 0)).toThrow('EIO')
    expect(calls.count).toBe(2)
    expect(() => writeFully(() => 0, 0, new Uint8Array(8), 0)).toThrow('wrote 0 of 8 bytes')
  })
})

describe('R10: no descriptor is left', () => {
  it.each(['EMFILE', 'ENFILE'])('R10: a file that %s keeps from being opened is waited for', (code) => {
    let waits = 0
    const open = (): number => {
      if (waits < 3) throw systemError(code)
      return 17
    }
    expect(openPatiently(open, () => waits++)).toBe(17)
    expect(waits).toBe(3)
  })

  it('R10: not for ever, and not for anything else', () => {
    let waits = 0
    const fails = (code: string) => (): number => {
      throw systemError(code)
    }
    expect(() => openPatiently(fails('EMFILE'), () => waits++)).toThrow('EMFILE')
    expect(waits).toBeGreaterThan(100)
    expect(() => openPatiently(fails('EIO'), () => waits++)).toThrow('EIO')
    expect(waits).toBeLessThan(10_000)
  })
})
