// A golden log as it lies in the repository: the files of a ledger's directory in one compressed file, and beside it a page
// to be read, which says what any later version must find in them.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import * as E from 'fp-ts/lib/Either.js'
import type { RecordedBatch } from '../../../domain/batch.js'
import { parsePartitionStream } from '../../../domain/ids.js'
import {
  type CountsView,
  STATE_HASH_VERSION,
  stateHash,
  viewOf,
} from '../../../projections/partition/index.js'
import { openEmbeddedLog } from '../../../src/adapters/embedded/eventLog.js'
import { verify } from '../../../src/adapters/embedded/verify.js'
import { recoverPartition } from '../../../src/engine/recovery.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import { GOLDEN_SEGMENT_BYTES } from './goldenHouse.js'

export type GoldenPartition = Readonly<{
  stream: string
  /** By the definition of the hash: one that changes gets a new number, and its values stand beside the old ones. */
  stateHashes: Readonly<Record<string, string>>
  snapshots: ReadonlyArray<number>
  counts: CountsView
  nextOrdinal: number
  nextFence: number
  epoch: number
  /** Every message that has not finished, in the words of domain/message: what no definition of a hash can blur. */
  live: ReadonlyArray<unknown>
}>

export type GoldenManifest = Readonly<{
  name: string
  /** Of the product that wrote it, or another label. */
  version: string
  /** Last batch of each stream: its revision and its digest in the hash chain. */
  streams: ReadonlyArray<Readonly<{ stream: string; head: number; digest: string }>>
  discardedTailBytes: number
  /** How many of each type, told as they stand in the log. */
  events: Readonly<Record<string, number>>
  partitions: ReadonlyArray<GoldenPartition>
}>

const LEDGER_ENDING = '.ledger.gz'

export const goldenNames = async (folder: string): Promise<ReadonlyArray<string>> =>
  (await readdir(folder))
    .filter((name) => name.endsWith(LEDGER_ENDING))
    .map((name) => name.slice(0, -LEDGER_ENDING.length))
    .sort()

/** Views are rebuilt from the log by whoever opens it, and the lock is nobody's. */
const filesUnder = async (directory: string): Promise<ReadonlyArray<string>> =>
  (await readdir(directory, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.name.startsWith('lock'))
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .filter((path) => !path.startsWith('views'))
    .sort()

/** Refuses to overwrite: a golden log is what it is for ever. */
export const pack = async (directory: string, folder: string, name: string): Promise<void> => {
  const files: Record<string, string> = {}
  for (const path of await filesUnder(directory))
    files[path] = (await readFile(join(directory, path))).toString('base64')
  const packed = gzipSync(JSON.stringify(files), { level: 9 })
  await writeFile(join(folder, `${name}${LEDGER_ENDING}`), packed, { flag: 'wx' })
}

export const unpack = async (folder: string, name: string, directory: string): Promise<void> => {
  const packed = await readFile(join(folder, `${name}${LEDGER_ENDING}`))
  const files = JSON.parse(gunzipSync(packed).toString('utf8')) as Record<string, string>
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(directory, dirname(path)), { recursive: true, mode: 0o700 })
    await writeFile(join(directory, path), Buffer.from(text, 'base64'), { mode: 0o600 })
  }
}

const manifestPath = (folder: string, name: string): string => join(folder, `${name}.json`)

export const readManifest = async (folder: string, name: string): Promise<GoldenManifest> =>
  JSON.parse(await readFile(manifestPath(folder, name), 'utf8')) as GoldenManifest

const textOf = (manifest: GoldenManifest): string => `${JSON.stringify(manifest, null, 2)}\n`

export const writeManifest = (folder: string, manifest: GoldenManifest): Promise<void> =>
  writeFile(manifestPath(folder, manifest.name), textOf(manifest), { flag: 'wx' })

export const replaceManifest = (folder: string, manifest: GoldenManifest): Promise<void> =>
  writeFile(manifestPath(folder, manifest.name), textOf(manifest))

export const openGolden = async (directory: string): Promise<EventLog> => {
  const opened = await openEmbeddedLog({ directory, segmentBytes: GOLDEN_SEGMENT_BYTES })
  if (E.isLeft(opened)) throw new Error(`the golden log does not open: ${JSON.stringify(opened.left)}`)
  return opened.right
}

/** Every batch in the order of the log. */
export const allBatches = async (log: EventLog): Promise<ReadonlyArray<RecordedBatch>> => {
  const batches: RecordedBatch[] = []
  for (let from = 0; ; ) {
    const page = await log.readAll(from, 1_000_000)()
    if (E.isLeft(page)) throw new Error(JSON.stringify(page.left))
    batches.push(...page.right.batches)
    from = page.right.next
    if (page.right.atEnd) return batches
  }
}

const partitionOf = async (log: EventLog, stream: string): Promise<GoldenPartition> => {
  const { state } = await recoverPartition(log, stream, { useSnapshots: false })
  const stored = await log.snapshots(stream)()
  const live: unknown[] = []
  state.table.walk(1, 1, (_ordinal, slot) => {
    live.push(JSON.parse(JSON.stringify(state.table.read(slot))))
    return true
  })
  return {
    stream,
    stateHashes: { [STATE_HASH_VERSION]: stateHash(state) },
    snapshots: E.isRight(stored) ? stored.right.map(({ revision }) => revision) : [],
    counts: viewOf(state.counts),
    nextOrdinal: state.nextOrdinal,
    nextFence: state.nextFence,
    epoch: state.epoch,
    live,
  }
}

/** What this version finds in a directory. It opens it, so a torn tail is cut afterwards: give it a copy. */
export const described = async (
  directory: string,
  name: string,
  version: string,
): Promise<GoldenManifest> => {
  const log = await openGolden(directory)
  try {
    return {
      name,
      version,
      ...(await foundIn(log, await allBatches(log))),
      streams: await chainOf(directory),
    }
  } finally {
    await log.close()
  }
}

export const foundIn = async (
  log: EventLog,
  batches: ReadonlyArray<RecordedBatch>,
): Promise<Pick<GoldenManifest, 'discardedTailBytes' | 'events' | 'partitions'>> => {
  const events: Record<string, number> = {}
  for (const { type } of batches.flatMap((batch) => batch.events)) events[type] = (events[type] ?? 0) + 1
  const streams = [...new Set(batches.map(({ stream }) => stream))].sort()
  const partitions: GoldenPartition[] = []
  for (const stream of streams)
    if (parsePartitionStream(stream) !== undefined) partitions.push(await partitionOf(log, stream))
  const { discardedTailBytes } = log.condition()
  const sorted = Object.fromEntries(Object.entries(events).sort(([a], [b]) => (a < b ? -1 : 1)))
  return { discardedTailBytes, events: sorted, partitions }
}

/** Types and versions of the events that stand in the segments as JSON text; the others are of the version of their row. */
export const storedVersions = async (directory: string): Promise<ReadonlySet<string>> => {
  const found = new Set<string>()
  for (const path of await filesUnder(directory)) {
    if (!path.startsWith('segments')) continue
    const text = (await readFile(join(directory, path))).toString('latin1')
    for (const [, type, version] of text.matchAll(/\{"type":"(\w+)","version":(\d+)/g))
      found.add(`${type} v${version}`)
  }
  return found
}

/** Every byte is looked at on the way. */
export const chainOf = async (directory: string): Promise<GoldenManifest['streams']> => {
  const verified = await verify(directory)
  if (E.isLeft(verified)) throw new Error(`the golden log is damaged: ${JSON.stringify(verified.left)}`)
  return [...verified.right.streams].sort((a, b) => (a.stream < b.stream ? -1 : 1))
}
