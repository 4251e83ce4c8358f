// A queue behind HTTP, with the interface of one in this process.
import { isLeft } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { PathReporter } from 'io-ts/lib/PathReporter.js'
import { failureMessage } from '../../domain/failure/index.js'
import { acceptJson, DEFAULT_PAYLOAD_LIMITS, describePayloadRefusal } from '../../domain/payload/index.js'
import { accepted, acceptedList } from '../api/acceptedOptions.js'
import { NotFoundError, RefusedError } from '../api/errors.js'
import type {
  Actor,
  BatchItem,
  BatchResult,
  ClaimedMessage,
  Enqueued,
  EnqueueOptions,
  HistoryEntry,
  MessageView,
  NamedResult,
  Queue,
  QueueStats,
  QueueView,
  SettlementResult,
} from '../api/types/index.js'
import { LARGE_PAYLOAD_BYTES_MAX } from '../engine/blobPayloads.js'
import { batchCalls } from './batches.js'
import { editCalls } from './edits.js'
import { EnqueueOutbox } from './enqueueOutbox.js'
import { projectionCalls } from './projections.js'
import type { ClaimCall } from './remoteWorker.js'
import { rerunCalls } from './rerunCalls.js'
import { scheduleCalls } from './schedules.js'
import { selectionCalls } from './selectionCalls.js'
import { switchCalls } from './switches.js'
import type { Transport } from './transport.js'
import { waitingClaim } from './waiting.js'
import { type WorkerHostDeps, workerCalls } from './workers.js'

export type RemoteDeps = WorkerHostDeps & Readonly<{ transport: Transport }>

const PROBLEMS_MAX = 3
const LIMITS = { ...DEFAULT_PAYLOAD_LIMITS, bytesMax: LARGE_PAYLOAD_BYTES_MAX }

/** Who acts, without where from: that is what the server sees. */
const actor = (by: Actor | undefined): { by?: { who: string; why?: string } } =>
  by === undefined ? {} : { by: { who: by.who, ...(by.why === undefined ? {} : { why: by.why }) } }

export const queuePath = (name: string): string => `/api/v1/queues/${encodeURIComponent(name)}`

const encoded = <A>(payload: A, codec: t.Type<A, unknown>): unknown => {
  try {
    return codec.encode(payload)
  } catch (error) {
    const problem = `the queue's codec cannot encode it: ${failureMessage(error)}`
    throw new RefusedError('invalid', `payload: ${problem}`)
  }
}

/** The JSON text that is sent for a payload; refused here as the ledger in process would refuse it. */
const payloadText = <A>(payload: A, codec: t.Type<A, unknown> | undefined): string => {
  // How large it may be is the server's to say: whether it has a store for large ones is not known here.
  const text = acceptJson(codec === undefined ? payload : encoded(payload, codec), LIMITS)
  if (isLeft(text)) throw new RefusedError('invalid', `payload: ${describePayloadRefusal(text.left)}`)
  const decoded = codec?.decode(JSON.parse(text.right))
  if (decoded !== undefined && isLeft(decoded)) {
    const problems = PathReporter.report(decoded).slice(0, PROBLEMS_MAX).join('; ')
    throw new RefusedError('invalid', `payload: ${problems}`)
  }
  return text.right
}

/** The message as it stands in a body. The payload's text is taken as it is: it has been written once already. */
const messageText = <A>(
  payload: A,
  options: EnqueueOptions,
  codec: t.Type<A, unknown> | undefined,
): string => {
  let text = `{"payload":${payloadText(payload, codec)}`
  for (const [name, value] of Object.entries(options)) {
    if (name === 'payload') continue
    if (typeof value === 'function')
      throw new RefusedError(
        'invalid',
        `${name}: a function cannot be sent; accepted are a queue and a callback by name`,
      )
    const written = JSON.stringify(value instanceof Date ? value.toISOString() : value)
    if (written !== undefined) text += `,${JSON.stringify(name)}:${written}`
  }
  return `${text}}`
}

export const remoteQueue = <A>(
  deps: RemoteDeps,
  name: string,
  codec: t.Type<A, unknown> | undefined,
): Queue<A> => {
  const { call } = deps.transport
  const path = queuePath(name)
  const messagePath = (id: string): string => `${path}/messages/${encodeURIComponent(id)}`
  const outbox = new EnqueueOutbox({
    one: async (bodyText) => (await call('POST', `${path}/messages`, { bodyText })) as Enqueued,
    each: async (texts) => {
      const bodyText = `{"independent":true,"messages":[${texts.join(',')}]}`
      const answer = await call('POST', `${path}/messages:batch`, { bodyText })
      return (answer as { results: ReadonlyArray<unknown> }).results
    },
  })
  const claim = async ({ signal, ...options }: ClaimCall): Promise<ReadonlyArray<ClaimedMessage>> => {
    const answer = await call('POST', `${path}/claims`, {
      body: options,
      waitMs: options.waitMs ?? 0,
      ...(signal === undefined ? {} : { signal }),
    })
    return (answer as { messages: ReadonlyArray<ClaimedMessage> }).messages
  }
  const settle: Queue<A>['settle'] = async (settlements) => {
    acceptedList('settlements', settlements)
    // A settlement that is repeated is the same fact or is refused, so it is safe to send again.
    const answer = await call('POST', `${path}/settlements`, { body: { settlements } })
    return (answer as { results: ReadonlyArray<SettlementResult> }).results
  }
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => void deps.worker.clock.after(ms, resolve))
  const view = async (): Promise<QueueView> => {
    const { stats: _stats, ...view } = (await call('GET', path)) as QueueView & { stats: QueueStats }
    return view
  }
  const enqueue: Queue<A>['enqueue'] = async (payload, options = {}) =>
    outbox.add(messageText(payload, options, codec))
  return {
    name,
    enqueue,
    ...editCalls<A>({
      call,
      messagePath,
      clock: deps.worker.clock,
      payloadText: (payload) => payloadText(payload, codec),
      enqueue,
    }),
    enqueueBatch: async (items) => {
      if (items.length === 0) return []
      const messages = items.map((item: BatchItem<A>) => messageText(item.payload, item, codec))
      const bodyText = `{"messages":[${messages.join(',')}]}`
      const answer = await call('POST', `${path}/messages:batch`, { bodyText })
      return (answer as { results: ReadonlyArray<BatchResult> }).results
    },
    ...switchCalls(call, path, { clock: deps.worker.clock, started: deps.started }),
    ...projectionCalls(call, path, deps.worker.clock),
    ...scheduleCalls<A>(call, path, (payload) => payloadText(payload, codec)),
    ...workerCalls(deps, { name, path, call, claim, settle }, codec),
    ...batchCalls(deps, { name, claim, settle, view }, codec),
    claim: waitingClaim(deps.worker, claim),
    settle,
    message: (id) => orUndefined(call('GET', messagePath(id))) as Promise<MessageView | undefined>,
    history: async (id) => {
      const answer = await call('GET', `${messagePath(id)}/history`)
      return (answer as { events: ReadonlyArray<HistoryEntry> }).events
    },
    ...selectionCalls(call, path, pause),
    ...rerunCalls(call, path, pause),
    cancel: async (id, by) => {
      await call('POST', `${messagePath(id)}:cancel`, { body: actor(by) })
    },
    discard: async (id, by) => {
      const answer = await call('POST', `${path}/dlq:discard`, { body: { ids: [id], ...actor(by) } })
      const [result] = (answer as { results: ReadonlyArray<NamedResult> }).results
      if (result === undefined || result.ok) return
      const Kind = result.code === 'message_not_found' ? NotFoundError : RefusedError
      throw new Kind(result.code, result.message)
    },
    configure: async (settings, by) =>
      (await call('PUT', path, { body: { ...accepted('settings', settings), ...actor(by) } })) as QueueView,
    resize: async (partitions, by) =>
      (await call('POST', `${path}:resize`, { body: { partitions, ...actor(by) } })) as QueueView,
    view,
    whenSettled: () =>
      Promise.reject(
        new RefusedError(
          'not_over_http',
          'whenSettled works in the process of the ledger; accepted are callbacks',
        ),
      ),
    stats: async () => ((await call('GET', path)) as { stats: QueueStats }).stats,
  }
}

/** A message that is not there is an answer; a queue that is not there is a mistake. */
const orUndefined = async (answer: Promise<unknown>): Promise<unknown> => {
  try {
    return await answer
  } catch (error) {
    if (error instanceof NotFoundError && error.code === 'message_not_found') return undefined
    throw error
  }
}
