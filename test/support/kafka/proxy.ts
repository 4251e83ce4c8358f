// Stands between clients and a broker and knows one request of Kafka's protocol from another: it holds, drops or cuts what a test
// names, in either direction. The broker has to advertise the proxy's address, or clients go past it.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Keys of Kafka's protocol. */
export const API = {
  produce: 0,
  initProducerId: 22,
  addPartitions: 24,
  endTransaction: 26,
} as const

export type Passing = Readonly<{
  way: 'request' | 'answer'
  api: number
  transactionalId: string | undefined
}>
/** `cut` ends the connection at both ends instead. */
type Verdict = 'pass' | 'drop' | 'cut'
export type Hook = (passing: Passing) => Verdict | Promise<Verdict>

const LENGTH_BYTES = 4

/** Whole messages out of a stream of bytes. */
const framesOf = (take: (frame: Buffer) => Promise<void>): ((bytes: Buffer) => void) => {
  let rest: Buffer = Buffer.alloc(0)
  let last: Promise<void> = Promise.resolve()
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes])
    while (rest.length >= LENGTH_BYTES && rest.length >= LENGTH_BYTES + rest.readInt32BE(0)) {
      const end = LENGTH_BYTES + rest.readInt32BE(0)
      const frame = rest.subarray(0, end)
      rest = rest.subarray(end)
      last = last.then(() => take(frame)).catch(() => undefined)
    }
  }
}

/** Of the transaction requests the first field is the transactional id; behind key, version, correlation and client. */
const transactionalIdOf = (frame: Buffer, api: number): string | undefined => {
  const isTransactional = [...Object.values(API)].some((key) => key === api)
  const CLIENT_AT = LENGTH_BYTES + 8
  const clientLength = frame.length > CLIENT_AT + 2 ? frame.readInt16BE(CLIENT_AT) : -1
  const at = CLIENT_AT + 2 + Math.max(0, clientLength)
  if (!isTransactional || frame.length < at + 2) return undefined
  const length = frame.readInt16BE(at)
  return length < 0 ? undefined : frame.toString('utf8', at + 2, at + 2 + length)
}

export class KafkaProxy {
  hook: Hook = () => 'pass'
  private readonly sockets = new Set<Socket>()

  private constructor(
    private readonly server: Server,
    readonly port: number,
    private readonly target: () => number,
  ) {}

  static async start(target: () => number): Promise<KafkaProxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new KafkaProxy(server, (server.address() as { port: number }).port, target)
    server.on('connection', (client) => proxy.between(client))
    return proxy
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  private between(client: Socket): void {
    const broker = connect(this.target(), '127.0.0.1')
    const apis = new Map<number, Omit<Passing, 'way'>>()
    /** Requests that are held: a client that has gone away has sent them all the same. */
    let held = 0
    let isOver = false
    const cut = (): void => {
      client.destroy()
      broker.destroy()
    }
    const onRequest = framesOf(async (frame) => {
      const api = frame.readInt16BE(LENGTH_BYTES)
      const of = { api, transactionalId: transactionalIdOf(frame, api) }
      apis.set(frame.readInt32BE(LENGTH_BYTES + 4), of)
      held++
      const verdict = await this.hook({ way: 'request', ...of })
      held--
      if (verdict === 'cut') return cut()
      if (verdict === 'pass') broker.write(frame)
      if (isOver && held === 0) broker.end()
    })
    const onAnswer = framesOf(async (frame) => {
      const correlation = frame.readInt32BE(LENGTH_BYTES)
      const of = apis.get(correlation) ?? { api: -1, transactionalId: undefined }
      apis.delete(correlation)
      const verdict = await this.hook({ way: 'answer', ...of })
      if (verdict === 'cut') return cut()
      if (verdict === 'pass') client.write(frame)
    })
    client.on('data', onRequest)
    broker.on('data', onAnswer)
    client.on('close', () => {
      isOver = true
      if (held === 0) broker.end()
    })
    broker.on('close', () => client.destroy())
    for (const socket of [client, broker]) {
      this.sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => this.sockets.delete(socket))
    }
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    this.server.close()
    await once(this.server, 'close')
  }
}
