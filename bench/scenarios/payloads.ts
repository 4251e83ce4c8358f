// Larger payloads, 2 KB and 64 KB: enqueued by 100 callers and processed at concurrency 100. Bytes per second matter more
// than messages here, so both are reported.
import { megabytes } from '../measure/memory.js'
import { measured } from '../measure/window.js'
import { Calls, drain, enqueueWithCallers, openBenchLedger, openOrders, QUEUE, warmUp } from './jobs.js'
import type { Bench, Scenario, Step, StepResult } from './scenario.js'

const CALLERS = 100

const flow = async (bench: Bench, label: string, bytes: number, count: number): Promise<StepResult> => {
  const { n, directory, profile } = bench
  const ledger = await openBenchLedger(directory)
  const warm = await warmUp(ledger, n)
  const queue = await openOrders(ledger)
  const send = await measured(ledger, () => enqueueWithCallers(queue, count, CALLERS, bytes))
  const calls = new Calls(count)
  const work = await measured(ledger, () => drain(queue, calls, CALLERS), profile)
  await ledger.close()
  return {
    figures: {
      [`enqueue_${label}_per_s`]: Math.round(count / send.seconds),
      [`enqueue_${label}_mb_per_s`]: megabytes(send.bytes / send.seconds),
      [`process_${label}_per_s`]: Math.round(count / work.seconds),
      [`loop_delay_${label}_max_ms`]: Math.max(send.loopDelay.maxMs, work.loopDelay.maxMs),
    },
    expected: { ...warm, [QUEUE]: { enqueued: count, succeeded: count } },
    problems: calls.problems(),
  }
}

/** `share`: messages per message of the base scenario. */
const step = (label: string, bytes: number, share: number): Step => ({
  name: label,
  folder: label,
  run: (bench) => flow(bench, label, bytes, Math.max(CALLERS, Math.floor(bench.n * share))),
})

export const payloads: Scenario = {
  name: 'payloads',
  about: 'payloads of 2 KB and 64 KB',
  steps: [step('2kb', 2_048, 0.15), step('64kb', 65_536, 0.01)],
}
