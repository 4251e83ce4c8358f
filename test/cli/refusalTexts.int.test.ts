// What the command line says about a refusal names what to type.
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openLedger } from '../../src/api/openLedger.js'
import type { Ledger } from '../../src/api/types/index.js'
import { type Server, startServer } from '../../src/http/server.js'
import { runInProcess } from './inProcess.js'

const TOKEN = 'a-token-of-more-than-128-bits-in-all'
let ledger: Ledger
let server: Server
beforeEach(async () => {
  ledger = await openLedger({ log: { kind: 'memory' } })
  server = await startServer(ledger, { token: TOKEN })
})
afterEach(async () => {
  await server.close()
  await ledger.close()
})

const run = (...args: string[]) => runInProcess(['--url', server.url, ...args], { directory: tmpdir() })

it('E1: without the token, or with another, it names the flag and the variable', async () => {
  for (const flags of [[], ['--token', 'another-token-of-more-than-128-bits']]) {
    const { code, err } = await run(...flags, 'queue', 'list')
    expect(code).toBe(1)
    expect(err).toMatch(/--token or LEDGERQ_TOKEN/)
    expect(err).not.toMatch(/another-token/)
  }
})

it('E1: a group that is none is refused with what a group is', async () => {
  await ledger.queue('orders')
  for (const verb of ['pause', 'resume']) {
    const { code, err } = await run('--token', TOKEN, 'queue', verb, 'orders', '--group', '')
    expect(code).toBe(2)
    expect(err).toMatch(/^--group: accepted is the group that messages were enqueued with, text of 1 to /)
  }
})

it('A1: a queue that exists with other settings is refused with the one that differs', async () => {
  await ledger.createQueue('orders', { leaseMs: 20_000 })
  await expect(ledger.createQueue('orders', { leaseMs: 21_000 })).rejects.toMatchObject({
    code: 'queue_exists',
    message: expect.stringMatching(/exists with other settings: .* another leaseMs; configure changes/),
  })
})
