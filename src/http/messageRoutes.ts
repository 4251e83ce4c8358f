// Messages: in, looked at, cancelled.

import { NotFoundError } from '../api/errors.js'
import type { BatchItem, BatchResult, Enqueued, EnqueueOptions, Queue } from '../api/types/index.js'
import { BatchBody, EnqueueBody, NoQuery, OperatorBody } from './codecs.js'
import { BATCH_BODY_BYTES_MAX, IDEMPOTENCY_KEY_CHARS_MAX } from './limits.js'
import { HttpProblem, isOurs, type Problem, problemFor } from './problem.js'
import { type Answer, actorOf, done, ok, type Route, route } from './route.js'

const MESSAGES = '/api/v1/queues/{queue}/messages'
const MESSAGE = `${MESSAGES}/{id}`

type Params = Readonly<{ params: Readonly<Record<string, string>> }>
const name = ({ params }: Params): string => params.queue ?? ''
const idOf = ({ params }: Params): string => params.id ?? ''

const messageNotFound = (id: string): NotFoundError =>
  new NotFoundError('message_not_found', 'there is no such message, or it was forgotten', { id })

const checkedKey = (key: string | undefined): string | undefined => {
  if (key === undefined || (key !== '' && key.length <= IDEMPOTENCY_KEY_CHARS_MAX)) return key
  throw new HttpProblem(
    400,
    'invalid_request',
    `Idempotency-Key: accepted are 1 to ${IDEMPOTENCY_KEY_CHARS_MAX} characters.`,
  )
}

/** The key of the message itself wins: it says more than that of the call. */
const optionsOf = (body: EnqueueBody, key: string | undefined): EnqueueOptions => {
  const { payload: _payload, ...options } = body
  return key === undefined ? options : { idempotencyKey: key, ...options }
}

const enqueue = route({
  method: 'POST',
  path: MESSAGES,
  carriesPayload: true,
  summary: 'Enqueues a message; 201 when it is new, 200 when an earlier one was found',
  body: EnqueueBody,
  query: NoQuery,
  answer: async ({ queues }, call): Promise<Answer> => {
    const key = checkedKey(call.idempotencyKey)
    const queue = await queues.find(name(call))
    const enqueued = await queue.enqueue(call.body.payload, optionsOf(call.body, key))
    return { status: enqueued.duplicate ? 200 : 201, body: enqueued }
  },
})

const FIXED_TEXTS: ReadonlyMap<string, string> = new Map([
  ['unavailable', 'the ledger cannot take it now; nothing of it was recorded'],
  ['unknown_outcome', 'it may or may not have been recorded; the same message with the same key is safe'],
])

/** The texts of faults stay inside, as they do for whole calls. */
const publicResult = (result: BatchResult): BatchResult => {
  if (!('error' in result)) return result
  const { code, unknown } = result.error
  const message = unknown ? FIXED_TEXTS.get('unknown_outcome') : FIXED_TEXTS.get(code)
  return message === undefined ? result : { error: { code, message, unknown } }
}

/** What a call of its own would answer: the message, or the problem document. */
const enqueueAlone = async (
  queue: Queue<unknown>,
  body: EnqueueBody,
  key: string | undefined,
  onError: (error: unknown) => void,
): Promise<Enqueued | Readonly<{ problem: Problem }>> => {
  try {
    return await queue.enqueue(body.payload, optionsOf(body, key))
  } catch (error) {
    const problem = problemFor(error)
    if (isOurs(error, problem)) onError(error)
    return { problem }
  }
}

const enqueueBatch = route({
  method: 'POST',
  path: `${MESSAGES}:batch`,
  summary:
    'Enqueues many messages, a result for each; all or nothing per partition, or with "independent" each as if sent alone',
  body: BatchBody,
  query: NoQuery,
  bodyBytesMax: BATCH_BODY_BYTES_MAX,
  answer: async ({ queues, waits }, call): Promise<Answer> => {
    const key = checkedKey(call.idempotencyKey)
    const queue = await queues.find(name(call))
    if (call.body.independent === true) {
      const each = call.body.messages.map((body, index) =>
        enqueueAlone(queue, body, key === undefined ? undefined : `${key}/${index}`, waits.onError),
      )
      return ok({ results: await Promise.all(each) })
    }
    const items = call.body.messages.map(
      (body, index): BatchItem<unknown> => ({
        ...optionsOf(body, key === undefined ? undefined : `${key}/${index}`),
        payload: body.payload,
      }),
    )
    return ok({ results: (await queue.enqueueBatch(items)).map(publicResult) })
  },
})

const show = route({
  method: 'GET',
  path: MESSAGE,
  summary: 'One message as it stands',
  query: NoQuery,
  answer: async ({ queues }, call) => {
    const message = await (await queues.find(name(call))).message(idOf(call))
    if (message === undefined) throw messageNotFound(idOf(call))
    return ok(message)
  },
})

const history = route({
  method: 'GET',
  path: `${MESSAGE}/history`,
  summary: 'Every event of one message',
  query: NoQuery,
  answer: async ({ queues }, call) => {
    const events = await (await queues.find(name(call))).history(idOf(call))
    if (events.length === 0) throw messageNotFound(idOf(call))
    return ok({ events })
  },
})

const historyById = route({
  method: 'GET',
  path: '/api/v1/messages/{id}/history',
  anywhere: true,
  summary: 'Every event of one message, found by its id alone',
  query: NoQuery,
  answer: async ({ ledger }, call) => {
    const events = await ledger.history(idOf(call))
    if (events.length === 0) throw messageNotFound(idOf(call))
    return ok({ events })
  },
})

const cancel = route({
  method: 'POST',
  path: `${MESSAGE}:cancel`,
  summary: 'Takes a waiting message out of the queue',
  body: OperatorBody,
  query: NoQuery,
  answer: async ({ queues }, call) => {
    await (await queues.find(name(call))).cancel(idOf(call), actorOf(call.body.by, call.from))
    return done
  },
})

export const messageRoutes: ReadonlyArray<Route> = [enqueue, enqueueBatch, show, history, historyById, cancel]
