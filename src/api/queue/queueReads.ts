// Reads of one queue: a message, its history, statistics. Live messages are asked of the writer's state
// (behind the reply barrier), finished ones of the register; both lead to the message's history in the log.
import { isLeft } from 'fp-ts/lib/Either.js'
import { type PartitionRef, parseGeneratedId } from '../../../domain/ids.js'
import { drainingIn, type QueueControl, sharersIn } from '../../../domain/queue/index.js'
import * as L from '../../../projections/messageTable/layout.js'
import { type CountsView, sumOfCounts, viewOf } from '../../../projections/partition/index.js'
import { oldestClaimableAgeMs } from '../../../projections/queries/partitionQueries.js'
import { type PastEvent, readHistory } from '../../engine/history.js'
import type { Partition } from '../../engine/partition.js'
import type { QueueEngine } from '../../engine/queueEngine.js'
import type { EventLog } from '../../ports/eventLog.js'
import type { FinishedRegister } from '../../ports/finishedRegister.js'
import { UnavailableError } from '../errors.js'
import { errorOf, errorOfFailure } from '../refusals.js'
import type { MessageView, QueueStats } from '../types/index.js'
import { viewOfHistory } from './messageViews.js'

export type ReadDeps = Readonly<{ engine: QueueEngine; log: EventLog; register: FinishedRegister }>

export type Located = Readonly<{
  ref: PartitionRef
  ordinal: number
  lastRevision: number
  at: number
  position: number
}>

/** Rejects while finished messages may be missing from their register: nobody is told that there is no such message then. */
export const finishedAreKnown = async ({ finished }: Partition): Promise<void> => {
  if (!(await finished.isReadySoon()))
    throw new UnavailableError('the register of finished messages is still being brought up to date')
}

/** What it knows already is right; that it knows nothing counts only when it has seen everything. */
const finishedIn = async <A>(home: Partition, find: () => Promise<A | undefined>): Promise<A | undefined> => {
  const found = await find()
  if (found !== undefined) return found
  await finishedAreKnown(home)
  return find()
}

/** Where a message is; undefined when there is none by this id, or it was forgotten. */
export const locate = async ({ engine, register }: ReadDeps, id: string): Promise<Located | undefined> => {
  const generated = parseGeneratedId(id)
  if (generated !== undefined) {
    const { queue, generation, partition, ordinal } = generated
    const known = queue === engine.name && generation === engine.entry.generation
    if (!known || partition >= engine.partitions.length) return undefined
    return locateOrdinal({ engine, register }, partition, ordinal)
  }
  // The newest first: an id that may be used again after its window is, in a queue that was resized, at home in a newer one.
  for (const { ref } of engine.partitions.toReversed()) {
    const live = await engine.look(ref.partition, (state) => state.callerIds.get(id))
    if (isLeft(live)) throw errorOfFailure(live.left)
    const partition = engine.partition(ref.partition)
    const ordinal =
      live.right.value ?? (await finishedIn(partition, () => register.findCallerId(partition.stream, id)))
    if (ordinal !== undefined) return locateOrdinal({ engine, register }, ref.partition, ordinal)
  }
  return undefined
}

const locateOrdinal = async (
  { engine, register }: Omit<ReadDeps, 'log'>,
  partition: number,
  ordinal: number,
): Promise<Located | undefined> => {
  const home = engine.partition(partition)
  const seen = await engine.look(partition, (state, at) => {
    const slot = state.table.slotOf(ordinal)
    return { at, lastRevision: slot < 0 ? -1 : state.table.double(slot, L.LAST_REVISION) }
  })
  if (isLeft(seen)) throw errorOfFailure(seen.left)
  const { value, position } = seen.right
  const { ref } = home
  if (value.lastRevision >= 0) return { ref, ordinal, position, ...value }
  const finished = await finishedIn(home, () => register.find(home.stream, ordinal))
  return finished === undefined
    ? undefined
    : { ref, ordinal, position, at: value.at, lastRevision: finished.revision }
}

export const historyOf = async (deps: ReadDeps, id: string): Promise<ReadonlyArray<PastEvent>> => {
  const located = await locate(deps, id)
  if (located === undefined) throw errorOf({ type: 'MessageNotFound' })
  return readHistory(
    deps.log,
    deps.engine.partition(located.ref.partition).stream,
    located.ordinal,
    located.lastRevision,
  )
}

export const messageView = async (deps: ReadDeps, id: string): Promise<MessageView | undefined> => {
  const located = await locate(deps, id)
  return located === undefined ? undefined : (await viewAt(deps, located))?.view
}

export const viewAt = async (
  { engine, log }: ReadDeps,
  { ref, ordinal, lastRevision, at, position }: Located,
): Promise<{ view: MessageView; history: ReadonlyArray<PastEvent> } | undefined> => {
  const history = await readHistory(log, engine.partition(ref.partition).stream, ordinal, lastRevision)
  const view = viewOfHistory(ref, history, at, position)
  return view === undefined ? undefined : { view, history }
}

const drainingStats = (
  { layouts }: QueueControl,
  seen: ReadonlyArray<Readonly<{ counts: CountsView }>>,
): Pick<QueueStats, 'draining'> => {
  const draining = drainingIn(layouts).map(({ first, partitions }) => {
    const { dead, ...counts } = sumOfCounts(seen.slice(first, first + partitions).map((one) => one.counts))
    const messages = counts.scheduled + counts.pending + counts.retrying + counts.processing
    return { first, partitions, messages, dead }
  })
  return draining.length === 0 ? {} : { draining }
}

export const queueStats = async ({ engine }: Pick<ReadDeps, 'engine'>): Promise<QueueStats> => {
  const reply = await engine.lookAll((state, at) => ({
    counts: viewOf(state.counts),
    oldestClaimableAgeMs: oldestClaimableAgeMs(state, at),
  }))
  if (isLeft(reply)) throw errorOfFailure(reply.left)
  const seen = reply.right.value.map(({ value }) => value)
  const { control } = engine
  return {
    queue: engine.name,
    paused: control.paused,
    partitions: control.config.partitions,
    ...sumOfCounts(seen.map(({ counts }) => counts)),
    maxSize: control.config.maxSize * sharersIn(control.layouts),
    ...drainingStats(control, seen),
    oldestClaimableAgeMs: control.paused ? 0 : Math.max(0, ...seen.map((one) => one.oldestClaimableAgeMs)),
    position: reply.right.position,
  }
}
