// What tests of a move stand on: ledgers to move, and one call for each way.
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fileTarget } from '../../src/transfer/fileSide.js'
import { type Moved, type MoveOptions, move } from '../../src/transfer/move.js'
import { openSource, openTarget } from '../../src/transfer/places.js'
import { goldenNames, openGolden, unpack } from '../support/golden/goldenFiles.js'

export const GOLDEN_FOLDER = fileURLToPath(new URL('../golden/logs', import.meta.url))
export const GOLDEN = await goldenNames(GOLDEN_FOLDER)

/** Small, so that a move crosses many of them. */
const SEGMENT_BYTES = 1_048_576

export const temporary = (): Promise<string> => mkdtemp(join(tmpdir(), 'ledgerq-move-'))

/** A copy, opened and closed once as a start does it: what its last process left behind its mark is settled. */
export const goldenDirectory = async (name: string): Promise<string> => {
  const directory = await temporary()
  await unpack(GOLDEN_FOLDER, name, directory)
  await (await openGolden(directory)).close()
  return directory
}

/** A directory, a database (with a prefix of its own), or a file that ends in .lqx. */
export type End = string | Readonly<{ where: string; prefix: string }>
const placeOf = (end: End) =>
  typeof end === 'string' ? { where: end, spoken: end } : { ...end, spoken: 'the database' }

export const moveBetween = async (from: End, to: End, options: Partial<MoveOptions> = {}): Promise<Moved> => {
  const source = await openSource(placeOf(from))
  const { where } = placeOf(to)
  const target = await (where.endsWith('.lqx')
    ? fileTarget(where, 'a test', true)
    : openTarget({ ...placeOf(to), segmentBytes: SEGMENT_BYTES }))
  try {
    return await move(source, target, { signal: new AbortController().signal, ...options })
  } finally {
    await target.close()
    await source.close()
  }
}
