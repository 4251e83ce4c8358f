// One request and its answer over connections that are kept open. On node:http rather than `fetch`, which took more than
// three times the CPU for a small call (bench/micro/httpFrontDoor.ts). Decided here: whether a request can have reached
// anybody, which is what the meaning of its failure hangs on.
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'

export type Outgoing = Readonly<{
  method: string
  /** With its query. */
  path: string
  headers: Readonly<Record<string, string>>
  body: string | Uint8Array | undefined
  timeoutMs: number
  signal: AbortSignal | undefined
}>

export type Reply = Readonly<{ status: number; text: string }>

export class ExchangeFailed extends Error {
  constructor(
    override readonly cause: unknown,
    /** There was no connection that it could have gone over. */
    readonly neverLeft: boolean,
  ) {
    super(reasonOf(cause))
    this.name = 'ExchangeFailed'
  }
}

export type Exchange = Readonly<{
  /** Rejects with ExchangeFailed. */
  send: (outgoing: Outgoing) => Promise<Reply>
  /** Closes the connections that nobody uses now. */
  closeIdle: () => void
}>

const reasonOf = (cause: unknown): string => {
  const { code, message } = cause as { code?: unknown; message?: unknown }
  if (typeof code === 'string') return code
  return typeof message === 'string' && message !== '' ? message : String(cause)
}

/** `base`: an http or https URL without a path. */
export const httpExchange = (base: URL): Exchange => {
  const isSecure = base.protocol === 'https:'
  const agent = isSecure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true })
  const request = isSecure ? requestHttps : requestHttp
  const target = {
    agent,
    protocol: base.protocol,
    // Node takes an IPv6 address without its brackets.
    hostname: base.hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(base.port === '' ? {} : { port: base.port }),
  }
  return {
    send: ({ method, path, headers, body, timeoutMs, signal }) =>
      new Promise((resolve, reject) => {
        let mayHaveLeft = false
        const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
        const outgoing = request({ ...target, method, path, headers: { ...headers, ...length } })
        const abort = (): void => {
          outgoing.destroy(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
        }
        const late = setTimeout(() => {
          outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`))
        }, timeoutMs)
        const over = (): void => {
          clearTimeout(late)
          signal?.removeEventListener('abort', abort)
        }
        const failed = (error: unknown): void => {
          over()
          reject(new ExchangeFailed(error, !mayHaveLeft))
        }
        outgoing.on('socket', (socket) => {
          if (socket.connecting)
            socket.once('connect', () => {
              mayHaveLeft = true
            })
          else mayHaveLeft = true
        })
        outgoing.on('error', failed)
        outgoing.on('response', (response) => {
          readText(response, (text) => {
            over()
            resolve({ status: response.statusCode ?? 0, text })
          })
          response.on('error', failed)
        })
        if (signal?.aborted === true) abort()
        else signal?.addEventListener('abort', abort)
        // In one piece with the headers: one system call.
        outgoing.end(body)
      }),
    closeIdle: () => {
      for (const sockets of Object.values(agent.freeSockets))
        for (const socket of sockets ?? []) socket.destroy()
    },
  }
}

const readText = (response: IncomingMessage, then: (text: string) => void): void => {
  const chunks: Buffer[] = []
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
  })
  response.on('end', () => {
    const [only] = chunks
    then((chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks)).toString('utf8'))
  })
}
