// Codecs of the door: objects with exactly the fields that are listed. A misspelt `prioritty` that is dropped in silence
// runs with the default priority and nobody learns why, so it is refused with its name and with what is accepted.
import { isLeft } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { isFields } from '../../domain/storedFields.js'

type Fields = Readonly<Record<string, unknown>>
type Decoded<P extends t.Props, Q extends t.Props> = { readonly [K in keyof P]: t.TypeOf<P[K]> } & {
  readonly [K in keyof Q]?: t.TypeOf<Q[K]>
}

/** Faults are listed for the caller to repair, not to echo a large body back. */
export const FAULTS_MAX = 10

export const closedRecord = <P extends t.Props, Q extends t.Props = Record<never, never>>(
  name: string,
  required: P,
  optional: Q = {} as Q,
): t.Type<Decoded<P, Q>, unknown, unknown> => {
  const codecs = new Map(Object.entries({ ...required, ...optional }))
  const accepted = [...codecs.keys()].join(', ')
  const validate: t.Validate<unknown, Decoded<P, Q>> = (value, context) => {
    if (!isFields(value)) return t.failure(value, context, 'expected an object')
    const faults: t.ValidationError[] = []
    const decoded: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      if (codecs.has(key)) continue
      const at = t.appendContext(context, key, t.unknown, value[key])
      const list = accepted === '' ? 'none are accepted here' : `accepted are ${accepted}`
      faults.push({ value: value[key], context: at, message: `unknown field; ${list}` })
      if (faults.length >= FAULTS_MAX) break
    }
    for (const [key, codec] of codecs) {
      const found = Object.hasOwn(value, key) ? value[key] : undefined
      const at = t.appendContext(context, key, codec, found)
      if (found === undefined) {
        if (Object.hasOwn(required, key))
          faults.push({ value: found, context: at, message: 'required field is missing' })
        continue
      }
      const field = codec.validate(found, at)
      if (isLeft(field)) faults.push(...field.left.slice(0, FAULTS_MAX))
      else decoded[key] = field.right
      if (faults.length >= FAULTS_MAX) break
    }
    return faults.length === 0 ? t.success(decoded as Decoded<P, Q>) : t.failures(faults)
  }
  return new t.Type<Decoded<P, Q>, unknown, unknown>(
    name,
    (value): value is Decoded<P, Q> => isFields(value) && !isLeft(validate(value, [])),
    validate,
    (value) => value as Fields,
  )
}

/** A codec with one sentence that says what it accepts; the sentence is what a client reads. */
export const accepting = <A>(expected: string, is: (value: unknown) => value is A): t.Type<A, A, unknown> =>
  new t.Type(
    expected,
    is,
    (value, context) => (is(value) ? t.success(value) : t.failure(value, context, `expected ${expected}`)),
    t.identity,
  )

export const listOf = <A>(item: t.Type<A, unknown, unknown>, from: number, to: number) =>
  new t.Type<ReadonlyArray<A>, unknown, unknown>(
    `a list of ${from} to ${to} ${item.name}`,
    (value): value is ReadonlyArray<A> => Array.isArray(value) && value.every(item.is),
    (value, context) => {
      if (!Array.isArray(value) || value.length < from || value.length > to)
        return t.failure(value, context, `expected a list of ${from} to ${to} items`)
      const items: A[] = []
      const faults: t.ValidationError[] = []
      for (const [index, found] of value.entries()) {
        const decoded = item.validate(found, t.appendContext(context, String(index), item, found))
        if (isLeft(decoded)) faults.push(...decoded.left)
        else items.push(decoded.right)
        if (faults.length >= FAULTS_MAX) break
      }
      return faults.length === 0 ? t.success(items) : t.failures(faults.slice(0, FAULTS_MAX))
    },
    (value) => value,
  )

export type Fault = Readonly<{ path: string; problem: string }>

const FAULT_KEY_CHARS_MAX = 64

/** JSON pointer and sentence per fault; of the body only key names are quoted, and those cut short. */
export const faultsOf = (errors: t.Errors): ReadonlyArray<Fault> =>
  errors.slice(0, FAULTS_MAX).map(({ context, message }) => ({
    path: context
      .map(({ key }) => key)
      .filter((key) => key !== '')
      .map((key) => `/${key.slice(0, FAULT_KEY_CHARS_MAX).replaceAll('~', '~0').replaceAll('/', '~1')}`)
      .join(''),
    problem: message ?? `expected ${context.at(-1)?.type.name ?? 'another value'}`,
  }))
