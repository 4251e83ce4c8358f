// What tests of a move stand on: ledgers to move, and one call for each way.
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isLeft } from 'fp-ts/lib/Either.js'
import type { EventBatch } from '../../domain/batch.js'
import { ChainedSegments } from '../../src/adapters/embedded/chainedSegments.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { databaseTarget } from '../../src/transfer/databaseSide.js'
import { fileTarget } from '../../src/transfer/fileSide.js'
import { type Moved, type MoveOptions, move } from '../../src/transfer/move.js'
import { openSource, openTarget } from '../../src/transfer/places.js'
import { type ChainTarget, isProcessStream } from '../../src/transfer/sides.js'
import { goldenNames, openGolden, unpack } from '../support/golden/goldenFiles.js'

export const GOLDEN_FOLDER = fileURLToPath(new URL('../golden/logs', import.meta.url))
export const GOLDEN = await goldenNames(GOLDEN_FOLDER)

/** Small, so that a move crosses many of them. */
const SEGMENT_BYTES = 65_536

export const temporary = (): Promise<string> => mkdtemp(join(tmpdir(), 'ledgerq-move-'))

/** A copy, opened and closed once as a start does it: what its last process left behind its mark is settled. */
export const goldenDirectory = async (name: string): Promise<string> => {
  const directory = await temporary()
  await unpack(GOLDEN_FOLDER, name, directory)
  await (await openGolden(directory)).close()
  return directory
}

/** A directory, a database (with a prefix of its own), or a file that ends in .lqx. */
export type End = string | Readonly<{ where: string; prefix: string; appendBytesMax?: number }>
const placeOf = (end: End) =>
  typeof end === 'string' ? { where: end, spoken: end } : { ...end, spoken: 'the database' }

/** `through` stands between the move and its target, to do it harm. */
type How = Partial<MoveOptions> & Readonly<{ through?: (target: ChainTarget) => ChainTarget }>

const targetAt = (to: End): Promise<ChainTarget> => {
  const { where, spoken } = placeOf(to)
  if (where.endsWith('.lqx')) return fileTarget(where, 'a test', true)
  if (typeof to === 'string') return openTarget({ where, spoken, segmentBytes: SEGMENT_BYTES })
  const { where: connectionString, ...options } = to
  return databaseTarget({ place: spoken, options: { connectionString, ...options } })
}

export const moveBetween = async (from: End, to: End, { through, ...options }: How = {}): Promise<Moved> => {
  const source = await openSource(placeOf(from))
  const target = await targetAt(to)
  try {
    return await move(source, through?.(target) ?? target, {
      signal: new AbortController().signal,
      ...options,
    })
  } finally {
    await target.close()
    await source.close()
  }
}

/** Every batch of a directory but those of its processes, stream by stream, as text that can be compared. */
export const batchesIn = async (directory: string): Promise<Record<string, string[]>> => {
  const streams: Record<string, string[]> = {}
  for await (const { stream, firstRevision, digest, bytes } of (
    await ChainedSegments.open(directory)
  ).batches()) {
    if (isProcessStream(stream)) continue
    const hex = (some: Uint8Array): string => Buffer.from(some).toString('hex')
    streams[stream] = [...(streams[stream] ?? []), `${firstRevision} ${hex(digest)} ${hex(bytes)}`]
  }
  return streams
}

export type Written = Readonly<{ stream: string; batch: EventBatch }>

/** A directory that holds just these. */
export const directoryOf = async (written: ReadonlyArray<Written>): Promise<string> => {
  const directory = await temporary()
  const opened = await openEmbeddedLog({ directory, segmentBytes: SEGMENT_BYTES })
  if (isLeft(opened)) throw new Error(JSON.stringify(opened.left))
  const heads = new Map<string, number>()
  for (const { stream, batch } of written) {
    const appended = await opened.right.append(stream, heads.get(stream) ?? -1, batch)()
    if (isLeft(appended)) throw new Error(JSON.stringify(appended.left))
    heads.set(stream, appended.right.lastRevision)
  }
  await opened.right.close()
  return directory
}
