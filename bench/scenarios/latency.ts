// From the call of enqueue to the call of the handler, at 200 messages a second on a fixed timetable that does not wait for
// earlier ones. One process and one clock. The first twelve seconds are told apart (`e2e_settling_*`): the warm-up of the other
// scenarios is about throughput, and at this pace other code is hot, so the runtime compiles some 150 functions anew, each
// some milliseconds of a processor that two threads with a message between them need as well. Beside it what the disk alone takes at this
// pace: as many bytes written and synced on the same timetable. A disk and a processor that were idle in between wake up
// slower than the back-to-back syncs of the machine's facts.
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { openTraced } from '../measure/commitTrace.js'
import { quantileOf } from '../measure/quantiles.js'
import { measured } from '../measure/window.js'
import { Calls, type Job, jobOf, openBenchLedger, openOrders, QUEUE, warmUp } from './jobs.js'
import type { Bench, Scenario, StepResult } from './scenario.js'

const RATE_PER_SECOND = 200
const SETTLING_SECONDS = 12
const SECONDS = 10
const CONCURRENCY = 100
const TICK_MS = 1
const DISK_SECONDS = 5

const offer = async (count: number, send: (seq: number) => Promise<unknown>): Promise<void> => {
  const began = performance.now()
  const sent: Array<Promise<unknown>> = []
  for (let next = 0; next < count; ) {
    const due = Math.min(count, Math.floor(((performance.now() - began) / 1000) * RATE_PER_SECOND))
    while (next < due) sent.push(send(next++))
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }
  await Promise.all(sent)
}

/** Write and fdatasync of one event at the same pace, on a preallocated file. */
const diskAlone = async (directory: string, bytes: number): Promise<(share: number) => number> => {
  const count = RATE_PER_SECOND * DISK_SECONDS
  const tookMs = new Float64Array(count)
  const path = join(directory, 'latency.bin')
  const file = await open(path, 'w')
  await file.write(Buffer.alloc(bytes * count), 0, bytes * count, 0)
  await file.sync()
  const event = Buffer.alloc(bytes, 7)
  await offer(count, async (seq) => {
    const began = performance.now()
    await file.write(event, 0, bytes, seq * bytes)
    await file.datasync()
    tookMs[seq] = performance.now() - began
  })
  await file.close()
  await rm(path)
  return quantileOf(tookMs)
}

const run = async ({ n, directory, profile, trace, progress }: Bench): Promise<StepResult> => {
  const settling = RATE_PER_SECOND * SETTLING_SECONDS
  const count = settling + RATE_PER_SECOND * SECONDS
  const traced = trace === 0 ? undefined : await openTraced(directory)
  const ledger = traced?.ledger ?? (await openBenchLedger(directory))
  const warm = await warmUp(ledger, n)
  const queue = await openOrders(ledger)
  const calledAt = new Float64Array(count)
  const answeredMs = new Float64Array(count)
  const startedMs = new Float64Array(count)
  const calls = new Calls(count)
  const handler = async ({ payload }: { payload: Job }): Promise<void> => {
    startedMs[payload.seq] = performance.now() - (calledAt[payload.seq] ?? 0)
    calls.note(payload.seq)
  }
  const messageAt = (seq: number) => ({
    seq,
    calledAt: calledAt[seq] ?? 0,
    startedMs: startedMs[seq] ?? 0,
  })
  const worker = queue.process(handler, { concurrency: CONCURRENCY })
  const send = async (seq: number): Promise<void> => {
    calledAt[seq] = performance.now()
    await queue.enqueue(jobOf(seq))
    answeredMs[seq] = performance.now() - (calledAt[seq] ?? 0)
  }
  await offer(settling, send)
  traced?.begin()
  const window = await measured(
    ledger,
    async () => {
      await offer(count - settling, (seq) => send(settling + seq))
      await calls.all
    },
    profile,
  )
  const messages = Array.from({ length: count - settling }, (_, i) => messageAt(settling + i))
  for (const line of traced?.report(messages, trace) ?? []) progress(line)
  await worker.stop()
  await ledger.close()
  const disk = await diskAlone(directory, Math.round(window.bytes / window.fsyncs))
  const started = quantileOf(startedMs.slice(settling))
  const answered = quantileOf(answeredMs.slice(settling))
  const atFirst = quantileOf(startedMs.slice(RATE_PER_SECOND, settling))
  return {
    figures: {
      e2e_p50_ms: started(0.5),
      e2e_p99_ms: started(0.99),
      e2e_max_ms: started(1),
      e2e_settling_p50_ms: atFirst(0.5),
      e2e_settling_p99_ms: atFirst(0.99),
      enqueue_ack_p50_ms: answered(0.5),
      enqueue_ack_p99_ms: answered(0.99),
      disk_alone_p50_ms: disk(0.5),
      disk_alone_p99_ms: disk(0.99),
      latency_fsyncs: window.fsyncs,
    },
    expected: { ...warm, [QUEUE]: { enqueued: count, succeeded: count } },
    problems: calls.problems(),
  }
}

export const latency: Scenario = {
  name: 'latency',
  about: 'enqueue to start of the handler at 200/s',
  steps: [{ name: 'latency', run }],
}
