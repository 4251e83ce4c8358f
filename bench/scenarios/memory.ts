// Memory of a message that waits. The process is warmed up, everything that can be collected is, and memory is read; then
// the backlog is enqueued and memory is read again in the same way. The figure is the larger of two differences: of RSS
// (heap slack and all, but the slack of the warm-up may hide some of it) and of live bytes (V8's heap and buffers). The
// cache of payloads is bounded to 1 MiB here, so payloads are on disk only; by default up to 64 MiB of them come on top, once.
import { megabytes, settledMemory } from '../measure/memory.js'
import { enqueueInBatches, openBenchLedger, openOrders, QUEUE, warmUp } from './jobs.js'
import type { Bench, Scenario, StepResult } from './scenario.js'

const PAYLOAD_CACHE_BYTES = 1_048_576

const run = async ({ n, backlog, directory, progress }: Bench): Promise<StepResult> => {
  const ledger = await openBenchLedger(directory, { payloadCacheBytes: PAYLOAD_CACHE_BYTES })
  const warm = await warmUp(ledger, n)
  const queue = await openOrders(ledger)
  const before = await settledMemory()
  progress(`filling ${backlog}`)
  await enqueueInBatches(queue, backlog)
  const after = await settledMemory()
  await ledger.close()
  const rssBytes = Math.round((after.rssBytes - before.rssBytes) / backlog)
  const liveBytes = Math.round((after.liveBytes - before.liveBytes) / backlog)
  return {
    figures: {
      bytes_per_waiting_message: Math.max(rssBytes, liveBytes),
      rss_bytes_per_waiting_message: rssBytes,
      live_bytes_per_waiting_message: liveBytes,
      rss_before_backlog_mb: megabytes(before.rssBytes),
      rss_with_backlog_mb: megabytes(after.rssBytes),
    },
    expected: { ...warm, [QUEUE]: { enqueued: backlog, succeeded: 0 } },
  }
}

export const memory: Scenario = {
  name: 'memory',
  about: 'memory per waiting message beyond its payload',
  steps: [{ name: 'memory', run }],
}
