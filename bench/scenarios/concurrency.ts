// The same work with 1, 8 and 1,000 callers and handlers: what one lone caller gets is the latency of a commit, what a
// thousand get is what group commit is worth.
import { measured } from '../measure/window.js'
import { Calls, drain, enqueueWithCallers, openBenchLedger, openOrders, QUEUE, warmUp } from './jobs.js'
import type { Bench, Scenario, Step, StepResult } from './scenario.js'

const flow = async (bench: Bench, concurrency: number, count: number): Promise<StepResult> => {
  const { n, directory, profile } = bench
  const ledger = await openBenchLedger(directory)
  const warm = await warmUp(ledger, n)
  const queue = await openOrders(ledger)
  const send = await measured(ledger, () => enqueueWithCallers(queue, count, concurrency))
  const calls = new Calls(count)
  const work = await measured(ledger, () => drain(queue, calls, concurrency), profile)
  await ledger.close()
  return {
    figures: {
      [`enqueue_c${concurrency}_per_s`]: Math.round(count / send.seconds),
      [`process_c${concurrency}_per_s`]: Math.round(count / work.seconds),
      [`fsyncs_c${concurrency}`]: send.fsyncs + work.fsyncs,
    },
    expected: { ...warm, [QUEUE]: { enqueued: count, succeeded: count } },
    problems: calls.problems(),
  }
}

const step = (concurrency: number, share: number): Step => ({
  name: `c${concurrency}`,
  folder: `c${concurrency}`,
  run: (bench) => flow(bench, concurrency, Math.max(concurrency, Math.floor(bench.n * share))),
})

export const concurrency: Scenario = {
  name: 'concurrency',
  about: '1, 8 and 1,000 callers and handlers',
  steps: [step(1, 0.02), step(8, 0.1), step(1_000, 1)],
}
