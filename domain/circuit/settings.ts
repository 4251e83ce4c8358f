// When a circuit opens and how it closes again (C6): what may stand in the settings, their defaults, and the one list of
// reasons to refuse them. Settings are plain JSON, so they can travel in a queue's configuration and in the log; what is
// read always has every field, so that tomorrow's defaults never change recorded settings.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { FAILURE_RULES_MAX, FAILURE_TYPE_RULE, type FailureType, isFailureType } from '../failure/index.js'
import { foundText } from '../foundText.js'
import type { DurationMs } from '../time.js'

/** In `failureTypes`: every type but those that say nothing about the place where the work is done. */
export const EVERY_FAILURE_TYPE = '*'
const NEVER_BY_STAR: ReadonlyArray<FailureType> = ['BUSINESS', 'VALIDATION']

export type CircuitSettings = Readonly<{
  /** Opens when so many failures that count lie within the window. */
  failureThreshold: number
  windowMs: DurationMs
  /** How long nothing is started after the opening. */
  openMs: DurationMs
  /** Half-open: how many attempts may run at once. */
  probesMax: number
  /** Half-open: how many probes must succeed before it closes. */
  successThreshold: number
  /** Which failures count; {@link EVERY_FAILURE_TYPE} = all but BUSINESS and VALIDATION. */
  failureTypes: ReadonlyArray<string>
  /**
   * Opens on a share of failures, too: fewer than `failureThreshold` are enough when half of the calls in the window
   * failed (the formula stands at `failuresToOpen`). Successes are then counted as well.
   */
  adaptive: boolean
}>

/** What a user may write: everything has a default. */
export type CircuitOptions = Partial<CircuitSettings>

export const FAILURE_THRESHOLD_MAX = 1_000
export const PROBES_MAX_MAX = 1_000
export const SUCCESS_THRESHOLD_MAX = 1_000
/** A mistake of unit (seconds for milliseconds, years for hours) ends here. */
export const CIRCUIT_MS_MAX = 7 * 24 * 3_600_000

export const DEFAULT_CIRCUIT: CircuitSettings = Object.freeze({
  failureThreshold: 5,
  windowMs: 60_000,
  openMs: 30_000,
  probesMax: 3,
  successThreshold: 3,
  failureTypes: Object.freeze(['DATABASE']),
  adaptive: false,
})

/** An earlier system's numbers: opens after 3 failures, closes after 5 successes, stays open for 30 s. */
export const sensitiveCircuit: CircuitSettings = Object.freeze({
  ...DEFAULT_CIRCUIT,
  failureThreshold: 3,
  successThreshold: 5,
})

export type CircuitSettingsRefusal = Readonly<{
  type: 'CircuitSettingsInvalid'
  /** Dotted path inside the settings; empty = the settings themselves. */
  field: string
  found: string
  accepted: string
}>

export const describeCircuitSettingsRefusal = ({ field, found, accepted }: CircuitSettingsRefusal): string =>
  `Circuit${field === '' ? '' : `, field ${field}`}: found ${found}, accepted is ${accepted}.`

type Fields = Readonly<Record<string, unknown>>

const NUMBER_MAX: Readonly<Record<string, number>> = {
  failureThreshold: FAILURE_THRESHOLD_MAX,
  windowMs: CIRCUIT_MS_MAX,
  openMs: CIRCUIT_MS_MAX,
  probesMax: PROBES_MAX_MAX,
  successThreshold: SUCCESS_THRESHOLD_MAX,
}
const FIELDS: ReadonlyArray<string> = Object.keys(DEFAULT_CIRCUIT)

const refuse = (field: string, value: unknown, accepted: string): CircuitSettingsRefusal => ({
  type: 'CircuitSettingsInvalid',
  field,
  found: foundText(value),
  accepted,
})

/** The first thing that is wrong with complete settings. */
const problemOf = (settings: Fields): CircuitSettingsRefusal | undefined => {
  for (const [field, max] of Object.entries(NUMBER_MAX)) {
    const value = settings[field]
    if (!(typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max)) {
      return refuse(field, value, `a whole number from 1 to ${max}`)
    }
  }
  if (typeof settings.adaptive !== 'boolean') {
    return refuse('adaptive', settings.adaptive, 'true or false')
  }
  return failureTypesProblem(settings.failureTypes)
}

const failureTypesProblem = (types: unknown): CircuitSettingsRefusal | undefined => {
  // A circuit that counts nothing would look as if it watched; who wants none says `circuit: null`.
  if (!Array.isArray(types) || types.length === 0 || types.length > FAILURE_RULES_MAX) {
    return refuse('failureTypes', types, `a list of 1 to ${FAILURE_RULES_MAX} failure types`)
  }
  for (const [index, type] of types.entries()) {
    if (type !== EVERY_FAILURE_TYPE && !isFailureType(type)) {
      return refuse(`failureTypes.${index}`, type, `"${EVERY_FAILURE_TYPE}", or ${FAILURE_TYPE_RULE}`)
    }
  }
  return undefined
}

/**
 * The settings that a JSON value stands for; what it leaves out is taken from `base`. Fields that no circuit has are
 * refused: a misspelt `treshold` must not be taken for "the default".
 */
export const readCircuitSettings = (
  json: unknown,
  base: CircuitSettings = DEFAULT_CIRCUIT,
): Either<CircuitSettingsRefusal, CircuitSettings> => {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return left(refuse('', json, 'an object'))
  }
  const settings: Record<string, unknown> = { ...base }
  for (const [field, value] of Object.entries(json)) {
    if (!FIELDS.includes(field)) {
      return left(refuse(foundText(field), value, `no such field; a circuit has ${FIELDS.join(', ')}`))
    }
    if (value !== undefined) settings[field] = Array.isArray(value) ? [...value] : value
  }
  const problem = problemOf(settings)
  // `problemOf` has just checked each field.
  return problem === undefined ? right(settings as CircuitSettings) : left(problem)
}

export class CircuitSettingsError extends RangeError {
  override readonly name = 'CircuitSettingsError'
}

/** Settings written in code, over the defaults. @throws CircuitSettingsError on a wrong number, where it is written */
export const circuit = (
  options: CircuitOptions = {},
  base: CircuitSettings = DEFAULT_CIRCUIT,
): CircuitSettings => {
  const settings = readCircuitSettings(options, base)
  if (isLeft(settings)) throw new CircuitSettingsError(describeCircuitSettingsRefusal(settings.left))
  return Object.freeze(settings.right)
}

const isCircuitSettings = (value: unknown): value is CircuitSettings =>
  typeof value === 'object' && value !== null && problemOf(value as Fields) === undefined

/** For the door: decodes like {@link readCircuitSettings}, with its sentence as the validation error. */
export const CircuitSettingsCodec = new t.Type<CircuitSettings, CircuitSettings, unknown>(
  'CircuitSettings',
  isCircuitSettings,
  (json, context) => {
    const settings = readCircuitSettings(json)
    if (isLeft(settings)) return t.failure(json, context, describeCircuitSettingsRefusal(settings.left))
    return t.success(settings.right)
  },
  (settings) => ({ ...settings, failureTypes: [...settings.failureTypes] }),
)

/** Does a failure of this type speak against the place where the work is done? */
export const countsAsFailure = (settings: CircuitSettings, type: FailureType): boolean =>
  settings.failureTypes.includes(type) ||
  (settings.failureTypes.includes(EVERY_FAILURE_TYPE) && !NEVER_BY_STAR.includes(type))
