// A queue behind HTTP, with the interface of one in this process.
import { isLeft } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { PathReporter } from 'io-ts/lib/PathReporter.js'
import { acceptJson, describePayloadRefusal } from '../../domain/payload/index.js'
import { NotFoundError, RefusedError } from '../api/errors.js'
import type {
  Actor,
  BatchItem,
  BatchResult,
  ClaimedMessage,
  ClaimOptions,
  DeadLetters,
  Enqueued,
  EnqueueOptions,
  HistoryEntry,
  Listed,
  MessageView,
  Queue,
  QueueStats,
  QueueView,
  Redriven,
  SettlementResult,
} from '../api/types.js'
import { EnqueueOutbox } from './enqueueOutbox.js'
import { type ClaimCall, RemoteWorker, type RemoteWorkerDeps } from './remoteWorker.js'
import type { Transport } from './transport.js'

export type RemoteDeps = Readonly<{
  transport: Transport
  worker: Omit<RemoteWorkerDeps, 'claim' | 'settle' | 'name'>
  nextWorkerName: (queue: string) => string
  started: (worker: RemoteWorker<never>) => void
}>

const PROBLEMS_MAX = 3

/** Who acts, without where from: that is what the server sees. */
const actor = (by: Actor | undefined): { by?: { who: string; why?: string } } =>
  by === undefined ? {} : { by: { who: by.who, ...(by.why === undefined ? {} : { why: by.why }) } }

export const queuePath = (name: string): string => `/api/v1/queues/${encodeURIComponent(name)}`

/** The JSON text that is sent for a payload; refused here as the ledger in process would refuse it. */
const payloadText = <A>(payload: A, codec: t.Type<A, unknown> | undefined): string => {
  const text = acceptJson(codec === undefined ? payload : codec.encode(payload))
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
      // Repeated with the same id it answers the same messages.
      repeatable: options.claimId !== undefined,
      ...(signal === undefined ? {} : { signal }),
    })
    return (answer as { messages: ReadonlyArray<ClaimedMessage> }).messages
  }
  const settle: Queue<A>['settle'] = async (settlements) => {
    // A settlement that is repeated is the same fact or is refused, so it is safe to send again.
    const answer = await call('POST', `${path}/settlements`, { body: { settlements }, repeatable: true })
    return (answer as { results: ReadonlyArray<SettlementResult> }).results
  }
  return {
    name,
    enqueue: async (payload, options = {}) => outbox.add(messageText(payload, options, codec)),
    enqueueBatch: async (items) => {
      if (items.length === 0) return []
      const messages = items.map((item: BatchItem<A>) => messageText(item.payload, item, codec))
      const bodyText = `{"messages":[${messages.join(',')}]}`
      const answer = await call('POST', `${path}/messages:batch`, { bodyText })
      return (answer as { results: ReadonlyArray<BatchResult> }).results
    },
    process: (handler, options = {}) => {
      const workerName = options.name ?? deps.nextWorkerName(name)
      const worker = new RemoteWorker<A>(
        { ...deps.worker, claim, settle, name: workerName },
        handler,
        codec,
        options,
      )
      deps.started(worker as unknown as RemoteWorker<never>)
      return worker
    },
    claim: (options: ClaimOptions) => claim(options),
    settle,
    message: (id) => orUndefined(call('GET', messagePath(id))) as Promise<MessageView | undefined>,
    history: async (id) => {
      const answer = await call('GET', `${messagePath(id)}/history`)
      return (answer as { events: ReadonlyArray<HistoryEntry> }).events
    },
    list: async (query = {}) => (await call('GET', `${path}/messages`, { query })) as Listed,
    deadLetters: async (query = {}) => (await call('GET', `${path}/dlq`, { query })) as DeadLetters,
    redrive: async ({ by, ...options } = {}) =>
      (await call('POST', `${path}/dlq:redrive`, { body: { ...options, ...actor(by) } })) as Redriven,
    cancel: async (id, by) => {
      await call('POST', `${messagePath(id)}:cancel`, { body: actor(by) })
    },
    discard: async (id, by) => {
      const answer = await call('POST', `${path}/dlq:discard`, { body: { ids: [id], ...actor(by) } })
      const [result] = (answer as { results: ReadonlyArray<DiscardResult> }).results
      if (result === undefined || result.ok) return
      const Kind = result.code === 'message_not_found' ? NotFoundError : RefusedError
      throw new Kind(result.code, result.message)
    },
    pause: async (by) => {
      await call('POST', `${path}:pause`, { body: actor(by) })
    },
    resume: async (by) => {
      await call('POST', `${path}:resume`, { body: actor(by) })
    },
    configure: async (settings, by) =>
      (await call('PUT', path, { body: { ...settings, ...actor(by) } })) as QueueView,
    view: async () => {
      const { stats: _stats, ...view } = (await call('GET', path)) as QueueView & { stats: QueueStats }
      return view
    },
    stats: async () => ((await call('GET', path)) as { stats: QueueStats }).stats,
  }
}

type DiscardResult = Readonly<{ ok: true } | { ok: false; code: string; message: string }>

/** A message that is not there is an answer; a queue that is not there is a mistake. */
const orUndefined = async (answer: Promise<unknown>): Promise<unknown> => {
  try {
    return await answer
  } catch (error) {
    if (error instanceof NotFoundError && error.code === 'message_not_found') return undefined
    throw error
  }
}
