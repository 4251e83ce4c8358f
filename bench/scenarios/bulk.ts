// Batches of 500 messages per call, four of them in flight; then the same bytes to a plain file.
import { measureCeiling } from '../measure/ceiling.js'
import { rssMb } from '../measure/memory.js'
import { measured } from '../measure/window.js'
import { BATCH, enqueueInBatches, openBenchLedger, openOrders, QUEUE, warmUp } from './jobs.js'
import type { Bench, Scenario, StepResult } from './scenario.js'

const CALLERS = 4
const CEILING_SECONDS = 1
/** It is over sooner than the others, so it takes more. */
const SHARE = 2

const run = async ({ n, directory, profile }: Bench): Promise<StepResult> => {
  const count = n * SHARE
  const ledger = await openBenchLedger(directory)
  const warm = await warmUp(ledger, n)
  const queue = await openOrders(ledger)
  const window = await measured(ledger, () => enqueueInBatches(queue, count), profile)
  const rss = rssMb()
  await ledger.close()
  const ceiling = await measureCeiling(directory, {
    callers: CALLERS,
    eventsPerCall: BATCH,
    bytesPerEvent: window.bytes / window.events,
    seconds: CEILING_SECONDS,
  })
  const perSecond = Math.round(count / window.seconds)
  return {
    figures: {
      enqueue_bulk_per_s: perSecond,
      bulk_fsyncs: window.fsyncs,
      bulk_bytes_per_job: Math.round(window.bytes / count),
      bulk_loop_delay_p99_ms: window.loopDelay.p99Ms,
      bulk_cpu_cores: window.cpuCores,
      bulk_rss_mb: rss,
      bulk_ceiling_events_per_s: ceiling.eventsPerSecond,
      bulk_ratio_to_ceiling: Number((perSecond / ceiling.eventsPerSecond).toFixed(3)),
    },
    expected: { ...warm, [QUEUE]: { enqueued: count, succeeded: 0 } },
  }
}

export const bulk: Scenario = {
  name: 'bulk',
  about: 'batches of 500, four in flight',
  steps: [{ name: 'bulk', run }],
}
