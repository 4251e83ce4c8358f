// I1: what the client says of a call whose answer never came. A server that hangs up stands for all ways to lose one.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { UnavailableError, UnknownOutcomeError } from '../../src/api/errors.js'
import { transport } from '../../src/client/transport.js'

let server: Server
let asked = 0
const answers: { gateway: boolean } = { gateway: false }
beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      asked++
      if (answers.gateway) response.writeHead(502).end('no luck')
      else request.socket.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const failing = (...[method, path, options]: Parameters<ReturnType<typeof transport>['call']>) =>
  transport({ url: url() })
    .call(method, path, options)
    .catch((error: unknown) => error)

describe.each([false, true])('I1 an answer that is lost (a gateway speaks instead: %s)', (gateway) => {
  it('leaves the outcome of each write unknown, also of one that may be repeated', async () => {
    answers.gateway = gateway
    const before = asked
    const settlements = { body: { settlements: [] } }
    const claim = { body: { claimId: 'c', worker: 'w', max: 1 } }
    expect(await failing('POST', '/api/v1/queues/a/settlements', settlements)).toBeInstanceOf(
      UnknownOutcomeError,
    )
    expect(await failing('POST', '/api/v1/queues/a/claims', claim)).toBeInstanceOf(UnknownOutcomeError)
    expect(await failing('PUT', '/api/v1/queues/a', { body: {} })).toBeInstanceOf(UnknownOutcomeError)
    expect(asked - before).toBe(3)
  })

  it('is a definite failure of what only reads', async () => {
    answers.gateway = gateway
    expect(await failing('GET', '/api/v1/queues/a')).toBeInstanceOf(UnavailableError)
    const preview = { body: { preview: true }, readsOnly: true }
    expect(await failing('POST', '/api/v1/queues/a/messages:rerun', preview)).toBeInstanceOf(UnavailableError)
  })
})

it('I1 a call that found nobody has a definite failure', async () => {
  const nobody = createServer()
  await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve))
  const gone = `http://127.0.0.1:${(nobody.address() as AddressInfo).port}`
  await new Promise((resolve) => nobody.close(resolve))
  const call = transport({ url: gone }).call('POST', '/api/v1/queues/a/messages', { body: {} })
  await expect(call).rejects.toBeInstanceOf(UnavailableError)
})
