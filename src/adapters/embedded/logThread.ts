// The thread that owns the segment files: it opens them (recovery.ts), and then writes and syncs one frame after the other
// with synchronous calls, so that the main thread never waits for the disk and no pool of other work can hold up a commit
// (R12, R13). Frames come in shared memory and are never copied or cloned: a hop costs about 15 us there and back, against
// 22 us with transferred buffers. Commands come as words of shared memory too, and wake the thread from Atomics.wait.
// The first error of any file operation ends the thread: what was in flight is unknown, and nothing is synced twice (R08).
import { join } from 'node:path'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import * as E from 'fp-ts/lib/Either.js'
import { batchDigest, GENESIS_DIGEST } from '../../chain/batchDigest.js'
import type { LogCorrupt } from '../../ports/eventLog.js'
import type { Disk } from './disk.js'
import { reasonOf } from './errors.js'
import { getU64, sealFrame, sectionsOf, viewOf } from './frames.js'
import { HeadMarkWriter } from './headMark.js'
import { type Recovered, type RecoveryOptions, recover } from './recovery.js'
import { segmentName } from './segments.js'

export type LogThreadData = Readonly<{
  recovery: RecoveryOptions
  control: SharedArrayBuffer
  slabs: ReadonlyArray<SharedArrayBuffer>
  /** The head mark is synced before each reply. */
  strict: boolean
  headSyncMs: number
}>

/** Words of `control`. `turn` rises by one with each command and is what the thread waits on. */
export const WORD = { turn: 0, command: 1, slab: 2, bytes: 3, segment: 4, offset: 5, syncs: 6 } as const
export const CONTROL_BYTES = 64
export const COMMAND = { commit: 1, close: 2 } as const

export type FromLogThread =
  | Readonly<{ kind: 'opened'; recovered: Recovered }>
  | Readonly<{ kind: 'refused'; fault: LogCorrupt }>
  | Readonly<{ kind: 'failed'; reason: string }>
  | Readonly<{ kind: 'closed' }>
  /** The frame in flight is durable. A bare number: it is sent for each commit. */
  | 0

class LogThread {
  private readonly control: Int32Array
  private readonly slabs: ReadonlyArray<Uint8Array>
  private readonly digests = new Map<string, Uint8Array>()
  private readonly headMark: HeadMarkWriter
  private previousHash: Uint8Array
  private segment: number
  private fd: number
  private headSyncedAt = Date.now()

  constructor(
    private readonly disk: Disk,
    private readonly port: MessagePort,
    private readonly options: LogThreadData,
    private readonly headFd: number,
    recovered: Recovered,
  ) {
    this.control = new Int32Array(options.control)
    this.slabs = options.slabs.map((slab) => new Uint8Array(slab))
    for (const [name, { digest }] of recovered.index.streams) this.digests.set(name, digest)
    this.headMark = new HeadMarkWriter(disk, headFd, options.recovery.ledgerId)
    this.previousHash = recovered.place.previousHash
    this.segment = recovered.tail.segment
    this.fd = disk.open(this.pathOf(this.segment))
  }

  /** Returns when told to close. */
  run(): void {
    for (let seen = 0; ; ) {
      const answer = Atomics.wait(this.control, WORD.turn, seen, this.msToHeadSync())
      if (answer === 'timed-out') {
        this.syncHeadMark()
        continue
      }
      const turn = Atomics.load(this.control, WORD.turn)
      // The main thread may be held up between its command and its wake-up call: then the command was seen and done
      // already, and the call that comes late says nothing new. A frame that is sealed twice breaks the chain.
      if (turn === seen) continue
      seen = turn
      if (this.control[WORD.command] === COMMAND.close) break
      this.commit()
      if (this.headMark.isDirty && this.msToHeadSync() === 0) this.syncHeadMark()
    }
    this.syncHeadMark()
    this.disk.close(this.fd)
    this.disk.close(this.headFd)
  }

  private commit(): void {
    const slab = this.slabs[this.word(WORD.slab)]
    if (slab === undefined) throw new Error('no such slab')
    const frame = slab.subarray(0, this.word(WORD.bytes))
    const segment = this.word(WORD.segment)
    const offset = this.word(WORD.offset)
    const hash = this.seal(frame)
    if (segment !== this.segment) this.roll(segment)
    this.disk.write(this.fd, frame, offset)
    this.sync(this.fd)
    const view = viewOf(frame)
    const nextPosition = getU64(view, 56) + view.getUint32(68, true)
    this.headMark.write({ frame: getU64(view, 48), nextPosition, segment, end: offset + frame.length, hash })
    if (this.options.strict) this.syncHeadMark()
    this.previousHash = hash
    this.port.postMessage(0 satisfies FromLogThread)
  }

  private seal(frame: Uint8Array): Uint8Array {
    const sections = sectionsOf(frame)
    if (sections === undefined) throw new Error('a frame was handed over whose sections do not fill it')
    for (const section of sections) {
      const previous = this.digests.get(section.stream) ?? GENESIS_DIGEST
      const digest = batchDigest(previous, section, section.batch)
      section.previousDigest.set(previous)
      section.digest.set(digest)
      this.digests.set(section.stream, digest)
    }
    return sealFrame(frame, this.previousHash)
  }

  private roll(segment: number): void {
    // From here on recovery may rely on the mark standing at the end of the old segment or later.
    this.syncHeadMark()
    const fd = this.disk.open(this.pathOf(segment))
    this.disk.close(this.fd)
    this.fd = fd
    this.segment = segment
  }

  private sync(fd: number): void {
    this.disk.datasync(fd)
    Atomics.add(this.control, WORD.syncs, 1)
  }

  private syncHeadMark(): void {
    if (this.headMark.isDirty) Atomics.add(this.control, WORD.syncs, 1)
    this.headMark.sync()
    this.headSyncedAt = Date.now()
  }

  private msToHeadSync(): number {
    if (!this.headMark.isDirty) return Number.POSITIVE_INFINITY
    // A clock that was set back must not put the sync off for as long as that.
    const waited = Math.max(0, Date.now() - this.headSyncedAt)
    return Math.max(0, this.options.headSyncMs - waited)
  }

  private word(at: number): number {
    return this.control[at] ?? 0
  }

  private pathOf(segment: number): string {
    return join(this.options.recovery.segmentsFolder, segmentName(segment))
  }
}

/** The whole life of the thread, on the given disk. */
export const runLogThread = (disk: Disk): void => {
  const port = parentPort
  if (port === null) throw new Error('the log thread is started as a worker thread')
  const tell = (message: FromLogThread): void => port.postMessage(message)
  const options = workerData as LogThreadData
  try {
    const headFd = disk.open(options.recovery.headFile)
    const recovered = recover(disk, headFd, options.recovery)
    if (E.isLeft(recovered)) {
      tell({ kind: 'refused', fault: recovered.left })
      return
    }
    const thread = new LogThread(disk, port, options, headFd, recovered.right)
    tell({ kind: 'opened', recovered: recovered.right })
    thread.run()
    tell({ kind: 'closed' })
  } catch (cause) {
    tell({ kind: 'failed', reason: reasonOf(cause) })
  }
}
