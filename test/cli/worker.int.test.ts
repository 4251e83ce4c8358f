// ledgerq worker --id, and what the server tells about its last start: with real processes.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Program, run, start, temporaryFolder } from './ledgerq.js'

let folder: ReturnType<typeof temporaryFolder>
let server: Program
let at: { LEDGERQ_URL: string }
beforeEach(async () => {
  folder = temporaryFolder()
  await serve()
})
afterEach(async () => {
  server.process.kill('SIGKILL')
  await server.ended
  folder.remove()
})

const serve = async (): Promise<void> => {
  server = start(['serve', '--port', '0', '--data', join(folder.path, 'data')])
  const [, url = ''] = await server.says(/(http:\/\/[\d.]+:\d+)/)
  at = { LEDGERQ_URL: url }
}

describe('ledgerq worker --id (D12, D7)', () => {
  it('D12: runs the message that is named by its type, tells the outcome, and ends', async () => {
    const handlers = join(folder.path, 'handlers')
    mkdirSync(handlers)
    writeFileSync(
      join(handlers, 'orders.mjs'),
      `export const handlers = {
         paid: ({ payload }) => ({ shipped: payload }),
         bad: () => { throw new Error('no such carrier') },
       }`,
    )
    await run(['queue', 'create', 'orders'], at)
    for (const [id, type] of [
      ['first', 'paid'],
      ['second', 'paid'],
      ['third', 'bad'],
    ] as const)
      await run(['message', 'send', 'orders', '7', '--id', id, '--type', type], at)
    const one = (...more: string[]) => run(['worker', '--handlers', handlers, ...more], at)
    expect(await one('--id', 'second')).toEqual({
      code: 0,
      out: 'orders  second  succeeded  {"shipped":7}\n',
      err: '',
    })
    expect(await one('--id', 'third')).toMatchObject({
      code: 1,
      out: 'orders  third  failed: UNKNOWN: no such carrier\n',
    })
    expect(await one('--id', 'second')).toMatchObject({ code: expect.any(Number), out: '' })
    expect(await one('--id', 'none')).toMatchObject({
      code: 3,
      err: expect.stringContaining('no queue of this folder has such a message'),
    })
    const shown = await run(['--json', 'queue', 'show', 'orders'], at)
    expect(JSON.parse(shown.out).stats).toMatchObject({ succeeded: 1, pending: 1 })
  })
})

describe('ledgerq log recovery (D12)', () => {
  it('D12: says what was replayed after a kill', async () => {
    await run(['queue', 'create', 'orders'], at)
    await run(['message', 'send', 'orders', '1'], at)
    server.process.kill('SIGKILL')
    await server.ended
    await serve()
    const { out } = await run(['--json', 'log', 'recovery'], at)
    expect(JSON.parse(out)).toMatchObject({
      attemptsLost: 0,
      partitions: [{ queue: 'orders', partition: 0, open: true, snapshotUsed: false, eventsReplayed: 3 }],
    })
    const text = await run(['log', 'recovery', '--reopen'], at)
    expect(text).toMatchObject({ code: 0, out: expect.stringMatching(/EVENTS REPLAYED[\s\S]*orders/) })
  })
})
