// Claims beside more of everything than fits a batch: an empty answer means that nothing was ready, never that there was no time.
import { expect, it } from 'vitest'
import { message, right, TestQueue } from '../support/ledger.js'

const CALL = 1_000
const many = (): ReturnType<typeof message>[] => Array.from({ length: CALL }, (_, n) => message(n))

it('R12: enqueues that fill the batch keep no claim from what is ready', async () => {
  const queue = await TestQueue.open({ settings: { maxSize: 100_000 } })
  await queue.enqueued(message('ready'))
  const flood = Array.from({ length: 12 }, () => queue.enqueue(...many()))
  expect(await queue.claimed()).toHaveLength(1)
  for (const call of flood) right(await queue.clock.settled(call))
})

it('of more claims than one turn serves none is answered empty while messages are ready', async () => {
  const queue = await TestQueue.open({ settings: { maxSize: 100_000 } })
  for (let n = 0; n < 8; n++) await queue.enqueued(...many())
  const claims = Array.from({ length: 6 }, () => queue.claim({ max: CALL }))
  for (const claim of claims)
    expect(right(await queue.clock.settled(claim)).value.deliveries.length).toBeGreaterThan(0)
})
