// What a commit does to the disk, in order: seal the frame, write it, sync it, write the head mark. Synchronous and without
// threads, so that the same code runs in the log thread (logThread.ts) and in a simulation. The first error of any file
// operation is the end: whoever catches it must not call again, because nothing is synced twice (R08).
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { batchDigest, GENESIS_DIGEST } from '../../chain/batchDigest.js'
import type { LogCorrupt } from '../../ports/eventLog.js'
import type { Disk } from './disk.js'
import { getU64, sealFrame, sectionsOf, viewOf } from './frames.js'
import { HeadMarkWriter } from './headMark.js'
import { type Recovered, type RecoveryOptions, recover } from './recovery.js'
import { segmentName } from './segments.js'

export type FrameWriterOptions = Readonly<{
  recovery: RecoveryOptions
  /** The head mark is synced before each reply. */
  strict: boolean
  headSyncMs: number
}>

/** What the writer needs besides the disk. */
export type FrameWriterHost = Readonly<{ nowMs: () => number; onSync: () => void }>

export class FrameWriter {
  private readonly digests = new Map<string, Uint8Array>()
  private readonly headMark: HeadMarkWriter
  private previousHash: Uint8Array
  private segment: number
  private fd: number
  private headSyncedAt: number

  /** Recovers the log, and is ready to go on behind it. */
  static open(
    disk: Disk,
    options: FrameWriterOptions,
    host: FrameWriterHost,
  ): E.Either<LogCorrupt, FrameWriter> {
    const headFd = disk.open(options.recovery.headFile)
    const recovered = recover(disk, headFd, options.recovery)
    return E.isLeft(recovered)
      ? recovered
      : E.right(new FrameWriter(disk, options, host, headFd, recovered.right))
  }

  private constructor(
    private readonly disk: Disk,
    private readonly options: FrameWriterOptions,
    private readonly host: FrameWriterHost,
    private readonly headFd: number,
    readonly recovered: Recovered,
  ) {
    for (const [name, { digest }] of recovered.index.streams) this.digests.set(name, digest)
    this.headMark = new HeadMarkWriter(disk, headFd, options.recovery.ledgerId)
    this.headSyncedAt = host.nowMs()
    this.previousHash = recovered.place.previousHash
    this.segment = recovered.tail.segment
    this.fd = disk.open(this.pathOf(this.segment))
  }

  /** Returns when the frame is durable, and the head mark says so. */
  commit(frame: Uint8Array, segment: number, offset: number): void {
    const hash = this.seal(frame)
    if (segment !== this.segment) this.roll(segment)
    this.disk.write(this.fd, frame, offset)
    this.disk.datasync(this.fd)
    this.host.onSync()
    const view = viewOf(frame)
    const nextPosition = getU64(view, 56) + view.getUint32(68, true)
    this.headMark.write({ frame: getU64(view, 48), nextPosition, segment, end: offset + frame.length, hash })
    if (this.options.strict) this.syncHeadMark()
    this.previousHash = hash
  }

  /** Until the head mark is to be synced; without end while there is nothing to sync. */
  msToHeadSync(): number {
    if (!this.headMark.isDirty) return Number.POSITIVE_INFINITY
    // A clock that was set back must not put the sync off for as long as that.
    const waited = Math.max(0, this.host.nowMs() - this.headSyncedAt)
    return Math.max(0, this.options.headSyncMs - waited)
  }

  syncHeadMark(): void {
    if (this.headMark.isDirty) this.host.onSync()
    this.headMark.sync()
    this.headSyncedAt = this.host.nowMs()
  }

  close(): void {
    this.syncHeadMark()
    this.disk.close(this.fd)
    this.disk.close(this.headFd)
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

  private pathOf(segment: number): string {
    return join(this.options.recovery.segmentsFolder, segmentName(segment))
  }
}
