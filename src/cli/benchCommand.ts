// ledgerq bench: how many messages a running server takes and hands back, seen from a client on HTTP. The figures of the
// engine itself come from `npm run bench`.
import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import type { Queue } from '../api/types/index.js'
import { type Context, contextOf, type Surroundings, wholeNumber } from './context.js'
import { facts } from './table.js'

type BenchOptions = Readonly<{ n: number; concurrency: number; bytes: number }>

const rate = (count: number, sinceMs: number): number =>
  Math.round(count / ((performance.now() - sinceMs) / 1_000))

const enqueueAll = async (queue: Queue<unknown>, { n, concurrency, bytes }: BenchOptions): Promise<void> => {
  const payload = { filling: 'x'.repeat(bytes) }
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < n) {
      next += 1
      await queue.enqueue(payload)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, caller))
}

const processAll = (queue: Queue<unknown>, { n, concurrency }: BenchOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    let handled = 0
    const worker = queue.process(
      () => {
        handled += 1
        if (handled === n) worker.stop().then(resolve, reject)
      },
      { concurrency, onError: reject },
    )
  })

const bench = async (context: Context, options: BenchOptions): Promise<void> => {
  const { ledger } = context
  const name = `bench-${randomBytes(6).toString('hex')}`
  const queue = await ledger.queue(name, { maxSize: options.n })
  try {
    const enqueueMs = performance.now()
    await enqueueAll(queue, options)
    const enqueuePerSecond = rate(options.n, enqueueMs)
    const processMs = performance.now()
    await processAll(queue, options)
    const processPerSecond = rate(options.n, processMs)
    const stats = await queue.stats()
    const result = {
      ...options,
      enqueuePerSecond,
      processPerSecond,
      succeeded: stats.succeeded,
      attempts: stats.attempts,
    }
    context.show(result, () =>
      facts([
        ['messages', options.n],
        ['callers and slots', options.concurrency],
        ['payload bytes', options.bytes],
        ['enqueued per second', enqueuePerSecond],
        ['claimed, run and acked per second', processPerSecond],
        ['succeeded', stats.succeeded],
        ['attempts', stats.attempts],
      ]),
    )
  } finally {
    await ledger.deleteQueue(name, { evenIfNotEmpty: true, by: context.actor })
  }
}

export const addBenchCommand = (program: Command, surroundings: Surroundings): void => {
  program
    .command('bench')
    .description('measure a running server over HTTP, in a queue of its own that is deleted afterwards')
    .option('--n <n>', 'messages', wholeNumber('--n', 1, 1_000_000), 2_000)
    .option('--concurrency <n>', 'callers, and messages in work', wholeNumber('--concurrency', 1, 1_000), 50)
    .option('--bytes <n>', 'payload size', wholeNumber('--bytes', 0, 200_000), 120)
    .action((options: BenchOptions, command) => bench(contextOf(surroundings, command), options))
}
