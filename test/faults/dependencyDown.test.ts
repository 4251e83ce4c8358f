// R31: what all handlers depend on is down for ten minutes (virtual ones): the circuit opens, whoever waits pays nothing, and
// when it is back the backlog goes at full speed, without a storm of retries.
import { expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import { testLedger } from '../../src/testing/index.js'

const CONCURRENCY = 10
const HANDLER_MS = 50
const OUTAGE_MS = 600_000
const STEP_MS = 10_000
const MESSAGES_A_STEP = 50
/** Defaults of a queue (docs/circuits.md). */
const FAILURES_TO_OPEN = 5
const OPEN_MS = 30_000
const PROBES = 3

it('R31: ten minutes without the database burn attempts of probes only, and all is caught up a minute after it is back', async () => {
  const test = await testLedger({ logging: false })
  const orders = await test.queue<{ n: number }>('orders', {
    maxSize: 100_000,
    concurrency: CONCURRENCY,
    failures: { DATABASE: fixed({ delayMs: 5_000, retriesMax: 50, jitter: 'none' }) },
  })
  let isDown = true
  const attemptsOf = new Map<number, number>()
  orders.process(async ({ payload: { n } }) => {
    attemptsOf.set(n, (attemptsOf.get(n) ?? 0) + 1)
    await new Promise<void>((resolve) => test.clock.after(HANDLER_MS, resolve))
    if (isDown) throw Object.assign(new Error('no connection'), { failureType: 'DATABASE' })
  })
  let sent = 0
  const enqueueMore = async (): Promise<void> => {
    await orders.enqueueBatch(Array.from({ length: MESSAGES_A_STEP }, () => ({ payload: { n: ++sent } })))
  }
  for (let passed = 0; passed < OUTAGE_MS; passed += STEP_MS) {
    await enqueueMore()
    await test.clock.advance(STEP_MS)
  }
  const outage = await orders.stats()
  const openings = 1 + OUTAGE_MS / OPEN_MS
  expect(outage.failed).toBeGreaterThanOrEqual(FAILURES_TO_OPEN)
  expect(outage.attempts).toBeLessThanOrEqual(FAILURES_TO_OPEN + CONCURRENCY + openings * PROBES)
  expect(outage.dead).toBe(0)
  expect(attemptsOf.size).toBeLessThan(sent / 10)
  isDown = false
  const attemptsBefore = outage.attempts
  for (let passed = 0; passed < 60_000; passed += STEP_MS) {
    await enqueueMore()
    await test.clock.advance(STEP_MS)
  }
  const after = await orders.stats()
  expect(after.succeeded).toBe(sent)
  // One attempt for each message, and those that failed before the circuit let everything through again.
  expect(after.attempts - attemptsBefore).toBeLessThanOrEqual(sent)
  expect(after.failed).toBe(outage.failed)
  expect(after.dead + after.pending + after.retrying).toBe(0)
  await test.close()
})
