// How an event is stored and read back for as long as its log lives: one codec per version, each upcast from its
// neighbour, none ever removed. We write the latest version only. A type or version that is not known here is a fault
// that stops the reader; it is never skipped (I8).
//
// Law: decode(version, encode(event)) = right(event); every older version decodes to the latest.
import { type Either, isLeft, left, map } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'

export type EventDecodeFault =
  | Readonly<{ type: 'UnknownEventType'; eventType: string }>
  /** Newer than this program knows, or no version at all. */
  | Readonly<{ type: 'UnknownEventVersion'; eventType: string; version: number; versionKnown: number }>
  | Readonly<{
      type: 'InvalidEventData'
      eventType: string
      version: number
      /** The first of them. */
      errors: ReadonlyArray<string>
    }>

/** Of thousands of wrong fields the first few tell the story. */
export const DECODE_ERRORS_MAX = 5

export type EventCodec<Type extends string, Fields> = Readonly<{
  type: Type
  /** The version that is written. */
  version: number
  /** A JSON value: fields in a fixed order, `undefined` ones left out. */
  encode: (event: Fields) => unknown
  decode: (version: number, data: unknown) => Either<EventDecodeFault, Readonly<{ type: Type }> & Fields>
  /** The next version, and what a stored event of this one means in it. */
  next: <Next>(codec: t.Type<Next, unknown>, upcast: (older: Fields) => Next) => EventCodec<Type, Next>
}>

/** Asked only for versions that exist. */
type DecodeKnown<Fields> = (version: number, data: unknown) => Either<EventDecodeFault, Fields>

export const firstVersion = <Type extends string, Fields>(
  type: Type,
  codec: t.Type<Fields, unknown>,
): EventCodec<Type, Fields> => versioned(type, 1, codec)

const versioned = <Type extends string, Fields>(
  type: Type,
  version: number,
  codec: t.Type<Fields, unknown>,
  older?: DecodeKnown<Fields>,
): EventCodec<Type, Fields> => {
  const decodeKnown: DecodeKnown<Fields> = (found, data) => {
    if (older !== undefined && found < version) return older(found, data)
    const decoded = codec.decode(data)
    return isLeft(decoded) ? left(invalidEventData(type, version, decoded.left)) : decoded
  }
  return {
    type,
    version,
    encode: codec.encode,
    decode: (found, data) =>
      Number.isInteger(found) && found >= 1 && found <= version
        ? map((fields: Fields) => ({ type, ...fields }))(decodeKnown(found, data))
        : left({ type: 'UnknownEventVersion', eventType: type, version: found, versionKnown: version }),
    next: (nextCodec, upcast) =>
      versioned(type, version + 1, nextCodec, (found, data) => map(upcast)(decodeKnown(found, data))),
  }
}

export const invalidEventData = (eventType: string, version: number, errors: t.Errors): EventDecodeFault => ({
  type: 'InvalidEventData',
  eventType,
  version,
  errors: errors.slice(0, DECODE_ERRORS_MAX).map(describe),
})

/** Where, and what was expected: never the value itself, which may be somebody's payload. */
const describe = ({ context, message }: t.ValidationError): string => {
  const path = context.map(({ key }) => key).filter((key) => key !== '')
  const expected = context[context.length - 1]?.type.name ?? 'another value'
  return `${path.length === 0 ? 'the event' : path.join('.')}: ${message ?? `expected ${expected}`}`
}
