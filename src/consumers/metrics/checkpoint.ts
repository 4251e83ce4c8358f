// Counts and the offsets that they hold up to, in one file that is replaced as a whole: after a crash the events behind it are read
// again and counted once, so that counters end where the log does. It is a cache: without it, all that the topic still has is counted.
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { NaturalCodec } from '../../../domain/storedFields.js'
import type { LedgerTotalsSnapshot } from '../../../projections/topic/ledgerTotals.js'
import { readChecked, writeChecked } from '../checkedFile.js'

const counts = t.record(t.string, t.number)
const namedCounts = t.array(t.tuple([t.string, t.number]))
const pairs = t.array(t.tuple([t.number, t.number]))
const durations = t.strict({ counts: t.array(t.number), sum: t.number, max: t.number })
const StreamTotalsCodec = t.strict({
  counts,
  failures: namedCounts,
  deadLetterReasons: namedCounts,
  purgeCauses: namedCounts,
  waits: durations,
  durations,
  enqueuedAt: pairs,
  notBefore: pairs,
  startedAt: pairs,
  dead: t.array(t.number),
  untimed: t.number,
  others: counts,
})
const TotalsCodec = t.strict({
  heads: counts,
  partitions: t.record(t.string, t.strict({ isWhole: t.boolean, totals: StreamTotalsCodec })),
  deleted: counts,
  events: namedCounts,
})
const CheckpointCodec = t.strict({
  version: t.literal(1),
  topic: t.string,
  ledger: t.union([t.string, t.null]),
  /** Of each partition, the first one that was not counted. */
  offsets: t.array(NaturalCodec),
  /** Streams may begin anywhere: the topic did not reach back when counting began. */
  beginsAnywhere: t.boolean,
  gaps: NaturalCodec,
  repeats: NaturalCodec,
  lastEventAt: NaturalCodec,
  totals: TotalsCodec,
})
export type Checkpoint = Readonly<
  Omit<t.TypeOf<typeof CheckpointCodec>, 'totals' | 'offsets'> & {
    totals: LedgerTotalsSnapshot
    offsets: ReadonlyArray<number>
  }
>

/** A Left says why the file is of no use. */
export const loadCheckpoint = async (
  path: string,
  topic: string,
): Promise<Either<string, Checkpoint> | undefined> => {
  const found = await readChecked(path, CheckpointCodec)
  if (found === undefined || isLeft(found)) return found
  return found.right.topic === topic ? right(found.right) : left(`it is of the topic ${found.right.topic}`)
}

export const saveCheckpoint = async (path: string, checkpoint: Checkpoint): Promise<void> => {
  await mkdir(dirname(path), { recursive: true })
  await writeChecked(path, checkpoint)
}
