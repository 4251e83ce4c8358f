// Versions of one event: older ones are upcast step by step, the latest is written, a newer one is refused.
import { left, right } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { firstVersion } from '../../domain/eventCodec.js'
import { NaturalCodec, orUndefined, storedRecord } from '../../domain/storedFields.js'

const first = firstVersion('LampLit', storedRecord('LampLit', { at: NaturalCodec }))
const second = first.next(storedRecord('LampLit', { at: NaturalCodec, by: orUndefined(t.string) }), (v1) => ({
  ...v1,
  by: undefined,
}))
const third = second.next(
  storedRecord('LampLit', { at: NaturalCodec, by: t.string, watts: NaturalCodec }),
  ({ at, by }) => ({ at, by: by ?? 'nobody', watts: 60 }),
)

describe('an event with three versions', () => {
  it('is written in the latest', () => {
    expect(third.version).toBe(3)
    expect(third.encode({ at: 1, by: 'ada', watts: 7 })).toStrictEqual({ at: 1, by: 'ada', watts: 7 })
  })

  it('is read from each, one step at a time', () => {
    expect(third.decode(1, { at: 1 })).toStrictEqual(
      right({ type: 'LampLit', at: 1, by: 'nobody', watts: 60 }),
    )
    expect(third.decode(2, { at: 1, by: 'ada' })).toStrictEqual(
      right({ type: 'LampLit', at: 1, by: 'ada', watts: 60 }),
    )
    expect(third.decode(3, { at: 1, by: 'ada', watts: 7 })).toStrictEqual(
      right({ type: 'LampLit', at: 1, by: 'ada', watts: 7 }),
    )
  })

  it('is checked by the codec of the version it was written in', () => {
    expect(third.decode(3, { at: 1, by: 'ada' })).toMatchObject({
      left: { type: 'InvalidEventData', version: 3 },
    })
    expect(third.decode(1, { at: 'noon' })).toMatchObject({ left: { type: 'InvalidEventData', version: 1 } })
  })

  it.each([0, 4, 1.5])('I8: is refused in version %s, which names the latest known', (version) => {
    expect(third.decode(version, { at: 1, by: 'ada', watts: 7 })).toEqual(
      left({ type: 'UnknownEventVersion', eventType: 'LampLit', version, versionKnown: 3 }),
    )
  })

  it('leaves the codecs of its older versions as they were', () => {
    expect(first.version).toBe(1)
    expect(first.decode(2, { at: 1 })).toMatchObject({
      left: { type: 'UnknownEventVersion', versionKnown: 1 },
    })
  })

  it('drops fields it does not know, and keeps no undefined ones', () => {
    expect(second.decode(2, { at: 1, colour: 'red' })).toStrictEqual(
      right({ type: 'LampLit', at: 1, by: undefined }),
    )
    expect(second.encode({ at: 1, by: undefined })).toStrictEqual({ at: 1 })
  })
})
