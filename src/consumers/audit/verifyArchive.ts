// Proves an archive from its files alone: every line hashed again over the one before, offsets and revisions without gaps, the ledger's
// digests computed from the events, every past day sealed and each seal tied to the one before, nothing missing below what was synced.
// It changes nothing and takes no lock: of an archive that is being written, what is behind the head is read as far as it goes.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { isMissing, readChecked } from '../checkedFile.js'
import { ArchiveChain } from './archiveChain.js'
import type { Damage } from './archiveErrors.js'
import {
  ARCHIVE_FILE,
  ArchiveCodec,
  type ArchiveFacts,
  archivePath,
  firstPlace,
  HEADS_FOLDER,
  type Head,
  HeadCodec,
  linesName,
  listArchive,
  type Manifest,
  ManifestCodec,
  manifestName,
} from './archiveFolder.js'
import type { ArchivedLine } from './lines.js'
import { type FoundLine, linesOf } from './linesFile.js'
import { manifestHash } from './partitionArchive.js'

export type VerifiedPartition = Readonly<{
  partition: number
  days: number
  lines: number
  nextOffset: number
  /** Hash of the last line: note it elsewhere, and `anchors` finds it in the archive as it will be. */
  head: string
}>
export type VerifiedArchive = Readonly<{
  topic: string
  ledger: string | undefined
  days: number
  lines: number
  bytes: number
  partitions: ReadonlyArray<VerifiedPartition>
  /** The last digest of each stream: as `ledgerq log verify` tells it, if the log ends there. */
  streams: ReadonlyArray<Readonly<{ stream: string; head: number; digest: string | undefined }>>
  damages: ReadonlyArray<Damage>
}>

export type VerifyOptions = Readonly<{
  onProgress?: (bytesDone: number, bytesTotal: number) => void
  /** Hashes of lines that have to be in it. */
  anchors?: ReadonlyArray<string>
}>

type OpenedFile = Readonly<{
  name: string
  day: string
  chain: ArchiveChain
  synced: Head | undefined
  openFrom: number
}>

type FileContents = Pick<Manifest, 'lines' | 'bytes' | 'firstOffset' | 'earliestAt'>

/** Of one archive: the first ones tell the story. */
const DAMAGES_MAX = 100

const sizeOf = async (path: string): Promise<number | undefined> => {
  try {
    return (await stat(path)).size
  } catch (cause) {
    if (isMissing(cause)) return undefined
    throw cause
  }
}

/** Undefined = there is no archive. */
export const verifyArchive = async (
  folder: string,
  options: VerifyOptions = {},
): Promise<VerifiedArchive | undefined> => {
  const facts = await readChecked(archivePath(folder), ArchiveCodec)
  if (facts === undefined) return undefined
  const verification = new Verification(folder, options)
  if (isLeft(facts)) {
    verification.damage(ARCHIVE_FILE, facts.left)
    return verification.told({ topic: '', ledger: null })
  }
  await verification.run(facts.right)
  return verification.told(facts.right)
}

class Verification {
  private readonly damages: Damage[] = []
  private readonly partitions: VerifiedPartition[] = []
  private readonly streams = new Map<string, Readonly<{ head: number; digest: string | undefined }>>()
  private readonly anchors: Set<string>
  private readonly days = new Set<string>()
  private lines = 0
  private bytesTotal = 0
  private bytesDone = 0

  constructor(
    private readonly folder: string,
    private readonly options: VerifyOptions,
  ) {
    this.anchors = new Set(options.anchors)
  }

  damage(file: string, reason: string, at: Partial<Damage> = {}): void {
    const nothing = { line: undefined, stream: undefined, revision: undefined }
    if (this.damages.length < DAMAGES_MAX) this.damages.push({ file, reason, ...nothing, ...at })
  }

  told({ topic, ledger }: Pick<ArchiveFacts, 'topic' | 'ledger'>): VerifiedArchive {
    const { lines, partitions, damages } = this
    const streams = [...this.streams].map(([stream, place]) => ({ stream, ...place }))
    const counts = { days: this.days.size, lines, bytes: this.bytesTotal }
    return { topic, ledger: ledger ?? undefined, ...counts, partitions, streams, damages }
  }

  async run(facts: ArchiveFacts): Promise<void> {
    const { folder } = this
    const heads: Array<Head | undefined> = []
    // Before the files: a head that was read later could be ahead of what was seen of them.
    for (let partition = 0; partition < facts.partitions; partition++) {
      heads.push(await this.checked(join(HEADS_FOLDER, `${partition}.json`), HeadCodec))
    }
    const { days, strange } = await listArchive(folder)
    for (const name of strange) this.damage(name, 'an archive puts no such file there')
    for (const partition of days.keys()) {
      if (partition >= facts.partitions)
        this.damage(ARCHIVE_FILE, `it does not know of partition ${partition}`)
    }
    for (const [partition, found] of days) {
      for (const day of found) this.bytesTotal += (await sizeOf(join(folder, linesName(day, partition)))) ?? 0
    }
    for (let partition = 0; partition < facts.partitions; partition++) {
      await this.partition(partition, facts, days.get(partition) ?? [], heads[partition])
    }
    for (const anchor of this.anchors) this.damage(ARCHIVE_FILE, `no line has the hash ${anchor}`)
  }

  /** Says what is wrong with the file, and answers undefined, unless it is sound. */
  private async checked<A>(name: string, codec: t.Type<A, unknown>): Promise<A | undefined> {
    const found = await readChecked(join(this.folder, name), codec)
    if (found === undefined) this.damage(name, 'it is missing')
    else if (isLeft(found)) this.damage(name, found.left)
    else return found.right
    return undefined
  }

  private async partition(
    partition: number,
    facts: ArchiveFacts,
    days: ReadonlyArray<string>,
    head: Head | undefined,
  ): Promise<void> {
    let place = firstPlace(facts.ledger ?? '', partition)
    let chain = new ArchiveChain(place, facts.beginsAnywhere)
    let previous: Manifest | undefined
    let lines = 0
    for (const day of days) {
      this.days.add(day)
      const name = linesName(day, partition)
      const isNewest = day === days.at(-1)
      const sealName = manifestName(day, partition)
      const isSealed = !isNewest || (await sizeOf(join(this.folder, sealName))) !== undefined
      const seal = isSealed ? await this.checked(sealName, ManifestCodec) : undefined
      if (seal !== undefined) this.link(sealName, seal, partition, day, previous)
      if (seal !== undefined && seal.before !== chain.head) {
        this.damage(
          name,
          'it does not follow the lines of the days before: lines or files are missing, or were changed',
        )
        chain = new ArchiveChain({ ...place, hash: seal.before, nextOffset: seal.firstOffset }, true)
      }
      const damages = this.damages.length
      const synced = head?.day === day ? head : undefined
      // Behind what was synced stands what is being written, or what a writer that died had not answered for.
      const openFrom = isSealed || head === undefined ? Number.POSITIVE_INFINITY : (synced?.bytes ?? 0)
      const found = await this.file({ name, day, chain, synced, openFrom })
      lines += found.lines
      if (seal !== undefined) {
        const sealed = { ...seal, ...found, after: chain.place() }
        if (this.damages.length === damages && manifestHash(sealed) !== manifestHash(seal))
          this.damage(name, `it does not hold what was sealed: ${seal.lines} lines in ${seal.bytes} bytes`)
        // What comes after is judged by what was sealed, so that one damage is told once.
        place = seal.after
        chain = new ArchiveChain(place, facts.beginsAnywhere)
        previous = seal
      }
    }
    if (head?.day != null && !days.includes(head.day))
      this.damage(linesName(head.day, partition), 'it is missing')
    const end = chain.place()
    for (const [stream, revision] of Object.entries(end.heads)) {
      this.streams.set(stream, { head: revision, digest: end.digests[stream] ?? undefined })
    }
    this.partitions.push({ partition, days: days.length, lines, nextOffset: end.nextOffset, head: end.hash })
  }

  private link(
    name: string,
    seal: Manifest,
    partition: number,
    day: string,
    previous: Manifest | undefined,
  ): void {
    if (seal.partition !== partition || seal.day !== day) this.damage(name, 'it is that of another file')
    const before = previous === undefined ? undefined : manifestHash(previous)
    if (seal.previous?.sha256 === before) return
    const due = seal.previous === null ? 'none' : seal.previous.day
    this.damage(
      name,
      `the day archived before it was ${due}: its manifest is missing, or is not the one of then`,
    )
  }

  /** Reads on behind a damaged line only as far as lines fit again. */
  private async file(file: OpenedFile): Promise<FileContents> {
    const { name, synced } = file
    const path = join(this.folder, name)
    let lines = 0
    let bytes = 0
    let firstOffset: number | undefined
    let earliestAt = Number.MAX_SAFE_INTEGER
    const contents = (): FileContents => ({ lines, bytes, firstOffset: firstOffset ?? 0, earliestAt })
    let reachesHead = synced === undefined || synced.bytes === 0
    if ((await sizeOf(path)) === undefined) {
      this.damage(name, 'it is missing')
      return contents()
    }
    for await (const found of linesOf(path)) {
      const line = this.line(file, found)
      this.bytesDone += found.end - found.start
      this.options.onProgress?.(this.bytesDone, this.bytesTotal)
      if (line === undefined) break
      firstOffset ??= line.offset
      earliestAt = Math.min(earliestAt, Date.parse(line.at))
      this.anchors.delete(line.hash)
      lines++
      this.lines++
      bytes = found.end
      if (synced !== undefined && bytes === synced.bytes) {
        reachesHead = true
        if (line.hash !== synced.hash)
          this.damage(name, 'it is not the file that was synced', { line: found.number })
      }
    }
    if (!reachesHead && this.damages.at(-1)?.file !== name)
      this.damage(name, `lines are missing: it was synced up to line ${synced?.lines}`, { line: lines + 1 })
    return contents()
  }

  private line({ name, day, chain, openFrom }: OpenedFile, found: FoundLine): ArchivedLine | undefined {
    const isOpenEnd = found.start >= openFrom
    if (!found.isWhole) {
      if (!isOpenEnd) this.damage(name, 'the line is cut off', { line: found.number })
      return undefined
    }
    const read = chain.read(found.text, day)
    if (!isLeft(read)) return read.right
    if (!isOpenEnd)
      this.damage(name, read.left.reason, { ...claimed(found.text), ...read.left, line: found.number })
    return undefined
  }
}

/** Which event a damaged line says it is, if it can still be read at all. */
const claimed = (text: string): Partial<Damage> => {
  const stream = /"stream":"([^"\\]{1,300})"/.exec(text)?.[1]
  const revision = /"revision":(\d{1,15})/.exec(text)?.[1]
  return stream === undefined || revision === undefined ? {} : { stream, revision: Number(revision) }
}
