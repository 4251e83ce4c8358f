// What finished before a start is in the register only when that has caught up with the log (§4.9); until then nobody may
// be told that there is no such message.
import * as E from 'fp-ts/lib/Either.js'
import { expect, it } from 'vitest'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { openLedgerOn } from '../../src/api/openLedger.js'
import type { Ledger, Queue } from '../../src/api/types/index.js'
import type { EventLog, ReadFault } from '../../src/ports/eventLog.js'
import { VirtualClock } from '../../src/testing/virtualClock.js'
import { watch } from '../support/manualClock.js'

type Heads = (ask: () => Promise<E.Either<ReadFault, number>>) => Promise<E.Either<ReadFault, number>>

/** A ledger with one finished message, started anew; `catchUp` answers for the log whenever its register begins to catch up. */
const startedAgain = async (
  catchUp: Heads,
): Promise<{ ledger: Ledger; queue: Queue<unknown>; clock: VirtualClock; id: string }> => {
  const memory = openMemoryLog()
  const kept: EventLog = { ...memory, close: async () => undefined }
  const first = await openLedgerOn(kept, memoryFinishedRegister(), { logging: false })
  const orders = await first.queue('orders')
  const { id } = await orders.enqueue('one')
  await orders.enqueue('two', { id: 'mine' })
  const claimed = await orders.claim({ worker: 'w', max: 2 })
  await orders.settle(claimed.map(({ leaseToken }) => ({ leaseToken, outcome: 'ack' })))
  await first.close()

  // Recovery asks for the end of a partition once; whoever asks then is its register.
  let heads = 0
  const log: EventLog = {
    ...memory,
    head: (stream) => () =>
      stream.startsWith('partition-') && heads++ > 0 ? catchUp(memory.head(stream)) : memory.head(stream)(),
  }
  const clock = new VirtualClock()
  const ledger = await openLedgerOn(log, memoryFinishedRegister(), { logging: false, clock })
  return { ledger, queue: await ledger.openQueue('orders'), clock, id }
}

it('A10: a message that finished before the start is found while its register still catches up', async () => {
  let goOn = (): void => undefined
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const { ledger, queue, id } = await startedAgain(async (ask) => {
    await held
    return ask()
  })
  const asked = [queue.message(id), queue.message('mine'), queue.list({ state: ['succeeded'] })] as const
  const watched = asked.map((one) => watch<unknown>(one))
  // What waits is not asked of the register at all.
  expect((await queue.list({ state: ['pending'] })).messages).toEqual([])
  expect(watched.map(({ isOpen }) => isOpen)).toEqual([true, true, true])
  goOn()
  const [generated, named, listed] = await Promise.all(asked)
  expect(generated).toMatchObject({ state: 'succeeded' })
  expect(named).toMatchObject({ state: 'succeeded' })
  expect(listed.messages).toHaveLength(2)
  expect(await queue.message('nobody')).toBeUndefined()
  await ledger.close()
})

it('A10: who asks for it is told to ask again while the log cannot be read, and answered when it can', async () => {
  let isCutOff = true
  const { ledger, queue, clock, id } = await startedAgain(async (ask) =>
    isCutOff ? E.left({ type: 'LogUnavailable', reason: 'cut off' }) : ask(),
  )
  await expect(queue.message(id)).rejects.toMatchObject({ code: 'unavailable' })
  await expect(queue.list({ state: ['succeeded'] })).rejects.toMatchObject({ code: 'unavailable' })
  isCutOff = false
  await clock.advance(1_000)
  expect(await queue.message(id)).toMatchObject({ state: 'succeeded' })
  await ledger.close()
})

it('A10: nobody waits longer than ten seconds for a register that catches up', async () => {
  const { queue, clock, id } = await startedAgain(() => new Promise(() => undefined))
  const asked = queue.message(id)
  const refused = expect(asked).rejects.toMatchObject({ code: 'unavailable' })
  await clock.advance(10_000)
  await refused
})
