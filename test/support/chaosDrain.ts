// After everything was healed: all that can run is claimed and acked until nothing is left, or nothing moves any more.
import { LedgerqError } from '../../src/api/errors.js'
import type { Queue } from '../../src/api/types/index.js'
import type { RemoteLedger } from '../../src/client/connectLedger.js'
import { BrokenPromises } from './chaosLog.js'
import type { Records } from './chaosRecords.js'

/** Without one message less: healed, a queue goes on, however slow the machine is. */
const STUCK_MS = 20_000
const CLAIMED_MAX = 500

/** Throws {@link BrokenPromises}. */
export const drain = async (
  ledger: RemoteLedger,
  names: ReadonlyArray<string>,
  records: Records,
): Promise<void> => {
  const begin = performance.now()
  while ((await answered(() => resume(ledger, names))) === undefined)
    if (performance.now() - begin > STUCK_MS) throw new BrokenPromises(['the queues cannot be resumed'])
  let leftBefore = Number.POSITIVE_INFINITY
  let progressAt = begin
  for (let left = 1; left > 0; ) {
    left = 0
    for (const name of names) left += await drained(ledger.knownQueue(name), records)
    if (left < leftBefore) progressAt = performance.now()
    leftBefore = Math.min(left, leftBefore)
    const stuckMs = performance.now() - progressAt
    if (stuckMs > STUCK_MS) throw new BrokenPromises([`${left} messages do not drain`])
  }
  records.took('a drain', performance.now() - begin)
}

const resume = async (ledger: RemoteLedger, names: ReadonlyArray<string>): Promise<true> => {
  for (const name of ['a', 'b'])
    await ledger
      .knownQueue('ticks')
      .unschedule(name)
      .catch(() => undefined)
  for (const name of names) await ledger.knownQueue(name).resume()
  return true
}

/** How many messages the queue has left, once everything that can run now has been acked. */
const drained = async (queue: Queue<unknown>, records: Records): Promise<number> => {
  const messages = await answered(() => queue.claim({ worker: 'drain', max: CLAIMED_MAX }))
  if (messages !== undefined && messages.length > 0) {
    const calls = messages.map(({ leaseToken }) => records.settle(leaseToken, { outcome: 'ack' }))
    const asked = messages.map(({ leaseToken }) => ({ leaseToken, outcome: 'ack' as const }))
    const results = await answered(() => queue.settle(asked))
    results?.forEach((result, index) => {
      const isUnknown = !result.ok && result.code === 'unknown_outcome'
      if (!isUnknown) Object.assign(calls[index] ?? {}, { told: 'ok', accepted: result.ok })
    })
  } else await new Promise((turn) => setTimeout(turn, 10))
  const stats = await answered(() => queue.stats())
  if (stats === undefined) return 1
  const { scheduled, pending, retrying, processing } = stats
  return scheduled + pending + retrying + processing
}

/** Queues of a cluster may be on their way to another node: then they are asked again. */
const answered = async <A>(ask: () => Promise<A>): Promise<A | undefined> => {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof LedgerqError) || !/^(unavailable|unknown_outcome)$/.test(error.code)) throw error
    await new Promise((turn) => setTimeout(turn, 50))
    return undefined
  }
}
