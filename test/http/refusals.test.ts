// What the door turns down, with which status and code, and that a reply never says more than it should (R52, R53).
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RefusedError, UnavailableError, UnknownOutcomeError } from '../../src/api/errors.js'
import { BATCH_BODY_BYTES_MAX, BODY_BYTES_MAX } from '../../src/http/limits.js'
import { ROUTES } from '../../src/http/routes.js'
import { fakeLedger } from './fakeLedger.js'
import { type Hall, openHall } from './hall.js'

const MESSAGES = '/api/v1/queues/orders/messages'
const pathOf = (path: string): string => path.replace('{queue}', 'orders').replace('{id}', 'orders.0.1')

let hall: Hall
const open = async (options: Parameters<typeof openHall>[0] = {}): Promise<void> => {
  hall = await openHall(options)
}
afterEach(() => hall.close())

describe('access', () => {
  const TOKEN = 'a-token-of-more-than-128-bits-in-all'
  const guarded = ROUTES.filter((route) => route.open !== true)

  it('guards every route but the two probes', () => {
    expect(ROUTES.filter((route) => route.open === true).map(({ path }) => path)).toEqual([
      '/livez',
      '/readyz',
    ])
    expect(guarded.length).toBeGreaterThan(15)
    return open()
  })

  it.each(guarded.map(({ method, path }) => [method, path] as const))(
    'answers 401 to %s %s with a missing, wrong, shortened or misplaced token',
    async (method, path) => {
      await open({ token: TOKEN })
      const tries: ReadonlyArray<Readonly<Record<string, string>>> = [
        {},
        { authorization: 'Bearer wrong' },
        { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
        { authorization: `Bearer ${TOKEN}x` },
        { authorization: 'Bearer ' },
        { authorization: TOKEN },
        { authorization: `Basic ${TOKEN}` },
      ]
      for (const headers of tries) {
        const reply = await hall.ask(method, `${pathOf(path)}?token=${TOKEN}`, undefined, headers)
        expect(reply).toMatchObject({
          status: 401,
          json: { code: 'unauthorized', type: 'urn:ledgerq:unauthorized' },
        })
        expect(reply.headers['www-authenticate']).toContain('Bearer')
      }
      const right = await hall.ask(method, pathOf(path), undefined, { authorization: `Bearer ${TOKEN}` })
      expect(right.status).not.toBe(401)
    },
  )

  it('tells a stranger not even which routes there are, and lets the probes through', async () => {
    await open({ token: TOKEN })
    expect((await hall.ask('GET', '/nothing')).status).toBe(401)
    expect((await hall.ask('GET', '/livez')).status).toBe(200)
    expect((await hall.ask('GET', '/readyz')).status).toBe(200)
  })

  it('serves only this machine without a token: no foreign host name, no page of another origin', async () => {
    await open()
    expect(await hall.ask('GET', '/api/v1/queues', undefined, { host: 'evil.example' })).toMatchObject({
      status: 403,
      json: { code: 'host_refused' },
    })
    expect(
      await hall.ask('GET', '/api/v1/queues', undefined, { origin: 'http://evil.example' }),
    ).toMatchObject({
      status: 403,
      json: { code: 'origin_refused' },
    })
    const own = { host: 'localhost:7654', origin: 'http://localhost:7654' }
    expect((await hall.ask('GET', '/api/v1/queues', undefined, own)).status).toBe(200)
  })
})

describe('requests that are not understood', () => {
  beforeEach(async () => {
    await open()
    await hall.ask('PUT', '/api/v1/queues/orders', {})
  })

  it('refuses unknown fields with their name and what is accepted', async () => {
    const { status, json, headers } = await hall.ask('POST', MESSAGES, { payload: 1, prioritty: 'high' })
    expect(status).toBe(400)
    expect(headers['content-type']).toContain('application/problem+json')
    expect(json).toMatchObject({ code: 'invalid_request', status: 400, type: 'urn:ledgerq:invalid_request' })
    expect((json as { faults: unknown }).faults).toEqual([
      {
        path: '/prioritty',
        problem: expect.stringMatching(/^unknown field; accepted are payload, id, type/),
      },
    ])
  })

  it.each([
    ['a missing payload', MESSAGES, {}, '/payload'],
    ['a priority that is none', MESSAGES, { payload: 1, priority: 'hihg' }, '/priority'],
    ['a header that is no text', MESSAGES, { payload: 1, headers: { a: 1 } }, '/headers'],
    ['a retry policy of an unknown kind', MESSAGES, { payload: 1, retry: { kind: 'often' } }, '/retry'],
    [
      'an item of a batch',
      `${MESSAGES}:batch`,
      { messages: [{ payload: 1 }, { payload: 1, delayMs: -1 }] },
      '/messages/1/delayMs',
    ],
    ['an empty batch', `${MESSAGES}:batch`, { messages: [] }, '/messages'],
    ['a claim without a worker', '/api/v1/queues/orders/claims', { max: 1 }, '/worker'],
    ['a wait that is too long', '/api/v1/queues/orders/claims', { worker: 'w', waitMs: 60_000 }, '/waitMs'],
    [
      'an outcome that is none',
      '/api/v1/queues/orders/settlements',
      { settlements: [{ leaseToken: 'x', outcome: 'nack' }] },
      '/settlements/0/outcome',
    ],
    [
      'a field of another outcome',
      '/api/v1/queues/orders/settlements',
      { settlements: [{ leaseToken: 'x', outcome: 'ack', delayMs: 1 }] },
      '/settlements/0/delayMs',
    ],
  ])('names the place of %s', async (_what, path, body, place) => {
    const { status, json } = await hall.ask('POST', path, body)
    expect({ status, path: (json as { faults: ReadonlyArray<{ path: string }> }).faults[0]?.path }).toEqual({
      status: 400,
      path: place,
    })
  })

  it.each([
    ['state=waiting', '/state'],
    ['limit=0', '/limit'],
    ['limit=ten', '/limit'],
    ['stat=pending', '/stat'],
  ])('names the place in the query %s', async (query, place) => {
    const { status, json } = await hall.ask('GET', `${MESSAGES}?${query}`)
    expect({ status, path: (json as { faults: ReadonlyArray<{ path: string }> }).faults[0]?.path }).toEqual({
      status: 400,
      path: place,
    })
  })

  it.each([
    ['GET', '/api/v1/queues/none', 'queue_not_found'],
    ['GET', '/api/v1/queues/orders/messages/orders.0.zz', 'message_not_found'],
    ['GET', '/api/v1/queues/orders/messages/orders.0.zz/history', 'message_not_found'],
    ['GET', '/api/v1/messages/orders.0.zz/history', 'message_not_found'],
    ['POST', '/api/v1/queues/orders:drain', 'route_not_found'],
    ['PUT', '/api/v1/stats', 'route_not_found'],
  ] as const)('answers 404 to %s %s with the code %s', async (method, path, code) => {
    expect(await hall.ask(method, path)).toMatchObject({ status: 404, json: { code } })
  })

  it('answers 422 to what the queue refuses and 415 to what is not JSON', async () => {
    expect(await hall.ask('PUT', '/api/v1/queues/q', { leaseMs: 1 })).toMatchObject({ status: 422 })
    expect(await hall.ask('POST', MESSAGES, { payload: 1, priority: 5_000 })).toMatchObject({ status: 422 })
    expect(
      await hall.ask('POST', MESSAGES, 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }),
    ).toMatchObject({
      status: 415,
      json: { code: 'unsupported_media_type' },
    })
  })

  it('answers 429 with Retry-After when the queue is full', async () => {
    await hall.ask('PUT', '/api/v1/queues/orders', { maxSize: 1 })
    await hall.ask('POST', MESSAGES, { payload: 1 })
    const { status, json, headers } = await hall.ask('POST', MESSAGES, { payload: 2 })
    expect({ status, json, retryAfter: headers['retry-after'] }).toMatchObject({
      status: 429,
      json: { code: 'queue_full', details: { maxSize: 1 } },
      retryAfter: '1',
    })
  })
})

describe('bodies', () => {
  beforeEach(async () => {
    await open()
    await hall.ask('PUT', '/api/v1/queues/orders', {})
  })

  it.each([
    [MESSAGES, BODY_BYTES_MAX],
    [`${MESSAGES}:batch`, BATCH_BODY_BYTES_MAX],
  ])('R52: answers 413 to %s above %d bytes', async (path, bytesMax) => {
    const reply = await hall.ask('POST', path, `"${'x'.repeat(bytesMax)}"`)
    expect(reply).toMatchObject({ status: 413, json: { code: 'body_too_large' } })
  })

  it('R52: refuses a compressed body, so that nothing unfolds', async () => {
    const reply = await hall.ask('POST', MESSAGES, '{"payload":1}', { 'content-encoding': 'gzip' })
    expect(reply).toMatchObject({ status: 415, json: { code: 'unsupported_encoding' } })
  })

  it('R52: refuses a payload above its own limit with 422', async () => {
    expect(await hall.ask('POST', MESSAGES, { payload: 'x'.repeat(300_000) })).toMatchObject({ status: 422 })
  })

  it.each([
    ['depth 100,000', `{"payload":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 422],
    ['100,000 keys', `{"payload":{${Array.from({ length: 100_000 }, (_, n) => `"${n}":0`).join()}}}`, 422],
    ['__proto__', '{"payload":{"__proto__":{"polluted":1}}}', 422],
    ['__proto__ beside the payload', '{"payload":1,"__proto__":{"polluted":1}}', 422],
    ['constructor.prototype', '{"payload":{"constructor":{"prototype":{"polluted":1}}}}', 422],
    ['half a surrogate pair', '{"payload":"\\ud800"}', 422],
    ['a byte order mark', '\ufeff{"payload":1}', 400],
    ['2^53+1', '{"payload":9007199254740993}', 422],
    ['1e400', '{"payload":1e400}', 422],
    ['-0', '{"payload":-0}', 422],
    ['duplicate keys', '{"payload":{"a":1,"a":2}}', 422],
    ['two payloads', '{"payload":1,"payload":2}', 422],
    ['no JSON', '{"payload":', 400],
  ])('R53: refuses %s and enqueues nothing', async (_what, body, status) => {
    expect(await hall.ask('POST', MESSAGES, body)).toMatchObject({ status })
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect(await hall.ask('GET', '/api/v1/queues/orders')).toMatchObject({ json: { stats: { enqueued: 0 } } })
  })

  it('R53: keeps NUL, separators, direction marks and escapes as they are', async () => {
    const payload = { 'a\u0000b': '\u0000\u2028\u202e"\\\n', '': [[], {}, ''] }
    const { json } = await hall.ask('POST', MESSAGES, { payload })
    const { json: view } = await hall.ask('GET', `${MESSAGES}/${(json as { id: string }).id}`)
    expect((view as { payload: unknown }).payload).toEqual(payload)
  })
})

describe('failures behind the door', () => {
  const SECRET = '/var/lib/ledgerq/segments/1 at db.internal:1113'
  it.each([
    ['unavailable', new UnavailableError(SECRET), 503],
    ['unknown_outcome', new UnknownOutcomeError(SECRET), 504],
    ['internal', new Error(SECRET), 500],
    ['overloaded', new RefusedError('overloaded', 'too much'), 429],
  ])('answers %s without a path, a host or a stack', async (code, error, status) => {
    await open({ ledger: fakeLedger({ enqueue: () => Promise.reject(error) }) })
    const reply = await hall.ask('POST', MESSAGES, { payload: 1 })
    expect(reply).toMatchObject({ status, json: { code, type: `urn:ledgerq:${code}` } })
    expect(reply.text).not.toMatch(/segments|internal:1113|\.[jt]s\b|\bat \S+ \(|var.lib/)
    expect(hall.errors).toHaveLength(status >= 500 ? 1 : 0)
  })

  it('keeps the reason why the log has stopped out of the figures', async () => {
    const log = { kind: 'embedded', state: 'stopped', position: 1, bytes: 1, syncs: 1, discardedTailBytes: 0 }
    const stats = async () => ({ queues: [], log: { ...log, reason: SECRET } })
    await open({ ledger: { ...fakeLedger({}), stats } })
    const { text, json } = await hall.ask('GET', '/api/v1/stats')
    expect(text).not.toContain('segments')
    expect(json).toMatchObject({ log: { state: 'stopped', reason: 'see the log of the server' } })
  })

  it('keeps the texts of faults out of the results of a batch', async () => {
    const failed = { error: { code: 'unavailable', message: SECRET, unknown: false } }
    await open({ ledger: fakeLedger({ enqueueBatch: () => Promise.resolve([failed]) }) })
    const reply = await hall.ask('POST', `${MESSAGES}:batch`, { messages: [{ payload: 1 }] })
    expect(reply.text).not.toContain('segments')
    expect(reply).toMatchObject({
      status: 200,
      json: { results: [{ error: { code: 'unavailable', unknown: false } }] },
    })
  })
})
