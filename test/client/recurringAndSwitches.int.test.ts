// Schedules and switches through the client and the command line, against a real server.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLedger } from '../../src/api/openLedger.js'
import type { Ledger } from '../../src/api/types/index.js'
import { connectLedger, type RemoteLedger } from '../../src/client/connectLedger.js'
import { type Server, startServer } from '../../src/http/server.js'
import { run } from '../cli/ledgerq.js'

let ledger: Ledger
let server: Server
let remote: RemoteLedger
beforeEach(async () => {
  ledger = await openLedger({ log: { kind: 'memory' } })
  server = await startServer(ledger, {})
  remote = connectLedger({ url: server.url })
})
afterEach(async () => {
  await remote.close()
  await server.close()
  await ledger.close()
})

describe('B5: the schedules of a remote queue', () => {
  it('are what they are in process', async () => {
    const queue = await remote.queue('orders')
    const startAt = new Date('2099-01-01T00:00:00Z')
    const asked = { name: 'taxes', cron: '0 3 1 1 *', payload: { n: 1 }, headers: { a: 'b' }, startAt }
    const view = await queue.schedule(asked, { who: 'ada' })
    expect(view).toMatchObject({ name: 'taxes', nextTick: '2099-01-01T03:00:00.000Z', headers: { a: 'b' } })
    const here = await ledger.queue('orders')
    expect(JSON.parse(JSON.stringify(await here.schedules()))).toEqual(await queue.schedules())
    expect(await queue.preview('taxes', 2)).toEqual(['2099-01-01T03:00:00.000Z', '2100-01-01T03:00:00.000Z'])
    expect(await queue.preview('taxes')).toEqual(await here.preview('taxes'))
    expect(await queue.pauseSchedule('taxes')).toMatchObject({ paused: true })
    expect(await queue.resumeSchedule('taxes', { who: 'ada', why: 'again' })).toMatchObject({ paused: false })
    await expect(queue.schedule({ ...asked, cron: 'never' })).rejects.toMatchObject({ code: 'invalid' })
    await queue.unschedule('taxes', { who: 'ada' })
    await expect(queue.unschedule('taxes')).rejects.toMatchObject({ code: 'schedule_not_found' })
  })

  it('tick into the queue of the server', async () => {
    const queue = await remote.queue('orders')
    await queue.schedule({ name: 'beat', everyMs: 1_000, payload: 'beat' })
    const [message] = await queue.claim({ worker: 'w', waitMs: 10_000 })
    expect(message).toMatchObject({ payload: 'beat', headers: { 'ledgerq-schedule': 'beat' } })
    expect(message?.id).toMatch(/^beat@\d{8}T\d{6}Z$/)
  })

  it('are set, looked at and removed from the command line', async () => {
    const at = { LEDGERQ_URL: server.url }
    await run(['queue', 'create', 'orders'], at)
    const times = [
      '--cron',
      '0 3 * * *',
      '--time-zone',
      'Europe/Berlin',
      '--start-at',
      '2099-06-01T00:00:00Z',
    ]
    const set = await run(
      ['schedule', 'set', 'orders', 'nightly', '{"kind":"report"}', ...times, '--missed', 'all:3'],
      at,
    )
    expect(set).toEqual({ code: 0, out: 'nightly is set; its next tick is 2099-06-01 01:00:00Z.\n', err: '' })
    const listed = await run(['schedule', 'list', 'orders'], at)
    expect(listed.out).toMatch(/nightly +0 3 \* \* \* \(Europe\/Berlin\) +open +2099-06-01 01:00:00Z/)
    const shown = await run(['--json', 'schedule', 'show', 'orders', 'nightly'], at)
    expect(JSON.parse(shown.out)).toMatchObject({
      payload: { kind: 'report' },
      missed: { kind: 'all', atMost: 3 },
    })
    expect((await run(['schedule', 'show', 'orders', 'nightly'], at)).out).toMatch(
      /if missed +all, at most 3/,
    )
    const preview = await run(['schedule', 'preview', 'orders', 'nightly', '--count', '2'], at)
    expect(preview.out).toBe('2099-06-01 01:00:00Z\n2099-06-02 01:00:00Z\n')
    expect((await run(['schedule', 'pause', 'orders', 'nightly'], at)).out).toBe('nightly is paused.\n')
    expect((await run(['schedule', 'resume', 'orders', 'nightly'], at)).out).toBe('nightly is open.\n')
    expect((await run(['schedule', 'remove', 'orders', 'nightly'], at)).code).toBe(2)
    expect((await run(['schedule', 'remove', 'orders', 'nightly', '--dry-run'], at)).out).toMatch(
      /^Would remove/,
    )
    expect((await run(['schedule', 'remove', 'orders', 'nightly', '--yes'], at)).code).toBe(0)
    expect((await run(['schedule', 'show', 'orders', 'nightly'], at)).code).toBe(3)
    expect((await run(['schedule', 'set', 'orders', 'x', '1', '--cron', 'tomorrow'], at)).err).toMatch(
      /five fields/,
    )
    expect((await run(['schedule', 'set', 'orders', 'x', 'no json', '--cron', '0 3 * * *'], at)).code).toBe(2)
  })
})

describe('B7, C15, C6: the switches of a remote queue', () => {
  it('are what they are in process, and a probe here sets a gate there', async () => {
    const queue = await remote.queue('orders')
    await queue.pauseGroup('customer:42', { who: 'ada' })
    await queue.forceCircuit('eu', 'closed')
    const probe = queue.probeGate('bank', () => false)
    while (await queue.gate('bank').isOpen());
    await probe.stop()
    const here = await ledger.queue('orders')
    expect(await queue.switches()).toEqual(await here.switches())
    expect(await here.switches()).toEqual({
      pausedGroups: ['customer:42'],
      closedGates: ['bank'],
      forcedCircuits: { eu: 'closed' },
    })
    expect(await queue.circuits()).toMatchObject([{ circuit: 'eu', state: 'closed', forced: 'closed' }])
    await queue.resumeGroup('customer:42')
    await queue.gate('bank').resourceAvailable()
    await queue.forceCircuit('eu', 'auto', { who: 'probe' }, { ownOnly: true })
    expect(await here.switches()).toMatchObject({
      pausedGroups: [],
      closedGates: [],
      forcedCircuits: { eu: 'closed' },
    })
    await queue.forceCircuit('eu', 'auto')
    expect(await queue.circuits()).toEqual([])
  })

  it('are set from the command line', async () => {
    const at = { LEDGERQ_URL: server.url }
    const says = async (...args: ReadonlyArray<string>): Promise<string> => (await run(args, at)).out
    await says('queue', 'create', 'orders')
    expect(await says('queue', 'pause', 'orders', '--group', 'a')).toBe('The group a of orders is paused.\n')
    expect(await says('queue', 'resume', 'orders', '--group', 'a')).toBe('The group a of orders is open.\n')
    expect(await says('gate', 'list', 'orders')).toBe('No gate of orders is closed.\n')
    expect(await says('gate', 'close', 'orders', 'bank')).toBe('The gate bank of orders is closed.\n')
    expect(await says('gate', 'list', 'orders')).toBe('bank\n')
    expect(await says('queue', 'show', 'orders')).toMatch(/closed gates +bank/)
    expect(await says('gate', 'open', 'orders', 'bank')).toBe('The gate bank of orders is open.\n')
    expect(await says('circuit', 'list', 'orders')).toBe('All circuits of orders are closed.\n')
    expect(await says('circuit', 'open', 'orders', 'eu')).toMatch(/^The circuit eu of orders is open until/)
    expect(await says('circuit', 'list', 'orders')).toMatch(/eu +open \(forced\)/)
    const listed = JSON.parse(await says('--json', 'circuit', 'list', 'orders')) as unknown
    expect(listed).toMatchObject({ circuits: [{ circuit: 'eu', state: 'open', forced: 'open' }] })
    expect(await says('circuit', 'close', 'orders', 'eu')).toMatch(/is closed until/)
    expect(await says('circuit', 'auto', 'orders', 'eu')).toBe(
      'The circuit eu of orders is left to itself.\n',
    )
    expect((await run(['gate', 'close', 'none', 'bank'], at)).code).toBe(3)
  })
})
