// One step of an operation over many messages of a queue: what matches is looked for from where the step before left off,
// oldest first, and one append is made of it. Each message is met at most once, and none that was enqueued after the
// operation came to its partition, so an operation ends although messages go on dying or coming in.
import { isLeft, isRight } from 'fp-ts/lib/Either.js'
import type { MessageState } from '../../../domain/message/index.js'
import { type LiveEntry, SCAN_STEP, scanLive } from '../../../projections/queries/liveScan.js'
import type { MessageFilter } from '../../../projections/queries/messageFilter.js'
import type { OperatorCommand } from '../../engine/requests.js'
import { errorOf, errorOfFailure } from '../refusals.js'
import type { Actor } from '../types/index.js'
import type { ReadDeps } from './queueReads.js'

/** Messages acted on in one append. */
export const STEP_MESSAGES = 500
/** Looks of one step, when few messages match. */
const STEP_LOOKS = 20

export type Sweep = Readonly<{
  command: OperatorCommand
  filter: MessageFilter
  /** Matching messages in another state are counted, and left alone. */
  acts: ReadonlyArray<MessageState>
  dryRun: boolean
  by: Actor | undefined
}>
export type SweepStep = Readonly<{
  done: number
  refused: number
  running: number
  /** Undefined = it is through. */
  cursor: string | undefined
}>

type Place = { partition: number; ordinal: number; end: number | undefined }

export const sweepStep = async (
  deps: ReadDeps,
  sweep: Sweep,
  cursor: string | undefined,
  max: number,
): Promise<SweepStep> => {
  const place = placeOf(cursor, deps.engine.partitions.length)
  for (let n = 0; n < STEP_LOOKS && place.partition < deps.engine.partitions.length; n++) {
    const partition = place.partition
    const found = await lookOn(deps, sweep, place, max)
    if (found.length > 0)
      return { ...(await act(deps, sweep, partition, found)), cursor: cursorOf(deps, place) }
  }
  return { done: 0, refused: 0, running: 0, cursor: cursorOf(deps, place) }
}

/** What matches in the next part, and `place` moved behind it. */
const lookOn = async (
  { engine }: ReadDeps,
  { filter, dryRun }: Sweep,
  place: Place,
  max: number,
): Promise<ReadonlyArray<LiveEntry>> => {
  const { ref } = engine.partition(place.partition)
  const limit = dryRun ? Math.min(SCAN_STEP, max) : Math.min(STEP_MESSAGES, max)
  const seen = await engine.look(place.partition, (state, at) => ({
    nextOrdinal: state.nextOrdinal,
    ...scanLive(state, { ref, filter, at, from: place.ordinal, step: 1, limit, scanMax: SCAN_STEP }),
  }))
  if (isLeft(seen)) throw errorOfFailure(seen.left)
  const { nextOrdinal, found, next } = seen.right.value
  const end = place.end ?? nextOrdinal
  if (next === undefined || next >= end)
    Object.assign(place, { partition: place.partition + 1, ordinal: 1, end: undefined })
  else Object.assign(place, { ordinal: next, end })
  return found.filter(({ ordinal }) => ordinal < end)
}

const act = async (
  { engine }: ReadDeps,
  { command, acts, dryRun, by }: Sweep,
  partition: number,
  found: ReadonlyArray<LiveEntry>,
): Promise<Omit<SweepStep, 'cursor'>> => {
  const ordinals = found.filter(({ state }) => acts.includes(state)).map(({ ordinal }) => ordinal)
  const running = found.length - ordinals.length
  if (dryRun || ordinals.length === 0) return { done: ordinals.length, refused: 0, running }
  return actOn(engine, partition, command, ordinals, by, running)
}

export const actOn = async (
  engine: ReadDeps['engine'],
  partition: number,
  command: OperatorCommand,
  ordinals: ReadonlyArray<number>,
  by: Actor | undefined,
  alreadyRunning = 0,
): Promise<Omit<SweepStep, 'cursor'>> => {
  const reply = await engine.operate(partition, command, ordinals, by)
  if (isLeft(reply)) throw errorOfFailure(reply.left)
  const results = reply.right.value
  const done = results.filter(isRight).length
  // Claimed between the look and the append.
  const started = results.filter(
    (one) => isLeft(one) && 'now' in one.left && one.left.now === 'Leased',
  ).length
  return { done, refused: results.length - done, running: alreadyRunning + started }
}

/** Partition, next ordinal, and where the partition ended when the operation came to it. */
const placeOf = (cursor: string | undefined, partitions: number): Place => {
  if (cursor === undefined) return { partition: 0, ordinal: 1, end: undefined }
  const [, partition, ordinal = '', end = ''] =
    /^s\.(\d{1,5})\.([0-9a-z]{1,11})\.([0-9a-z]{0,11})$/.exec(cursor) ?? []
  if (partition === undefined || Number(partition) >= partitions)
    throw errorOf({ type: 'Invalid', field: 'cursor', problem: 'accepted is a cursor of an earlier answer' })
  return {
    partition: Number(partition),
    ordinal: Number.parseInt(ordinal, 36),
    end: end === '' ? undefined : Number.parseInt(end, 36),
  }
}

const cursorOf = ({ engine }: ReadDeps, { partition, ordinal, end }: Place): string | undefined =>
  partition < engine.partitions.length
    ? `s.${partition}.${ordinal.toString(36)}.${end?.toString(36) ?? ''}`
    : undefined
