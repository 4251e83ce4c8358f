// What is refused in process is refused behind HTTP, too, before anything is sent.
import { expect, it } from 'vitest'
import { connectLedger } from '../../src/client/connectLedger.js'

type Loose = Record<string, (...given: unknown[]) => Promise<unknown>>

const invalid = (message: RegExp) => ({ code: 'invalid', message: expect.stringMatching(message) })

it('A1, C3: wrong arguments and unknown options are refused by name, and no server is asked', async () => {
  // Nobody listens there: whatever is sent would be answered as unavailable.
  const ledger = connectLedger({ url: 'http://127.0.0.1:1' })
  const queue = ledger.knownQueue('orders') as unknown as Loose
  await expect(ledger.queue('orders', null as never)).rejects.toMatchObject(invalid(/^options: /))
  for (const given of [undefined, null]) {
    await expect(queue.edit?.('a', given)).rejects.toMatchObject(invalid(/^changes: /))
    await expect(queue.claim?.(given)).rejects.toMatchObject(invalid(/^options: /))
    await expect(queue.settle?.(given)).rejects.toMatchObject(invalid(/^settlements: /))
    await expect(queue.settle?.([given])).rejects.toMatchObject(invalid(/^settlements\[0\]: /))
    await expect(queue.schedule?.(given)).rejects.toMatchObject(invalid(/^schedule: /))
    await expect(queue.configure?.(given)).rejects.toMatchObject(invalid(/^settings: /))
  }
  for (const call of ['list', 'count', 'deadLetters', 'clear', 'redrive', 'discardAll', 'rerun']) {
    await expect(queue[call]?.(null)).rejects.toMatchObject(invalid(/^options: /))
    await expect(queue[call]?.({ zoen: 'eu' })).rejects.toMatchObject(invalid(/^zoen: .* known one is zone/))
  }
  const { process } = ledger.knownQueue('orders')
  expect(() => process(() => undefined, { whenNone: 'drop' as never })).toThrow(/^whenNone: accepted are /)
  await ledger.close()
})
