// Ten million waiting (fifty times n), in one run: what enqueueing costs at the end of the filling against its beginning, how long the
// loop is held up while the state grows and while a snapshot of all of it is written, what claim + run + ack cost on top of that
// depth against an empty queue, memory beside the payloads, and the way back from a snapshot and by full replay.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { watchLoopDelay } from '../measure/loopDelay.js'
import { megabytes, rssMb, settledMemory } from '../measure/memory.js'
import { measured } from '../measure/window.js'
import {
  Calls,
  drain,
  enqueueInBatches,
  type Job,
  openBenchLedger,
  openOrders,
  QUEUE,
  warmUp,
} from './jobs.js'
import { snapshotFiles } from './process.js'
import type { Bench, Scenario, Step, StepResult } from './scenario.js'

const DEPTH_PER_N = 50
const CONCURRENCY = 100
/** Parts of the filling that are compared with each other. */
const TENTH = 0.1
const PAYLOAD_CACHE_BYTES = 1_048_576
const SHALLOW = 'shallow'
const POLL_MS = 20
const WAIT_MAX_MS = 300_000

const depthOf = ({ n }: Bench): number => n * DEPTH_PER_N

const ratio = (shallow: number, deep: number): number => Number((shallow / deep).toFixed(2))

const until = async (isSo: () => boolean): Promise<void> => {
  const end = performance.now() + WAIT_MAX_MS
  while (!isSo() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  if (!isSo()) throw new Error('waited too long for a snapshot or for messages')
}

const fill = async (bench: Bench): Promise<StepResult> => {
  const { n, directory, profile, progress } = bench
  const depth = depthOf(bench)
  const ledger = await openBenchLedger(directory, {
    payloadCacheBytes: PAYLOAD_CACHE_BYTES,
    // Due with the last event of the filling.
    snapshotEveryEvents: depth,
  })
  const warm = await warmUp(ledger, n)
  const shallow = await ledger.queue<Job>(SHALLOW, { maxSize: depth })
  await enqueueInBatches(shallow, n)
  const shallowCalls = new Calls(n)
  const shallowPart = await measured(ledger, () => drain(shallow, shallowCalls, CONCURRENCY))
  const queue = await openOrders(ledger)
  const before = await settledMemory()
  const loopDelay = watchLoopDelay()
  const tenth = Math.floor(depth * TENTH)
  const part = async (from: number, count: number): Promise<number> => {
    const began = performance.now()
    await enqueueInBatches(queue, count, { from })
    progress(`${from + count} are waiting`)
    return count / ((performance.now() - began) / 1000)
  }
  const first = await part(0, tenth)
  await part(tenth, depth - 2 * tenth)
  const last = await part(depth - tenth, tenth)
  const growing = loopDelay()
  const after = await settledMemory()
  const calls = new Calls(depth)
  const worker = queue.process(async ({ payload }: { payload: Job }) => calls.note(payload.seq), {
    concurrency: CONCURRENCY,
  })
  const whileWritten = await measured(ledger, () => until(() => snapshotFiles(directory).length > 0))
  const begunAt = calls.made
  const deep = await measured(ledger, () => until(() => calls.made >= begunAt + n), profile)
  const deepRate = (calls.made - begunAt) / deep.seconds
  await worker.stop()
  await ledger.close()
  return {
    figures: {
      depth_messages: depth,
      depth_enqueue_first_tenth_per_s: Math.round(first),
      depth_enqueue_last_tenth_per_s: Math.round(last),
      depth_enqueue_cost_ratio: ratio(first, last),
      depth_growing_loop_delay_max_ms: growing.maxMs,
      depth_snapshot_ms: Math.round(whileWritten.seconds * 1000),
      depth_snapshot_loop_delay_p99_ms: whileWritten.loopDelay.p99Ms,
      depth_snapshot_loop_delay_max_ms: whileWritten.loopDelay.maxMs,
      depth_jobs_shallow_per_s: Math.round(n / shallowPart.seconds),
      depth_jobs_deep_per_s: Math.round(deepRate),
      depth_jobs_cost_ratio: ratio(n / shallowPart.seconds, deepRate),
      depth_bytes_per_waiting_message: Math.round((after.rssBytes - before.rssBytes) / depth),
      depth_live_bytes_per_waiting_message: Math.round((after.liveBytes - before.liveBytes) / depth),
      depth_rss_mb: megabytes(after.rssBytes),
    },
    expected: {
      ...warm,
      [SHALLOW]: { enqueued: n, succeeded: n },
      [QUEUE]: { enqueued: depth, succeeded: calls.made, handedBack: true },
    },
    problems: [...shallowCalls.problems(), ...calls.problems(calls.made)],
  }
}

/** From the start of a process to its first claim. */
const opened = (name: string, figure: string, withSnapshots: boolean): Step => ({
  name,
  run: async ({ directory }) => {
    const problems: string[] = []
    if (!withSnapshots) rmSync(join(directory, 'snapshots'), { recursive: true, force: true })
    else if (snapshotFiles(directory).length === 0) problems.push(`${name}: there was no snapshot`)
    const began = performance.now()
    const ledger = await openBenchLedger(directory, {
      payloadCacheBytes: PAYLOAD_CACHE_BYTES,
      snapshotEveryEvents: 0,
    })
    const queue = await openOrders(ledger)
    const [claimed] = await queue.claim({ max: 1, worker: 'depth' })
    const figures = {
      [figure]: Math.round(performance.now() - began),
      [`${figure.slice(0, -3)}_rss_mb`]: rssMb(),
    }
    if (claimed === undefined) problems.push(`${name}: nothing could be claimed`)
    else await queue.settle([{ leaseToken: claimed.leaseToken, outcome: 'ack' }])
    await ledger.close()
    return { figures, problems }
  },
})

export const depth: Scenario = {
  name: 'depth',
  about: 'fifty times n waiting: growth, snapshot while serving, cost, memory, restart',
  steps: [
    { name: 'fill', run: fill },
    opened('snapshot', 'depth_restart_snapshot_ms', true),
    opened('replay', 'depth_restart_replay_ms', false),
  ],
}
