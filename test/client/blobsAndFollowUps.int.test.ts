// Large payloads, follow-ups and callbacks by name over HTTP: the same as in process.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLedger } from '../../src/api/openLedger.js'
import type { Ledger, SettlementRequest } from '../../src/api/types/index.js'
import { connectLedger, type RemoteLedger } from '../../src/client/connectLedger.js'
import { type Server, startServer } from '../../src/http/server.js'
import { complete } from '../../src/worker/attempt.js'

let directory: string
let ledger: Ledger
let server: Server
let remote: RemoteLedger

const start = async (blobs: 'none' | 'files'): Promise<void> => {
  ledger = await openLedger({ log: { kind: 'embedded', path: directory }, blobs, blobBytesMax: 8_388_608 })
  server = await startServer(ledger)
  remote = connectLedger({ url: server.url })
}
const stop = async (): Promise<void> => {
  await remote.close()
  await server.close()
  await ledger.close()
}
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ledgerq-http-blobs-'))
  await start('files')
})
afterEach(async () => {
  await stop()
  rmSync(directory, { recursive: true, force: true })
})

const LARGE = {
  rows: Array.from({ length: 40_000 }, (_, n) => ({ n, text: `zażółć ${n} gęślą jaźń`.repeat(3) })),
}

/** Resolves with the first value it was given. */
const one = <A>() => {
  let give: (value: A) => void = () => undefined
  const given = new Promise<A>((resolve) => {
    give = resolve
  })
  return { give, given }
}

describe('A12: large payloads over HTTP', () => {
  it('A12: a payload of megabytes goes through the server into a file, and comes back whole to a claim and to a worker', async () => {
    const queue = await remote.queue<typeof LARGE>('reports')
    const { id } = await queue.enqueue(LARGE)
    const [event] = await queue.history(id)
    const { attributes } = (event ?? { data: {} }).data as {
      attributes: { blob: { location: string; bytes: number } }
    }
    expect(attributes.blob.bytes).toBeGreaterThan(3_000_000)
    expect(existsSync(join(directory, 'blobs', attributes.blob.location))).toBe(true)
    expect(await queue.message(id)).toMatchObject({ payload: null, blob: attributes.blob })
    const [claimed] = await queue.claim({ worker: 'w' })
    expect(claimed?.payload).toEqual(LARGE)
    await queue.settle([{ leaseToken: claimed?.leaseToken ?? '', outcome: 'release' }])
    const seen = one<unknown>()
    const worker = queue.process(({ payload }) => seen.give(payload))
    expect(await seen.given).toEqual(LARGE)
    await worker.stop()
  })

  it('A12: a payload above the limit is refused, by the ledger or by the size of the body', async () => {
    const queue = await remote.queue('reports')
    await expect(queue.enqueue('x'.repeat(8_388_607))).rejects.toMatchObject({ code: 'invalid' })
    await expect(queue.enqueue('x'.repeat(9_000_000))).rejects.toMatchObject({ code: 'body_too_large' })
  })

  it('A12: opened without blobs, what is there is still read, and nothing new goes in', async () => {
    await (await remote.queue('reports')).enqueue(LARGE)
    await stop()
    await start('none')
    const queue = await remote.queue('reports')
    const [claimed] = await queue.claim({ worker: 'w' })
    expect(claimed?.payload).toEqual(LARGE)
    await expect(queue.enqueue('x'.repeat(300_000))).rejects.toMatchObject({ code: 'invalid' })
  })

  it('A12: the collection over HTTP counts and removes, and leaves what is named', async () => {
    await (await remote.queue('reports')).enqueue(LARGE)
    expect(await remote.collectBlobs({ dryRun: true })).toEqual({
      examined: 0,
      named: 0,
      removed: 0,
      removedBytes: 0,
      dryRun: true,
    })
    await expect(remote.collectBlobs({ graceMs: 1 })).rejects.toThrow(/graceMs: accepted/)
    expect(readdirSync(join(directory, 'blobs')).length).toBeGreaterThan(1)
  })
})

describe('C9: follow-ups over HTTP', () => {
  it('C9: a settlement carries them, and so does complete() in a remote worker', async () => {
    const orders = await remote.queue('orders')
    const mails = await remote.queue('mails')
    await orders.enqueueBatch([{ payload: 1 }, { payload: 2 }])
    const [claimed] = await orders.claim({ worker: 'w' })
    const followUps = [{ queue: 'mails', payload: 'one', type: 'welcome' }]
    const settlement: SettlementRequest = {
      leaseToken: claimed?.leaseToken ?? '',
      outcome: 'ack',
      followUps,
    }
    expect(await orders.settle([settlement])).toMatchObject([{ ok: true }])
    const [first] = await mails.claim({ worker: 'w', waitMs: 10_000 })
    expect(first).toMatchObject({ payload: 'one', type: 'welcome' })
    const worker = orders.process(({ payload }) => {
      return complete('done', { followUps: [{ queue: 'mails', payload: { of: payload } }] })
    })
    const [second] = await mails.claim({ worker: 'w', waitMs: 10_000 })
    expect(second?.payload).toEqual({ of: 2 })
    await worker.stop()
    const strange = { ...settlement, outcome: 'ack' as const, extra: 1 }
    await expect(orders.settle([strange as never])).rejects.toThrow(/extra/)
  })

  it('C9: callbacks by name run in the process of the client that registered them', async () => {
    const called = one<unknown>()
    await remote.callbacks.register('paid', (call) => called.give(call))
    const orders = await remote.queue('orders')
    const { id } = await orders.enqueue(1, { onSuccess: { callback: 'paid' } })
    const worker = orders.process(() => ({ total: 7 }))
    expect(await called.given).toEqual({ operationId: id, queue: 'orders', result: { total: 7 } })
    await worker.stop()
  })

  it('C9: functions cannot be sent, and that is said', async () => {
    const orders = await remote.queue('orders')
    await expect(orders.enqueue(1, { onSuccess: () => undefined })).rejects.toThrow(
      /a function cannot be sent/,
    )
    await expect(orders.whenSettled('orders.0.1', () => undefined)).rejects.toMatchObject({
      code: 'not_over_http',
    })
  })
})
