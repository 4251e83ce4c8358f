// A client that knows several nodes: whom it asks next, and that no write is ever sent twice by itself (I1).
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { connectLedger, UnavailableError, UnknownOutcomeError } from '../../src/index.js'

type Answering = Readonly<{ url: string; asked: string[]; server: Server }>

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

/** `cut` = takes the request and closes the connection without an answer. */
const answering = async (how: () => 'ok' | 'unavailable' | 'cut'): Promise<Answering> => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const kind = how()
    if (kind === 'cut') return void request.socket.destroy()
    if (kind === 'unavailable') {
      response.writeHead(503, { 'content-type': 'application/problem+json' })
      return void response.end(JSON.stringify({ code: 'unavailable', detail: 'not now' }))
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ queues: [], id: 'x', position: 1, duplicate: false }))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, server }
}

const NOBODY = 'http://127.0.0.1:1'

describe('a client of several nodes', () => {
  it('F2: asks the next one when nobody listens, and stays with the one that answers', async () => {
    const good = await answering(() => 'ok')
    const ledger = connectLedger({ urls: [NOBODY, good.url] })
    await ledger.queues()
    await ledger.knownQueue('x').enqueue(1)
    expect(good.asked).toEqual(['GET /api/v1/queues', 'POST /api/v1/queues/x/messages'])
    await ledger.close()
  })

  it('F2: takes addresses with commas between them', async () => {
    const good = await answering(() => 'ok')
    const ledger = connectLedger({ url: `${NOBODY}, ${good.url}` })
    expect(await ledger.queues()).toEqual([])
    await ledger.close()
  })

  it('F2: asks the next one when a node takes no calls now, and says so when none does', async () => {
    const full = await answering(() => 'unavailable')
    const good = await answering(() => 'ok')
    const ledger = connectLedger({ urls: [full.url, good.url] })
    await ledger.knownQueue('x').enqueue(1)
    expect([full.asked.length, good.asked.length]).toEqual([1, 1])
    const nobody = connectLedger({ urls: [full.url, full.url] })
    await expect(nobody.knownQueue('x').enqueue(1)).rejects.toBeInstanceOf(UnavailableError)
    expect(full.asked.length).toBe(3)
    for (const one of [ledger, nobody]) await one.close()
  })

  it('I1: does not send a write again whose answer is lost, but the next call goes to another node', async () => {
    const cut = await answering(() => 'cut')
    const good = await answering(() => 'ok')
    const ledger = connectLedger({ urls: [cut.url, good.url] })
    await expect(ledger.knownQueue('x').enqueue(1)).rejects.toBeInstanceOf(UnknownOutcomeError)
    expect([cut.asked.length, good.asked.length]).toEqual([1, 0])
    await ledger.knownQueue('x').enqueue(1)
    expect([cut.asked.length, good.asked.length]).toEqual([1, 1])
    await ledger.close()
  })

  it('F2: sends a read again whose answer is lost', async () => {
    const cut = await answering(() => 'cut')
    const good = await answering(() => 'ok')
    const ledger = connectLedger({ urls: [cut.url, good.url] })
    expect(await ledger.queues()).toEqual([])
    expect([cut.asked.length, good.asked.length]).toEqual([1, 1])
    await ledger.close()
  })

  it('refuses what is no address, each of them', () => {
    expect(() => connectLedger({ urls: ['http://a', 'b'] })).toThrow(RangeError)
    expect(() => connectLedger({})).toThrow(RangeError)
    expect(() => connectLedger({ urls: [] })).toThrow(RangeError)
  })
})
