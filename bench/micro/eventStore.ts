// The log in EventStoreDB: processor time of this process per event, appended and read, and jobs per second of a whole ledger. The server
// is a process of its own: the emulator of the tests, or the one that EVENTSTORE_URL names.
// Run: npm run build && node dist/bench/micro/eventStore.js
//
// 2026-11-22, 2 vCPU with little else running, Node 20.20, emulator: appends of 500 15 us an event, of 100 24 us, of one 0.8 ms; reads
// 17 us; 13,400 jobs/s at concurrency 500 (50 us a job), 9,100 at 100; enqueue in batches of 500 17,000-21,000/s.
import { spawn } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { isLeft } from 'fp-ts/lib/Either.js'
import { NO_REVISION } from '../../domain/batch.js'
import { openEventStoreLog } from '../../src/adapters/eventstoredb/eventLog.js'
import { openLedger } from '../../src/index.js'
import type { EventLog } from '../../src/ports/eventLog.js'

const STREAM = 'partition-bench~1.0'
const JOBS = 10_000
const payload = JSON.stringify({ text: 'x'.repeat(107) })

const measured = async (what: string, count: number, work: () => Promise<unknown>): Promise<void> => {
  const [began, cpu] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  const perSecond = Math.round((count / (performance.now() - began)) * 1_000)
  console.log(`${what}: ${((user + system) / count).toFixed(1)} us of processor time each, ${perSecond}/s`)
}

let batches = 0
const appendTo = async (log: EventLog, appends: number, size: number): Promise<void> => {
  const head = await log.head(STREAM)()
  let revision = isLeft(head) ? NO_REVISION : head.right
  for (let n = 0; n < appends; n++) {
    const events = Array.from({ length: size }, (_, index) => ({
      type: 'MessageEnqueued' as const,
      ordinal: revision + 1 + index,
      callerId: undefined,
      payload,
      priority: 0,
      notBefore: 0,
      expiresAt: 0,
      attributes: undefined,
    }))
    const previous = events.map(() => NO_REVISION)
    const batch = {
      batchId: `bench-${process.pid}.${batches++}`,
      at: 1_790_000_000_000,
      epoch: 1,
      events,
      previous,
    }
    const answer = await log.append(STREAM, revision, batch)()
    if (isLeft(answer)) throw new Error(JSON.stringify(answer.left))
    revision = answer.right.lastRevision
  }
}

const readAllOf = async (log: EventLog): Promise<void> => {
  for (let from = 0; ; ) {
    const page = await log.read(STREAM, from, 4_194_304)()
    if (isLeft(page)) throw new Error(JSON.stringify(page.left))
    from = page.right.next
    if (page.right.atEnd) return
  }
}

const jobs = async (connectionString: string, concurrency: number): Promise<void> => {
  const log = { kind: 'eventstoredb', connectionString, prefix: `bench-${concurrency}` } as const
  const ledger = await openLedger({ log, logging: { enabled: false } })
  const queue = await ledger.queue('jobs', { maxSize: 2 * JOBS })
  const items = Array.from({ length: 500 }, (_, n) => ({ payload: { n, text: 'x'.repeat(80) } }))
  await measured('enqueue in batches of 500', JOBS, async () => {
    for (let n = 0; n < JOBS; n += items.length) await queue.enqueueBatch(items)
  })
  await measured(`claim, run and ack at concurrency ${concurrency}`, JOBS, async () => {
    let left = JOBS
    await new Promise<void>((resolve) => {
      const worker = queue.process(
        async () => {
          if (--left === 0) void worker.stop().then(resolve)
        },
        { concurrency },
      )
    })
  })
  await ledger.close()
}

const run = async (connectionString: string): Promise<void> => {
  const opened = await openEventStoreLog({ connectionString, prefix: 'bench' })
  if (isLeft(opened)) throw new Error(opened.left.reason)
  const log = opened.right
  await appendTo(log, 60, 500)
  for (const [appends, size] of [
    [60, 500],
    [200, 100],
    [500, 1],
  ] as const)
    await measured(`append ${size} events a call`, appends * size, () => appendTo(log, appends, size))
  await measured('read', 80_500, () => readAllOf(log))
  await log.close()
  for (const concurrency of [500, 100]) await jobs(connectionString, concurrency)
}

const { EVENTSTORE_URL } = process.env
if (EVENTSTORE_URL !== undefined) await run(EVENTSTORE_URL)
else {
  const program = new URL('../../test/support/eventstoredb/emulatorMain.js', import.meta.url)
  const server = spawn(process.execPath, [fileURLToPath(program)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const port = await new Promise<number>((resolve) => {
    server.stdout.once('data', (line) => resolve((JSON.parse(String(line)) as { port: number }).port))
  })
  await run(`esdb://127.0.0.1:${port}?tls=false`)
  server.kill()
}
