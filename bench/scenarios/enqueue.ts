// One message per call from 100 concurrent callers, each waiting for its own durable answer; then the same bytes to a
// plain file, in the same process a moment later.
import { measureCeiling } from '../measure/ceiling.js'
import { rssMb } from '../measure/memory.js'
import { measured } from '../measure/window.js'
import { enqueueWithCallers, openBenchLedger, openOrders, QUEUE, warmUp } from './jobs.js'
import type { Bench, Scenario, StepResult } from './scenario.js'

const CALLERS = 100
const CEILING_SECONDS = 2

const run = async ({ n, directory, profile }: Bench): Promise<StepResult> => {
  const ledger = await openBenchLedger(directory)
  const warm = await warmUp(ledger, n)
  const queue = await openOrders(ledger)
  const window = await measured(ledger, () => enqueueWithCallers(queue, n, CALLERS), profile)
  const rss = rssMb()
  await ledger.close()
  const ceiling = await measureCeiling(directory, {
    callers: CALLERS,
    eventsPerCall: 1,
    bytesPerEvent: window.bytes / window.events,
    seconds: CEILING_SECONDS,
  })
  const perSecond = Math.round(n / window.seconds)
  return {
    figures: {
      enqueue_per_s: perSecond,
      enqueue_fsyncs: window.fsyncs,
      enqueue_bytes_per_job: Math.round(window.bytes / n),
      enqueue_loop_delay_p99_ms: window.loopDelay.p99Ms,
      enqueue_cpu_cores: window.cpuCores,
      enqueue_rss_mb: rss,
      ceiling_events_per_s: ceiling.eventsPerSecond,
      ratio_to_ceiling: Number((perSecond / ceiling.eventsPerSecond).toFixed(3)),
    },
    expected: { ...warm, [QUEUE]: { enqueued: n, succeeded: 0 } },
  }
}

export const enqueue: Scenario = {
  name: 'enqueue',
  about: 'one message per call, 100 concurrent callers',
  steps: [{ name: 'enqueue', run }],
}
