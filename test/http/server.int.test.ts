// The server on a real socket: what it refuses to start with, and clients that are slow, broken or too large (R52, R54).
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { openLedger } from '../../src/api/openLedger.js'
import type { Ledger } from '../../src/api/types/index.js'
import { BODY_BYTES_MAX, HEADER_BYTES_MAX } from '../../src/http/limits.js'
import { type Server, startServer } from '../../src/http/server.js'

let ledger: Ledger | undefined
let server: Server | undefined
const open = async (token?: string): Promise<URL> => {
  ledger = await openLedger({ log: { kind: 'memory' } })
  await ledger.queue('orders')
  server = await startServer(ledger, { token })
  return new URL(server.url)
}
afterEach(async () => {
  await server?.close()
  await ledger?.close()
  server = undefined
  ledger = undefined
})

/** Sends bytes as they are and answers all that came back until the other side closed. */
const exchange = (url: URL, ...chunks: ReadonlyArray<string>): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname)
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('close', () => resolve(text))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error)
    })
    for (const chunk of chunks) socket.write(chunk)
  })

describe('the server', () => {
  it('refuses to listen on a network without a token, and says what to do', async () => {
    ledger = await openLedger({ log: { kind: 'memory' } })
    for (const host of ['0.0.0.0', '::', '192.0.2.1', '127.example.com']) {
      await expect(startServer(ledger, { host })).rejects.toThrow(/without a token.*--token or LEDGERQ_TOKEN/)
    }
  })

  it('R52: answers 413 to a chunked body that grows beyond the limit', async () => {
    const url = await open()
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(64 * 1_024).fill(0x20))
      },
    })
    const request = { method: 'POST', body, duplex: 'half', headers: { 'content-type': 'application/json' } }
    const status = await fetch(new URL('/api/v1/queues/orders/messages', url), request as RequestInit).then(
      (response) => response.status,
      // The server closes while the client still sends, and the client may see only that.
      () => 413,
    )
    expect(status).toBe(413)
    expect((await ledger?.stats())?.queues[0]?.enqueued).toBe(0)
  })

  it('R52: answers 413 to a declared length above the limit without reading the body', async () => {
    const url = await open()
    const head = `POST /api/v1/queues/orders/messages HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/json\r\n`
    const text = await exchange(
      url,
      `${head}content-length: ${BODY_BYTES_MAX + 1}\r\nconnection: close\r\n\r\n`,
    )
    expect(text).toMatch(/^HTTP\/1\.1 413 [\s\S]*"code":"body_too_large"/)
  })

  it.each([
    [
      'headers above the limit',
      `GET /livez HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(HEADER_BYTES_MAX)}\r\n\r\n`,
      431,
    ],
    ['what is no HTTP', 'hello\r\n\r\n', 400],
    ['two lengths', 'GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', 400],
  ])('answers %s with a problem document and closes', async (_what, bytes, status) => {
    const url = await open()
    const text = await exchange(url, bytes)
    expect(text).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*application/problem\\+json[\\s\\S]*"status":${status}`),
    )
  })

  it('R54: cuts a client whose headers do not end within 10 s, while others are served', async () => {
    const url = await open()
    const slow = exchange(url, 'GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ')
    expect((await fetch(new URL('/livez', url))).status).toBe(200)
    expect(await slow).toMatch(/^HTTP\/1\.1 408 /)
  }, 20_000)

  it('refuses a path that is not well formed', async () => {
    const url = await open()
    const text = await exchange(
      url,
      `GET /api/v1/queues/%zz HTTP/1.1\r\nhost: ${url.host}\r\nconnection: close\r\n\r\n`,
    )
    expect(text).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"malformed_request"/)
  })

  it('ends long polls and closes when it is told to', async () => {
    const url = await open()
    const poll = fetch(new URL('/api/v1/queues/orders/claims', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ worker: 'w', waitMs: 20_000 }),
    })
    await fetch(new URL('/livez', url))
    const closing = server?.close()
    expect(await (await poll).json()).toEqual({ messages: [] })
    await closing
    await expect(fetch(new URL('/livez', url))).rejects.toThrow()
  })
})
