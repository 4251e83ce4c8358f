// A group after a restart: what the due times had made of it before is found again, though their passing is no event.
import { describe, expect, it } from 'vitest'
import { message, TestQueue } from '../support/ledger.js'

const ofGroup = (payload: unknown, delayMs = 0) => message(payload, { delayMs, attributes: { group: 'a' } })

describe('a group that lets others go first (groupHead skip), after a restart', () => {
  it.each([0, 1])(
    'B1: runs one at a time (a snapshot every %i events, 0 = none)',
    async (snapshotEveryEvents) => {
      const queue = await TestQueue.open({ settings: { groupHead: 'skip' }, snapshotEveryEvents })
      await queue.enqueued(ofGroup('first, but later', 100), ofGroup('second'))
      await queue.clock.advance(200)
      expect(await queue.drainPayloads()).toEqual(['first, but later'])
      await queue.restart()
      expect(await queue.drainPayloads()).toEqual([])
      await queue.assertReplayAgrees()
    },
  )
})
