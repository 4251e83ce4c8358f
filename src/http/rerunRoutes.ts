// Finished messages run again (C16), in steps: the caller goes on with the cursor, under the same operation.
import type * as t from 'io-ts'
import type { MessageView } from '../api/types/index.js'
import { accepting, closedRecord, listOf } from './closedRecord.js'
import { NoQuery } from './codecs.js'
import { flag, text } from './fields.js'
import { BATCH_MESSAGES_MAX, OPERATION_STEP_MAX, RERUN_PREVIEW_MAX } from './limits.js'
import { ok, type Route, route } from './route.js'
import { count, messageFields, stateOrStates } from './selectionCodecs.js'

const finishedState = stateOrStates as t.Type<'succeeded' | ReadonlyArray<'succeeded'>, unknown, unknown>

const RerunBody = closedRecord(
  'a re-run',
  {},
  {
    ...messageFields,
    state: finishedState,
    ids: listOf(text, 1, BATCH_MESSAGES_MAX),
    operation: text,
    dryRun: flag,
    preview: accepting('true', (value): value is true => value === true),
    limit: count(OPERATION_STEP_MAX),
    cursor: text,
  },
)

const name = ({ params }: { params: Readonly<Record<string, string>> }): string => params.queue ?? ''

const rerun = route({
  method: 'POST',
  path: '/api/v1/queues/{queue}/messages:rerun',
  summary:
    'Enqueues finished messages again, those named or those that match; dryRun only counts, preview shows which these are',
  body: RerunBody,
  query: NoQuery,
  answer: async ({ queues }, call) => {
    const { preview, ...body } = call.body
    const queue = await queues.find(name(call))
    const limit = Math.min(
      body.limit ?? OPERATION_STEP_MAX,
      preview === true ? RERUN_PREVIEW_MAX : OPERATION_STEP_MAX,
    )
    const options = { ...body, limit, signal: call.gone }
    if (preview === undefined) return ok(await queue.rerun(options))
    const messages: MessageView[] = []
    const note = (message: MessageView): undefined => {
      messages.push(message)
    }
    return ok({ ...(await queue.rerun({ ...options, dryRun: true, reconcile: note })), messages })
  },
})

export const rerunRoutes: ReadonlyArray<Route> = [rerun]
