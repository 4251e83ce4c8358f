// The three addresses of a reader of the topic: /metrics for Prometheus, /livez and /readyz for whoever starts and watches processes.
// Open to the network only with a token, as every door of ledgerq.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { accessFor } from '../http/access.js'
import { HttpProblem } from '../http/problem.js'
import { EXPOSITION_TYPE } from './metrics/exposition.js'

export type ReaderServerOptions = Readonly<{
  host: string
  port: number
  token: string | undefined
  metrics: () => string
  /** Undefined = reading goes on; else why it does not. */
  trouble: () => string | undefined
}>

export type ReaderServer = Readonly<{ url: string; close: () => Promise<void> }>

const CONNECTIONS_MAX = 64
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000

type Answer = Readonly<{ status: number; type: string; text: string }>
const JSON_TYPE = 'application/json; charset=utf-8'
const told = (status: number, content: unknown): Answer => ({
  status,
  type: JSON_TYPE,
  text: JSON.stringify(content),
})

const answerTo = (request: IncomingMessage, options: ReaderServerOptions): Answer => {
  if (request.method !== 'GET' && request.method !== 'HEAD') return told(405, { code: 'method_not_allowed' })
  switch (request.url?.split('?', 1)[0]) {
    case '/livez':
      return told(200, { status: 'live' })
    case '/readyz': {
      const reason = options.trouble()
      return reason === undefined
        ? told(200, { status: 'ready' })
        : told(503, { status: 'not ready', reason })
    }
    case '/metrics':
      accessFor(options.token).check(request.headers)
      return { status: 200, type: EXPOSITION_TYPE, text: options.metrics() }
    default:
      return told(404, { code: 'not_found' })
  }
}

const answer = (request: IncomingMessage, response: ServerResponse, options: ReaderServerOptions): void => {
  let given: Answer
  try {
    given = answerTo(request, options)
  } catch (cause) {
    given =
      cause instanceof HttpProblem
        ? told(cause.status, { code: cause.code, detail: cause.message })
        : told(500, { code: 'internal' })
  }
  response.writeHead(given.status, { 'content-type': given.type, 'x-content-type-options': 'nosniff' })
  response.end(request.method === 'HEAD' ? undefined : given.text)
}

/** @throws the error of the system when it cannot listen there */
export const startReaderServer = async (options: ReaderServerOptions): Promise<ReaderServer> => {
  const { host, port } = options
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 16_384 },
    (request, response) => answer(request, response, options),
  )
  server.maxConnections = CONNECTIONS_MAX
  await new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(port, host, done)
  })
  const { address, family, port: bound } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}
