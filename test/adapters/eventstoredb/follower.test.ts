// Who follows the log is shown each event once and in order, whatever a subscription sends (R40).
import { describe, expect, it } from 'vitest'
import type { Connection } from '../../../src/adapters/eventstoredb/connection.js'
import { FOLLOWER_TIMES, Follower } from '../../../src/adapters/eventstoredb/follower.js'
import type { FoundEvent } from '../../../src/adapters/eventstoredb/storedEvents.js'
import type { ReadWish } from '../../../src/adapters/eventstoredb/wire.js'
import { ManualClock } from '../../support/manualClock.js'

const event = (revision: number, stream = 's'): FoundEvent => ({
  stream,
  revision,
  commit: revision * 100,
  id: `${stream}-${revision}`,
  type: 'X',
  data: new Uint8Array(0),
  metadata: new Uint8Array(0),
})

/** Each opening of the subscription sends the next list, and says from where it was asked. */
const followed = async (
  ...lists: ReadonlyArray<ReadonlyArray<FoundEvent>>
): Promise<Readonly<{ shown: string[]; troubles: string[]; from: Array<ReadWish['from']> }>> => {
  const shown: string[] = []
  const troubles: string[] = []
  const from: Array<ReadWish['from']> = []
  const cancelled: number[] = []
  let finish = (): void => undefined
  const over = new Promise<void>((resolve) => {
    finish = resolve
  })
  const connection = {
    subscribe: async (wish: ReadWish, onAnswer: (answer: FoundEvent) => void) => {
      const number = from.length
      from.push(wish.from)
      for (const one of lists[number] ?? []) onAnswer(one)
      if (from.length === lists.length) finish()
      return () => void cancelled.push(number)
    },
  } as unknown as Connection
  const hooks = {
    onEvent: ({ id }: FoundEvent) => void shown.push(id),
    onTrouble: (message: string) => void troubles.push(message),
  }
  const follower = new Follower(connection, 'p.', 0, hooks, { stallMs: 60_000, pauseMs: 1 })
  follower.start()
  await over
  await new Promise((resolve) => setImmediate(resolve))
  follower.stop()
  // None stays open, whenever it turned out to be of no use.
  expect(cancelled.sort()).toEqual(lists.map((_, number) => number))
  return { shown, troubles, from }
}

/** A log that is read as it is, under a subscription that shows nothing. */
const silent = (events: FoundEvent[]) => {
  const clock = new ManualClock()
  const troubles: string[] = []
  const subscribedFrom: Array<ReadWish['from']> = []
  const reads: ReadWish[] = []
  const connection = {
    subscribe: async (wish: ReadWish) => {
      subscribedFrom.push(wish.from)
      return () => undefined
    },
    read: async (wish: ReadWish, show: (event: FoundEvent) => boolean) => {
      reads.push(wish)
      const { from, isBackward = false } = wish
      const prefix = 'prefix' in wish ? wish.prefix : ''
      const found = events.filter(
        ({ stream, commit = 0 }) => stream.startsWith(prefix) && (typeof from !== 'number' || commit >= from),
      )
      if (isBackward) found.reverse()
      for (const one of found) if (!show(one)) return 'stopped'
      return 'end'
    },
  } as unknown as Connection
  const hooks = { onEvent: () => undefined, onTrouble: (message: string) => void troubles.push(message) }
  const follower = new Follower(connection, 'p.', 0, hooks, FOLLOWER_TIMES, clock.after)
  follower.start()
  return { clock, troubles, subscribedFrom, reads, follower }
}

describe('R40: silence', () => {
  it('R40: ten seconds without progress while the log is ahead are told, and the subscription is opened anew from its own place', async () => {
    const events: FoundEvent[] = []
    const { clock, troubles, subscribedFrom, follower } = silent(events)
    await clock.advance(60_000)
    expect(troubles).toEqual([])
    events.push(event(0, 'p.s'))
    await clock.advance(10_000)
    expect(troubles).toEqual([expect.stringMatching(/it shows nothing, though the log is ahead of it/)])
    await clock.advance(100)
    expect(subscribedFrom).toEqual(['start', 'start'])
    // It is as silent as the first: told again, and not given up.
    await clock.advance(10_000)
    expect(troubles).toHaveLength(2)
    follower.stop()
  })

  it('R40: what others write to the server is no trouble, and the same part of the log is not looked through twice', async () => {
    const events = Array.from({ length: 50 }, (_, revision) => event(revision, 'theirs'))
    const { clock, troubles, reads, follower } = silent(events)
    await clock.advance(10_000)
    expect(reads).toMatchObject([
      { prefix: '', from: 'end', isBackward: true, count: 1 },
      { prefix: 'p.', from: 'start' },
    ])
    events.push(event(50, 'theirs'))
    await clock.advance(10_000)
    expect(reads.slice(2)).toMatchObject([{ from: 'end' }, { prefix: 'p.', from: 4_900 }])
    await clock.advance(10_000)
    expect(reads.slice(4)).toMatchObject([{ prefix: '', from: 'end' }])
    expect(troubles).toEqual([])
    follower.stop()
  })
})

describe('R40: the follower', () => {
  it('R40: leaves out what comes twice, or again after more', async () => {
    const { shown, troubles } = await followed([event(0), event(0), event(1), event(0), event(2)])
    expect(shown).toEqual(['s-0', 's-1', 's-2'])
    expect(troubles).toEqual([])
  })

  it('R40: begins again behind the last event it showed when a revision is missing, and shows nothing behind the gap', async () => {
    const { shown, from } = await followed(
      [event(0), event(1), event(3), event(4)],
      [event(2), event(3), event(4)],
    )
    expect(shown).toEqual(['s-0', 's-1', 's-2', 's-3', 's-4'])
    expect(from).toEqual(['start', 100])
  })

  it('R40: a revision that is missing for good is told and passed over', async () => {
    const { shown, troubles } = await followed([event(0), event(2)], [event(2), event(3)])
    expect(shown).toEqual(['s-0', 's-2', 's-3'])
    expect(troubles.at(-1)).toMatch(/revision 1 of s is missing/)
  })
})
