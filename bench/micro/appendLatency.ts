// Latency and throughput of `append` on the embedded log alone: no queue, no views. Each appender repeats a batch of one
// enqueue with 120 B of payload, and waits for it to be durable. Run: node dist/bench/micro/appendLatency.js [directory]
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import * as E from 'fp-ts/lib/Either.js'
import { type EventBatch, NO_REVISION } from '../../domain/batch.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import type { EventLog } from '../../src/ports/eventLog.js'

const RUN_MS = Number(process.env.RUN_MS ?? 2_000)
const WARM_MS = 500
const payload = JSON.stringify({ text: 'x'.repeat(107) })

const batchOf = (batchId: string, ordinal: number, events: number): EventBatch => ({
  batchId,
  at: 1_790_000_000_000,
  epoch: 1,
  events: Array.from({ length: events }, (_, n) => ({
    type: 'MessageEnqueued' as const,
    ordinal: ordinal + n,
    callerId: undefined,
    payload,
    priority: 0,
    notBefore: 0,
    expiresAt: 0,
    attributes: undefined,
  })),
  previous: Array.from({ length: events }, () => NO_REVISION),
})

type Tally = { latencies: number[]; events: number; running: boolean; measuring: boolean }

const appender = async (log: EventLog, stream: string, events: number, tally: Tally): Promise<void> => {
  let head = NO_REVISION
  while (tally.running) {
    const began = performance.now()
    const answer = await log.append(stream, head, batchOf(`${stream}-${head}`, head + 1, events))()
    if (E.isLeft(answer)) throw new Error(JSON.stringify(answer.left))
    head = answer.right.lastRevision
    if (!tally.measuring) continue
    tally.latencies.push(performance.now() - began)
    tally.events += events
  }
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const measure = async (root: string, appenders: number, events: number, strict: boolean): Promise<void> => {
  const directory = mkdtempSync(join(root, 'append-'))
  const opened = await openEmbeddedLog({ directory, strict })
  if (E.isLeft(opened)) throw new Error(JSON.stringify(opened.left))
  const log = opened.right
  const tally: Tally = { latencies: [], events: 0, running: true, measuring: false }
  const all = Array.from({ length: appenders }, (_, n) =>
    appender(log, `partition-bench~1.${n}`, events, tally),
  )
  await after(WARM_MS)
  const before = log.condition()
  const loop = performance.eventLoopUtilization()
  const began = performance.now()
  tally.measuring = true
  await after(RUN_MS)
  tally.measuring = false
  const seconds = (performance.now() - began) / 1000
  const busy = performance.eventLoopUtilization(loop).utilization
  const now = log.condition()
  tally.running = false
  await Promise.all(all)
  await log.close()
  rmSync(directory, { recursive: true, force: true })
  const sorted = Float64Array.from(tally.latencies).sort()
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(3)
  const bytes = (now.bytes - before.bytes) / (now.nextPosition - before.nextPosition)
  console.log(
    `${String(appenders).padStart(5)} streams x ${String(events).padStart(3)} events${strict ? ' strict' : ''}: ` +
      `${Math.round(tally.events / seconds)} events/s, append p50 ${at(0.5)} p99 ${at(0.99)} p99.9 ${at(0.999)} max ${at(1 - 1 / sorted.length)} ms, ` +
      `${Math.round((now.syncs - before.syncs) / seconds)} syncs/s, ${bytes.toFixed(0)} B/event, main thread ${(busy * 100).toFixed(0)} % busy`,
  )
}

const root = process.argv[2] ?? process.cwd()
for (const [appenders, events] of [
  [1, 1],
  [1, 16],
  [1, 100],
  [1, 500],
  [4, 100],
  [100, 1],
  [1000, 1],
  [1000, 16],
] as const)
  await measure(root, appenders, events, false)
await measure(root, 1, 1, true)
