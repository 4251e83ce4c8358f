// Lists and operations over many messages of a queue behind HTTP (A8, C3). The server makes steps of bounded length; the loop
// is the one that runs in process, so progress, pace and ending are the same.
import { accepted, SELECTION_OPTIONS } from '../api/acceptedOptions.js'
import {
  clearedOf,
  discardedOf,
  NOTHING_DONE,
  type Pause,
  redrivenOf,
  runSteps,
  type TakeStep,
} from '../api/queue/operations.js'
import type { SweepStep } from '../api/queue/sweep.js'
import type {
  Actor,
  Cleared,
  DeadLetters,
  Discarded,
  Listed,
  MessageCounts,
  NamedResult,
  OperationOptions,
  Redriven,
  RedriveOptions,
  SelectionOperations,
} from '../api/types/index.js'
import { SELECTION_FIELDS } from '../door/selection.js'
import { OPERATION_STEP_MAX } from '../http/limits.js'
import type { Transport } from './transport.js'

type Call = Transport['call']
/** Ids in one body. */
export const NAMED_STEP_MAX = 500
type Fields = Readonly<Record<string, unknown>>

const plain = (value: unknown): unknown => (value instanceof Date ? value.toISOString() : value)

/** The filter alone, without what belongs to the call. */
export const selectionOf = (options: Fields): Fields => {
  const selection: Record<string, unknown> = {}
  for (const field of SELECTION_FIELDS)
    if (options[field] !== undefined) selection[field] = plain(options[field])
  return selection
}

const queryOf = (options: Fields): Record<string, string | number | undefined> => {
  const query: Record<string, string | number | undefined> = {}
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    query[name] = Array.isArray(value) ? value.join(',') : (plain(value) as string | number)
  }
  return query
}

const actor = (by: Actor | undefined): Fields =>
  by === undefined ? {} : { by: { who: by.who, ...(by.why === undefined ? {} : { why: by.why }) } }

export const selectionCalls = (call: Call, path: string, pause: Pause): SelectionOperations => {
  const post = async (verb: string, options: OperationOptions<never>, own: Fields): Promise<SweepStep> => {
    const { dryRun = false, by } = options
    const body = { ...own, dryRun, ...actor(by) }
    const answer = await call('POST', `${path}${verb}`, { body, readsOnly: dryRun })
    const told = answer as Partial<Cleared & Redriven & Discarded>
    return {
      done: told.purged ?? told.redriven ?? told.discarded ?? 0,
      refused: told.refused ?? 0,
      running: told.running ?? 0,
      cursor: told.cursor,
    }
  }
  const matching =
    (verb: string, options: OperationOptions<never> & Fields): TakeStep =>
    (cursor, max) =>
      post(verb, options, {
        ...selectionOf(options),
        limit: Math.min(OPERATION_STEP_MAX, max),
        ...(cursor === undefined ? {} : { cursor }),
      })
  const named = (options: RedriveOptions, ids: ReadonlyArray<string>): TakeStep => {
    return async (cursor, max) => {
      const from = Number(cursor ?? 0)
      const share = ids.slice(from, from + Math.min(NAMED_STEP_MAX, max))
      const next = from + share.length
      const rest = next < ids.length ? String(next) : undefined
      if (share.length === 0) return { done: 0, refused: 0, running: 0, cursor: rest }
      return { ...(await post('/dlq:redrive', options as never, { ids: share })), cursor: rest }
    }
  }
  return {
    list: async (query = {}) =>
      (await call('GET', `${path}/messages`, {
        query: queryOf(accepted('options', query, SELECTION_OPTIONS.list)),
      })) as Listed,
    count: async (query = {}) =>
      (await call('GET', `${path}/messages:count`, {
        query: queryOf(accepted('options', query, SELECTION_OPTIONS.count)),
      })) as MessageCounts,
    deadLetters: async (query = {}) =>
      (await call('GET', `${path}/dlq`, {
        query: queryOf(accepted('options', query, SELECTION_OPTIONS.deadLetters)),
      })) as DeadLetters,
    clear: async (options = {}) => {
      accepted('options', options, SELECTION_OPTIONS.clear)
      return runSteps(
        matching(':clear', options as never),
        NOTHING_DONE,
        options,
        pause,
        clearedOf(options.dryRun === true),
      )
    },
    discardEach: async (ids, by) => {
      const results: NamedResult[] = []
      for (let from = 0; from < ids.length; from += NAMED_STEP_MAX) {
        const body = { ids: ids.slice(from, from + NAMED_STEP_MAX), ...actor(by) }
        const answer = await call('POST', `${path}/dlq:discard`, { body })
        results.push(...(answer as { results: ReadonlyArray<NamedResult> }).results)
      }
      return results
    },
    redrive: async (options = {}) => {
      const { ids, dryRun = false } = accepted('options', options, SELECTION_OPTIONS.redrive)
      const take = ids === undefined ? matching('/dlq:redrive', options as never) : named(options, ids)
      return runSteps(take, NOTHING_DONE, options, pause, redrivenOf(dryRun))
    },
    discardAll: async (options = {}) => {
      accepted('options', options, SELECTION_OPTIONS.discardAll)
      return runSteps(
        matching('/dlq:clear', options as never),
        NOTHING_DONE,
        options,
        pause,
        discardedOf(options.dryRun === true),
      )
    },
  }
}
