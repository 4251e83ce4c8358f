// A log that others write to as well: their workers are not dead because they are not ours (§4.12).
import { describe, expect, it } from 'vitest'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { openLedgerOn } from '../../src/api/openLedger.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { SparseLog } from '../support/sparseLog.js'

/** What a second process finds of a message that the first one is running. */
const foundBySecond = async (log: EventLog): Promise<string[]> => {
  const first = await openLedgerOn(log, memoryFinishedRegister(), {})
  const orders = await first.queue('orders')
  const { id } = await orders.enqueue({ n: 1 })
  let finish = (): void => undefined
  await new Promise<void>((resolve) => {
    orders.process(
      () =>
        new Promise<void>((done) => {
          finish = done
          resolve()
        }),
    )
  })
  const second = await openLedgerOn(log, memoryFinishedRegister(), {})
  const types = (await second.history(id)).map(({ type }) => type)
  finish()
  await second.close()
  await first.close()
  return types
}

describe('§4.12: the workers of another process', () => {
  it('R37: keep their messages until the lease ends, in a log that is not ours alone', async () => {
    expect(await foundBySecond(new SparseLog().port)).toEqual(['MessageEnqueued', 'AttemptStarted'])
  })

  it('R37: are dead for certain in a log that only we can have open', async () => {
    expect(await foundBySecond(openMemoryLog())).toEqual(expect.arrayContaining(['AttemptFailed']))
  })
})
