// Finished messages run again (C16): found by id or by filter, oldest first, and enqueued as new messages that name the one
// they came from. Every new message carries a key made of the operation and the origin, so a step whose answer was lost is
// safe to repeat; an operation never meets its own messages, so it ends.
import { randomBytes } from 'node:crypto'
import { isLeft } from 'fp-ts/lib/Either.js'
import type { MessageAttributes, MessageEdited, MessageEnqueued } from '../../../domain/message/index.js'
import type { MessageFilter } from '../../../projections/queries/messageFilter.js'
import type { CallBounds } from '../../engine/callBounds.js'
import type { PastEvent } from '../../engine/history.js'
import type { NewMessage } from '../../engine/requests.js'
import { isFailure } from '../../engine/routing.js'
import { errorOf, errorOfFailure } from '../refusals.js'
import type { MessageView, Rerun, RerunOptions } from '../types/index.js'
import { checkedFilter, pageByTime } from './listing.js'
import { LIVE_STATES, type Seen } from './listingSource.js'
import { partly, runSteps, type Step } from './operations.js'
import { locate, type ReadDeps, viewAt } from './queueReads.js'

/** Histories read, and messages enqueued, in one step. */
const STEP_MESSAGES = 200
const OPERATION_NAME = /^[A-Za-z0-9._~-]{1,100}$/

const NONE = { done: 0, repeated: 0, reconciled: 0, refused: 0 }
export type RerunSums = typeof NONE
type RerunStep = Step<RerunSums>
export type TakeRerunStep = (cursor: string | undefined, max: number) => Promise<RerunStep>

const invalid = (field: string, problem: string): Error => errorOf({ type: 'Invalid', field, problem })

export const operationOf = ({ operation }: RerunOptions): string => {
  if (operation === undefined) return randomBytes(12).toString('base64url')
  if (OPERATION_NAME.test(operation)) return operation
  throw invalid('operation', 'accepted are letters, digits and "._~-", 1 to 100 of them')
}

export const runRerun = (
  take: TakeRerunStep,
  options: RerunOptions,
  operation: string,
  pause: (ms: number) => Promise<void>,
): Promise<Rerun> => {
  const { dryRun = false } = options
  return runSteps(take, NONE, options, pause, ({ done, repeated, reconciled, refused }, cursor): Rerun => {
    return { operation, rerun: done, repeated, reconciled, refused, dryRun, cursor }
  })
}

export const rerunMessages = async (deps: ReadDeps, options: RerunOptions): Promise<Rerun> => {
  const operation = operationOf(options)
  const find = options.ids === undefined ? matching(deps, options, operation) : named(deps, options.ids)
  const take: TakeRerunStep = async (cursor, max) => {
    const { seen, refused, cursor: next } = await find(cursor, Math.min(STEP_MESSAGES, max))
    const wanted = await withoutDone(seen, options.reconcile)
    const found = { reconciled: seen.length - wanted.length, refused, cursor: next }
    if (options.dryRun === true) return { ...found, done: wanted.length, repeated: 0 }
    return { ...found, ...(await enqueueAgain(deps, operation, wanted)) }
  }
  return runRerun(take, options, operation, (ms) => deps.engine.pause(ms))
}

const withoutDone = async (
  seen: ReadonlyArray<Seen>,
  reconcile: RerunOptions['reconcile'],
): Promise<ReadonlyArray<Seen>> => {
  if (reconcile === undefined) return seen
  const wanted: Seen[] = []
  for (const one of seen) if ((await reconcile(one.view)) !== 'done') wanted.push(one)
  return wanted
}

type Found = Readonly<{ seen: ReadonlyArray<Seen>; refused: number; cursor: string | undefined }>
type Find = (cursor: string | undefined, max: number) => Promise<Found>

/** The cursor begins with the time at which the operation did: what was enqueued later is not meant. */
const matching = (deps: ReadDeps, options: RerunOptions, operation: string): Find => {
  const filter = finishedFilter(options)
  return async (cursor, max) => {
    const [, began, place] = /^r\.([0-9a-z]{1,11})\.(.*)$/.exec(cursor ?? '') ?? []
    if (cursor !== undefined && began === undefined)
      throw invalid('cursor', 'accepted is a cursor of an earlier answer')
    const beganAt = began === undefined ? await timeOf(deps) : Number.parseInt(began, 36)
    const enqueuedTo = Math.min(filter.enqueuedTo ?? Number.POSITIVE_INFINITY, beganAt + 1)
    const page = await pageByTime(deps, { ...filter, enqueuedTo }, 'oldest', place, max)
    // Of the millisecond in which it began, some may be its own.
    const seen = page.seen.filter(({ history }) => !isOwn(history, operation))
    const next = page.cursor === undefined ? undefined : `r.${beganAt.toString(36)}.${page.cursor}`
    return { seen, refused: 0, cursor: next }
  }
}

const finishedFilter = (options: RerunOptions): MessageFilter => {
  const filter = checkedFilter({ state: 'succeeded', ...options })
  const isLive = filter.states?.some((state) => LIVE_STATES.includes(state)) === true
  if (isLive) throw invalid('state', 'run again are finished messages: succeeded, cancelled, expired, purged')
  return filter
}

const timeOf = async ({ engine }: ReadDeps): Promise<number> => {
  const seen = await engine.lookAll((_, at) => at)
  if (isLeft(seen)) throw errorOfFailure(seen.left)
  return Math.max(...seen.right.value.map(({ value }) => value))
}

const keyOf = (operation: string, id: string): string => `rerun/${operation}/${id}`

const isOwn = (history: ReadonlyArray<PastEvent>, operation: string): boolean => {
  const first = history[0]?.event
  const key = first?.type === 'MessageEnqueued' ? first.attributes?.idempotencyKey : undefined
  return key?.startsWith(keyOf(operation, '')) === true
}

/** Those of a list of ids, in its order; the cursor counts them. */
const named = (deps: ReadDeps, ids: ReadonlyArray<string>): Find => {
  return async (cursor, max) => {
    const from = cursor === undefined ? 0 : Number(cursor)
    if (!Number.isInteger(from) || from < 0)
      throw invalid('cursor', 'accepted is a cursor of an earlier answer')
    const share = ids.slice(from, from + max)
    const seen: Seen[] = []
    for (const id of share) {
      const located = await locate(deps, id)
      const one = located === undefined ? undefined : await viewAt(deps, located)
      if (one !== undefined && !LIVE_STATES.includes(one.view.state)) seen.push(one)
    }
    const next = from + share.length
    return {
      seen,
      refused: share.length - seen.length,
      cursor: next < ids.length ? String(next) : undefined,
    }
  }
}

/** Straight to the engine: what the door checks was checked once, and a queue's rule for duplicates is not meant here. */
const enqueueAgain = async (
  { engine }: ReadDeps,
  operation: string,
  seen: ReadonlyArray<Seen>,
): Promise<{ done: number; repeated: number }> => {
  const shares = new Map<number, NewMessage[]>()
  for (const { view, history } of seen) {
    const message = messageAgain(view, history, operation)
    if (message === undefined) continue
    const partition = engine.route(message)
    shares.set(partition, [...(shares.get(partition) ?? []), message])
  }
  let [done, repeated] = [0, 0]
  for (const [partition, messages] of shares) {
    for (const call of inCalls(messages, engine.callBounds)) {
      const homes = call.map(() => partition)
      const routed = await engine.enqueueRouted(call, homes)
      for (const one of routed) {
        if (isFailure(one)) continue
        if (one.duplicate) repeated++
        else done++
      }
      const failure = routed.find(isFailure)
      if (failure !== undefined) throw partly(errorOfFailure(failure), { rerun: done, repeated }, done)
    }
  }
  return { done, repeated }
}

function* inCalls(
  messages: ReadonlyArray<NewMessage>,
  { bytesMax, bytesOf }: CallBounds,
): Iterable<ReadonlyArray<NewMessage>> {
  let call: NewMessage[] = []
  let bytes = 0
  for (const message of messages) {
    const messageBytes = bytesOf(message)
    if (call.length > 0 && bytes + messageBytes > bytesMax) {
      yield call
      call = []
      bytes = 0
    }
    call.push(message)
    bytes += messageBytes
  }
  if (call.length > 0) yield call
}

type Contents = Pick<MessageEnqueued | MessageEdited, 'payload' | 'priority' | 'attributes'>

/** The contents that it ran with; its id, its keys and its delay were of the first time. */
const messageAgain = (
  { id }: MessageView,
  history: ReadonlyArray<PastEvent>,
  operation: string,
): NewMessage | undefined => {
  const first = history[0]
  if (first?.event.type !== 'MessageEnqueued') return undefined
  let contents: Contents = first.event
  for (const { event } of history) if (event.type === 'MessageEdited') contents = event
  const { dedupKey: _key, ...kept }: MessageAttributes = contents.attributes ?? {}
  const { expiresAt } = first.event
  return {
    callerId: undefined,
    payload: contents.payload,
    priority: contents.priority,
    delayMs: 0,
    notBefore: 0,
    ttlMs: expiresAt > first.at ? expiresAt - first.at : 0,
    attributes: { ...kept, idempotencyKey: keyOf(operation, id), causationId: id, rerunOf: id },
  }
}
