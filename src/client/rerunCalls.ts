// Re-runs behind HTTP (C16): the loop that runs in process, with the server making the steps. Where the caller has to be asked
// about each message, the server shows those of a step first, and is told which of them to run again.
import { accepted, SELECTION_OPTIONS } from '../api/acceptedOptions.js'
import { operationOf, runRerun, type TakeRerunStep } from '../api/queue/rerun.js'
import type { MessageView, Rerun, RerunOperations, RerunOptions } from '../api/types/index.js'
import { OPERATION_STEP_MAX, RERUN_PREVIEW_MAX } from '../http/limits.js'
import { NAMED_STEP_MAX, selectionOf } from './selectionCalls.js'
import type { Transport } from './transport.js'

type Fields = Readonly<Record<string, unknown>>
type Preview = Rerun & Readonly<{ messages: ReadonlyArray<MessageView> }>

export const rerunCalls = (
  call: Transport['call'],
  path: string,
  pause: (ms: number) => Promise<void>,
): RerunOperations => {
  // Under one operation it may be sent again: what was enqueued is not enqueued twice.
  const post = async (body: Fields): Promise<Preview> =>
    (await call('POST', `${path}/messages:rerun`, {
      body,
      readsOnly: body.preview === true || body.dryRun === true,
    })) as Preview

  const stepped =
    (which: Fields, dryRun: boolean): TakeRerunStep =>
    async (cursor, max) => {
      const limit = Math.min(OPERATION_STEP_MAX, max)
      const told = await post({ ...which, dryRun, limit, ...(cursor === undefined ? {} : { cursor }) })
      return stepOf(told, told.cursor)
    }

  const asking =
    (which: Fields, { reconcile, dryRun = false }: RerunOptions): TakeRerunStep =>
    async (cursor, max) => {
      const limit = Math.min(RERUN_PREVIEW_MAX, max)
      const from = cursor === undefined ? {} : { cursor }
      const preview = await post({ ...which, preview: true, limit, ...from })
      const ids: string[] = []
      for (const message of preview.messages)
        if ((await reconcile?.(message)) !== 'done') ids.push(message.id)
      const reconciled = preview.messages.length - ids.length
      const found = { refused: preview.refused, reconciled, cursor: preview.cursor }
      if (dryRun || ids.length === 0) return { ...found, done: ids.length, repeated: 0 }
      const told = await post({ operation: which.operation, ids, dryRun: false })
      return { ...found, done: told.rerun, repeated: told.repeated }
    }

  return {
    rerun: async (options = {}) => {
      const operation = operationOf(accepted('options', options, SELECTION_OPTIONS.rerun))
      const { ids, reconcile, dryRun = false } = options
      const which = { ...selectionOf(options), operation }
      const take = (own: Fields): TakeRerunStep =>
        reconcile === undefined ? stepped(own, dryRun) : asking(own, options)
      const step = ids === undefined ? take(which) : named(ids, (share) => take({ operation, ids: share }))
      return runRerun(step, options, operation, pause)
    },
  }
}

const stepOf = (told: Rerun, cursor: string | undefined): Awaited<ReturnType<TakeRerunStep>> => ({
  done: told.rerun,
  repeated: told.repeated,
  reconciled: told.reconciled,
  refused: told.refused,
  cursor,
})

/** The cursor counts the ids; each call has as many as it can deal with in one go. */
const named = (
  ids: ReadonlyArray<string>,
  take: (share: ReadonlyArray<string>) => TakeRerunStep,
): TakeRerunStep => {
  return async (cursor, max) => {
    const from = Number(cursor ?? 0)
    const share = ids.slice(from, from + Math.min(NAMED_STEP_MAX, RERUN_PREVIEW_MAX, max))
    const next = from + share.length
    const rest = next < ids.length ? String(next) : undefined
    if (share.length === 0) return { done: 0, repeated: 0, reconciled: 0, refused: 0, cursor: rest }
    const step = await take(share)(undefined, share.length)
    return { ...step, cursor: rest }
  }
}
