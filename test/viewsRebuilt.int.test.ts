// R68: all views of a ledger are thrown away, its files on the disk included, and it goes on writing while they come back. What
// they then say is what they said before, for every message there has ever been.
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Ledger, MessageView } from '../src/api/types/index.js'
import { GOLDEN_START_MS, GoldenHouse } from './support/golden/goldenHouse.js'
import { storyOfEverything } from './support/golden/storyOfEverything.js'

const DAY_MS = 86_400_000
const NEW = 'while-they-come-back'

/** Every message of every queue, with its history, but for those that came later. */
const told = async (ledger: Ledger): Promise<Readonly<Record<string, ReadonlyArray<unknown>>>> => {
  const all: Record<string, ReadonlyArray<unknown>> = {}
  for (const { queue: name } of await ledger.queues()) {
    const queue = await ledger.openQueue(name)
    const views: MessageView[] = []
    for (let cursor: string | undefined; ; ) {
      const listed = await queue.list({
        limit: 7,
        sort: 'oldest',
        ...(cursor === undefined ? {} : { cursor }),
      })
      views.push(...listed.messages.filter(({ type }) => type !== NEW))
      cursor = listed.cursor
      if (cursor === undefined) break
    }
    const known: unknown[] = []
    for (const { position: _, ...view } of views) {
      const history = await ledger.history(view.id)
      known.push({ ...view, history: history.map(({ revision, type }) => `${revision} ${type}`) })
    }
    all[name] = known
  }
  return all
}

const callersIds = async (ledger: Ledger): Promise<ReadonlyArray<string | undefined>> => {
  const orders = await ledger.openQueue('orders')
  return Promise.all(['order-2', 'large', 'none'].map(async (id) => (await orders.message(id))?.state))
}

describe('R68 the views of a ledger', () => {
  it('are the same after all of them were dropped, while it goes on writing', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'ledgerq-views-'))
    try {
      await storyOfEverything(directory)
      // What is due a day later is decided before anybody looks: a ledger that closes leaves nothing undone.
      const first = await GoldenHouse.open(directory, GOLDEN_START_MS + DAY_MS, 'first')
      await first.ledger.close()
      const kept = await GoldenHouse.open(directory, GOLDEN_START_MS + DAY_MS, 'kept')
      const before = await told(kept.ledger)
      const idsBefore = await callersIds(kept.ledger)
      await kept.ledger.close()
      expect((await readdir(join(directory, 'views'))).length).toBeGreaterThan(0)
      await rm(join(directory, 'views'), { recursive: true })
      await rm(join(directory, 'snapshots'), { recursive: true })
      const rebuilt = await GoldenHouse.open(directory, GOLDEN_START_MS + DAY_MS, 'rebuilt')
      const { ledger } = rebuilt
      const many = await ledger.openQueue<unknown>('many')
      const writing = Array.from({ length: 40 }, (_, n) => many.enqueue({ n }, { type: NEW, id: `new-${n}` }))
      await Promise.all(writing)
      expect(await told(ledger)).toEqual(before)
      expect(await callersIds(ledger)).toEqual(idsBefore)
      expect(idsBefore).toContain('succeeded')
      expect(Object.values(before).flat().length).toBeGreaterThan(40)
      for (const { queue } of await ledger.queues()) {
        const handle = await ledger.openQueue(queue)
        expect(await handle.rebuildProjections(), queue).toMatchObject({ agrees: true })
      }
      await ledger.close()
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
})
