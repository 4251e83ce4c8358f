// The archive of one partition of the topic: one file per day, only ever appended to. What `append` answers for is on the disk; how far
// that is stands in the lines themselves, so after a crash nothing is missing and nothing comes twice. The day of a file is that of the
// events, by their recorded time, and never goes back: the same topic gives the same files. A day is sealed when the first event of a
// later one comes.
import { chmod, type FileHandle, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import {
  ensureFolder,
  FILE_MODE,
  isMissing,
  readChecked,
  replaceChecked,
  syncFolder,
  writeChecked,
} from '../checkedFile.js'
import { ArchiveChain, type ChainPlace, dayOf } from './archiveChain.js'
import { ArchiveDamaged, TopicAlarm } from './archiveErrors.js'
import {
  firstPlace,
  type Head,
  HeadCodec,
  headPath,
  linesName,
  type Manifest,
  ManifestCodec,
  manifestName,
} from './archiveFolder.js'
import { type ArchivableEvent, sha256 } from './lines.js'
import { linesOf } from './linesFile.js'

const SEALED_MODE = 0o440

type OpenDay = {
  day: string
  file: FileHandle
  bytes: number
  lines: number
  firstOffset: number | undefined
  earliestAt: number
  before: string
}

export type OpenPartitionOptions = Readonly<{
  folder: string
  partition: number
  ledger: string
  beginsAnywhere: boolean
  /** Days that have files of this partition, ascending. */
  days: ReadonlyArray<string>
}>

const damaged = (file: string, reason: string, line?: number): ArchiveDamaged =>
  new ArchiveDamaged({ file, line, stream: undefined, revision: undefined, reason })

export const readHead = async (folder: string, partition: number): Promise<Head> => {
  const path = headPath(folder, partition)
  const head = await readChecked(path, HeadCodec)
  if (head === undefined) throw damaged(path, 'it is missing')
  if (isLeft(head)) throw damaged(path, head.left)
  return head.right
}

const readManifest = async (folder: string, name: string): Promise<Manifest | undefined> => {
  const manifest = await readChecked(join(folder, name), ManifestCodec)
  if (manifest !== undefined && isLeft(manifest)) throw damaged(name, manifest.left)
  return manifest?.right
}

const NEVER = Number.MAX_SAFE_INTEGER
const noteIn = (day: OpenDay | undefined, offset: number, at: number): void => {
  if (day === undefined) return
  day.firstOffset ??= offset
  day.earliestAt = Math.min(day.earliestAt, at)
}

const makeReadOnly = async (folder: string, name: string): Promise<void> => {
  try {
    await chmod(join(folder, name), SEALED_MODE)
  } catch (cause) {
    throw isMissing(cause) ? damaged(name, 'it is missing') : cause
  }
}

/** Sealed with this content. */
export const manifestHash = (manifest: Manifest): string => sha256(JSON.stringify(manifest))

export class PartitionArchive {
  private constructor(
    private readonly options: OpenPartitionOptions,
    private readonly chain: ArchiveChain,
    private sealed: Manifest | undefined,
    private current: OpenDay | undefined,
  ) {}

  static async open(options: OpenPartitionOptions): Promise<PartitionArchive> {
    const { folder, partition, ledger, days, beginsAnywhere } = options
    const head = await readHead(folder, partition)
    const newest = days.at(-1)
    const before = days.at(-2)
    const sealedNewest =
      newest === undefined ? undefined : await readManifest(folder, manifestName(newest, partition))
    const sealedBefore =
      before === undefined ? undefined : await readManifest(folder, manifestName(before, partition))
    if (before !== undefined && sealedBefore === undefined)
      throw damaged(manifestName(before, partition), 'it is missing')
    const sealed = sealedNewest ?? sealedBefore
    const place: ChainPlace = sealed?.after ?? firstPlace(ledger, partition)
    const chain = new ArchiveChain(place, beginsAnywhere)
    if (newest === undefined || sealedNewest !== undefined) {
      if (head.day !== null && (newest === undefined || head.day > newest))
        throw damaged(linesName(head.day, partition), 'it is missing')
      // A crash may have come between the manifest and this.
      if (newest !== undefined) await makeReadOnly(folder, linesName(newest, partition))
      return new PartitionArchive(options, chain, sealed, undefined)
    }
    const current = await recovered(options, newest, head, chain, place.hash)
    return new PartitionArchive(options, chain, sealed, current)
  }

  /** Offsets below are archived. */
  get nextOffset(): number {
    return this.chain.nextOffset
  }

  /** Durable when it answers. A record that does not follow stops it before anything of the records is written. */
  async append(events: ReadonlyArray<ArchivableEvent>): Promise<void> {
    let lines: string[] = []
    for (const event of events) {
      const day = dayOf(event.at)
      if (this.current === undefined || day > this.current.day) {
        await this.write(lines)
        lines = []
        await this.begin(this.current === undefined ? this.firstDay(day) : day)
      }
      const line = this.chain.write(event)
      if (isLeft(line)) {
        // What came before the break is sound, and is kept.
        await this.write(lines)
        throw new TopicAlarm(this.options.partition, event.offset, line.left.reason)
      }
      noteIn(this.current, event.offset, event.at)
      lines.push(line.right)
    }
    await this.write(lines)
  }

  async close(): Promise<void> {
    await this.current?.file.close()
    this.current = undefined
  }

  /** Behind a sealed day nothing goes into it any more. */
  private firstDay(day: string): string {
    return this.sealed !== undefined && this.sealed.day >= day ? nextDayOf(this.sealed.day) : day
  }

  private async write(lines: ReadonlyArray<string>): Promise<void> {
    const { current } = this
    if (current === undefined || lines.length === 0) return
    const { folder, partition } = this.options
    const bytes = Buffer.from(`${lines.join('\n')}\n`)
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await current.file.write(
        bytes,
        done,
        bytes.length - done,
        current.bytes + done,
      )
      done += bytesWritten
    }
    await current.file.datasync()
    current.bytes += bytes.length
    current.lines += lines.length
    const { day, lines: count } = current
    const head: Head = { day, bytes: current.bytes, lines: count, hash: this.chain.head }
    // It is a witness, not a position: one that is older than the lines does no harm.
    await replaceChecked(headPath(folder, partition), head)
  }

  private async begin(day: string): Promise<void> {
    if (this.current !== undefined) await this.seal(this.current)
    const path = join(this.options.folder, linesName(day, this.options.partition))
    await ensureFolder(dirname(path))
    const file = await open(path, 'wx', FILE_MODE)
    await syncFolder(dirname(path))
    this.current = {
      day,
      file,
      bytes: 0,
      lines: 0,
      firstOffset: undefined,
      earliestAt: NEVER,
      before: this.chain.head,
    }
  }

  private async seal({ day, file, bytes, lines, firstOffset, earliestAt, before }: OpenDay): Promise<void> {
    const { folder, partition } = this.options
    const { sealed } = this
    const previous = sealed === undefined ? null : { day: sealed.day, sha256: manifestHash(sealed) }
    const manifest: Manifest = {
      partition,
      day,
      lines,
      bytes,
      // A file without a line is begun and never sealed: its first event comes with the day that it was begun for.
      firstOffset: firstOffset ?? 0,
      earliestAt,
      before,
      after: this.chain.place(),
      previous,
    }
    await writeChecked(join(folder, manifestName(day, partition)), manifest, SEALED_MODE)
    await file.chmod(SEALED_MODE)
    await file.close()
    this.sealed = manifest
    this.current = undefined
  }
}

const DAY_MS = 86_400_000
const nextDayOf = (day: string): string => dayOf(Date.parse(day) + DAY_MS)

const recovered = async (
  options: OpenPartitionOptions,
  day: string,
  head: Head,
  chain: ArchiveChain,
  before: string,
): Promise<OpenDay> => {
  const path = join(options.folder, linesName(day, options.partition))
  const file = await open(path, 'r+')
  const current: OpenDay = {
    day,
    file,
    bytes: 0,
    lines: 0,
    firstOffset: undefined,
    earliestAt: NEVER,
    before,
  }
  try {
    await readAgain(options, head, chain, current)
    return current
  } catch (cause) {
    await file.close()
    throw cause
  }
}

/** Reads the open day, and cuts off what was not finished when the writer before died. */
const readAgain = async (
  { folder, partition }: OpenPartitionOptions,
  head: Head,
  chain: ArchiveChain,
  current: OpenDay,
): Promise<void> => {
  const { day, file } = current
  const name = linesName(day, partition)
  const path = join(folder, name)
  const synced = head.day === day ? head.bytes : 0
  for await (const line of linesOf(path)) {
    const read = line.isWhole ? chain.read(line.text, day) : undefined
    if (read === undefined || isLeft(read)) {
      if (line.start >= synced) break
      const fault = read === undefined ? { reason: 'the line is cut off' } : read.left
      throw new ArchiveDamaged({
        file: name,
        line: line.number,
        stream: undefined,
        revision: undefined,
        ...fault,
      })
    }
    noteIn(current, read.right.offset, Date.parse(read.right.at))
    current.lines = line.number
    current.bytes = line.end
  }
  const { bytes, lines } = current
  if (bytes < synced)
    throw damaged(name, `it ends at byte ${bytes}, and was synced up to byte ${synced}`, lines)
  await file.truncate(bytes)
  // Lines behind the head may stand in memory alone: nothing is built on them before they are on the disk.
  await file.sync()
}
