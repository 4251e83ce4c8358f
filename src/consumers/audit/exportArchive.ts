// Looks events up in an archive: by queue, message and time, in the order of the log over all partitions. Every line that is passed is
// proved on the way; days that cannot hold what is asked for are passed over by their seals.
import { join } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { readChecked } from '../checkedFile.js'
import { ArchiveChain, dayOf } from './archiveChain.js'
import { ArchiveDamaged } from './archiveErrors.js'
import {
  ARCHIVE_FILE,
  ArchiveCodec,
  type ArchiveFacts,
  archivePath,
  firstPlace,
  linesName,
  listArchive,
  type Manifest,
  ManifestCodec,
  manifestName,
} from './archiveFolder.js'
import type { ArchivedLine } from './lines.js'
import { linesOf } from './linesFile.js'

export type ArchiveQuery = Readonly<{
  queue?: string
  message?: string
  /** Recorded then or later. */
  from?: number
  /** Recorded before then. */
  to?: number
}>

const damage = (file: string, reason: string): ArchiveDamaged =>
  new ArchiveDamaged({ file, line: undefined, stream: undefined, revision: undefined, reason })

/** Undefined = there is no archive. */
export const archiveFacts = async (folder: string): Promise<ArchiveFacts | undefined> => {
  const facts = await readChecked(archivePath(folder), ArchiveCodec)
  if (facts !== undefined && isLeft(facts)) throw damage(ARCHIVE_FILE, facts.left)
  return facts?.right
}

const sealOf = async (folder: string, day: string, partition: number): Promise<Manifest | undefined> => {
  const name = manifestName(day, partition)
  const seal = await readChecked(join(folder, name), ManifestCodec)
  if (seal !== undefined && isLeft(seal)) throw damage(name, seal.left)
  return seal?.right
}

async function* linesIn(
  folder: string,
  partition: number,
  facts: ArchiveFacts,
  { from = 0, to = Number.POSITIVE_INFINITY }: ArchiveQuery,
  days: ReadonlyArray<string>,
): AsyncGenerator<ArchivedLine> {
  let chain = new ArchiveChain(firstPlace(facts.ledger ?? '', partition), facts.beginsAnywhere)
  for (const day of days) {
    const seal = await sealOf(folder, day, partition)
    if (seal === undefined && day !== days.at(-1)) throw damage(manifestName(day, partition), 'it is missing')
    if (seal !== undefined && seal.before !== chain.head)
      throw damage(manifestName(day, partition), 'it does not follow the days before')
    // An event is never in the file of a day before its own.
    if (seal === undefined || (day >= dayOf(from) && seal.earliestAt < to)) {
      const name = linesName(day, partition)
      for await (const { text, number, isWhole } of linesOf(join(folder, name))) {
        if (!isWhole) break
        const line = chain.read(text, day)
        if (isLeft(line))
          throw new ArchiveDamaged({
            file: name,
            stream: undefined,
            revision: undefined,
            ...line.left,
            line: number,
          })
        yield line.right
      }
      if (seal !== undefined && chain.head !== seal.after.hash)
        throw damage(name, 'it does not hold what was sealed')
    }
    if (seal !== undefined) chain = new ArchiveChain(seal.after, facts.beginsAnywhere)
  }
}

const isAskedFor = (line: ArchivedLine, { queue, message, from, to }: ArchiveQuery): boolean => {
  if (queue !== undefined && line.queue !== queue) return false
  if (message !== undefined && line.id !== message) return false
  const at = Date.parse(line.at)
  return at >= (from ?? 0) && at < (to ?? Number.POSITIVE_INFINITY)
}

/** @throws ArchiveDamaged at the first line that does not hold */
export async function* queryArchive(
  folder: string,
  facts: ArchiveFacts,
  query: ArchiveQuery,
  onRead: () => void = () => undefined,
): AsyncGenerator<ArchivedLine> {
  const { days } = await listArchive(folder)
  const sources = [...days].map(([partition, found]) => linesIn(folder, partition, facts, query, found))
  const waiting: Array<Readonly<{ line: ArchivedLine; source: AsyncGenerator<ArchivedLine> }>> = []
  const refill = async (source: AsyncGenerator<ArchivedLine>): Promise<void> => {
    for (;;) {
      const next = await source.next()
      if (next.done === true) return
      onRead()
      if (!isAskedFor(next.value, query)) continue
      waiting.push({ line: next.value, source })
      return
    }
  }
  for (const source of sources) await refill(source)
  while (waiting.length > 0) {
    let first = 0
    waiting.forEach(({ line }, n) => {
      if (line.position < (waiting[first]?.line.position ?? 0)) first = n
    })
    const [taken] = waiting.splice(first, 1)
    if (taken === undefined) return
    yield taken.line
    await refill(taken.source)
  }
}
