// Which circuit settings are refused and in which words, and that what is just within a bound is not.
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import {
  CircuitSettingsCodec,
  circuit,
  DEFAULT_CIRCUIT,
  describeCircuitSettingsRefusal,
  readCircuitSettings,
} from '../../../domain/circuit/index.js'

const WEEK_MS = 604_800_000
const types = (count: number) => Array.from({ length: count }, (_, n) => `F${n}`)
const told = (json: unknown): string => {
  const read = readCircuitSettings(json)
  if (E.isRight(read)) throw new Error('the settings were accepted')
  return describeCircuitSettingsRefusal(read.left)
}
const aWholeNumber = (to: number) => `a whole number from 1 to ${to}`
const aList = 'a list of 1 to 100 failure types'

describe('C6: refused circuit settings', () => {
  it.each([
    ['field failureThreshold: found 1001', aWholeNumber(1_000), { failureThreshold: 1_001 }],
    ['field probesMax: found 1001', aWholeNumber(1_000), { probesMax: 1_001 }],
    ['field successThreshold: found 1001', aWholeNumber(1_000), { successThreshold: 1_001 }],
    ['field openMs: found 604800001', aWholeNumber(WEEK_MS), { openMs: WEEK_MS + 1 }],
    ['field windowMs: found 0', aWholeNumber(WEEK_MS), { windowMs: 0 }],
    ['field adaptive: found "yes"', 'true or false', { adaptive: 'yes' }],
    ['field failureTypes: found a list of 0', aList, { failureTypes: [] }],
    ['field failureTypes: found a list of 101', aList, { failureTypes: types(101) }],
    ['field failureTypes: found "A"', aList, { failureTypes: 'A' }],
    [
      'field failureTypes.1: found "b"',
      '"*", or a capital letter, then up to 63 capital letters, digits and "_"',
      { failureTypes: ['A', 'b'] },
    ],
    [
      'field "treshold": found 3',
      'no such field; a circuit has failureThreshold, windowMs, openMs, probesMax, successThreshold, failureTypes, adaptive',
      { treshold: 3 },
    ],
  ])('are told where and what would do: %s, %s', (where, accepted, json) => {
    expect(told(json)).toBe(`Circuit, ${where}, accepted is ${accepted}.`)
  })

  it('that are no settings at all are named as a whole', () => {
    expect(told(5)).toBe('Circuit: found 5, accepted is an object.')
  })

  it('in code are an error with a name of its own', () => {
    expect(() => circuit({ probesMax: 0 })).toThrow(expect.objectContaining({ name: 'CircuitSettingsError' }))
  })

  it('are not taken for settings by their codec either', () => {
    for (const wrong of [undefined, null, 5, 'open', {}, { ...DEFAULT_CIRCUIT, openMs: 0 }]) {
      expect(CircuitSettingsCodec.is(wrong)).toBe(false)
    }
  })
})

describe('C6: circuit settings that are just within their bounds', () => {
  it.each([
    { failureThreshold: 1_000, probesMax: 1_000, successThreshold: 1_000 },
    { failureThreshold: 1, probesMax: 1, successThreshold: 1, windowMs: 1, openMs: 1 },
    { windowMs: WEEK_MS, openMs: WEEK_MS },
    { failureTypes: types(100) },
  ])('are accepted: %j', (json) => {
    expect(readCircuitSettings(json)).toEqual(E.right({ ...DEFAULT_CIRCUIT, ...json }))
  })

  it('keep their own copy of the list, and what is undefined is left out', () => {
    const failureTypes = ['NETWORK']
    const read = readCircuitSettings({ failureTypes, openMs: undefined })
    failureTypes.push('DATABASE')
    expect(read).toEqual(E.right({ ...DEFAULT_CIRCUIT, failureTypes: ['NETWORK'] }))
  })
})
