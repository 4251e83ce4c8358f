import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { PathReporter } from 'io-ts/lib/PathReporter.js'
import { describe, expect, it } from 'vitest'
import { StoredCircuitSettingsCodec } from '../../../domain/circuit/codecs.js'
import {
  CIRCUIT_MS_MAX,
  CircuitSettingsCodec,
  CircuitSettingsError,
  circuit,
  countsAsFailure,
  DEFAULT_CIRCUIT,
  describeCircuitSettingsRefusal,
  readCircuitSettings,
  sensitiveCircuit,
} from '../../../domain/circuit/index.js'
import { BUILT_IN_FAILURE_TYPES } from '../../../domain/failure/index.js'
import { circuitSettings } from './arbitraries.js'

const refusalOf = (json: unknown) => {
  const read = readCircuitSettings(json)
  if (E.isRight(read)) throw new Error('the settings were accepted')
  return read.left
}

describe('C6: circuit settings as JSON', () => {
  it('all of them come back from JSON text as they were, at the door and from the log', () => {
    fc.assert(
      fc.property(circuitSettings, (settings) => {
        const there = (json: unknown): unknown => JSON.parse(JSON.stringify(json))
        expect(readCircuitSettings(there(settings))).toEqual(E.right(settings))
        expect(CircuitSettingsCodec.decode(there(CircuitSettingsCodec.encode(settings)))).toEqual(
          E.right(settings),
        )
        expect(StoredCircuitSettingsCodec.decode(there(StoredCircuitSettingsCodec.encode(settings)))).toEqual(
          E.right(settings),
        )
        expect(CircuitSettingsCodec.is(settings)).toBe(true)
      }),
    )
  })

  it('decoding never throws, and what it accepts is accepted again', () => {
    const nearly = fc.dictionary(
      fc.constantFrom(...Object.keys(DEFAULT_CIRCUIT), '__proto__'),
      fc.jsonValue(),
    )
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), nearly), (json) => {
        const decoded = CircuitSettingsCodec.decode(json)
        if (E.isRight(decoded)) expect(CircuitSettingsCodec.is(decoded.right)).toBe(true)
      }),
    )
  })

  it('A14: the defaults are 5 DATABASE failures in 60 s, 30 s open, 3 probes, 3 successes', () => {
    expect(readCircuitSettings({})).toEqual(
      E.right({
        failureThreshold: 5,
        windowMs: 60_000,
        openMs: 30_000,
        probesMax: 3,
        successThreshold: 3,
        failureTypes: ['DATABASE'],
        adaptive: false,
      }),
    )
    expect(sensitiveCircuit).toEqual({ ...DEFAULT_CIRCUIT, failureThreshold: 3, successThreshold: 5 })
  })

  it('what is left out is taken from the settings in force', () => {
    expect(readCircuitSettings({ openMs: 7 }, sensitiveCircuit)).toEqual(
      E.right({ ...sensitiveCircuit, openMs: 7 }),
    )
  })

  it.each([
    ['', null],
    ['', []],
    ['', 'closed'],
    ['"treshold"', { treshold: 3 }],
    ['failureThreshold', { failureThreshold: 0 }],
    ['windowMs', { windowMs: '60s' }],
    ['windowMs', { windowMs: CIRCUIT_MS_MAX + 1 }],
    ['openMs', { openMs: 1.5 }],
    ['probesMax', { probesMax: null }],
    ['successThreshold', { successThreshold: -1 }],
    ['failureTypes', { failureTypes: [] }],
    ['failureTypes', { failureTypes: 'DATABASE' }],
    ['failureTypes.1', { failureTypes: ['DATABASE', 'network'] }],
    ['adaptive', { adaptive: 'yes' }],
  ])('field %j is refused in %j', (field, json) => {
    expect(refusalOf(json).field).toBe(field)
  })

  it('a refusal says what was found and what is accepted, also through the codec', () => {
    const json = { openMs: '30s' }
    expect(refusalOf(json)).toEqual({
      type: 'CircuitSettingsInvalid',
      field: 'openMs',
      found: '"30s"',
      accepted: `a whole number from 1 to ${CIRCUIT_MS_MAX}`,
    })
    const sentence = `Circuit, field openMs: found "30s", accepted is a whole number from 1 to ${CIRCUIT_MS_MAX}.`
    expect(describeCircuitSettingsRefusal(refusalOf(json))).toBe(sentence)
    expect(PathReporter.report(CircuitSettingsCodec.decode(json))).toEqual([sentence])
  })

  it('in code, a wrong number throws where it is written, and nobody can change the settings later', () => {
    expect(() => circuit({ probesMax: 0 })).toThrow(CircuitSettingsError)
    expect(Object.isFrozen(circuit())).toBe(true)
  })
})

describe('C6: which failures speak against a place', () => {
  const counted = (failureTypes: string[]) =>
    BUILT_IN_FAILURE_TYPES.filter((type) => countsAsFailure(circuit({ failureTypes }), type))

  it('the listed types, and no other', () => {
    expect(counted(['DATABASE'])).toEqual(['DATABASE'])
    expect(counted(['NETWORK', 'BUSINESS'])).toEqual(['NETWORK', 'BUSINESS'])
  })

  it('"*" is every type but BUSINESS and VALIDATION; these count when they are named beside it', () => {
    const not = (...types: string[]) => BUILT_IN_FAILURE_TYPES.filter((type) => !types.includes(type))
    expect(counted(['*'])).toEqual(not('BUSINESS', 'VALIDATION'))
    expect(counted(['*', 'VALIDATION'])).toEqual(not('BUSINESS'))
    expect(countsAsFailure(circuit({ failureTypes: ['*'] }), 'MY_OWN')).toBe(true)
  })
})
