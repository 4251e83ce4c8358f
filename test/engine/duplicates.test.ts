// One message, however often it is sent (A1, A6): by caller's id, by dedup key, by idempotency key, within a window of
// recorded time.
import { describe, expect, it } from 'vitest'
import { ack, message, TestQueue } from '../support/ledger.js'

const WINDOW_MS = 60_000
const settings = { dedupWindowMs: WINDOW_MS }

describe('duplicates (A1, A6)', () => {
  it.each([
    ['dedup key', { attributes: { dedupKey: 'k' } }],
    ['idempotency key', { attributes: { idempotencyKey: 'k' } }],
  ])('by %s are the first message for one window, also after it has finished', async (_, over) => {
    const queue = await TestQueue.open({ settings })
    const [first] = await queue.enqueued(message(1, over))
    expect(await queue.enqueued(message(2, over))).toMatchObject([{ id: first?.id, duplicate: true }])
    await queue.settled(ack(await queue.one()))
    await queue.clock.advance(WINDOW_MS - 1)
    expect(await queue.enqueued(message(3, over))).toMatchObject([{ id: first?.id, duplicate: true }])
    await queue.clock.advance(1)
    const [later] = await queue.enqueued(message(4, over))
    expect(later).toMatchObject({ duplicate: false })
    expect(later?.id).not.toBe(first?.id)
    await queue.assertReplayAgrees()
  })

  it('by a caller’s id are the first message while it lives, and for one window after it has finished', async () => {
    const queue = await TestQueue.open({ settings })
    const named = (n: number) => message(n, { callerId: 'invoice-7' })
    expect(await queue.enqueued(named(1))).toMatchObject([{ id: 'invoice-7', duplicate: false }])
    await queue.clock.advance(10 * WINDOW_MS)
    expect(await queue.enqueued(named(2))).toMatchObject([{ id: 'invoice-7', duplicate: true }])
    await queue.settled(ack(await queue.one()))
    await queue.clock.advance(WINDOW_MS - 1)
    expect(await queue.enqueued(named(3))).toMatchObject([{ id: 'invoice-7', duplicate: true }])
    await queue.clock.advance(1)
    expect(await queue.enqueued(named(4))).toMatchObject([{ id: 'invoice-7', duplicate: false }])
  })

  it('inside one call are found, and count once against the capacity', async () => {
    const queue = await TestQueue.open({ settings: { maxSize: 2 } })
    const twice = { attributes: { dedupKey: 'k' } }
    const placed = await queue.enqueued(
      message(1, twice),
      message(2, { callerId: 'a' }),
      message(3, twice),
      message(4, { callerId: 'a' }),
    )
    expect(placed.map(({ duplicate }) => duplicate)).toEqual([false, false, true, true])
    expect(placed[2]?.id).toBe(placed[0]?.id)
    expect(placed[3]?.id).toBe('a')
  })

  it('that repeat an idempotency key inside one call count once against the capacity', async () => {
    const queue = await TestQueue.open({ settings: { maxSize: 1 } })
    const same = { attributes: { idempotencyKey: 'k' } }
    const placed = await queue.enqueued(message(1, same), message(2, same))
    expect(placed.map(({ duplicate }) => duplicate)).toEqual([false, true])
  })

  it('are found in a replay as they were live: the window is in recorded time', async () => {
    const queue = await TestQueue.open({ settings })
    const keyed = message(1, { attributes: { dedupKey: 'k' } })
    const [first] = await queue.enqueued(keyed)
    await queue.clock.advance(WINDOW_MS / 2)
    await queue.restart()
    expect(await queue.enqueued(keyed)).toMatchObject([{ id: first?.id, duplicate: true }])
    // A wall clock that goes back makes no window longer.
    queue.clock.jumpWall(-3_600_000)
    await queue.clock.advance(WINDOW_MS / 2)
    expect(await queue.enqueued(keyed)).toMatchObject([{ duplicate: false }])
  })

  it('are not looked for when the window is 0, but a living caller’s id stays unique', async () => {
    const queue = await TestQueue.open({ settings: { dedupWindowMs: 0 } })
    const keyed = { attributes: { dedupKey: 'k' }, callerId: undefined }
    await queue.enqueued(message(1, keyed))
    expect(await queue.enqueued(message(2, keyed))).toMatchObject([{ duplicate: false }])
    await queue.enqueued(message(3, { callerId: 'a' }))
    expect(await queue.enqueued(message(4, { callerId: 'a' }))).toMatchObject([{ id: 'a', duplicate: true }])
  })

  it('of a message with a caller’s id are answered with that id, also after it has finished', async () => {
    const queue = await TestQueue.open({ settings })
    const keyed = { attributes: { dedupKey: 'k' } }
    await queue.enqueued(message(1, { ...keyed, callerId: 'a' }))
    expect(await queue.enqueued(message(2, keyed))).toMatchObject([{ id: 'a', duplicate: true }])
    await queue.settled(ack(await queue.one()))
    // By then only the key and the ordinal are known: the generated id names the same message.
    expect(await queue.enqueued(message(3, keyed))).toMatchObject([{ id: 'orders.0.1', duplicate: true }])
  })
})
