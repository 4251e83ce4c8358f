// The batches of a ledger's directory with their chain, read from the segments alone: without the lock, so beside a server that
// uses it. What is read ends at the head mark as it stands when the reading begins: everything below is durable and never
// changes. A later reading with the same object goes on where the last one ended. It changes nothing.
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { NO_REVISION } from '../../../domain/batch.js'
import { type ChainedBatch, ChainFault, lastRevisionOf } from '../../chain/chainedBatch.js'
import { identify, type Marks, readMarks, SEGMENTS_FOLDER } from './directory.js'
import { codeOf } from './errors.js'
import { type Files, readFile, readWhole, realFiles } from './files.js'
import { type ChainPlace, firstPlace, type LedgerId, type Section } from './frames.js'
import { HEAD_FILE, type HeadMark, headMarkOf } from './headMark.js'
import { type Misfit, type ScanEnd, type StreamPlace, scanSegment, sectionMisfit } from './scan.js'
import { headerHolds, SEGMENT_HEADER_BYTES, segmentName, segmentNumberOf } from './segments.js'

/** Bytes of frames that are shown at once. */
const STEP_BYTES = 1_048_576

export class ChainedSegments {
  private readonly streams = new Map<string, StreamPlace>()
  private readonly folder: string
  private place: ChainPlace
  private segment = 0
  private offset = SEGMENT_HEADER_BYTES

  private constructor(
    private readonly files: Files,
    private readonly directory: string,
    private readonly id: LedgerId,
  ) {
    this.folder = join(directory, SEGMENTS_FOLDER)
    this.place = firstPlace(id)
  }

  /** Rejects with a ChainFault where there is no ledger. */
  static async open(directory: string, files: Files = realFiles): Promise<ChainedSegments> {
    const identity = await identify(directory, files).catch((cause: unknown) => {
      throw new ChainFault('unavailable', `${directory} cannot be read: ${String(cause)}`)
    })
    if (E.isLeft(identity)) {
      const { left: fault } = identity
      const kind = fault.type === 'LogCorrupt' ? 'damaged' : 'notFound'
      throw new ChainFault(kind, `${directory}: ${fault.reason}`)
    }
    if (identity.right === 'new') throw new ChainFault('notFound', `${directory}: there is no ledger in it`)
    return new ChainedSegments(files, directory, identity.right)
  }

  get ledgerId(): string {
    return Buffer.from(this.id).toString('hex')
  }

  /** Bytes of the log so far, for a progress bar. */
  async bytes(): Promise<number> {
    const [, mark] = await this.state()
    const segments = (await this.files.list(this.folder)).filter((name) => (segmentNumberOf(name) ?? 0) > 0)
    return Math.max(1, segments.length - 1) * mark.end
  }

  /** True when there is more to read than was read. */
  async hasGrown(): Promise<boolean> {
    const [, mark] = await this.state()
    return mark.frame >= this.place.frame
  }

  /** Low marks of streams whose beginning was truncated. */
  async truncated(): Promise<ReadonlyMap<string, number>> {
    const [marks] = await this.state()
    return new Map(Object.entries(marks.streams).map(([stream, { lowMark }]) => [stream, lowMark]))
  }

  private async state(): Promise<readonly [Marks, HeadMark]> {
    const marks = await readMarks(this.files, this.directory)
    if (E.isLeft(marks)) throw new ChainFault('damaged', `${marks.left.file}: ${marks.left.reason}`)
    const headFile = join(this.directory, HEAD_FILE)
    // Each look finds at least one slot whole, unless the file is damaged: the writer never touches both.
    const mark = headMarkOf(await readFile(this.files, headFile), this.id)
    if (mark === undefined) throw new ChainFault('damaged', `${headFile}: neither head mark holds`)
    return [marks.right, mark]
  }

  /** What has not been read yet, in the order of the log. The bytes of a batch are those of a buffer that many share. */
  async *batches(): AsyncGenerator<ChainedBatch> {
    const [marks, mark] = await this.state()
    for (const [name, { lowMark, head, digest }] of Object.entries(marks.streams)) {
      if (this.streams.has(name)) continue
      this.streams.set(name, { lowMark, head, digest: Buffer.from(digest, 'hex'), isSeen: false })
    }
    while (this.place.frame <= mark.frame) {
      const isNew = this.segment === 0
      if (isNew) await this.nextSegment(marks)
      const path = join(this.folder, segmentName(this.segment))
      if (this.segment > mark.segment)
        throw new ChainFault(
          'damaged',
          `${path}: the log ends before frame ${mark.frame}, which was durable once`,
        )
      yield* this.rest(path, this.segment === mark.segment ? mark.end : undefined)
      if (this.segment < mark.segment) await this.nextSegment(marks)
      else if (this.place.frame <= mark.frame)
        throw new ChainFault(
          'damaged',
          `${path}: the log ends before frame ${mark.frame}, which was durable once`,
        )
    }
  }

  private async nextSegment({ dropped }: Marks): Promise<void> {
    const numbers = (await this.files.list(this.folder))
      .map((name) => segmentNumberOf(name) ?? 0)
      .filter((n) => n > this.segment && !dropped.some(({ from, through }) => from <= n && n <= through))
    const next = Math.min(...numbers)
    if (next !== this.segment + 1) {
      const gap = dropped.find(({ through }) => through === next - 1)
      if (gap === undefined) {
        const missing = join(this.folder, segmentName(this.segment + 1))
        throw new ChainFault('damaged', `${missing}: the segment is missing and was not dropped`)
      }
      const previousHash = Buffer.from(gap.lastHash, 'hex')
      this.place = { frame: gap.nextFrame, position: gap.nextPosition, previousHash }
    }
    this.segment = next
    this.offset = SEGMENT_HEADER_BYTES
  }

  private async *rest(path: string, end: number | undefined): AsyncGenerator<ChainedBatch> {
    const bytes = await this.unread(path, end)
    if (!headerHolds(bytes, this.id, this.segment))
      throw new ChainFault('damaged', `${path}: the segment header does not hold`)
    for (;;) {
      const found: ChainedBatch[] = []
      const scanned = scanSegment(bytes, this.place, {
        ledgerId: this.id,
        hashesChecked: true,
        offset: this.offset,
        bytesMax: STEP_BYTES,
        onFrame: ({ sections }) => this.enter(sections, found),
      })
      this.place = scanned.place
      this.offset = scanned.offset
      const damage = damageOf(scanned)
      if (damage !== undefined) throw new ChainFault('damaged', told(path, scanned.offset, damage))
      yield* found
      if (scanned.rest.kind !== 'more') return
    }
  }

  /** The segment up to `end`, of which only the header and what was not read yet are filled in. */
  private async unread(path: string, end: number | undefined): Promise<Uint8Array> {
    try {
      const file = await this.files.open(path, 'read')
      try {
        const bytes = Buffer.allocUnsafeSlow(end ?? (await file.size()))
        await readWhole(file, bytes.subarray(0, SEGMENT_HEADER_BYTES), 0)
        const isThere = await readWhole(file, bytes.subarray(this.offset), this.offset)
        return bytes.subarray(0, this.offset + isThere)
      } finally {
        await file.close()
      }
    } catch (cause) {
      if (codeOf(cause) !== 'ENOENT') throw new ChainFault('unavailable', `${path}: ${String(cause)}`)
      throw new ChainFault('unavailable', `${path} was truncated away while it was to be read: try again`)
    }
  }

  private enter(sections: ReadonlyArray<Section>, found: ChainedBatch[]): Misfit | undefined {
    for (const section of sections) {
      const { stream, firstRevision, events, position, previousDigest, digest, batch } = section
      const known = this.streams.get(stream)
      const misfit = sectionMisfit(known, section)
      if (misfit !== undefined) return misfit
      const chained = {
        stream,
        firstRevision,
        events,
        position,
        nextPosition: position + events,
        previousDigest: previousDigest.slice(),
        digest: digest.slice(),
        bytes: batch,
      }
      const lowMark = known?.lowMark ?? 0
      this.streams.set(stream, {
        lowMark,
        head: lastRevisionOf(chained),
        digest: chained.digest,
        isSeen: true,
      })
      found.push(chained)
    }
    return undefined
  }

  /** Last revision and digest of a stream as far as it was read. */
  headOf(stream: string): Readonly<{ revision: number; digest: Uint8Array }> | undefined {
    const known = this.streams.get(stream)
    return known === undefined || known.head === NO_REVISION
      ? undefined
      : { revision: known.head, digest: known.digest }
  }
}

const damageOf = ({ rest }: ScanEnd): Misfit | undefined => {
  if (rest.kind === 'misplaced') return rest.misfit
  return rest.kind === 'broken' ? { reason: rest.reason } : undefined
}

const told = (path: string, offset: number, { stream, revision, reason }: Misfit): string =>
  `${path} at byte ${offset}${stream === undefined ? '' : `, ${stream} revision ${revision}`}: ${reason}`
