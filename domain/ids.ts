// Names that cross the door: queues, streams, message ids, lease tokens. Generated ids and lease tokens carry queue
// and partition, so that they can be routed without a look-up (§4.1 of the design). None of them is an authorisation.
import * as t from 'io-ts'
import { invariant } from './invariant.js'

const QUEUE_NAME = /^[A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9_-])?$/

type QueueNameBrand = { readonly QueueName: unique symbol }
/** `[A-Za-z0-9._-]`, 1 to 128 characters, no dot at either end: safe as one path or stream segment, never `..`. */
export const QueueNameCodec = t.brand(
  t.string,
  (name): name is t.Branded<string, QueueNameBrand> => QUEUE_NAME.test(name),
  'QueueName',
)
export const QUEUE_NAME_RULE = 'letters, digits, ".", "_" and "-", 1 to 128 of them, no "." at either end'

/** One partition of one generation of a queue: the unit of order and of writing. */
export type PartitionRef = Readonly<{ queue: string; generation: number; partition: number }>

export const CATALOG_STREAM = 'ledger'
export const controlStream = (queue: string, generation: number): string => `control-${queue}~${generation}`
export const partitionStream = (ref: PartitionRef): string =>
  `partition-${ref.queue}~${ref.generation}.${ref.partition}`

const PARTITION_STREAM = /^partition-([A-Za-z0-9._-]{1,128})~([1-9]\d{0,14})\.(0|[1-9]\d{0,14})$/
/** Undefined for a stream that `partitionStream` did not name: a log may hold streams of others. */
export const parsePartitionStream = (stream: string): PartitionRef | undefined => {
  const found = PARTITION_STREAM.exec(stream)
  const queue = found?.[1] ?? ''
  if (found === null || !QUEUE_NAME.test(queue)) return undefined
  return { queue, generation: Number(found[2]), partition: Number(found[3]) }
}

/** What stands before the ordinal in a generated id: `orders.0.`; from the second generation on `orders~2.0.`. */
export const generatedIdPrefix = (ref: PartitionRef): string =>
  ref.generation === 1 ? `${ref.queue}.${ref.partition}.` : `${ref.queue}~${ref.generation}.${ref.partition}.`

export const generatedId = (ref: PartitionRef, ordinal: number): string =>
  generatedIdPrefix(ref) + ordinal.toString(36)

/** The one spelling that `generatedId` gives: no leading zeros, generation 1 unspoken, ordinals from 1. */
const GENERATED_ID =
  /^([A-Za-z0-9._-]{1,128})(?:~([2-9]|[1-9]\d{1,14}))?\.(0|[1-9]\d{0,14})\.([1-9a-z][0-9a-z]{0,10})$/

/** The parts of a generated id; undefined for an id that a caller chose, or that is none at all. */
export const parseGeneratedId = (id: string): (PartitionRef & Readonly<{ ordinal: number }>) | undefined => {
  const found = GENERATED_ID.exec(id)
  if (found === null) return undefined
  const queue = found[1] ?? ''
  const ordinal = Number.parseInt(found[4] ?? '', 36)
  if (!QUEUE_NAME.test(queue) || !Number.isSafeInteger(ordinal)) return undefined
  return {
    queue,
    generation: found[2] === undefined ? 1 : Number(found[2]),
    partition: Number(found[3]),
    ordinal,
  }
}

const CALLER_ID = /^[A-Za-z0-9_][A-Za-z0-9._~@+=-]{0,127}$/

/** Wider than what is generated, so that nobody takes `orders.0.07` for `orders.0.7`. */
const LOOKS_GENERATED = /^[A-Za-z0-9._-]+(?:~\d+)?\.\d+\.[0-9a-z]{1,11}$/

/**
 * A caller may choose an id, but not one that looks like a generated one of any queue: that id could be given out later.
 * The characters are those that stand unescaped in a URL path segment; ":" is left out because it starts a verb there.
 */
export const isCallerId = (id: string): boolean => CALLER_ID.test(id) && !LOOKS_GENERATED.test(id)
export const CALLER_ID_RULE =
  'letters, digits and "._~@+=-", 1 to 128 of them, starting with a letter, digit or "_", and not of the generated form "<queue>.<partition>.<number>"'

/**
 * A lease token names the message by ordinal and the claim by its fence, a counter of the partition that only rises:
 * of two tokens of one message, the greater is the later (I3).
 */
export type LeaseRef = PartitionRef & Readonly<{ ordinal: number; fence: number }>

export const leaseToken = (ref: PartitionRef, ordinal: number, fence: number): string =>
  `${generatedId(ref, ordinal)}.${fence.toString(36)}`

const FENCE = /^[1-9a-z][0-9a-z]{0,10}$/

/** Undefined for anything that `leaseToken` does not give. */
export const parseLeaseToken = (token: string): LeaseRef | undefined => {
  const cut = token.lastIndexOf('.')
  if (cut <= 0 || cut === token.length - 1) return undefined
  const fenceText = token.slice(cut + 1)
  if (!FENCE.test(fenceText)) return undefined
  const message = parseGeneratedId(token.slice(0, cut))
  const fence = Number.parseInt(fenceText, 36)
  if (message === undefined || !Number.isSafeInteger(fence)) return undefined
  return { ...message, fence }
}

/** Route of a message: which of `partitions` it belongs to, for ever (P is fixed when the queue is created). FNV-1a, 32 bit. */
export const partitionOf = (routingKey: string, partitions: number): number => {
  invariant(partitions >= 1, 'a queue has at least one partition')
  if (partitions === 1) return 0
  let hash = 0x811c9dc5
  for (let i = 0; i < routingKey.length; i++) {
    hash = Math.imul(hash ^ routingKey.charCodeAt(i), 0x01000193)
  }
  return (hash >>> 0) % partitions
}
