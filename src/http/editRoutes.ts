// Waiting messages changed, and the end of a message waited for.
import { NotFoundError } from '../api/errors.js'
import type { MessageResult, Queue } from '../api/types/index.js'
import { closedRecord } from './closedRecord.js'
import { EditBody, NoQuery, waitQuery } from './codecs.js'
import { LONG_POLL_MS_MAX, LONG_POLL_SLICE_MS } from './limits.js'
import type { ClaimWaits } from './longPoll.js'
import { actorOf, done, ok, type Route, route } from './route.js'

const MESSAGE = '/api/v1/queues/{queue}/messages/{id}'

const edit = route({
  method: 'POST',
  path: `${MESSAGE}:edit`,
  carriesPayload: true,
  summary: 'Gives a waiting message a new payload, priority, delay, time to live or headers',
  body: EditBody,
  query: NoQuery,
  answer: async ({ queues }, call) => {
    const { by, ...changes } = call.body
    const { queue = '', id = '' } = call.params
    await (await queues.find(queue)).edit(id, changes, actorOf(by, call.from))
    return done
  },
})

const ResultQuery = closedRecord('a wait', {}, { waitMs: waitQuery(LONG_POLL_MS_MAX) })

/** In slices, so that a shutdown and a client that hangs up end it soon. */
const waited = async (
  queue: Queue<unknown>,
  id: string,
  waitMs: number,
  { stopping, tickMs }: ClaimWaits,
  gone: AbortSignal,
): Promise<MessageResult> => {
  const until = tickMs() + waitMs
  for (;;) {
    const leftMs = Math.max(0, Math.ceil(until - tickMs()))
    const result = await queue.result(id, { waitMs: Math.min(leftMs, LONG_POLL_SLICE_MS) })
    if (result.ended || leftMs <= LONG_POLL_SLICE_MS || stopping.aborted || gone.aborted) return result
  }
}

const result = route({
  method: 'GET',
  path: `${MESSAGE}/result`,
  summary: 'How the message ended; waits up to waitMs for its end',
  query: ResultQuery,
  waits: true,
  answer: async ({ queues, waits }, call) => {
    const { queue = '', id = '' } = call.params
    const found = await queues.find(queue)
    if ((await found.message(id)) === undefined) {
      throw new NotFoundError('message_not_found', 'there is no such message, or it was forgotten', { id })
    }
    return ok(await waited(found, id, call.query.waitMs ?? 0, waits, call.gone))
  },
})

export const editRoutes: ReadonlyArray<Route> = [edit, result]
