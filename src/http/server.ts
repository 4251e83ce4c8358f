// The front door: a Fastify server over the route table. It authenticates before it reads a body, decodes before a route
// sees anything, and turns every failure into a problem document without a stack, a path or a host.

import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { isLeft } from 'fp-ts/lib/Either.js'
import type { Ledger } from '../api/types/index.js'
import { CLIENT_HEADER, NODE_HEADER } from '../cluster/peers.js'
import { type Access, accessFor, refuseOpenDoor } from './access.js'
import { bodyOf } from './body.js'
import { faultsOf } from './closedRecord.js'
import { connectionsMax } from './connectionsMax.js'
import {
  BODY_BYTES_MAX,
  CLOSE_GRACE_MS,
  CLOSE_QUIET_MS,
  ENVELOPE_BYTES_MAX,
  HEADER_BYTES_MAX,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  PATH_PARAMETER_CHARS_MAX,
  REQUEST_TIMEOUT_MS,
  TIMEOUT_CHECK_INTERVAL_MS,
} from './limits.js'
import { type Asked, NodeDoor, type Passed } from './nodeDoor.js'
import { Operations } from './operations.js'
import {
  HttpProblem,
  headersOf,
  isOurs,
  PROBLEM_MEDIA_TYPE,
  type Problem,
  problemFor,
  problemOf,
} from './problem.js'
import { queueHandles } from './queueHandles.js'
import { doorEmpty, pauseAndRead, quietForPause, type Requests } from './quietEnd.js'
import type { Answer, Call, Desk, Route } from './route.js'
import { ROUTES } from './routes.js'

export type ServerOptions = Readonly<{
  /** Default 127.0.0.1. Any address that is not loopback needs a token. */
  host?: string
  /** Default 0: any free port. */
  port?: number
  token?: string | undefined
  /** What went wrong on this side; clients are not told. Default: ignored. */
  onError?: (error: unknown) => void
}>

export type Server = Readonly<{
  url: string
  /** Stops accepting, ends long polls, waits for answers in flight, then closes what is left. */
  close: () => Promise<void>
}>

/** A name before a verb may hold anything, `customer:42` or `a/b`: it stands escaped in its segment, and the verb ends it. */
const asPath = (path: string): string =>
  path
    .replaceAll(':', '::')
    .replaceAll(/\{(\w+)\}(?=::)/g, ':$1(^.+)')
    .replaceAll(/\{(\w+)\}/g, ':$1(^[^/:]+)')

const sendProblem = (reply: FastifyReply, problem: Problem): FastifyReply =>
  reply
    .code(problem.status)
    .headers(headersOf(problem))
    .type(PROBLEM_MEDIA_TYPE)
    .send(JSON.stringify(problem))

const decoded = (codec: Route['body'], value: unknown, where: string): unknown => {
  if (codec === undefined) return undefined
  const result = codec.decode(value)
  if (!isLeft(result)) return result.right
  const faults = faultsOf(result.left)
  const [first] = faults
  const detail =
    first === undefined ? 'not understood' : `${first.path === '' ? '' : `${first.path}: `}${first.problem}`
  throw new HttpProblem(400, 'invalid_request', `${where}: ${detail.replace(/\.$/, '')}.`, faults)
}

const idempotencyKeyOf = (request: FastifyRequest): string | undefined => {
  const key = request.headers['idempotency-key']
  return typeof key === 'string' ? key : undefined
}

const NEVER = new AbortController().signal

const goneSignal = (reply: FastifyReply): AbortSignal => {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  return gone.signal
}

/** Hooks call back: a promise for each of them and request costs more than what they do. */
const checking =
  (access: Access) =>
  (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
    try {
      access.check(request.headers)
    } catch (error) {
      done(error as Error)
      return
    }
    done()
  }

const bodyLimitOf = (route: Route, { payloadBytesMax = 0 }: Ledger): number =>
  route.carriesPayload === true
    ? Math.max(BODY_BYTES_MAX, payloadBytesMax + ENVELOPE_BYTES_MAX)
    : (route.bodyBytesMax ?? BODY_BYTES_MAX)

const noRoute = (): HttpProblem =>
  new HttpProblem(404, 'route_not_found', 'There is no such resource or method.')

type Ways = Readonly<{ access: Access; door: NodeDoor | undefined }>

const answerHere = async (
  desk: Desk,
  route: Route,
  request: FastifyRequest,
  call: CallFacts,
): Promise<Answer> =>
  route.answer(desk, {
    params: request.params as Readonly<Record<string, string>>,
    body: decoded(route.body, bodyIn(request) ?? {}, 'body'),
    query: decoded(route.query, request.query, 'query'),
    idempotencyKey: idempotencyKeyOf(request),
    ...call,
  })

type CallFacts = Pick<Call<unknown, unknown>, 'from' | 'gone'>

const bodyIn = (request: FastifyRequest): unknown =>
  request.body instanceof Uint8Array ? bodyOf(request.headers, request.body as Buffer) : undefined

const queueIn = (route: Route, request: FastifyRequest): string | undefined =>
  route.queueIn?.(bodyIn(request)) ?? (request.params as Readonly<Record<string, string>>).queue

const PASSED_HEADERS = ['accept', 'content-type', 'content-encoding', 'idempotency-key'] as const

const askedOf = (route: Route, request: FastifyRequest, facts: CallFacts, here: Asked['here']): Asked => ({
  method: request.method,
  url: request.url,
  queue: queueIn(route, request),
  headers: Object.fromEntries(
    PASSED_HEADERS.flatMap((name) => {
      const value = request.headers[name]
      return typeof value === 'string' ? [[name, value]] : []
    }),
  ),
  bytes: request.body instanceof Uint8Array ? request.body : undefined,
  ...facts,
  here,
})

const answerOf = async (
  desk: Desk,
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  door: NodeDoor | undefined,
): Promise<Answer | Passed> => {
  const gone = route.waits === true || door !== undefined ? goneSignal(reply) : NEVER
  if (door === undefined && route.nodesOnly === true) throw noRoute()
  if (door === undefined) return answerHere(desk, route, request, { from: request.ip, gone })
  const client = request.headers[CLIENT_HEADER]
  // Only nodes get so far with this header: what they say of the client is believed.
  const isPassedOn = request.headers[NODE_HEADER] !== undefined
  if (route.nodesOnly === true && !isPassedOn) throw noRoute()
  const facts = { from: isPassedOn && typeof client === 'string' ? client : request.ip, gone }
  const here = (): Promise<Answer> => answerHere(desk, route, request, facts)
  if (!isPassedOn) return door.answer(route, askedOf(route, request, facts, here))
  await door.refuseOthers(queueIn(route, request))
  return here()
}

const addRoute = (app: FastifyInstance, desk: Desk, route: Route, { access, door }: Ways): void => {
  app.route({
    method: route.method,
    url: asPath(route.path),
    bodyLimit: bodyLimitOf(route, desk.ledger),
    ...(route.open === true ? {} : { onRequest: checking(access) }),
    handler: async (request, reply) => {
      const answer = await answerOf(desk, route, request, reply, door)
      const { status } = answer
      reply.code(status)
      if ('media' in answer) return reply.type(answer.media ?? '').send(answer.body)
      const text =
        'text' in answer ? answer.text : answer.body === undefined ? '' : JSON.stringify(answer.body)
      if (text === '') return reply.send()
      if (status < 400) return reply.type('application/json; charset=utf-8').send(text)
      return reply.headers(headersOf({ status })).type(PROBLEM_MEDIA_TYPE).send(text)
    },
  })
}

type Hall = Readonly<{
  app: FastifyInstance
  stop: () => void
  requests: Requests
}>

/** The server without a port: what tests inject requests into. */
export const buildServer = (ledger: Ledger, options: Omit<ServerOptions, 'host' | 'port'> = {}): Hall => {
  const onError = options.onError ?? (() => undefined)
  const stopping = new AbortController()
  const access = accessFor(options.token, ledger.cluster?.peers)
  const door = ledger.cluster === undefined ? undefined : new NodeDoor(ledger.cluster)
  const app = fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    http: {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    },
    routerOptions: { maxParamLength: PATH_PARAMETER_CHARS_MAX },
    forceCloseConnections: false,
    // Answered as a problem document by the hook below instead.
    return503OnClosing: false,
    clientErrorHandler: refuseBrokenRequest,
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, problemFor(error))
    },
  })
  const desk: Desk = {
    ledger,
    queues: queueHandles(ledger),
    waits: { stopping: stopping.signal, tickMs: () => performance.now(), onError, inProgress: new Map() },
    operations: new Operations(onError),
  }
  stopping.signal.addEventListener('abort', () => desk.operations.cancelAll())
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    // Read where it is answered, which may be another node.
    (_request: FastifyRequest, bytes: Buffer, done: (error: Error | null, body?: unknown) => void) =>
      done(null, bytes),
  )
  app.setErrorHandler((error, _request, reply) => {
    const problem = problemFor(error)
    if (isOurs(error, problem)) onError(error)
    return sendProblem(reply, problem)
  })
  app.setNotFoundHandler({ preHandler: checking(access) }, (_request, reply) =>
    sendProblem(reply, problemFor(noRoute())),
  )
  let begun = 0
  let inFlight = 0
  let onQuiet: (() => void) | undefined
  app.addHook('onRequest', (_request, reply, done) => {
    begun += 1
    inFlight += 1
    // Fires also for requests whose client has gone, which Fastify's own hook does not.
    reply.raw.once('close', () => {
      inFlight -= 1
      if (inFlight === 0) onQuiet?.()
    })
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
    // The client's next request goes over a new connection, to a server that is not about to close.
    if (stopping.signal.aborted) reply.header('connection', 'close')
    done()
  })
  for (const route of ROUTES) addRoute(app, desk, route, { access, door })
  const quiet = (): Promise<void> =>
    new Promise((resolve) => {
      onQuiet = resolve
      if (inFlight === 0) resolve()
    })
  app.addHook('onClose', (_app, done) => {
    door?.close()
    done()
  })
  return { app, stop: () => stopping.abort(), requests: { begun: () => begun, quiet } }
}

/** Bytes that are no HTTP request, or came too late: there is no request to reply to, only a socket. */
const refuseBrokenRequest = (error: Error & { code?: string }, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, code, detail] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ([431, 'headers_too_large', `All headers together take at most ${HEADER_BYTES_MAX} bytes.`] as const)
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ([408, 'request_timeout', 'The request took too long to arrive.'] as const)
        : ([400, 'malformed_request', 'This is no well-formed HTTP request.'] as const)
  const problem = problemOf(status, code, detail)
  const body = JSON.stringify(problem)
  const head = `HTTP/1.1 ${status} ${problem.title}\r\ncontent-type: ${PROBLEM_MEDIA_TYPE}\r\n`
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`)
}

/** @throws Error when the address is open to a network and there is no token, or when it cannot be listened on */
export const startServer = async (ledger: Ledger, options: ServerOptions = {}): Promise<Server> => {
  const { host = '127.0.0.1', port = 0, ...rest } = options
  refuseOpenDoor(host, options.token)
  const { app, stop, requests } = buildServer(ledger, rest)
  app.server.maxConnections = connectionsMax()
  let accepted = 0
  app.server.on('connection', () => {
    accepted += 1
  })
  const url = await app.listen({ host, port })
  const close = async (): Promise<void> => {
    // Closing the door resets what the system has let in and nobody has accepted: those clients would not know either. It comes
    // before the stop, which sends clients to a new connection with each answer: they would all come back to this door.
    await doorEmpty(() => accepted)
    stop()
    const cut = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS)
    // Closing begins with the connections that seem idle, and a request may be on its way on any of them: its client would
    // not know what became of it. They end with their next answer instead, or when it has been quiet for a while.
    app.server.closeIdleConnections = () => undefined
    const closed = app.close()
    try {
      await quietForPause(requests, () => pauseAndRead(CLOSE_QUIET_MS))
      // Connections that were opened and never used count as busy in Node, and would be waited for.
      app.server.closeAllConnections()
      await closed
    } finally {
      clearTimeout(cut)
    }
  }
  return { url, close }
}
