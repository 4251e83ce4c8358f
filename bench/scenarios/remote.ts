// A worker in a process of its own, over HTTP: the ledger and its server here, the handlers there. Claims and settlements
// are batched by the client as for any user of `connectLedger`.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startServer } from '../../src/http/server.js'
import { measured } from '../measure/window.js'
import { enqueueInBatches, openBenchLedger, openOrders, QUEUE, warmUp } from './jobs.js'
import type { RemoteOrders, RemoteReport } from './remoteWorker.js'
import type { Bench, Scenario, StepResult } from './scenario.js'

const PROGRAM = fileURLToPath(new URL('./remoteWorker.js', import.meta.url))
const CONCURRENCY = 100
const SHARE = 0.2

const run = async ({ n, directory, profile }: Bench): Promise<StepResult> => {
  const count = Math.floor(n * SHARE)
  const ledger = await openBenchLedger(directory)
  const warm = await warmUp(ledger, n)
  const queue = await openOrders(ledger)
  await enqueueInBatches(queue, count)
  const server = await startServer(ledger)
  const worker = fork(PROGRAM, [])
  const died = once(worker, 'exit').then(([code]) => {
    throw new Error(`the worker process ended with ${code}`)
  })
  // It ends when it has reported, too; then nobody waits for this any more.
  died.catch(() => {})
  await Promise.race([once(worker, 'message'), died])
  const reported = once(worker, 'message')
  const window = await measured(
    ledger,
    async () => {
      worker.send({ url: server.url, queue: QUEUE, count, concurrency: CONCURRENCY } satisfies RemoteOrders)
      await Promise.race([reported, died])
    },
    profile,
  )
  const [report] = (await reported) as [RemoteReport]
  const { succeeded } = await queue.stats()
  await server.close()
  await ledger.close()
  const problems = [...report.problems]
  if (succeeded !== count)
    problems.push(`${succeeded} of ${count} jobs had succeeded when the worker had stopped`)
  return {
    figures: {
      remote_process_per_s: Math.round(count / window.seconds),
      remote_server_cpu_cores: window.cpuCores,
      remote_fsyncs: window.fsyncs,
    },
    expected: { ...warm, [QUEUE]: { enqueued: count, succeeded: count } },
    problems,
  }
}

export const remote: Scenario = {
  name: 'remote',
  about: 'a worker process over HTTP, concurrency 100',
  steps: [{ name: 'remote', run }],
}
