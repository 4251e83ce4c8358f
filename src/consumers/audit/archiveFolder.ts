// What lies where in an archive, and what its small files say:
//
//   archive.json                    whose archive it is, and how many partitions the topic has
//   heads/<partition>.json          how far the partition was archived when it was last synced: what is below must be there
//   <day>/<partition>.ndjson        the events; of a past day read-only
//   <day>/<partition>.manifest.json seals a past day: its lines, their hash, and the manifest of the day before
//   lock                            held by the kernel for the process that writes
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as t from 'io-ts'
import { NaturalCodec } from '../../../domain/storedFields.js'
import { isMissing } from '../checkedFile.js'
import type { ChainPlace } from './archiveChain.js'
import { genesisHash } from './lines.js'

const FORMAT = 'ledgerq-audit'
export const ARCHIVE_FILE = 'archive.json'
export const LOCK_FILE = 'lock'
export const HEADS_FOLDER = 'heads'
const DAY = /^\d{4}-\d{2}-\d{2}$/

export const ArchiveCodec = t.strict({
  format: t.literal(FORMAT),
  version: t.literal(1),
  topic: t.string,
  partitions: NaturalCodec,
  /** Of the first record; none has come as long as it is null. */
  ledger: t.union([t.string, t.null]),
  /** The topic did not reach back to the beginning of the ledger when the archive was begun, and somebody said that this is all right. */
  beginsAnywhere: t.boolean,
})
export type ArchiveFacts = t.TypeOf<typeof ArchiveCodec>

export const newArchive = (topic: string, partitions: number, beginsAnywhere: boolean): ArchiveFacts => ({
  format: FORMAT,
  version: 1,
  topic,
  partitions,
  ledger: null,
  beginsAnywhere,
})

const PlaceCodec = t.strict({
  hash: t.string,
  nextOffset: NaturalCodec,
  heads: t.record(t.string, NaturalCodec),
  digests: t.record(t.string, t.union([t.string, t.null])),
})

export const ManifestCodec = t.strict({
  partition: NaturalCodec,
  day: t.string,
  lines: NaturalCodec,
  bytes: NaturalCodec,
  firstOffset: NaturalCodec,
  /** The least recorded time of its events: who looks for earlier ones need not read it. */
  earliestAt: NaturalCodec,
  /** Hash of the chain before the first line. */
  before: t.string,
  /** Where the chain goes on. */
  after: PlaceCodec,
  /** The day archived before, and the hash of its manifest. */
  previous: t.union([t.strict({ day: t.string, sha256: t.string }), t.null]),
})
export type Manifest = t.TypeOf<typeof ManifestCodec>

export const HeadCodec = t.strict({
  /** Null = nothing was archived yet. */
  day: t.union([t.string, t.null]),
  bytes: NaturalCodec,
  lines: NaturalCodec,
  hash: t.string,
})
export type Head = t.TypeOf<typeof HeadCodec>
export const NO_HEAD: Head = { day: null, bytes: 0, lines: 0, hash: '' }

export const archivePath = (folder: string): string => join(folder, ARCHIVE_FILE)
export const headPath = (folder: string, partition: number): string =>
  join(folder, HEADS_FOLDER, `${partition}.json`)
export const linesName = (day: string, partition: number): string => join(day, `${partition}.ndjson`)
export const manifestName = (day: string, partition: number): string =>
  join(day, `${partition}.manifest.json`)

export const firstPlace = (ledger: string, partition: number): ChainPlace => ({
  hash: genesisHash(ledger, partition),
  nextOffset: 0,
  heads: {},
  digests: {},
})

const namesIn = async (folder: string): Promise<ReadonlyArray<string>> => {
  try {
    return await readdir(folder)
  } catch (cause) {
    if (isMissing(cause)) return []
    throw cause
  }
}

export type ArchiveListing = Readonly<{
  /** Ascending, of each partition the days that have any file of it. */
  days: ReadonlyMap<number, ReadonlyArray<string>>
  /** What an archive does not put there. */
  strange: ReadonlyArray<string>
}>

const OWN = new Set([ARCHIVE_FILE, LOCK_FILE, HEADS_FOLDER, 'lost+found'])
const DAY_FILE = /^(0|[1-9]\d{0,5})\.(?:ndjson|manifest\.json)$/
/** Left behind by a crash: nothing refers to them. */
const isAside = (name: string): boolean => name.startsWith('.') && name.endsWith('.tmp')

export const listArchive = async (folder: string): Promise<ArchiveListing> => {
  const days = new Map<number, Set<string>>()
  const strange: string[] = []
  for (const day of (await namesIn(folder)).toSorted()) {
    if (OWN.has(day) || isAside(day) || day.startsWith(`${LOCK_FILE}-`)) continue
    if (!DAY.test(day)) {
      strange.push(day)
      continue
    }
    for (const name of await namesIn(join(folder, day))) {
      const partition = DAY_FILE.exec(name)?.[1]
      if (partition === undefined) {
        if (!isAside(name)) strange.push(join(day, name))
        continue
      }
      const known = days.get(Number(partition)) ?? new Set()
      days.set(Number(partition), known.add(day))
    }
  }
  return { days: new Map([...days].map(([partition, found]) => [partition, [...found]])), strange }
}
