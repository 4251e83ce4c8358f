// A whole ledger on EventStoreDB: an emulator in a process of its own, faults planted from outside, and every message accounted for.
import { afterEach, describe, expect, it } from 'vitest'
import { openLedger, quickLedger, UnavailableError, UnknownOutcomeError } from '../../../src/index.js'
import { type EmulatorProcess, startEmulatorProcess } from '../../support/eventstoredb/emulatorProcess.js'

const open: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const start = async (): Promise<EmulatorProcess> => {
  const emulator = await startEmulatorProcess()
  open.push(emulator.stop)
  return emulator
}

const ledgerOn = async (
  { connectionString }: EmulatorProcess,
  more: Partial<Parameters<typeof openLedger>[0]> = {},
): Promise<Awaited<ReturnType<typeof openLedger>>> => {
  const ledger = await openLedger({ log: { kind: 'eventstoredb', connectionString }, ...more })
  open.push(() => ledger.close())
  return ledger
}

describe('F1: a ledger on EventStoreDB', () => {
  it('F1: keeps its messages over a restart, with their history, and hands each out once', async () => {
    const emulator = await start()
    const first = await ledgerOn(emulator)
    const orders = await first.queue('orders')
    const results = await orders.enqueueBatch(
      Array.from({ length: 300 }, (_, n) => ({ payload: { n, text: 'ż漢🎉' } })),
    )
    const ids = results.map((result) => ('id' in result ? result.id : ''))
    expect(new Set(ids).size).toBe(300)
    await first.close()

    const second = await ledgerOn(emulator)
    const again = await second.queue<{ n: number; text: string }>('orders')
    const seen: number[] = []
    const worker = again.process(async ({ payload }) => void seen.push(payload.n), { concurrency: 20 })
    for (const id of ids) await again.result(id, { waitMs: 30_000 })
    await worker.stop()
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, n) => n))
    const history = await second.history(ids[0] ?? '')
    expect(history.map(({ type }) => type)).toEqual(['MessageEnqueued', 'AttemptStarted', 'AttemptSucceeded'])
    const positions = history.map(({ position }) => position)
    expect(positions).toEqual([...positions].sort((a, b) => a - b))
  })

  it('F1: quickLedger takes the address, and the state of the ledger is that of its log', async () => {
    const emulator = await start()
    const ledger = await quickLedger(emulator.connectionString)
    open.push(() => ledger.close())
    const { id } = await (await ledger.queue('mail')).enqueue({ to: 'a' })
    expect((await ledger.stats()).log).toMatchObject({ kind: 'eventstoredb', state: 'open' })
    const events = await ledger.events({ limit: 100 })
    expect(events.events.some((event) => event.id === id)).toBe(true)
    expect(events.atEnd).toBe(true)
    expect((await ledger.events({ from: events.next })).events).toEqual([])
  })

  it('F1: pages of events go on inside of a batch, whatever the limit', async () => {
    const emulator = await start()
    const ledger = await ledgerOn(emulator)
    const mail = await ledger.queue('mail')
    await mail.enqueueBatch(Array.from({ length: 25 }, (_, n) => ({ payload: n })))
    const all = (await ledger.events({ limit: 500 })).events.map(({ position }) => position)
    const paged: number[] = []
    for (let from = 0; ; ) {
      const page = await ledger.events({ from, limit: 4 })
      paged.push(...page.events.map(({ position }) => position))
      from = page.next
      if (page.atEnd) break
    }
    expect(paged).toEqual(all)
    expect(new Set(all).size).toBe(all.length)
  })

  it('F1, R42: a call that no append could hold is refused at the door, and its neighbours are not', async () => {
    const ledger = await ledgerOn(await start())
    const orders = await ledger.queue('orders')
    const items = Array.from({ length: 2_000 }, (_, n) => ({ payload: { n, text: 'x'.repeat(200) } }))
    const [refused, kept] = await Promise.allSettled([orders.enqueueBatch(items), orders.enqueue({ n: 1 })])
    expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'batch_too_large' } })
    expect(kept.status).toBe('fulfilled')
  })
})

/** An unknown outcome may be asked again with the same id: at most one message comes of it. */
const accept = async (enqueue: () => Promise<{ id: string }>): Promise<string> => {
  for (;;) {
    try {
      return (await enqueue()).id
    } catch (error) {
      if (!(error instanceof UnavailableError) && !(error instanceof UnknownOutcomeError)) throw error
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

describe('R34: a ledger while its server misbehaves', () => {
  it('R34, R36: nothing acknowledged is lost and nothing runs twice at once, with replies lost, silence and cut connections', async () => {
    const emulator = await start()
    const ledger = await ledgerOn(emulator, {
      logGuard: { appendTimeoutMs: 2_000, circuit: { openMs: 50 } },
    })
    const orders = await ledger.queue<{ n: number }>('orders')
    for (const kind of ['loseReply', 'refuse', 'timeout', 'silentCommit', 'forgotten'] as const)
      await emulator.plant({ on: 'append', do: kind, stream: 'ledgerq.partition-', after: 3, times: 2 })
    const running = new Set<string>()
    let twice = 0
    const worker = orders.process(
      async ({ id }) => {
        if (running.has(id)) twice++
        running.add(id)
        await new Promise((resolve) => setImmediate(resolve))
        running.delete(id)
      },
      { concurrency: 10 },
    )
    const accepted: string[] = []
    for (let n = 0; n < 60; n++) {
      if (n === 30) await emulator.command('cut')
      accepted.push(await accept(() => orders.enqueue({ n }, { id: `order-${n}` })))
    }
    await emulator.heal()
    for (const id of accepted)
      expect(await orders.result(id, { waitMs: 60_000 })).toMatchObject({ state: 'succeeded' })
    await worker.stop()
    expect([accepted.length, twice]).toEqual([60, 0])
    const { met } = await emulator.state()
    for (const kind of ['loseReply', 'refuse', 'timeout', 'silentCommit', 'forgotten'])
      expect(met[kind]).toBe(2)
  })
})

describe('R37: two processes on one ledger', () => {
  it('R37: take partitions from each other, and every message that one of them accepted is there once', async () => {
    const emulator = await start()
    const guarded = { logGuard: { circuit: { openMs: 50 } } }
    const one = await ledgerOn(emulator, guarded)
    const here = await one.queue<number>('orders')
    const two = await ledgerOn(emulator, guarded)
    const there = await two.queue<number>('orders')
    const accepted: string[] = []
    for (let n = 0; n < 3; n++) {
      accepted.push(await accept(() => here.enqueue(n, { id: `a-${n}` })))
      accepted.push(await accept(() => there.enqueue(n, { id: `b-${n}` })))
    }
    await one.close()
    const third = await ledgerOn(emulator)
    const { events } = await third.events({ limit: 500 })
    const enqueued = events.flatMap(({ type, data }) =>
      type === 'MessageEnqueued' ? [(data as { callerId: string }).callerId] : [],
    )
    expect(enqueued.sort()).toEqual([...accepted].sort())
  })
})
