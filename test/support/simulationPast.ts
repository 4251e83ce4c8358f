// A look back while a run goes on: a partition as of some revision of its past, folded by the product from the log as it was then,
// with the snapshots that there were and without, and told by the checkers from the same batches.
import { map } from 'fp-ts/lib/TaskEither.js'
import type { RecordedBatch } from '../../domain/batch.js'
import { stateHash } from '../../projections/partition/index.js'
import { recoverPartition } from '../../src/engine/recovery.js'
import type { EventLog, Page, StoredSnapshot } from '../../src/ports/eventLog.js'
import { type Rules, Story } from './checkers.js'
import type { Calls } from './checkersCalls.js'
import { disagreements } from './checkersPast.js'

const lastOf = ({ firstRevision, events }: RecordedBatch): number => firstRevision + events.length - 1

/** The log as it was when its stream ended with this revision, the last one of a batch. */
const asOf = (log: EventLog, revision: number): EventLog => {
  const cut = ({ batches, next, atEnd }: Page): Page => {
    const before = batches.filter((batch) => lastOf(batch) <= revision)
    return { batches: before, next, atEnd: atEnd || before.length < batches.length || next > revision }
  }
  return {
    ...log,
    read: (stream, from, maxBytes) => map(cut)(log.read(stream, from, maxBytes)),
    head: (stream) => map((head: number) => Math.min(head, revision))(log.head(stream)),
    snapshots: (stream) =>
      map((stored: ReadonlyArray<StoredSnapshot>) => stored.filter((one) => one.revision <= revision))(
        log.snapshots(stream),
      ),
  }
}

export type LookBack = Readonly<{ stream: string; partition: number; calls: Calls; rules: Rules }>

/** Broken promises as sentences. */
export const lookBack = async (
  log: EventLog,
  { stream, partition, calls, rules }: LookBack,
  batches: ReadonlyArray<RecordedBatch>,
): Promise<ReadonlyArray<string>> => {
  const last = batches.at(-1)
  if (last === undefined) return []
  const revision = lastOf(last)
  const then = asOf(log, revision)
  const [whole, quick] = [
    await recoverPartition(then, stream, { useSnapshots: false }),
    await recoverPartition(then, stream, { useSnapshots: true }),
  ]
  const story = new Story(rules, calls, partition)
  story.tell(batches)
  const isOne = stateHash(whole.state) === stateHash(quick.state)
  const differs = isOne ? [] : [`the snapshot of revision ${quick.snapshotRevision} and its tail differ`]
  const told = disagreements(story.live, whole.state, [...story.ids.keys()])
  return [...differs, ...told].map(
    (sentence) => `partition ${partition} revision ${revision}: I6 as of then ${sentence}`,
  )
}
