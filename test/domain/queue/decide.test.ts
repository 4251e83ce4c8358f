// Which queues there are, how one behaves, and which settings are refused.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { failureRules } from '../../../domain/failure/index.js'
import { StoredQueueConfigCodec } from '../../../domain/queue/codecs.js'
import {
  type Catalog,
  type CatalogEvent,
  type ControlEvent,
  configure,
  configureQueue,
  controlAtCreation,
  createQueue,
  DEFAULT_QUEUE_CONFIG,
  deleteQueue,
  EMPTY_CATALOG,
  evolveControl,
  foldCatalog,
  pauseQueue,
  type QueueControl,
  type QueueSettings,
  resumeQueue,
} from '../../../domain/queue/index.js'
import { exponential, fixed } from '../../../domain/retry/index.js'

const by = { who: 'ann' }
const created = (queue: string, generation = 1, config = DEFAULT_QUEUE_CONFIG): CatalogEvent => ({
  type: 'QueueCreated',
  queue,
  generation,
  config,
  by,
})
const deleted = (queue: string, generation = 1): CatalogEvent => ({
  type: 'QueueDeleted',
  queue,
  generation,
  by,
})
const catalogOf = (...events: ReadonlyArray<CatalogEvent>): Catalog => foldCatalog(EMPTY_CATALOG, events)
const right = <A>(value: A) => ({ _tag: 'Right', right: value })
const left = <A>(value: A) => ({ _tag: 'Left', left: value })

describe('creating a queue', () => {
  it('records its whole configuration, so that later defaults do not change it', () => {
    const config = { ...DEFAULT_QUEUE_CONFIG, partitions: 4 }
    expect(createQueue(EMPTY_CATALOG, 'orders', { partitions: 4 }, by)).toEqual(
      right([created('orders', 1, config)]),
    )
  })

  it('again with the same settings is already so, in whatever order they are written', () => {
    const { retriesMax, ...others } = exponential({ retriesMax: 9 })
    const settings: QueueSettings = { leaseMs: 500, failures: { NETWORK: { retriesMax, ...others } } }
    const again: QueueSettings = { failures: { NETWORK: { ...others, retriesMax } }, leaseMs: 500 }
    const first = createQueue(EMPTY_CATALOG, 'orders', settings, by)
    if (first._tag === 'Left') throw new Error('refused')
    expect(createQueue(catalogOf(...first.right), 'orders', again, by)).toEqual(right([]))
  })

  it.each<readonly [string, QueueSettings]>([
    ['maxSize', { maxSize: 5 }],
    ['failures', { failures: { NETWORK: fixed({ retriesMax: 9 }) } }],
    ['failures', { failures: { CARD_DECLINED: fixed() } }],
  ])('again with another %s is refused and names it', (field, settings) => {
    const refusal = { type: 'QueueExists', queue: 'orders', field }
    expect(createQueue(catalogOf(created('orders')), 'orders', settings, by)).toEqual(left(refusal))
  })

  it('after it was deleted begins the next generation', () => {
    const catalog = catalogOf(created('orders'), deleted('orders'))
    expect(createQueue(catalog, 'orders', {}, by)).toEqual(right([created('orders', 2)]))
  })

  it('with settings that cannot hold is refused', () => {
    expect(createQueue(EMPTY_CATALOG, 'orders', { leaseMs: 5 }, by)).toMatchObject(left({ field: 'leaseMs' }))
  })
})

describe('deleting a queue', () => {
  const catalog = catalogOf(created('orders'))
  it('is one event', () => {
    expect(deleteQueue(catalog, 'orders', 0, false, by)).toEqual(right([deleted('orders')]))
  })
  it('that holds messages needs to be told so', () => {
    const refusal = { type: 'QueueNotEmpty', queue: 'orders', messages: 3 }
    expect(deleteQueue(catalog, 'orders', 3, false, by)).toEqual(left(refusal))
    expect(deleteQueue(catalog, 'orders', 3, true, by)).toEqual(right([deleted('orders')]))
  })
  it('that is not there, or not any more, is refused', () => {
    const refusal = left({ type: 'QueueNotFound', queue: 'orders' })
    expect(deleteQueue(EMPTY_CATALOG, 'orders', 0, true, by)).toEqual(refusal)
    expect(deleteQueue(catalogOf(created('orders'), deleted('orders')), 'orders', 0, true, by)).toEqual(
      refusal,
    )
  })
})

describe('the catalogue', () => {
  it.each<readonly [string, ReadonlyArray<CatalogEvent>]>([
    ['a queue created twice', [created('orders'), created('orders', 2)]],
    ['a queue deleted that never was', [deleted('orders')]],
    ['a queue deleted twice', [created('orders'), deleted('orders'), deleted('orders')]],
    ['another generation deleted', [created('orders'), deleted('orders', 2)]],
  ])('I8 stops at %s', (_, events) => {
    expect(() => catalogOf(...events)).toThrow(/I8/)
  })

  it('leaves the catalogue before an event as it was', () => {
    const before = catalogOf(created('orders'))
    foldCatalog(before, [deleted('orders')])
    expect(before.get('orders')?.deleted).toBe(false)
  })
})

describe('settings', () => {
  it('that name something else are refused, also names that every object has', () => {
    for (const field of ['maxsize', 'constructor', '__proto__']) {
      const settings = JSON.parse(`{ "${field}": 1 }`) as QueueSettings
      expect(configure(settings)).toMatchObject(left({ type: 'QueueSettingsInvalid', field }))
    }
  })

  it.each<readonly [keyof QueueSettings, number, number]>([
    ['partitions', 1, 1_024],
    ['maxSize', 1, 100_000_000],
    ['dedupWindowMs', 0, 14 * 24 * 3_600_000],
    ['leaseMs', 100, 12 * 3_600_000],
    ['handlerTimeoutMs', 1, 366 * 24 * 3_600_000],
    ['ttlMs', 0, 366 * 24 * 3_600_000],
    ['delayMs', 0, 366 * 24 * 3_600_000],
  ])('%s is a whole number from %i to %i', (field, from, to) => {
    for (const value of [from, to]) expect(configure({ [field]: value })._tag).toBe('Right')
    for (const value of [from - 1, to + 1, from + 0.5, Number.NaN, Number.POSITIVE_INFINITY, '5', null]) {
      const refusal = {
        type: 'QueueSettingsInvalid',
        field,
        accepted: `a whole number from ${from} to ${to}`,
      }
      expect(configure({ [field]: value } as QueueSettings)).toMatchObject(left(refusal))
    }
  })

  it('C1 add failure types to those there are, up to a bound over all of them', () => {
    const many = (prefix: string, n: number) =>
      Object.fromEntries(Array.from({ length: n }, (_, i) => [`${prefix}${i}`, fixed()]))
    const base = configure({ failures: many('A', 60) })
    if (base._tag === 'Left') throw new Error('refused')
    expect(configure({ failures: many('A', 60) }, base.right)._tag).toBe('Right')
    // Each table is within the bound, the two together are not: stored so, they could not be read again.
    expect(configure({ failures: many('B', 60) }, base.right)).toMatchObject(left({ field: 'failures' }))
    expect(configure({ failures: { lower: fixed() } })).toMatchObject(left({ field: 'failures' }))
    // A hundred policies are not repeated to whoever gave them: their number is.
    const value = 120 + Object.keys(DEFAULT_QUEUE_CONFIG.failures).length
    const told = { field: 'failures', value, accepted: expect.stringContaining('100 failure types') }
    expect(configure({ failures: many('B', 120) })).toMatchObject(left(told))
  })

  it('that are accepted can be stored', () => {
    const settings = fc.record(
      {
        partitions: fc.integer({ min: 0, max: 1_025 }),
        leaseMs: fc.integer({ min: 0, max: 100_000 }),
        ttlMs: fc.integer({ min: -1, max: 5 }),
        failures: fc.constantFrom({}, { NETWORK: fixed() }, failureRules({ OWN: fixed() })),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(settings, (one) => {
        const config = configure(one)
        if (config._tag === 'Right') expect(StoredQueueConfigCodec.is(config.right)).toBe(true)
      }),
    )
  })
})

describe('the control of a queue', () => {
  const atFirst = controlAtCreation(DEFAULT_QUEUE_CONFIG)
  const configured = (settings: QueueSettings, control = atFirst) => configureQueue(control, settings, by)

  it('that is none is refused with its field, and no event', () => {
    expect(configured({ leaseMs: -1 })).toMatchObject(left({ field: 'leaseMs', value: -1 }))
  })

  it('changes by an event that holds the whole configuration', () => {
    const config = { ...DEFAULT_QUEUE_CONFIG, maxSize: 5 }
    expect(configured({ maxSize: 5 })).toEqual(right([{ type: 'QueueConfigured', config, by }]))
  })

  it('R67 keeps the settings that a change does not name', () => {
    const config = { ...DEFAULT_QUEUE_CONFIG, maxSize: 5 }
    const changed = configured({ leaseMs: 500 }, { ...atFirst, config })
    expect(changed).toEqual(right([{ type: 'QueueConfigured', config: { ...config, leaseMs: 500 }, by }]))
  })

  it('is already so when nothing differs', () => {
    expect(configured({})).toEqual(right([]))
    expect(configured({ maxSize: DEFAULT_QUEUE_CONFIG.maxSize })).toEqual(right([]))
  })

  it('refuses another number of partitions', () => {
    expect(configured({ partitions: 2 })).toMatchObject(left({ field: 'partitions', value: 2 }))
  })

  it('A4 pauses once and resumes once', () => {
    const paused: QueueControl = { ...atFirst, paused: true }
    expect(pauseQueue(atFirst, by)).toEqual([{ type: 'QueuePaused', by }])
    expect(pauseQueue(paused, by)).toEqual([])
    expect(resumeQueue(paused, by)).toEqual([{ type: 'QueueResumed', by }])
    expect(resumeQueue(atFirst, by)).toEqual([])
  })

  it('§4.2 counts its events, so that a partition knows which it has adopted', () => {
    const config = { ...DEFAULT_QUEUE_CONFIG, maxSize: 5 }
    const events: ControlEvent[] = [
      { type: 'QueuePaused', by },
      { type: 'QueueConfigured', config, by },
      { type: 'QueueResumed', by },
    ]
    const revisions = events.map((_, n) => events.slice(0, n + 1).reduce(evolveControl, atFirst))
    expect(revisions).toEqual([
      { ...atFirst, config: DEFAULT_QUEUE_CONFIG, paused: true, revision: 0 },
      { ...atFirst, config, paused: true, revision: 1 },
      { ...atFirst, config, paused: false, revision: 2 },
    ])
  })
})
