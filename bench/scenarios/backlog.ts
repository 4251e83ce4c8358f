// What depth costs: the same flow with nothing waiting but what a producer keeps ready, with the whole backlog waiting before
// it, and with nothing again; the mean of the first and the last stands against the deep one, so that a machine that gets
// slower or faster meanwhile is not taken for a price of depth. The producer enqueues in batches as fast as the worker drains, so the depth stays what it was;
// only the steady part is measured, and both rates are of claim + run + ack with the producer's load beside it. Snapshots
// come at their usual period, so what a deep queue pays for them is part of the price; that of the filling is waited for.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Queue } from '../../src/api/types/index.js'
import { rssMb } from '../measure/memory.js'
import { measured } from '../measure/window.js'
import {
  BATCH,
  Calls,
  enqueueInBatches,
  type Job,
  jobOf,
  openBenchLedger,
  openOrders,
  QUEUE,
  warmUp,
} from './jobs.js'
import type { Bench, Scenario, Step, StepResult } from './scenario.js'

const CONCURRENCY = 100
/** Enough that the worker never finds the queue empty, and as good as nothing beside the backlog. */
const READY = 2_000
const POLL_MS = 1
/** A snapshot that is due begins sooner than this. */
const QUIET_MS = 300

/** Enqueues up to `count` jobs, at most `ahead` more than were handled. */
const produce = async (
  queue: Queue<Job>,
  from: number,
  count: number,
  ahead: number,
  calls: Calls,
): Promise<void> => {
  for (let next = from; next < count; ) {
    if (next - calls.made + BATCH > ahead) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      continue
    }
    const size = Math.min(BATCH, count - next)
    const first = next
    await queue.enqueueBatch(Array.from({ length: size }, (_, i) => ({ payload: jobOf(first + i) })))
    next += size
  }
}

/** No snapshot is being written any more. */
const snapshotsWritten = async (directory: string): Promise<void> => {
  const isWriting = (): boolean =>
    readdirSync(join(directory, 'snapshots'), { recursive: true, encoding: 'utf8' }).some((name) =>
      name.endsWith('.tmp'),
    )
  do await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
  while (isWriting())
}

const flow = async (bench: Bench, waiting: number, figure: string): Promise<StepResult> => {
  const { n, directory, profile, progress } = bench
  const ledger = await openBenchLedger(directory)
  const warm = await warmUp(ledger, n)
  const queue = await openOrders(ledger)
  progress(`filling ${waiting + READY}`)
  await enqueueInBatches(queue, waiting + READY)
  await snapshotsWritten(directory)
  const count = waiting + READY + n
  const calls = new Calls(count)
  let reached: () => void = () => {}
  const measuredPart = new Promise<void>((resolve) => {
    reached = resolve
  })
  const handler = async ({ payload }: { payload: Job }): Promise<void> => {
    calls.note(payload.seq)
    if (calls.made === n) reached()
  }
  let worker: ReturnType<typeof queue.process> | undefined
  let producing: Promise<void> = Promise.resolve()
  const window = await measured(
    ledger,
    async () => {
      worker = queue.process(handler, { concurrency: CONCURRENCY })
      producing = produce(queue, waiting + READY, count, waiting + READY, calls)
      await measuredPart
    },
    profile,
  )
  await producing
  const rss = rssMb()
  await worker?.stop()
  const began = performance.now()
  await ledger.close()
  return {
    figures: {
      [`${figure}_per_s`]: Math.round(n / window.seconds),
      [`${figure}_loop_delay_p99_ms`]: window.loopDelay.p99Ms,
      [`${figure}_loop_delay_max_ms`]: window.loopDelay.maxMs,
      [`${figure}_rss_mb`]: rss,
      [`${figure}_close_ms`]: Math.round(performance.now() - began),
    },
    expected: { ...warm, [QUEUE]: { enqueued: count, succeeded: calls.made, handedBack: true } },
    problems: calls.problems(calls.made),
  }
}

const step = (name: string, waiting: (bench: Bench) => number): Step => ({
  name,
  folder: name,
  run: (bench) => flow(bench, waiting(bench), `flow_${name}`),
})

const judged: Step = {
  name: 'shallow2',
  folder: 'shallow2',
  run: async (bench) => {
    const result = await flow(bench, 0, 'flow_shallow2')
    const { flow_shallow_per_s: before = 0, flow_deep_per_s: deep = 0 } = bench.earlier
    const { flow_shallow2_per_s: after = 0 } = result.figures
    const ratio = Number(((before + after) / 2 / deep).toFixed(2))
    return { ...result, figures: { ...result.figures, backlog_1m_cost_ratio: ratio } }
  },
}

export const backlog: Scenario = {
  name: 'backlog',
  about: 'the same flow with nothing and with the whole backlog waiting',
  steps: [step('shallow', () => 0), step('deep', (bench) => bench.backlog), judged],
}
