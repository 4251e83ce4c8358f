// F5: any ledger, moved there and back, is what it was, byte for byte; whoever dies on the way, however often.
import { rm, stat, truncate } from 'node:fs/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EventBatch, NO_REVISION } from '../../domain/batch.js'
import { ChainFault } from '../../src/chain/chainedBatch.js'
import type { ChainTarget } from '../../src/transfer/sides.js'
import { events } from '../support/arbitraries.js'
import { type EmulatorProcess, startEmulatorProcess } from '../support/eventstoredb/emulatorProcess.js'
import { PartitionHistory, type Step, steps } from '../support/partitionHistory.js'
import { batchesIn, directoryOf, type End, moveBetween, temporary, type Written } from './moving.js'

let emulator: EmulatorProcess
let prefixes = 0
beforeAll(async () => {
  emulator = await startEmulatorProcess()
})
afterAll(() => emulator.stop())

/** What one writer would have appended: batches of one instant each, cut as `cuts` says. */
const partitionBatches = (
  name: string,
  history: ReadonlyArray<Step>,
  cuts: ReadonlyArray<number>,
): Written[] => {
  const partition = new PartitionHistory()
  partition.run(history, () => undefined)
  const written: Written[] = []
  let batch: { at: number; events: EventBatch['events'][number][] } | undefined
  const flush = (): void => {
    if (batch === undefined) return
    const { at, events: recorded } = batch
    const previous = recorded.map(() => NO_REVISION)
    const batchId = `${name}-${written.length}`
    written.push({
      stream: `partition-${name}~1.0`,
      batch: { batchId, at, epoch: 1, events: recorded, previous },
    })
    batch = undefined
  }
  for (const { event, at } of partition.recorded) {
    const isFull = (batch?.events.length ?? 0) >= (cuts[written.length % cuts.length] ?? 1)
    if (batch?.at !== at || isFull) flush()
    batch ??= { at, events: [] }
    batch.events.push(event)
  }
  flush()
  return written
}

const controlBatches = (some: ReadonlyArray<EventBatch['events'][number]>): Written[] =>
  some.map((event, n) => ({
    stream: n % 3 === 0 ? 'ledger' : 'control-a~1',
    batch: { batchId: `c-${n}`, at: 1_000 + n, epoch: 0, events: [event], previous: [NO_REVISION] },
  }))

const turns = (lanes: ReadonlyArray<Written[]>, order: ReadonlyArray<number>): Written[] => {
  const left = lanes.map((lane) => [...lane])
  const all: Written[] = []
  for (let n = 0; left.some((lane) => lane.length > 0); n++) {
    const wanted = (order[n % order.length] ?? 0) + n
    const lane = left.filter((some) => some.length > 0)
    const next = lane[wanted % lane.length]?.shift()
    if (next !== undefined) all.push(next)
  }
  return all
}

const ledger: fc.Arbitrary<Written[]> = fc
  .record({
    one: steps(40),
    other: steps(20),
    cuts: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
    control: fc.array(fc.oneof(events.QueueConfigured, events.ScheduleSet, events.GateClosed), {
      maxLength: 6,
    }),
    order: fc.array(fc.nat(5), { minLength: 1, maxLength: 9 }),
  })
  .map(({ one, other, cuts, control, order }) =>
    turns(
      [partitionBatches('a', one, cuts), partitionBatches('b', other, cuts), controlBatches(control)],
      order,
    ),
  )

class Died extends Error {}

/** Ends the move when so many batches are written, in the middle of a page or at its end. */
const dyingAfter =
  (batches: number) =>
  (target: ChainTarget): ChainTarget => {
    let left = batches
    return {
      ...target,
      write: async (page) => {
        const some = page.slice(0, left)
        left -= some.length
        await target.write(some)
        if (left === 0) throw new Died()
      },
    }
  }

/** Until it comes through; answers how often it died. */
const movedThroughDeaths = async (
  from: End,
  to: End,
  everyBatches: number,
  between: () => Promise<void>,
): Promise<number> => {
  for (let deaths = 0; ; deaths++) {
    try {
      await moveBetween(from, to, { pageBytes: 600, through: dyingAfter(everyBatches) })
      return deaths
    } catch (error) {
      if (!(error instanceof Died)) throw error
      await between()
    }
  }
}

const inFolders = async (
  written: ReadonlyArray<Written>,
  act: (home: string, away: string) => Promise<void>,
): Promise<void> => {
  const [home, away] = [await directoryOf(written), await temporary()]
  try {
    await act(home, away)
  } finally {
    for (const path of [home, away]) await rm(path, { recursive: true, force: true })
  }
}

const RUNS = Number(process.env.LEDGERQ_MOVE_RUNS ?? 3)

describe('F5: a random ledger', { timeout: 300_000 }, () => {
  it('R68: is the same to the byte after it was in EventStoreDB and came back, whoever died on the way, also inside of a batch', async () => {
    let deaths = 0
    await fc.assert(
      fc.asyncProperty(
        ledger,
        fc.integer({ min: 2, max: 9 }),
        fc.boolean(),
        async (written, everyBatches, isNarrow) => {
          await inFolders(written, async (home, away) => {
            const before = deaths
            const database = {
              where: emulator.connectionString,
              prefix: `r${prefixes++}`,
              // Some batches take several appends.
              ...(isNarrow ? { appendBytesMax: 3_000 } : {}),
            }
            // Between two appends of one batch, too.
            await emulator.plant({
              on: 'append',
              do: 'accessDenied',
              stream: `${database.prefix}.part`,
              after: everyBatches,
              times: 1,
            })
            await moveBetween(home, database, { pageBytes: 600 }).catch((error: unknown) => {
              if (!(error instanceof ChainFault) || !error.message.includes('denies access')) throw error
              deaths++
            })
            await emulator.heal()
            deaths += await movedThroughDeaths(home, database, everyBatches, async () => undefined)
            deaths += await movedThroughDeaths(database, `${away}/data`, everyBatches, async () => undefined)
            expect(await batchesIn(`${away}/data`)).toEqual(await batchesIn(home))
            // It dies behind so many batches of each way.
            if (written.length >= everyBatches) expect(deaths).toBeGreaterThan(before)
          })
        },
      ),
      { numRuns: RUNS, endOnFailure: true },
    )
  })

  it('R68: is the same to the byte after it was in a file and came back, whatever of the file was lost on the way', async () => {
    let deaths = 0
    await fc.assert(
      fc.asyncProperty(
        ledger,
        fc.integer({ min: 2, max: 9 }),
        fc.integer({ min: 0, max: 900 }),
        async (written, everyBatches, lost) => {
          await inFolders(written, async (home, away) => {
            const before = deaths
            const file = `${away}/ledger.lqx`
            let isHarmed = false
            const tear = async (): Promise<void> => {
              if (isHarmed) return
              isHarmed = true
              const { size } = await stat(file)
              await truncate(file, Math.max(0, size - lost))
            }
            deaths += await movedThroughDeaths(home, file, everyBatches, tear)
            deaths += await movedThroughDeaths(file, `${away}/data`, everyBatches, async () => undefined)
            expect(await batchesIn(`${away}/data`)).toEqual(await batchesIn(home))
            // It dies behind so many batches of each way.
            if (written.length >= everyBatches) expect(deaths).toBeGreaterThan(before)
          })
        },
      ),
      { numRuns: RUNS, endOnFailure: true },
    )
  })
})
