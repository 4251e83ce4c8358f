// Operations over many messages: clear, redrive, discard (A8, C3). The loop is one, whoever makes the steps: the ledger in
// this process, or a server that is asked for each. It sums up, tells how far it is, paces itself, and stops when told.
import { isLeft } from 'fp-ts/lib/Either.js'
import { actorOf } from '../actor.js'
import { LedgerqError, UnknownOutcomeError } from '../errors.js'
import { errorOf, errorOfFailure } from '../refusals.js'
import type {
  Actor,
  Cleared,
  ClearOptions,
  DeadLetterSelection,
  Discarded,
  DiscardOptions,
  OperationOptions,
  Redriven,
  RedriveOptions,
} from '../types/index.js'
import { checkedFilter } from './listing.js'
import { locate, type ReadDeps } from './queueReads.js'
import { actOn, STEP_MESSAGES, type Sweep, type SweepStep, sweepStep } from './sweep.js'

export type Pause = (ms: number) => Promise<void>
/** What a step came to, counted; `done` is what limits and rates speak of. */
type Counted = Readonly<{ done: number } & Record<string, number>>
export type Step<Sums> = Sums & Readonly<{ cursor: string | undefined }>
type Sums = Omit<SweepStep, 'cursor'>
export type TakeStep = (cursor: string | undefined, max: number) => Promise<SweepStep>
export const NOTHING_DONE: Sums = { done: 0, refused: 0, running: 0 }

/** Steps in a second, when there is a rate. */
const PACED_STEPS = 10
const RATE_MAX = 1_000_000

const WAITING = ['scheduled', 'pending', 'retrying'] as const

export const runSteps = async <Sums extends Counted, Progress>(
  take: (cursor: string | undefined, max: number) => Promise<Step<Sums>>,
  none: Sums,
  options: Omit<OperationOptions<Progress>, 'by'> & Readonly<{ ratePerSecond?: number }>,
  pause: Pause,
  told: (sums: Sums, cursor: string | undefined) => Progress,
): Promise<Progress> => {
  const { limit = Number.POSITIVE_INFINITY, ratePerSecond, signal } = options
  const isAborted = (): boolean => signal?.aborted === true
  checkBounds(limit, ratePerSecond)
  const paced = options.dryRun === true ? undefined : ratePerSecond
  const stepMax = paced === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Math.ceil(paced / PACED_STEPS))
  let sums = none
  let { cursor } = options
  for (;;) {
    const step = await take(cursor, Math.min(limit - sums.done, stepMax)).catch((error: unknown) => {
      throw partly(error, told(sums, cursor), sums.done)
    })
    const before = sums
    const added = Object.keys(none).map((name) => [name, (before[name] ?? 0) + (step[name] ?? 0)])
    sums = Object.fromEntries(added) as Sums
    cursor = step.cursor
    const progress = told(sums, cursor)
    options.onProgress?.(progress)
    if (cursor === undefined || sums.done >= limit || isAborted()) return progress
    if (paced !== undefined && step.done > 0) await pauseUnless(signal, pause, (1_000 * step.done) / paced)
    if (isAborted()) return progress
  }
}

const checkBounds = (limit: number, ratePerSecond: number | undefined): void => {
  if (limit !== Number.POSITIVE_INFINITY && !(Number.isInteger(limit) && limit >= 1))
    throw errorOf({ type: 'Invalid', field: 'limit', problem: 'accepted is a whole number from 1' })
  if (ratePerSecond !== undefined && !(ratePerSecond > 0 && ratePerSecond <= RATE_MAX))
    throw errorOf({
      type: 'Invalid',
      field: 'ratePerSecond',
      problem: `accepted is a number above 0, up to ${RATE_MAX}`,
    })
}

/** Part of it is recorded: to ask again is safe, and `cursor` says where the rest begins. */
export const partly = (error: unknown, progress: unknown, done: number): unknown => {
  if (!(error instanceof LedgerqError) || done === 0) return error
  const message = `${done} messages were dealt with, then: ${error.message}`
  return new UnknownOutcomeError(message, { ...(progress as object) })
}

const pauseUnless = async (signal: AbortSignal | undefined, pause: Pause, ms: number): Promise<void> => {
  if (signal === undefined) return pause(ms)
  let ended: () => void = () => undefined
  const aborted = new Promise<void>((resolve) => {
    ended = resolve
    signal.addEventListener('abort', ended)
  })
  await Promise.race([pause(ms), aborted])
  signal.removeEventListener('abort', ended)
}

export const clearedOf =
  (dryRun: boolean) =>
  ({ done, running }: Sums, cursor: string | undefined): Cleared => ({
    purged: done,
    running,
    dryRun,
    cursor,
  })
export const redrivenOf =
  (dryRun: boolean) =>
  ({ done, refused }: Sums, cursor: string | undefined): Redriven => ({
    redriven: done,
    refused,
    dryRun,
    cursor,
  })
export const discardedOf =
  (dryRun: boolean) =>
  ({ done, refused }: Sums, cursor: string | undefined): Discarded => ({
    discarded: done,
    refused,
    dryRun,
    cursor,
  })

const sweeping =
  (deps: ReadDeps, sweep: Sweep): TakeStep =>
  (cursor, max) =>
    sweepStep(deps, sweep, cursor, max)

export const clearWaiting = (deps: ReadDeps, options: ClearOptions): Promise<Cleared> => {
  const { dryRun = false } = options
  const by = actorOf(options.by)
  const filter = checkedFilter(options)
  const { states } = filter
  if (states?.some((state) => !WAITING.some((waiting) => waiting === state)) === true) {
    const problem = `cleared are messages that wait: ${WAITING.join(', ')}`
    throw errorOf({ type: 'Invalid', field: 'state', problem })
  }
  const looked: Sweep['filter'] = { ...filter, states: states ?? [...WAITING, 'processing'] }
  const sweep: Sweep = { command: 'clear', filter: looked, acts: WAITING, dryRun, by }
  return runSteps(
    sweeping(deps, sweep),
    NOTHING_DONE,
    options,
    (ms) => deps.engine.pause(ms),
    clearedOf(dryRun),
  )
}

export const discardDeadLetters = (deps: ReadDeps, options: DiscardOptions): Promise<Discarded> => {
  const { dryRun = false } = options
  const step = sweeping(deps, deadSweep('discard', options))
  return runSteps(step, NOTHING_DONE, options, (ms) => deps.engine.pause(ms), discardedOf(dryRun))
}

export const redriveDeadLetters = (deps: ReadDeps, options: RedriveOptions): Promise<Redriven> => {
  const { dryRun = false, ids } = options
  const step = ids === undefined ? sweeping(deps, deadSweep('redrive', options)) : named(deps, ids, options)
  return runSteps(step, NOTHING_DONE, options, (ms) => deps.engine.pause(ms), redrivenOf(dryRun))
}

const deadSweep = (
  command: 'redrive' | 'discard',
  options: DeadLetterSelection & Readonly<{ dryRun?: boolean; by?: Actor }>,
): Sweep => {
  const filter = { ...checkedFilter(options), states: ['dead-lettered'] as const }
  return { command, filter, acts: filter.states, dryRun: options.dryRun === true, by: actorOf(options.by) }
}

/** Those of a list of ids, in its order; the cursor counts them. */
const named = (deps: ReadDeps, ids: ReadonlyArray<string>, options: RedriveOptions): TakeStep => {
  const { dryRun } = options
  const by = actorOf(options.by)
  return async (cursor, max) => {
    const from = cursor === undefined ? 0 : Number(cursor)
    if (!Number.isInteger(from) || from < 0)
      throw errorOf({
        type: 'Invalid',
        field: 'cursor',
        problem: 'accepted is a cursor of an earlier answer',
      })
    const share = ids.slice(from, from + Math.min(STEP_MESSAGES, max))
    const dead = await deadAmong(deps, share)
    let done = 0
    for (const [partition, ordinals] of dead) {
      if (dryRun === true) done += ordinals.length
      else {
        const acted = await actOn(deps.engine, partition, 'redrive', ordinals, by).catch((error: unknown) => {
          // What other partitions have recorded must not be told as a failure of the call (I1).
          throw partly(error, { redriven: done }, done)
        })
        done += acted.done
      }
    }
    const next = from + share.length
    const rest = next < ids.length ? String(next) : undefined
    return { done, refused: share.length - done, running: 0, cursor: rest }
  }
}

/** By partition; those that are no dead letters, or are named twice, are left out. */
const deadAmong = async (
  deps: ReadDeps,
  ids: ReadonlyArray<string>,
): Promise<ReadonlyMap<number, number[]>> => {
  const found = new Map<number, number[]>()
  for (const id of new Set(ids)) {
    const located = await locate(deps, id)
    if (located === undefined) continue
    const { partition } = located.ref
    const dead = await deps.engine.look(partition, (state) => state.deadLetters.has(located.ordinal))
    if (isLeft(dead)) throw errorOfFailure(dead.left)
    if (dead.right.value) found.set(partition, [...(found.get(partition) ?? []), located.ordinal])
  }
  return found
}
