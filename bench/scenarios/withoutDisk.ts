// The same three loads on the log in memory: no codec, no file, no sync. What is missing to these figures is the price of
// being durable; what remains is that of deciding, of the views and of the callers themselves.
import { openLedger } from '../../src/index.js'
import { measured } from '../measure/window.js'
import { Calls, drain, enqueueInBatches, enqueueWithCallers, openOrders, warmUp } from './jobs.js'
import type { Bench, Scenario, StepResult } from './scenario.js'

const CALLERS = 100

const run = async ({ n, profile }: Bench): Promise<StepResult> => {
  const ledger = await openLedger({ log: { kind: 'memory' } })
  await warmUp(ledger, n)
  const queue = await openOrders(ledger)
  const half = Math.floor(n / 2)
  const send = await measured(ledger, () => enqueueWithCallers(queue, half, CALLERS))
  const first = new Calls(half)
  await drain(queue, first, CALLERS)
  const batches = await measured(ledger, () => enqueueInBatches(queue, half))
  const calls = new Calls(half)
  const work = await measured(ledger, () => drain(queue, calls, CALLERS), profile)
  await ledger.close()
  return {
    figures: {
      enqueue_without_disk_per_s: Math.round(half / send.seconds),
      enqueue_bulk_without_disk_per_s: Math.round(half / batches.seconds),
      process_without_disk_per_s: Math.round(half / work.seconds),
    },
    problems: [...first.problems(), ...calls.problems()],
  }
}

export const withoutDisk: Scenario = {
  name: 'without-disk',
  about: 'the log in memory: what being durable costs',
  steps: [{ name: 'without-disk', run }],
}
