// The registry: every event of the ledger to its stored form and back. A Map by type name, not one union of codecs: the
// cost must not grow with the number of types, and an unknown name must be told from wrong data (I8).
import { type Either, left } from 'fp-ts/lib/Either.js'
import type { LedgerEvent } from './batch.js'
import { circuitCodecs } from './circuit/codecs.js'
import { clusterCodecs } from './cluster/codecs.js'
import type { EventCodec, EventDecodeFault } from './eventCodec.js'
import { invariant } from './invariant.js'
import { messageCodecs } from './message/codecs.js'
import { partitionCodecs } from './partition/codecs.js'
import { processCodecs } from './process/codecs.js'
import { queueCodecs } from './queue/codecs.js'
import { scheduleCodecs } from './schedule/codecs.js'
import { isFields } from './storedFields.js'

/** Version and type travel beside the data: in the metadata of an EventStoreDB event, in the headers of a Kafka record. */
export type StoredEvent = Readonly<{ type: string; version: number; data: unknown }>

type OfType<Type> = Extract<LedgerEvent, Readonly<{ type: Type }>>

/** The compiler holds this list complete, and each codec to its event. */
const codecs: Readonly<{ [Type in LedgerEvent['type']]: EventCodec<Type, Omit<OfType<Type>, 'type'>> }> = {
  ...messageCodecs,
  ...circuitCodecs,
  ...partitionCodecs,
  ...queueCodecs,
  ...processCodecs,
  ...clusterCodecs,
  ...scheduleCodecs,
}

type AnyCodec = Readonly<{
  version: number
  /** `never`: only the event whose type it was looked up by may go in. */
  encode: (event: never) => unknown
  decode: (version: number, data: unknown) => Either<EventDecodeFault, LedgerEvent>
}>

const registry: ReadonlyMap<string, AnyCodec> = new Map<string, AnyCodec>(Object.entries(codecs))

export const EVENT_TYPES: ReadonlyArray<string> = [...registry.keys()]

/** The latest version; `data` is a JSON value without `undefined`. */
export const encodeEvent = (event: LedgerEvent): StoredEvent => {
  const codec = registry.get(event.type)
  invariant(codec !== undefined, 'I8 an event that has no codec')
  return { type: event.type, version: codec.version, data: codec.encode(event as never) }
}

export const isLatestVersion = (type: string, version: number): boolean =>
  registry.get(type)?.version === version

export const decodeEvent = (
  type: string,
  version: number,
  data: unknown,
): Either<EventDecodeFault, LedgerEvent> => {
  const codec = registry.get(type)
  return codec === undefined
    ? left({ type: 'UnknownEventType', eventType: type })
    : codec.decode(version, data)
}

export const isStoredEvent = (value: unknown): value is StoredEvent =>
  isFields(value) && typeof value.type === 'string' && typeof value.version === 'number'
