// F2: every route that reads says the same, whichever node is asked. Two nodes with their servers in one process, on one log and one clock
// that stands still meanwhile, so that their answers are equal to the letter. A route that is new has to say here how it is asked.
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { openLedgerOn } from '../../src/api/openLedger.js'
import type { Ledger } from '../../src/api/types/index.js'
import { PROJECTION_NAMES } from '../../src/api/types/projections.js'
import { ROUTES } from '../../src/http/routes.js'
import { type Server, startServer } from '../../src/http/server.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { VirtualClock } from '../../src/testing/virtualClock.js'

const TIMES = { heartbeatMs: 500, deadAfterMs: 2_000, tenureMs: 600_000 }
const SECRET = 'known to the nodes'
const WITHIN_MS = 120_000

type Node = Readonly<{ name: string; ledger: Ledger; server: Server }>
type Told = Readonly<{ status: number; body: unknown }>

const clock = new VirtualClock()
const log: EventLog = { ...openMemoryLog(), isSparse: true }
let unique = 0
const nodes: Node[] = []
let owner: Node
let other: Node
/** What stands for the parameters of a path. */
const names: Record<string, string> = { queue: 'orders' }

const freePort = async (): Promise<number> => {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

/** What the promise came to, however long that takes on this clock. */
const done = async <A>(promise: Promise<A>, stepMs = 50): Promise<A> => {
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  promise.then(over, over)
  while (!isOver) await clock.advance(stepMs)
  return promise
}

const openNode = async (name: string): Promise<void> => {
  const port = await freePort()
  const opening = openLedgerOn({ ...log, close: () => Promise.resolve() }, memoryFinishedRegister(), {
    node: name,
    clock,
    ids: { unique: () => `u${++unique}`, random: () => 0.5 },
    logging: false,
    cluster: { address: `http://127.0.0.1:${port}`, secret: SECRET, ...TIMES },
  })
  const ledger = await done(opening)
  nodes.push({ name, ledger, server: await startServer(ledger, { port }) })
  await clock.advance(2 * TIMES.heartbeatMs)
}

const ask = (node: Node, path: string, method = 'GET', body?: unknown): Promise<Told> => {
  const sent =
    body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const answer = fetch(`${node.server.url}${path}`, { method, ...sent }).then(async (response) => {
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true
    return { status: response.status, body: isJson ? (JSON.parse(text) as unknown) : text }
  })
  // Time stands still: only what is due anyway happens.
  return done(answer, 0)
}

/** Messages in every state, settings that were changed, an operation. */
const fill = async (): Promise<void> => {
  const orders = await done(owner.ledger.openQueue('orders'))
  const enqueue = async (n: number, more: object = {}): Promise<string> =>
    (await done(orders.enqueue({ n }, more))).id
  names.id = await enqueue(1, { tenant: 't', group: 'g', priority: 'high' })
  const [first] = await done(orders.claim({ worker: 'w' }))
  await done(orders.settle([{ leaseToken: first?.leaseToken ?? '', outcome: 'ack', result: { ok: 1 } }]))
  await enqueue(2)
  const [second] = await done(orders.claim({ worker: 'w' }))
  const failure = { type: 'UNKNOWN', message: 'as asked for' }
  const failed = { leaseToken: second?.leaseToken ?? '', outcome: 'fail' as const, failure, retryable: false }
  await done(orders.settle([failed]))
  await enqueue(3)
  await done(orders.claim({ worker: 'w' }))
  await enqueue(4, { delayMs: 3_600_000 })
  for (let n = 5; n < 10; n++) await enqueue(n, { group: `g${n}` })
  await done(orders.pauseGroup('g9'))
  await done(orders.forceCircuit('mail', 'open'))
  await done(orders.schedule({ name: 'hourly', everyMs: 3_600_000, payload: 'tick' }))
  names.name = 'hourly'
  const begun = await ask(owner, '/api/v1/queues/orders/projections:rebuild', 'POST', {})
  names.operation = (begun.body as { id: string }).id
}

beforeAll(async () => {
  for (const name of ['a', 'b']) await openNode(name)
  const [a, b] = nodes as [Node, Node]
  const created = await done(a.ledger.queue('orders', { partitions: 2 }).catch(() => undefined))
  if (created === undefined) await done(b.ledger.queue('orders', { partitions: 2 }))
  ;[owner, other] = created === undefined ? [b, a] : [a, b]
  // Something of the other's own: what is gathered has to come from both.
  for (
    let n = 0;
    other.ledger.cluster
      ?.report()
      .units.every(({ unit, node }) => node !== other.name || !unit.startsWith('queue')) === true;
    n++
  )
    await done(other.ledger.queue(`bills-${n}`).catch(() => owner.ledger.queue(`bills-${n}`)))
  await fill()
}, WITHIN_MS)
afterAll(async () => {
  for (const { server, ledger } of nodes) {
    await server.close()
    await done(ledger.close())
  }
}, WITHIN_MS)

const QUEUE = '/api/v1/queues/{queue}'
/** How a route is asked beyond its path: each of these. */
const QUERIES: Readonly<Record<string, ReadonlyArray<string>>> = {
  [`${QUEUE}/messages`]: ['', '?limit=2', '?state=pending', '?sort=oldest', '?tenant=t', '?state=nonsense'],
  [`${QUEUE}/messages:count`]: ['', '?state=pending', '?priorityMin=high'],
  [`${QUEUE}/dlq`]: ['', '?limit=1'],
  [`${QUEUE}/messages/{id}/result`]: ['', '?waitMs=5'],
  [`${QUEUE}/schedules/{name}/preview`]: ['', '?count=3', '?count=x'],
  '/api/v1/events': ['', '?limit=3', '?from=4&limit=2'],
}
/** What is each node's own, and is to say so. */
const OF_THE_NODE: ReadonlyArray<string> = ['/api/v1/cluster', '/metrics']

const reading = ROUTES.filter(({ method }) => method === 'GET')

/** With and without what it names. */
const pathsOf = (path: string): ReadonlyArray<string> => {
  const filled = (values: Readonly<Record<string, string>>): string =>
    path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? 'missing'))
  const known = path.includes('/operations/') ? { id: names.operation ?? '' } : names
  const all = path.includes('/projections/')
    ? PROJECTION_NAMES.map((name) => filled({ ...names, name }))
    : [filled(known)]
  const missing = path.includes('{') ? [filled({}), filled({ queue: 'orders' })] : []
  return [...new Set([...all, ...missing])].flatMap((one) =>
    (QUERIES[path] ?? ['']).map((query) => one + query),
  )
}

describe('what is read over any node', () => {
  it.each(reading.filter(({ path }) => !OF_THE_NODE.includes(path)).map(({ path }) => path))(
    'F2: GET %s says the same over the owner and over the others',
    async (path) => {
      let oks = 0
      for (const asked of pathsOf(path)) {
        const own = await ask(owner, asked)
        expect(await ask(other, asked), asked).toEqual(own)
        if (own.status === 200) oks += 1
        expect([200, 400, 404, 409, 422], `${asked} ${JSON.stringify(own.body)}`).toContain(own.status)
      }
      // Nothing is passed on to Kafka here, which is the same everywhere, too.
      expect(oks > 0, 'an answer that is no refusal').toBe(path !== '/api/v1/relay')
    },
    WITHIN_MS,
  )

  it.each(OF_THE_NODE)('F2: GET %s is of the node that is asked', async (path) => {
    const [own, others] = [await ask(owner, path), await ask(other, path)]
    expect([own.status, others.status]).toEqual([200, 200])
    expect(others.body).not.toEqual(own.body)
  })

  it('F2: page after page of a list is the same over nodes in turn', async () => {
    const ids: string[] = []
    let cursor: string | undefined
    let turns = 0
    do {
      const query = `?limit=2${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
      const { body } = await ask(turns++ % 2 === 0 ? owner : other, `/api/v1/queues/orders/messages${query}`)
      const page = body as { messages: ReadonlyArray<{ id: string }>; cursor?: string }
      for (const { id } of page.messages) ids.push(id)
      cursor = page.cursor
    } while (cursor !== undefined)
    const whole = await ask(other, '/api/v1/queues/orders/messages?limit=100')
    expect(ids).toEqual(
      (whole.body as { messages: ReadonlyArray<{ id: string }> }).messages.map(({ id }) => id),
    )
    expect(new Set(ids).size).toBeGreaterThan(5)
  })
})
