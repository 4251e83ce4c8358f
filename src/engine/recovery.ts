// From the log back to the state of a partition: the newest usable snapshot, then the tail; without one, everything (I6).
// An event that this version does not know stops the partition by its name and revision; it is never skipped (I8).
import { isLeft } from 'fp-ts/lib/Either.js'
import { parsePartitionStream } from '../../domain/ids.js'
import { PartitionState, SnapshotLoader } from '../../projections/partition/index.js'
import type { EventLog, ReadFault, StoredSnapshot } from '../ports/eventLog.js'

const PAGE_BYTES = 4_194_304

/** A log that cannot be read: reported with stream and revision, never guessed around. */
export class LogFault extends Error {
  override readonly name = 'LogFault'
  constructor(
    readonly fault: ReadFault,
    stream: string,
  ) {
    super(describe(fault, stream))
  }
}

const describe = (fault: ReadFault, stream: string): string => {
  switch (fault.type) {
    case 'LogCorrupt':
      return `the log is damaged in ${fault.file} at byte ${fault.offset} (${fault.stream ?? stream}, revision ${fault.revision ?? 'unknown'}): ${fault.reason}`
    case 'RevisionTruncated':
      return `${stream} starts at revision ${fault.firstRevision}: what stood before it was cut`
    case 'LogUnavailable':
    case 'LogStopped':
      return `${stream} cannot be read: ${fault.reason}`
  }
}

export type Recovered = Readonly<{
  state: PartitionState
  /** Revision of the snapshot that was used; -1 = none. */
  snapshotRevision: number
  eventsReplayed: number
}>

/** `onEvents` sees the durable batches of the tail, e.g. to bring a view up to date. */
export const recoverPartition = async (
  log: EventLog,
  stream: string,
  options: Readonly<{ useSnapshots?: boolean; hashSeed?: string }> = {},
): Promise<Recovered> => {
  const { useSnapshots = true, hashSeed = '' } = options
  const loaded = useSnapshots ? await newestUsable(log, stream, hashSeed) : undefined
  const state = loaded ?? new PartitionState(parsePartitionStream(stream)?.partition)
  state.seedHash(hashSeed)
  const snapshotRevision = state.nextRevision - 1
  for (;;) {
    const page = await log.read(stream, state.nextRevision, PAGE_BYTES)()
    if (isLeft(page)) throw new LogFault(page.left, stream)
    for (const batch of page.right.batches) {
      const skip = state.nextRevision - batch.firstRevision
      for (let i = Math.max(0, skip); i < batch.events.length; i++) {
        const event = batch.events[i]
        if (event !== undefined) state.apply(event, batch.at, 0)
      }
    }
    if (page.right.atEnd) break
  }
  return { state, snapshotRevision, eventsReplayed: state.nextRevision - 1 - snapshotRevision }
}

const newestUsable = async (
  log: EventLog,
  stream: string,
  hashSeed: string,
): Promise<PartitionState | undefined> => {
  const stored = await log.snapshots(stream)()
  if (isLeft(stored)) return undefined
  const head = await log.head(stream)()
  if (isLeft(head)) throw new LogFault(head.left, stream)
  for (const snapshot of stored.right) {
    // A snapshot ahead of the log is of another log, or the log lost its end: never a base for new revisions (R15).
    if (snapshot.revision > head.right) {
      throw new LogFault(
        {
          type: 'LogCorrupt',
          file: stream,
          offset: 0,
          stream,
          revision: head.right,
          reason: `a snapshot holds revision ${snapshot.revision}, but the log ends at ${head.right}: an older copy of the log was put back, or its end is lost`,
        },
        stream,
      )
    }
    const state = await load(snapshot, stream, hashSeed)
    if (state !== undefined) return state
  }
  return undefined
}

const load = async (
  snapshot: StoredSnapshot,
  stream: string,
  hashSeed: string,
): Promise<PartitionState | undefined> => {
  const loader = new SnapshotLoader(stream, hashSeed)
  for (let number = 0; ; number++) {
    const chunk = await snapshot.read(number)()
    if (isLeft(chunk)) return undefined
    if (chunk.right === undefined) break
    if (isLeft(loader.add(chunk.right))) return undefined
  }
  const finished = loader.finish()
  if (isLeft(finished) || finished.right.nextRevision !== snapshot.revision + 1) return undefined
  return finished.right
}
