// The building blocks of stored forms: records whose fields stand in a fixed order and whose absent ones are left out, so
// that an event has one JSON text. Unknown fields are dropped, as an older writer of the same version may know fewer.
// Stored numbers are checked for being numbers at all, not against today's bounds: a fact stays readable when a bound moves.
import { isLeft } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { DECODE_ERRORS_MAX } from './eventCodec.js'
import { invariant } from './invariant.js'
import { type RetryPolicy, RetryPolicyCodec } from './retry/index.js'

type Fields = Readonly<Record<string, unknown>>

/** Always present in memory; `undefined` ones are left out when stored. */
type Required<P extends t.Props> = { readonly [K in keyof P]: t.TypeOf<P[K]> }
/** Absent in memory, too, when they were not given. */
type Partial<P extends t.Props> = { readonly [K in keyof P]?: t.TypeOf<P[K]> }

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const storedRecord = <P extends t.Props, Q extends t.Props = Record<never, never>>(
  name: string,
  required: P,
  partial: Q = {} as Q,
): t.Type<Required<P> & Partial<Q>, Fields, unknown> => {
  const codecs = Object.entries({ ...required, ...partial })
  const partialKeys = new Set(Object.keys(partial))
  type Value = Required<P> & Partial<Q>
  return new t.Type(
    name,
    (value): value is Value =>
      isFields(value) &&
      codecs.every(
        ([key, codec]) => (partialKeys.has(key) && !Object.hasOwn(value, key)) || codec.is(value[key]),
      ),
    (value, context) => {
      if (!isFields(value)) return t.failure(value, context)
      const decoded: Record<string, unknown> = {}
      const errors: t.ValidationError[] = []
      for (const [key, codec] of codecs) {
        const found = value[key]
        if (found === undefined && partialKeys.has(key)) continue
        const field = codec.validate(found, context)
        if (!isLeft(field)) {
          decoded[key] = field.right
          continue
        }
        // Where it was is worked out only when it was wrong: building the path costs more than the look at the field.
        const located = codec.validate(found, t.appendContext(context, key, codec, found))
        errors.push(...(isLeft(located) ? located : field).left.slice(0, DECODE_ERRORS_MAX))
      }
      return errors.length === 0 ? t.success(decoded as Value) : t.failures(errors)
    },
    (value) => {
      const stored: Record<string, unknown> = {}
      for (const [key, codec] of codecs) {
        const field = (value as Fields)[key]
        if (field !== undefined) stored[key] = codec.encode(field)
      }
      return stored
    },
  )
}

export const orUndefined = <A>(codec: t.Type<A, unknown>): t.Type<A | undefined, unknown> =>
  new t.Type(
    `${codec.name} or nothing`,
    (value): value is A | undefined => value === undefined || codec.is(value),
    (value, context) => (value === undefined ? t.success(undefined) : codec.validate(value, context)),
    (value) => (value === undefined ? undefined : codec.encode(value)),
  )

const number = (name: string, is: (value: number) => boolean): t.Type<number> => {
  const isNumber = (value: unknown): value is number => typeof value === 'number' && is(value)
  return new t.Type(
    name,
    isNumber,
    (value, context) => (isNumber(value) ? t.success(value) : t.failure(value, context)),
    t.identity,
  )
}

export const IntegerCodec = number('a whole number', Number.isSafeInteger)
/** Counts, ordinals, fences, instants and durations. */
export const NaturalCodec = number('a whole number from 0', (n) => Number.isSafeInteger(n) && n >= 0)

/** Any JSON value; what it holds is another reader's business. */
export const JsonCodec = new t.Type<unknown, unknown, unknown>(
  'a JSON value',
  (value): value is unknown => value !== undefined,
  (value, context) => (value === undefined ? t.failure(value, context) : t.success(value)),
  t.identity,
)

/** Spelt as decoding spells it, whatever the order of the fields of the policy in memory. */
export const StoredRetryPolicyCodec = new t.Type<RetryPolicy, unknown, unknown>(
  RetryPolicyCodec.name,
  RetryPolicyCodec.is,
  RetryPolicyCodec.validate,
  (policy) => {
    const spelt = RetryPolicyCodec.decode(policy)
    invariant(!isLeft(spelt), 'I8 a retry policy that cannot be read back')
    return spelt.right
  },
)

/** The field's JSON text, stored as the JSON value it stands for where that is exact, else as text under `<field>Text`. */
export const withJsonText = <A>(field: string, codec: t.Type<A, Fields>): t.Type<A, Fields, unknown> => {
  const textField = `${field}Text`
  return new t.Type(
    codec.name,
    codec.is,
    (value, context) => {
      if (!isFields(value)) return codec.validate(value, context)
      const nested = Object.hasOwn(value, field)
      if (nested && Object.hasOwn(value, textField)) {
        return t.failure(value, context, `either ${field} or ${textField}, not both`)
      }
      const text = nested ? textOf(value[field]) : value[textField]
      return codec.validate({ ...value, [field]: text }, context)
    },
    (event) => {
      const stored: Record<string, unknown> = {}
      for (const [key, value] of Object.entries(codec.encode(event))) {
        const nested = key === field && typeof value === 'string' ? exactValueOf(value) : undefined
        if (key !== field) stored[key] = value
        else if (nested === undefined) stored[textField] = value
        else stored[field] = nested
      }
      return stored
    },
  )
}

/** Undefined for what has no JSON text: nested so deeply that the stack ends. */
const textOf = (value: unknown): string | undefined => {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** Undefined where the value would come back as another text (numbers beyond a double, spaces, repeated keys; I10). */
const exactValueOf = (text: string): unknown => {
  try {
    const value: unknown = JSON.parse(text)
    return JSON.stringify(value) === text ? value : undefined
  } catch {
    return undefined
  }
}
