// Who follows the log is shown each event once and in order, whatever a subscription sends (R40).
import { describe, expect, it } from 'vitest'
import type { Connection } from '../../../src/adapters/eventstoredb/connection.js'
import { Follower } from '../../../src/adapters/eventstoredb/follower.js'
import type { FoundEvent } from '../../../src/adapters/eventstoredb/storedEvents.js'
import type { ReadWish } from '../../../src/adapters/eventstoredb/wire.js'

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
