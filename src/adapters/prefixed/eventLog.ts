// A log of which one ledger sees only its own streams: their names carry a prefix in the log, and none in the ledger. So
// several ledgers can share one log (a database that others write to as well) without knowing of each other.
import { isLeft, left, right } from 'fp-ts/lib/Either.js'
import type { RecordedBatch } from '../../../domain/batch.js'
import type { AppendFault, EventLog, Page, ReadFault } from '../../ports/eventLog.js'
import { withoutPrefix } from './names.js'

/** Pages of strangers read in one call at most, before the caller is asked to go on. */
const FOREIGN_PAGES_MAX = 16

type Own = (stream: string) => string | undefined

const ownBatches = (batches: ReadonlyArray<RecordedBatch>, own: Own): ReadonlyArray<RecordedBatch> =>
  batches.flatMap((batch) => {
    const stream = own(batch.stream)
    return stream === undefined ? [] : [{ ...batch, stream }]
  })

const ownFault = <Fault extends AppendFault | ReadFault>(fault: Fault, own: Own): Fault =>
  'stream' in fault && fault.stream !== undefined
    ? { ...fault, stream: own(fault.stream) ?? fault.stream }
    : fault

export const prefixedEventLog = (log: EventLog, prefix: string): EventLog => {
  const named = (stream: string): string => prefix + stream
  const own = withoutPrefix(prefix)

  const readAll: EventLog['readAll'] = (from, maxBytes) => async () => {
    let next = from
    // A page without anything of ours says nothing to a caller who wants events, so some are read on; not without end.
    for (let pages = 1; ; pages += 1) {
      const read = await log.readAll(next, maxBytes)()
      if (isLeft(read)) return left(ownFault(read.left, own))
      const { batches, atEnd } = read.right
      const page: Page = { ...read.right, batches: ownBatches(batches, own) }
      if (page.batches.length > 0 || atEnd || pages === FOREIGN_PAGES_MAX) return right(page)
      next = page.next
    }
  }

  const { heartbeats } = log
  return {
    ...log,
    ...(heartbeats === undefined
      ? {}
      : {
          heartbeats: {
            beat: (node, beat) => heartbeats.beat(named(node), beat),
            last: (node) => heartbeats.last(named(node)),
          },
        }),
    readAll,
    append: (stream, expectedRevision, batch) => {
      const append = log.append(named(stream), expectedRevision, batch)
      return async () => {
        const result = await append()
        return isLeft(result) ? left(ownFault(result.left, own)) : result
      }
    },
    read: (stream, from, maxBytes) => async () => {
      const read = await log.read(named(stream), from, maxBytes)()
      if (isLeft(read)) return left(ownFault(read.left, own))
      return right({ ...read.right, batches: ownBatches(read.right.batches, own) })
    },
    head: (stream) => log.head(named(stream)),
    truncateBefore: (stream, revision) => log.truncateBefore(named(stream), revision),
    saveSnapshot: (stream, revision, chunks) => log.saveSnapshot(named(stream), revision, chunks),
    snapshots: (stream) => log.snapshots(named(stream)),
  }
}
