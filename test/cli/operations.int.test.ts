// Filters and operations over many messages as an operator types them (A8, C3), against a server on a socket.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLedger } from '../../src/api/openLedger.js'
import type { Ledger, Queue } from '../../src/api/types/index.js'
import { startServer } from '../../src/http/server.js'
import { runInProcess, type Spoken } from './inProcess.js'

let ledger: Ledger
let queue: Queue<unknown>
let url: string
let close: () => Promise<void>

beforeEach(async () => {
  ledger = await openLedger({ log: { kind: 'memory' } })
  queue = await ledger.queue('orders', { circuit: null })
  for (let n = 0; n < 6; n++) {
    await queue.enqueue(
      { n },
      { zone: n % 2 === 0 ? 'eu' : 'us', type: n < 4 ? 'mail' : 'invoice', priority: n - 2 },
    )
  }
  const server = await startServer(ledger, { token: undefined })
  url = server.url
  close = async () => {
    await server.close()
    await ledger.close()
  }
})
afterEach(() => close())

const run = (...args: string[]): Promise<Spoken> =>
  runInProcess(args, { environment: { LEDGERQ_URL: url }, directory: '/nowhere' })
const json = async (...args: string[]): Promise<unknown> => {
  const { code, out, err } = await run('--json', ...args)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return JSON.parse(out)
}
/** The messages that match die, and no others. */
const kill = async (failureType: string, count: number): Promise<void> => {
  const claimed = await queue.claim({ worker: 'w', max: count })
  await queue.settle(
    claimed.map(({ leaseToken }) => {
      const failure = { type: failureType, message: 'no' }
      return { leaseToken, outcome: 'fail', failure, retryable: false } as const
    }),
  )
}

describe('lists and counts', () => {
  it('A8: take a filter and an order as flags', async () => {
    const list = await json(
      'message',
      'list',
      'orders',
      '--zone',
      'eu',
      '--priority-min',
      '0',
      '--sort',
      'priority',
    )
    expect(
      (list as { messages: ReadonlyArray<{ payload: unknown }> }).messages.map(({ payload }) => payload),
    ).toEqual([{ n: 4 }, { n: 2 }])
    const text = await run('message', 'list', 'orders', '--type', 'invoice', '--state', 'pending,scheduled')
    expect(text.out.split('\n')).toHaveLength(3)
    expect(await json('message', 'count', 'orders', '--type', 'mail')).toMatchObject({ pending: 4, total: 4 })
    expect((await run('message', 'count', 'orders')).out).toMatch(/pending +6/)
  })

  it.each([
    [['message', 'list', 'orders', '--state', 'waiting'], /--state: accepted is one of scheduled/],
    [['message', 'list', 'orders', '--priority-min', 'urgent'], /--priority-min: accepted are high/],
    [['message', 'list', 'orders', '--enqueued-from', 'soon'], /enqueuedFrom: accepted are/],
    [
      ['dlq', 'redrive', 'orders', '--rate-per-second', '0'],
      /--rate-per-second: accepted is a number above 0/,
    ],
    [['dlq', 'redrive', 'orders', 'orders.0.1', '--zone', 'eu'], /ids or a filter, not both/],
    [['dlq', 'discard', 'orders', '--yes'], /ids, a filter, or --all/],
  ])('A8, C3: %j says what is accepted', async (args, sentence) => {
    const { code, err } = await run(...args)
    expect(code).not.toBe(0)
    expect(err).toMatch(sentence)
  })
})

describe('queue clear', () => {
  it('A8: only counts with --dry-run, refuses without --yes and says what it would do, and then does it', async () => {
    const flags = ['queue', 'clear', 'orders', '--zone', 'eu', '--priority-max', '1']
    expect(await json(...flags, '--dry-run')).toEqual({ purged: 2, running: 0, dryRun: true })
    const refused = await run(...flags)
    expect(refused).toMatchObject({
      code: 2,
      err: expect.stringMatching(/would purge 2 waiting messages of orders \(--zone eu --priority-max 1\)/),
    })
    expect((await queue.stats()).pending).toBe(6)
    expect((await run(...flags, '--yes')).out).toBe('2 messages purged.')
    const [purged] = (await queue.list({ state: 'purged' })).messages
    expect((await queue.history(purged?.id ?? '')).at(-1)?.data).toMatchObject({
      cause: 'operator',
      by: { who: 'tester', why: 'ledgerq queue clear' },
    })
  })

  it('A8: leaves what runs, and says so', async () => {
    await queue.claim({ worker: 'w', max: 2 })
    expect((await run('queue', 'clear', 'orders', '--yes')).out).toBe(
      '4 messages purged; 2 in work are left alone.',
    )
  })
})

describe('dead letters', () => {
  it('C3: are listed, redriven and dropped by filter', async () => {
    await kill('SYSTEM', 2)
    await kill('BUSINESS', 3)
    const system = await json('dlq', 'list', 'orders', '--kind', 'system')
    expect((system as { messages: unknown[] }).messages).toHaveLength(2)
    expect((await run('dlq', 'list', 'orders', '--failure-type', 'TIMEOUT')).out).toMatch(
      /has no such dead letters/,
    )
    const redrive = [
      'dlq',
      'redrive',
      'orders',
      '--kind',
      'business',
      '--limit',
      '2',
      '--rate-per-second',
      '1000',
    ]
    expect(await json(...redrive, '--dry-run')).toMatchObject({ redriven: 2, dryRun: true })
    expect(await json(...redrive, '--yes')).toMatchObject({ redriven: 2, refused: 0 })
    const discard = ['dlq', 'discard', 'orders', '--kind', 'system']
    expect((await run(...discard)).err).toMatch(
      /would drop 2 dead letters of orders for good \(--kind system\)/,
    )
    expect((await run(...discard, '--yes')).out).toBe('2 dead letters dropped; history stays.')
    expect((await run('dlq', 'discard', 'orders', '--all', '--yes')).out).toMatch(/^1 dead letter dropped/)
    expect(await queue.stats()).toMatchObject({ dead: 0, pending: 3 })
  })
})

describe('what makes a duplicate', () => {
  it('A6: is a setting of the queue', async () => {
    expect((await run('queue', 'create', 'mails', '--dedup', 'content')).code).toBe(0)
    expect(await json('message', 'send', 'mails', '{"to":"ann","n":1}')).toMatchObject({ duplicate: false })
    expect(await json('message', 'send', 'mails', '{"n":1,"to":"ann"}')).toMatchObject({ duplicate: true })
    expect((await run('queue', 'show', 'mails')).out).toMatch(/duplicates by +content/)
    expect((await run('queue', 'create', 'mails', '--dedup', 'guess')).err).toMatch(
      /--dedup: accepted is one of key/,
    )
  })
})

describe('message rerun', () => {
  const ackAll = async (): Promise<void> => {
    const claimed = await queue.claim({ worker: 'w', max: 10 })
    await queue.settle(claimed.map(({ leaseToken }) => ({ leaseToken, outcome: 'ack' }) as const))
  }

  it('C16: only counts with --dry-run, asks for --yes, and can be repeated under its name', async () => {
    await ackAll()
    const flags = ['message', 'rerun', 'orders', '--type', 'mail', '--operation', 'fix-42']
    expect(await json(...flags, '--dry-run')).toMatchObject({ rerun: 4, dryRun: true, operation: 'fix-42' })
    expect(await run(...flags)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/would run 4 messages of orders again \(--type mail\)/),
    })
    expect((await run(...flags, '--yes')).out).toMatch(/^4 messages run again\.\nOperation fix-42: /)
    expect(await json(...flags, '--yes')).toMatchObject({ rerun: 0, repeated: 4 })
    const { messages } = await queue.list({ state: 'pending' })
    expect(messages.map(({ rerunOf }) => rerunOf).sort()).toEqual([
      'orders.0.1',
      'orders.0.2',
      'orders.0.3',
      'orders.0.4',
    ])
  })

  it('C16: by id, and what has not finished is refused', async () => {
    const some = await queue.claim({ worker: 'w', max: 1 })
    await queue.settle(some.map(({ leaseToken }) => ({ leaseToken, outcome: 'ack' }) as const))
    const [done = '', waiting = ''] = [some[0]?.id, (await queue.list({ state: 'pending' })).messages[0]?.id]
    expect(await run('message', 'rerun', 'orders', done, waiting, '--yes')).toMatchObject({
      code: 4,
      out: expect.stringMatching(/^1 message runs again, 1 refused\./),
    })
  })
})
