// The client against a real server: the same answers, errors and workers as in process.
import { createServer, type Server as NetServer, type Socket } from 'node:net'
import * as t from 'io-ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NotFoundError, RefusedError, UnavailableError, UnknownOutcomeError } from '../../src/api/errors.js'
import { openLedger } from '../../src/api/openLedger.js'
import type { Ledger, Message } from '../../src/api/types/index.js'
import { connectLedger, type RemoteLedger } from '../../src/client/connectLedger.js'
import { UnauthorizedError } from '../../src/client/transport.js'
import { type Server, startServer } from '../../src/http/server.js'

const TOKEN = 'a-token-of-more-than-128-bits-in-all'
let ledger: Ledger
let server: Server
let remote: RemoteLedger
beforeEach(async () => {
  ledger = await openLedger({ log: { kind: 'memory' } })
  server = await startServer(ledger, { token: TOKEN })
  remote = connectLedger({ url: server.url, token: TOKEN })
})
afterEach(async () => {
  await remote.close()
  await server.close()
  await ledger.close()
})

/** Resolves with the first `count` values that were given. */
const gathering = <A>(count: number) => {
  const values: A[] = []
  let done: (values: ReadonlyArray<A>) => void = () => undefined
  const all = new Promise<ReadonlyArray<A>>((resolve) => {
    done = resolve
  })
  return {
    add: (value: A): void => {
      values.push(value)
      if (values.length === count) done(values)
    },
    all,
  }
}

/** True once; asks the ledger in this process, whose answers are durable. */
const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}

describe('connectLedger', () => {
  it('opens, fills, reads and deletes a queue as in process', async () => {
    const queue = await remote.queue<{ n: number }>('orders', { maxSize: 50 })
    expect((await queue.view()).config.maxSize).toBe(50)
    const { id } = await queue.enqueue({ n: 1 }, { type: 't', notBefore: new Date(Date.now() + 60_000) })
    const batch = await queue.enqueueBatch([{ payload: { n: 2 }, id: 'two' }, { payload: { n: 3 } }])
    expect(batch).toMatchObject([{ id: 'two', duplicate: false }, { duplicate: false }])
    expect(await queue.message(id)).toMatchObject({ state: 'scheduled', payload: { n: 1 }, type: 't' })
    expect(await queue.message('orders.0.zzz')).toBeUndefined()
    expect((await queue.history('two')).map(({ type }) => type)).toEqual(['MessageEnqueued'])
    expect((await remote.history(id)).map(({ type }) => type)).toEqual(['MessageEnqueued'])
    expect((await queue.list({ state: 'pending' })).messages).toHaveLength(2)
    const { events, next } = await remote.events({ from: 0, limit: 500 })
    expect(await ledger.events({ limit: 500 })).toEqual({ events, next, atEnd: true })
    expect(events.at(-1)).toMatchObject({ type: 'MessageEnqueued', queue: 'orders', position: next - 1 })
    await queue.cancel('two', { who: 'ann' })
    expect(await queue.stats()).toMatchObject({ pending: 1, scheduled: 1, cancelled: 1 })
    await queue.pause()
    expect((await remote.queues())[0]).toMatchObject({ queue: 'orders', paused: true })
    await queue.resume()
    await remote.deleteQueue('orders', { evenIfNotEmpty: true, by: { who: 'ann', why: 'test' } })
    expect((await remote.stats()).queues).toEqual([])
  })

  it('rejects with the same classes and codes as in process', async () => {
    const queue = await remote.queue('orders', { maxSize: 1 })
    await queue.enqueue(1)
    await expect(queue.enqueue(2)).rejects.toMatchObject({ name: 'RefusedError', code: 'queue_full' })
    await expect(queue.cancel('none')).rejects.toBeInstanceOf(NotFoundError)
    await expect(remote.history('orders.0.zz')).rejects.toMatchObject({ code: 'message_not_found' })
    await expect(remote.knownQueue('other').enqueue(1)).rejects.toMatchObject({ code: 'queue_not_found' })
    await expect(remote.deleteQueue('orders')).rejects.toMatchObject({ code: 'queue_not_empty' })
    await expect(queue.enqueue({ n: Number.NaN })).rejects.toBeInstanceOf(RefusedError)
    await expect(connectLedger({ url: server.url, token: 'wrong' }).stats()).rejects.toBeInstanceOf(
      UnauthorizedError,
    )
    expect(() => connectLedger({ url: 'nonsense' })).toThrow(RangeError)
  })

  it('enqueues side by side with an outcome for each: what fits is taken, what does not is refused', async () => {
    const queue = await remote.queue('orders', { maxSize: 5 })
    const sent = [
      ...[1, 2].map((payload) => queue.enqueue({ payload }, { id: `mine-${payload}`, priority: 'high' })),
      queue.enqueue(3, { priority: 'urgent' as never }),
      queue.enqueue(4, { idempotencyKey: 'k' }),
      queue.enqueue(4, { idempotencyKey: 'k' }),
      queue.enqueue(5, { retry: { kind: 'nonsense' } as never }),
      ...[6, 7, 8].map((payload) => queue.enqueue(payload)),
    ]
    const outcomes = (await Promise.allSettled(sent)).map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value.duplicate : (outcome.reason as RefusedError).code,
    )
    expect(outcomes).toEqual([
      false,
      false,
      'invalid_request',
      false,
      true,
      'invalid_request',
      false,
      false,
      'queue_full',
    ])
    expect(await queue.message('mine-2')).toMatchObject({ payload: { payload: 2 }, priority: 10 })
    expect((await queue.stats()).pending).toBe(5)
  })

  it('keeps the order of one caller’s messages that are enqueued without waiting', async () => {
    const queue = await remote.queue<number>('orders')
    const payloads = Array.from({ length: 40 }, (_, n) => n)
    await Promise.all(payloads.map((n) => queue.enqueue(n)))
    const claimed = await queue.claim({ worker: 'w', max: 40 })
    expect(claimed.map(({ payload }) => payload)).toEqual(payloads)
  })

  it('holds payloads to the codec, when they are sent and when a handler reads them', async () => {
    const Order = t.strict({ orderId: t.number })
    const queue = await remote.queue('orders', { payload: Order, failures: {} })
    await expect(queue.enqueue({ orderId: 'x' } as never)).rejects.toMatchObject({ code: 'invalid' })
    await remote
      .knownQueue('orders')
      .enqueue({ orderId: 'x' }, { retry: { kind: 'fixed', delayMs: 0, retriesMax: 0, jitter: 'none' } })
    const worker = queue.process((message) => message.payload.orderId)
    await until(async () => (await queue.stats()).dead === 1)
    await worker.stop()
    expect((await queue.deadLetters()).messages[0]?.failure?.type).toBe('SYSTEM')
  })
})

describe('a worker over HTTP', () => {
  it('runs messages side by side up to its concurrency, and settles every outcome', async () => {
    const queue = await remote.queue<string>('orders')
    await queue.enqueueBatch(['ok', 'fail', 'throw'].map((payload) => ({ payload })))
    const seen = gathering<Message<string>>(3)
    const worker = queue.process(
      (message) => {
        seen.add(message)
        if (message.payload === 'throw') throw Object.assign(new Error('no'), { failureType: 'BUSINESS' })
        if (message.payload === 'fail') throw Object.assign(new Error('gone'), { code: 'ECONNRESET' })
        return { done: message.payload }
      },
      { concurrency: 2 },
    )
    await seen.all
    await until(async () => {
      const { succeeded, dead, retrying } = await queue.stats()
      return succeeded === 1 && dead === 1 && retrying === 1
    })
    await worker.stop()
    expect((await queue.stats()).failuresByType).toEqual({ BUSINESS: 1, NETWORK: 1 })
    expect((await queue.list({ state: 'succeeded' })).messages[0]?.result).toEqual({ done: 'ok' })
  })

  it('gives handlers a signal that fires at the time limit, and fails the attempt as TIMEOUT', async () => {
    const queue = await remote.queue('orders')
    await queue.enqueue(1, { timeoutMs: 50 })
    const reasons = gathering<unknown>(1)
    const worker = queue.process(
      (_message, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.add(signal.reason)
            reject(signal.reason)
          })
        }),
    )
    expect(await reasons.all).toMatchObject([{ name: 'TimeoutError' }])
    await until(async () => (await queue.stats()).failuresByType.TIMEOUT === 1)
    await worker.stop()
  })

  it('keeps a lease by heartbeats for as long as the handler runs', async () => {
    const queue = await remote.queue('orders', { leaseMs: 150 })
    const { id } = await queue.enqueue(1)
    let finish: () => void = () => undefined
    const worker = queue.process(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve
        }),
    )
    await until(
      async () => (await queue.history(id)).filter(({ type }) => type === 'LeaseExtended').length >= 5,
    )
    finish()
    await until(async () => (await queue.stats()).succeeded === 1)
    await worker.stop()
    expect(await queue.stats()).toMatchObject({ attempts: 1, failed: 0 })
  })

  it('R61: hands back what it holds when it stops, uncounted, and leaves no lease behind', async () => {
    const queue = await remote.queue('orders')
    await queue.enqueueBatch([1, 2].map((payload) => ({ payload })))
    const started = gathering<AbortSignal>(2)
    const worker = queue.process((_message, { signal }) => {
      started.add(signal)
      return new Promise(() => undefined)
    })
    const signals = await started.all
    expect(worker.running()).toBe(2)
    await worker.stop({ graceMs: 1 })
    expect(signals.every(({ aborted }) => aborted)).toBe(true)
    expect(await queue.stats()).toMatchObject({ pending: 2, processing: 0, released: 2, failed: 0 })
  })

  it('R61: a worker that stops while it waits takes no later message with it', async () => {
    const queue = await remote.queue('orders')
    const worker = queue.process(() => undefined)
    await until(async () => (await remote.queues()).length === 1)
    const stopping = worker.stop()
    await queue.enqueue(1)
    await stopping
    await until(async () => (await queue.stats()).pending === 1)
  })
})

describe('a connection that breaks', () => {
  let hole: NetServer
  const sockets = new Set<Socket>()
  const openHole = (onData: (socket: Socket) => void): Promise<string> =>
    new Promise((resolve) => {
      hole = createServer((socket) => {
        sockets.add(socket)
        socket.on('error', () => undefined)
        socket.once('data', () => onData(socket))
      })
      hole.listen(0, '127.0.0.1', () =>
        resolve(`http://127.0.0.1:${(hole.address() as { port: number }).port}`),
      )
    })
  afterEach(() => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    hole?.close()
  })

  it('after an enqueue was sent is an unknown outcome; a read is simply unavailable', async () => {
    const url = await openHole((socket) => socket.destroy())
    const queue = connectLedger({ url }).knownQueue('orders')
    await expect(queue.enqueue(1)).rejects.toBeInstanceOf(UnknownOutcomeError)
    for (const sent of await Promise.allSettled([queue.enqueue(1), queue.enqueue(2)]))
      expect(sent).toMatchObject({ reason: { code: 'unknown_outcome' } })
    await expect(queue.enqueueBatch([{ payload: 1 }])).rejects.toBeInstanceOf(UnknownOutcomeError)
    await expect(queue.stats()).rejects.toBeInstanceOf(UnavailableError)
  })

  it('an answer that never comes is an unknown outcome after the time-out', async () => {
    const url = await openHole(() => undefined)
    const queue = connectLedger({ url, timeoutMs: 50 }).knownQueue('orders')
    await expect(queue.enqueue(1)).rejects.toBeInstanceOf(UnknownOutcomeError)
  })

  it('a gateway’s 502 is an unknown outcome, and a page that is no ledgerq is no success', async () => {
    const reply = (status: string) => (socket: Socket) =>
      socket.end(`HTTP/1.1 ${status}\r\ncontent-length: 4\r\nconnection: close\r\n\r\noops`)
    const url = await openHole(reply('502 Bad Gateway'))
    await expect(connectLedger({ url }).knownQueue('orders').enqueue(1)).rejects.toBeInstanceOf(
      UnknownOutcomeError,
    )
    hole.close()
    const page = await openHole(reply('200 OK'))
    await expect(connectLedger({ url: page }).stats()).rejects.toBeInstanceOf(UnavailableError)
  })

  it('an answer that is cut off is an unknown outcome, and a redirect is refused, not followed', async () => {
    const cut = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"id":"a"'
    const url = await openHole((socket) => socket.end(cut))
    await expect(connectLedger({ url }).knownQueue('orders').enqueue(1)).rejects.toBeInstanceOf(
      UnknownOutcomeError,
    )
    hole.close()
    const elsewhere = `HTTP/1.1 307 Moved\r\nlocation: ${server.url}\r\ncontent-length: 0\r\n\r\n`
    const moved = await openHole((socket) => socket.end(elsewhere))
    await expect(connectLedger({ url: moved }).knownQueue('orders').enqueue(1)).rejects.toMatchObject({
      code: 'unexpected_reply',
    })
  })

  it('goes on over a new one: connections that were closed while idle are not used again', async () => {
    const queue = await remote.queue('orders')
    await queue.enqueue(1)
    await remote.close()
    await queue.enqueue(2)
    expect((await queue.stats()).pending).toBe(2)
  })

  it('that was never made is definite: nothing was sent', async () => {
    const url = await openHole(() => undefined)
    await new Promise((resolve) => hole.close(resolve))
    await expect(connectLedger({ url }).knownQueue('orders').enqueue(1)).rejects.toBeInstanceOf(
      UnavailableError,
    )
  })

  it('under a worker costs no message: it goes on when the server is back', async () => {
    const queue = await remote.queue('orders')
    const worker = queue.process(() => 'done')
    const port = Number(new URL(server.url).port)
    await server.close()
    server = await startServer(ledger, { token: TOKEN, port })
    await (await ledger.queue('orders')).enqueue(1)
    await until(async () => (await (await ledger.queue('orders')).stats()).succeeded === 1)
    await worker.stop()
  })
})
