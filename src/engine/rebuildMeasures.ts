// All numbers of a partition counted anew from its log while it goes on working (E1): a second state replays the stream page by
// page, follows the batches that become durable meanwhile, and in one turn of the writer takes in what is not durable yet. Then
// both stand at the same revision, are compared (I6, online), and the new numbers take the place of the old ones.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { EventBatch } from '../../domain/batch.js'
import { PartitionState, replaceMeasures, stateHash } from '../../projections/partition/index.js'
import type { EventLog } from '../ports/eventLog.js'
import type { PartitionWriter } from './partitionWriter.js'
import { LogFault } from './recovery.js'

const PAGE_BYTES = 1_048_576
/** Above this many live messages comparing them all would hold up the event loop (0.3 µs each): only the counts are compared. */
const COMPARED_MESSAGES_MAX = 50_000

export type RebuildOptions = Readonly<{
  onProgress?: (done: number, total: number) => void
  signal?: AbortSignal
}>

export type Rebuilt = Readonly<{
  eventsReplayed: number
  /** Whether the state that decisions rest on was found to be what the log says. */
  agrees: boolean
  /** 'all' = every message was compared; 'counts' = there were too many for that. */
  compared: 'all' | 'counts'
}>

type Followed = Readonly<{ firstRevision: number; batch: EventBatch }>

export type RebuildSource = Readonly<{
  log: EventLog
  stream: string
  writer: PartitionWriter
  /** Tells each durable batch from now on; answers the way to stop. */
  follow: (listener: (batch: EventBatch, firstRevision: number) => void) => () => void
}>

export const rebuildMeasures = async (
  source: RebuildSource,
  { onProgress = () => undefined, signal }: RebuildOptions,
): Promise<Rebuilt> => {
  const { log, stream, writer } = source
  const fresh = new PartitionState(writer.state.partition)
  const followed: Followed[] = []
  const stop = source.follow((batch, firstRevision) => followed.push({ batch, firstRevision }))
  try {
    for (;;) {
      signal?.throwIfAborted()
      const page = await log.read(stream, fresh.nextRevision, PAGE_BYTES)()
      if (isLeft(page)) throw new LogFault(page.left, stream)
      for (const batch of page.right.batches) applyFrom(fresh, batch.firstRevision, batch)
      onProgress(fresh.nextRevision, Math.max(fresh.nextRevision, writer.state.nextRevision))
      if (page.right.atEnd) break
      await turnOfLoop()
    }
    const reply = await writer.act(({ state }) => {
      for (const { batch, firstRevision } of followed) applyFrom(fresh, firstRevision, batch)
      for (const batch of writer.undurable()) applyFrom(fresh, batch.firstRevision, batch)
      return takePlace(state, fresh)
    })
    if (isLeft(reply)) throw new Error('the partition stopped while its numbers were counted anew')
    return reply.right.value
  } finally {
    stop()
  }
}

/** What of the batch is new to the state: pages, followed batches and those in flight overlap. */
const applyFrom = (
  state: PartitionState,
  firstRevision: number,
  { events, at }: Pick<EventBatch, 'events' | 'at'>,
): void => {
  for (let i = Math.max(0, state.nextRevision - firstRevision); i < events.length; i++) {
    const event = events[i]
    if (event !== undefined) state.apply(event, at, 0)
  }
}

const takePlace = (live: PartitionState, fresh: PartitionState): Rebuilt => {
  const eventsReplayed = fresh.nextRevision
  const compared = live.table.size <= COMPARED_MESSAGES_MAX ? 'all' : 'counts'
  const agrees =
    live.nextRevision === fresh.nextRevision &&
    live.size === fresh.size &&
    live.counts.dead === fresh.counts.dead &&
    (compared === 'counts' || stateHash(live) === stateHash(fresh))
  if (live.nextRevision === fresh.nextRevision) replaceMeasures(live.measures, fresh.measures)
  return { eventsReplayed, agrees, compared }
}

const turnOfLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
