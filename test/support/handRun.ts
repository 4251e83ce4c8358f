// A queue with a worker whose handlers end when the test says so.
import type { AttemptContext, Message, Queue } from '../../src/api/types/index.js'
import { TestLedger } from './ledger.js'

export type Run = {
  message: Message<unknown>
  context: AttemptContext
  end: (value?: unknown) => void
  throw: (error: unknown) => void
}

/** A handler whose runs end when the test says so. */
export const handRun = () => {
  const runs: Run[] = []
  let running = 0
  let most = 0
  const handler = (message: Message<unknown>, context: AttemptContext): Promise<unknown> => {
    most = Math.max(most, ++running)
    return new Promise((resolve, reject) => {
      const over =
        <A>(settle: (value: A) => void) =>
        (value: A): void => {
          running--
          settle(value)
        }
      runs.push({ message, context, end: over(resolve), throw: over(reject) })
    })
  }
  return { runs, handler, most: () => most }
}

export const open = async (settings: Parameters<TestLedger['ledger']['queue']>[1] = {}) => {
  const test = await TestLedger.open()
  const queue = await test.done(test.ledger.queue('orders', settings))
  const types = async (): Promise<string[]> => (await test.events('orders')).map(({ type }) => type)
  return { test, queue, types }
}
export const enqueueAll = (test: TestLedger, queue: Queue<unknown>, ...payloads: unknown[]) =>
  test.done(queue.enqueueBatch(payloads.map((payload) => ({ payload }))))
