// The small streams, when several processes with clocks of their own write to one.
import { isLeft } from 'fp-ts/lib/Either.js'
import { expect, test } from 'vitest'
import type { LedgerEvent } from '../../domain/batch.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { StreamFold } from '../../src/engine/streamFold.js'
import { ManualClock } from '../support/manualClock.js'

const STREAM = 'ledger'
const NOW_MS = 1_790_000_000_000
const THREE_MINUTES_MS = 180_000

type Deleted = Extract<LedgerEvent, { type: 'QueueDeleted' }>

test('I9 a clock that is minutes behind does not set recorded time back, also after a look that found nothing new', async () => {
  const log = openMemoryLog()
  let count = 0
  const ids = { unique: () => `id-${++count}`, random: () => 0.5 }
  const opened = (wallMs: number): Promise<StreamFold<number, Deleted>> =>
    StreamFold.open<number, Deleted>(
      { log, clock: new ManualClock(wallMs), ids },
      STREAM,
      0,
      (sum, events) => sum + events.length,
    )
  const deleted = (queue: string): ReadonlyArray<Deleted> => [
    { type: 'QueueDeleted', queue, generation: 1, by: undefined },
  ]

  const ahead = await opened(NOW_MS)
  await ahead.change(() => deleted('a'))
  const behind = await opened(NOW_MS - THREE_MINUTES_MS)
  await behind.refresh()
  await behind.change(() => deleted('b'))
  await behind.refresh()
  await behind.refresh()
  await behind.change(() => deleted('c'))

  const page = await log.read(STREAM, 0, 1_000_000)()
  if (isLeft(page)) throw new Error(page.left.type)
  expect(page.right.batches.map(({ at }) => at)).toEqual([NOW_MS, NOW_MS, NOW_MS])
})
