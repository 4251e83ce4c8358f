// Caps, rates and zones through the writer (B8, C7): who waits is answered when a limit lets go, and a restart forgets
// neither what runs nor what has started.
import { describe, expect, it } from 'vitest'
import { configure } from '../../domain/queue/index.js'
import { ack, message, release, right, TestQueue } from '../support/ledger.js'

const of = (tenant: string) => message(tenant, { attributes: { tenant } })

describe('a rate', () => {
  it('B8 lets a claim that waits have the next message when its time has come, and nothing else happens meanwhile', async () => {
    const queue = await TestQueue.open({ settings: { limits: { rate: { count: 2, perMs: 1_000 } } } })
    await queue.enqueued(...[1, 2, 3].map((n) => message(n)))
    expect(await queue.claimed({ max: 10 })).toHaveLength(2)
    let answered = 0
    const waiting = queue.claim({ max: 10, waitMs: 60_000 }).then((reply) => {
      answered = right(reply).value.deliveries.length
    })
    await queue.clock.advance(499)
    expect(answered).toBe(0)
    await queue.clock.advance(1)
    await queue.clock.settled(waiting)
    expect(answered).toBe(1)
    await queue.assertReplayAgrees()
  })

  it('B8 of a tenant survives a restart, and hands no token back for a message that was handed back', async () => {
    const limits = { perTenant: { rate: { count: 2, perMs: 60_000 } } }
    const queue = await TestQueue.open({ settings: { limits }, snapshotEveryEvents: 5 })
    await queue.enqueued(...Array.from({ length: 5 }, () => of('t')), of('u'))
    const [first] = await queue.claimed({ max: 3, leaseMs: 600_000 })
    if (first === undefined) throw new Error('nothing was claimed')
    await queue.settled(release(first))
    expect(await queue.claimed({ max: 10 })).toHaveLength(0)
    await queue.assertReplayAgrees()
    await queue.restart()
    expect(await queue.claimed({ max: 10 })).toHaveLength(0)
    await queue.clock.advance(30_000)
    expect(await queue.claimed({ max: 10 })).toHaveLength(1)
  })
})

describe('a cap', () => {
  it('B8 counts what runs, over restarts, and lets a claim that waits go on when one ends', async () => {
    const limits = { concurrencyMax: 3, perTenant: { concurrencyMax: 2 } }
    const queue = await TestQueue.open({ settings: { limits } })
    await queue.enqueued(of('t'), of('t'), of('t'), of('u'), of('u'))
    const held = await queue.claimed({ max: 10 })
    expect(held.map(({ enqueued }) => enqueued.attributes?.tenant).sort()).toEqual(['t', 't', 'u'])
    await queue.restart()
    let answered: ReadonlyArray<string | undefined> = []
    const waiting = queue.claim({ max: 10, waitMs: 60_000 }).then((reply) => {
      answered = right(reply).value.deliveries.map(({ enqueued }) => enqueued.attributes?.tenant)
    })
    await queue.clock.settle()
    expect(answered).toEqual([])
    const ofT = held.find(({ enqueued }) => enqueued.attributes?.tenant === 't')
    if (ofT === undefined) throw new Error('t did not run')
    await queue.settled(ack(ofT))
    await queue.clock.settled(waiting)
    expect(answered).toHaveLength(1)
    await queue.assertReplayAgrees()
  })

  it('B8 that leaves a partition without a share is refused, for the queue and for tenants', () => {
    const cap = { concurrencyMax: 3 }
    const rate = { rate: { count: 3, perMs: 1_000 } }
    for (const limits of [cap, rate, { perTenant: cap }, { perTenant: rate }]) {
      expect(configure({ partitions: 3, limits })._tag).toBe('Right')
      expect(configure({ partitions: 4, limits })).toMatchObject({
        left: { type: 'QueueSettingsInvalid', value: 3, accepted: 'at least 4, one for each partition' },
      })
    }
  })
})

describe('a zone', () => {
  it('C7 is recorded with the attempt: the fallback while the preferred one is switched off', async () => {
    const queue = await TestQueue.open()
    const zoned = message('zoned', { attributes: { zone: 'eu', fallbackZones: ['us'] } })
    await queue.enqueued(zoned, zoned)
    const control = queue.engine.control
    const switches = { ...control.switches, forcedCircuits: { eu: 'open' as const } }
    queue.engine.partition(0).setControl({ ...control, switches, revision: control.revision + 1 })
    await queue.one()
    queue.engine.partition(0).setControl({ ...control, revision: control.revision + 2 })
    await queue.one()
    const events = await queue.events()
    const zones = events.flatMap((event) => (event.type === 'AttemptStarted' ? [event.zone] : []))
    expect(zones).toEqual(['us', 'eu'])
    await queue.assertReplayAgrees()
  })
})
