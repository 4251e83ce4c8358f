// What may stand in each setting of a queue, what a refusal says, and when two configurations are the same.
import { isLeft, isRight } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { circuit } from '../../../domain/circuit/index.js'
import {
  configure,
  DEFAULT_QUEUE_CONFIG,
  differingField,
  QueueSettingsCodec,
} from '../../../domain/queue/index.js'

const YEAR_MS = 31_622_400_000
const gates = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`F${n}`, 'ftp']))
const shares = { high: 6, normal: 3, low: 1 }
const accepted = {
  bandShares: 'an object with high, normal and low, each a whole number from 1 to 100',
  waitFor: 'at most 100 failure types, each with the name of a gate',
  objective: 'a number from 0 to 1',
  yesOrNo: 'true or false',
  order: 'one of priority, fifo, lifo, weighted, adaptive',
}

describe('a setting of a queue', () => {
  it.each([
    ['order', ['priority', 'fifo', 'lifo', 'weighted', 'adaptive']],
    ['overflow', ['reject', 'dropOldest', 'dropLowestPriority']],
    ['groupHead', ['block', 'skip']],
    ['dedup', ['key', 'content', 'off']],
  ])('that is a choice takes each of its names, and no other: %s', (field, names) => {
    for (const name of names) {
      expect(isRight(configure({ [field]: name }))).toBe(true)
      expect(isRight(QueueSettingsCodec.decode({ [field]: name }))).toBe(true)
    }
    for (const wrong of ['', 'random', 5, null, [names[0]]]) {
      expect(configure({ [field]: wrong } as never)).toMatchObject({
        left: { field, value: wrong, accepted: `one of ${names.join(', ')}` },
      })
      expect(isLeft(QueueSettingsCodec.decode({ [field]: wrong }))).toBe(true)
    }
  })

  it.each([
    ['shedAbovePercent', 1, 100],
    ['shedBelowPriority', -1_000, 1_000],
    ['messageTimeoutMs', 100, YEAR_MS],
    ['concurrency', 1, 10_000],
    ['maxBatchSize', 1, 1_000],
    ['batchTimeoutMs', 0, 60_000],
    ['gateWaitMaxMs', 0, YEAR_MS],
  ])('that is a number has both bounds: %s from %i to %i', (field, from, to) => {
    for (const value of [from, to]) expect(isRight(configure({ [field]: value }))).toBe(true)
    for (const value of [from - 1, to + 1, from + 0.5, '5']) {
      expect(configure({ [field]: value } as never)).toMatchObject({
        left: { field, value, accepted: `a whole number from ${from} to ${to}` },
      })
    }
  })

  it.each([
    [{ bandShares: shares }],
    [{ bandShares: { high: 100, normal: 1, low: 1 } }],
    [{ waitFor: gates(100) }],
    [{ waitFor: { NETWORK: 'a'.repeat(256) } }],
    [{ completionObjective: 0 }],
    [{ completionObjective: 1 }],
    [{ batching: false, deadLetters: false }],
  ])('may be %j', (settings) => {
    expect(configure(settings)).toMatchObject({ right: settings })
  })

  it.each([
    ['bandShares', null, accepted.bandShares],
    ['bandShares', 6, accepted.bandShares],
    ['bandShares', { high: 6, normal: 3 }, accepted.bandShares],
    ['bandShares', { ...shares, urgent: 9 }, accepted.bandShares],
    ['bandShares', { ...shares, low: 0 }, accepted.bandShares],
    ['bandShares', { ...shares, high: 101 }, accepted.bandShares],
    ['bandShares', { ...shares, normal: 1.5 }, accepted.bandShares],
    ['waitFor', null, accepted.waitFor],
    ['waitFor', 'ftp', accepted.waitFor],
    ['waitFor', [], accepted.waitFor],
    ['waitFor', gates(101), accepted.waitFor],
    ['waitFor', { network: 'ftp' }, accepted.waitFor],
    ['waitFor', { NETWORK: 5 }, accepted.waitFor],
    ['waitFor', { NETWORK: '' }, accepted.waitFor],
    ['waitFor', { NETWORK: 'a\nb' }, accepted.waitFor],
    ['waitFor', { NETWORK: 'a'.repeat(257) }, accepted.waitFor],
    ['completionObjective', -0.1, accepted.objective],
    ['completionObjective', 1.1, accepted.objective],
    ['completionObjective', '1', accepted.objective],
    ['completionObjective', Number.NaN, accepted.objective],
    ['batching', 'yes', accepted.yesOrNo],
    ['deadLetters', 0, accepted.yesOrNo],
    ['order', 'random', accepted.order],
  ])('is refused where it cannot hold: %s %j', (field, value, sentence) => {
    expect(configure({ [field]: value } as never)).toEqual({
      _tag: 'Left',
      left: { type: 'QueueSettingsInvalid', field, value, accepted: sentence },
    })
  })

  it('that no queue has is refused with all those there are', () => {
    expect(configure({ maxsize: 5 } as never)).toMatchObject({
      left: { field: 'maxsize', accepted: `one of ${Object.keys(DEFAULT_QUEUE_CONFIG).join(', ')}` },
    })
  })

  it('that is undefined is one that was not given', () => {
    expect(configure({ leaseMs: undefined, batching: false } as never)).toMatchObject({
      right: { leaseMs: 30_000, batching: false },
    })
  })
})

describe('C6: the circuit of a queue', () => {
  const base = { ...DEFAULT_QUEUE_CONFIG, circuit: circuit({ openMs: 7, probesMax: 9 }) }

  it('keeps what a change leaves out, and begins at the defaults where there was none', () => {
    expect(configure({ circuit: { openMs: 8 } }, base)).toMatchObject({
      right: { circuit: { openMs: 8, probesMax: 9 } },
    })
    expect(configure({ circuit: { openMs: 8 } }, { ...base, circuit: null })).toMatchObject({
      right: { circuit: circuit({ openMs: 8 }) },
    })
    expect(configure({}, base)).toMatchObject({ right: { circuit: base.circuit } })
    expect(configure({ circuit: null }, base)).toMatchObject({ right: { circuit: null } })
  })

  it('is refused with the place inside it', () => {
    expect(configure({ circuit: { openMs: 0 } })).toMatchObject({
      left: { field: 'circuit.openMs', value: '0', accepted: 'a whole number from 1 to 604800000' },
    })
    expect(configure({ circuit: [] } as never)).toMatchObject({
      left: { field: 'circuit', value: 'a list of 0', accepted: 'an object' },
    })
  })

  it('is read as null or as an object at the door', () => {
    for (const given of [null, {}, { openMs: 5 }]) {
      expect(QueueSettingsCodec.decode({ circuit: given })).toMatchObject({ right: { circuit: given } })
      expect(QueueSettingsCodec.is({ circuit: given })).toBe(true)
    }
    expect(QueueSettingsCodec.is({ circuit: 5 })).toBe(false)
  })

  it.each([{ bandShares: { high: 1 } }, { bandShares: 5 }])(
    'B4: %j is no set of band shares at the door',
    (given) => {
      expect(isLeft(QueueSettingsCodec.decode(given))).toBe(true)
    },
  )
})

describe('two configurations', () => {
  const differ = (one: object, other: object) =>
    differingField({ ...DEFAULT_QUEUE_CONFIG, ...one }, { ...DEFAULT_QUEUE_CONFIG, ...other })

  it('are the same in whatever order their parts are written', () => {
    expect(
      differ({ bandShares: { high: 6, normal: 3, low: 1 } }, { bandShares: { low: 1, normal: 3, high: 6 } }),
    ).toBeUndefined()
    expect(
      differ({ waitFor: { A: 'x', B: 'y', C: 'z' } }, { waitFor: { C: 'z', A: 'x', B: 'y' } }),
    ).toBeUndefined()
    expect(differ({ limits: { concurrencyMax: undefined } }, { limits: {} })).toBeUndefined()
  })

  it('differ in the first field that is another', () => {
    expect(differ({ maxSize: 5 }, { maxSize: 6, leaseMs: 7 })).toBe('maxSize')
    expect(differ({ circuit: null }, {})).toBe('circuit')
    expect(differ({ waitFor: { A: 'x', B: 'y' } }, { waitFor: { A: 'y', B: 'x' } })).toBe('waitFor')
    const types = (...failureTypes: string[]) => ({ circuit: circuit({ failureTypes }) })
    expect(differ(types('NETWORK', 'DATABASE'), types('DATABASE', 'NETWORK'))).toBe('circuit')
    expect(differ(types('NETWORK'), types('NETWORK'))).toBeUndefined()
  })
})
