// The claim check (A12): a large payload is put into the blob store before its message is enqueued, and fetched when the
// message is claimed, before any handler sees it. The event in the log holds `null` in its place, and the reference in its
// attributes. What is fetched has been compared with hash and length; a blob that is missing or altered is a failure of
// the system, never a wrong payload.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import { type BlobRef, SYSTEM_FAILURE } from '../../domain/message/index.js'
import type { PayloadLimits } from '../../domain/payload/index.js'
import type { BlobFault, BlobStore } from '../ports/blobStore.js'
import type { Claimed, Delivery, NewMessage, Settlement } from './requests.js'

export type Blobs = Readonly<{
  store: BlobStore
  /** Infinity = nothing goes in any more: only what earlier messages name is read. */
  aboveBytes: number
  /** At the door, instead of those for what goes into the log. */
  limits: PayloadLimits
}>

/** Whatever the settings: a payload is one string and one array of bytes in memory, at least once each. */
export const LARGE_PAYLOAD_BYTES_DEFAULT = 64 * 1_048_576
export const LARGE_PAYLOAD_BYTES_MAX = 256 * 1_048_576
/** Stands in the log in place of a payload that lies elsewhere. */
const IN_PLACE = 'null'
/** Of one claim: what goes beyond it is handed back, uncounted, for the next one. */
const CLAIM_BLOB_BYTES_MAX = 256 * 1_048_576
const FETCHES_AT_ONCE = 8

export const belongsInBlob = (blobs: Blobs | undefined, { payload }: NewMessage): boolean =>
  blobs !== undefined &&
  // A character takes three bytes at most, so that most payloads need not be counted.
  payload.length * 3 > blobs.aboveBytes &&
  Buffer.byteLength(payload) > blobs.aboveBytes

/** The message as it goes into the log; its payload is durable in the store by then. */
export const claimChecked = async (
  { store }: Blobs,
  message: NewMessage,
): Promise<Either<BlobFault, NewMessage>> => {
  const put = await answerOf(() => store.put(Buffer.from(message.payload)))
  if (isLeft(put)) return put
  return right({ ...message, payload: IN_PLACE, attributes: { ...message.attributes, blob: put.right } })
}

const blobOf = ({ enqueued }: Delivery): BlobRef | undefined => enqueued.attributes?.blob

export const holdsBlobs = ({ deliveries }: Claimed): boolean => {
  for (const delivery of deliveries) if (blobOf(delivery) !== undefined) return true
  return false
}

/** What was claimed with the payloads that were accepted, and what is to be recorded of those that there are none of. */
export const withPayloads = async (
  blobs: Blobs | undefined,
  claimed: Claimed,
): Promise<Readonly<{ claimed: Claimed; settlements: ReadonlyArray<Settlement> }>> => {
  const settlements: Settlement[] = []
  let bytes = 0
  const wanted = claimed.deliveries.filter((delivery, index) => {
    bytes += blobOf(delivery)?.bytes ?? 0
    if (index === 0 || bytes <= CLAIM_BLOB_BYTES_MAX) return true
    const { ordinal, fence } = delivery
    settlements.push({ ordinal, fence, outcome: 'release', delayMs: 0 })
    return false
  })
  const deliveries: Delivery[] = []
  for (let from = 0; from < wanted.length; from += FETCHES_AT_ONCE) {
    const some = wanted.slice(from, from + FETCHES_AT_ONCE)
    for (const fetched of await Promise.all(some.map((delivery) => withPayload(blobs, delivery)))) {
      if (isLeft(fetched)) settlements.push(fetched.left)
      else deliveries.push(fetched.right)
    }
  }
  // One that was to run alone and does not run at all stands in nobody's way.
  return { claimed: { ...claimed, deliveries, alone: claimed.alone && deliveries.length > 0 }, settlements }
}

const withPayload = async (
  blobs: Blobs | undefined,
  delivery: Delivery,
): Promise<Either<Settlement, Delivery>> => {
  const { ordinal, fence, enqueued } = delivery
  const blob = blobOf(delivery)
  if (blob === undefined) return right(delivery)
  const found =
    blobs === undefined
      ? left<BlobFault>({ type: 'BlobMissing', location: blob.location })
      : await answerOf(() => blobs.store.get(blob))
  if (!isLeft(found)) {
    const { buffer, byteOffset, length } = found.right
    const payload = Buffer.from(buffer, byteOffset, length).toString()
    return right({ ...delivery, enqueued: { ...enqueued, payload } })
  }
  const passes = found.left.type === 'BlobUnavailable'
  return left({
    ordinal,
    fence,
    outcome: 'fail',
    // A store that does not answer may answer later; what is lost or damaged stays so until somebody has put it back.
    failureType: passes ? 'RESOURCE' : SYSTEM_FAILURE,
    message: describeBlobFault(found.left, blob, blobs === undefined),
    retryable: passes,
    delayMs: undefined,
  })
}

const describeBlobFault = (
  fault: BlobFault,
  { sha256, bytes, location }: BlobRef,
  noStore: boolean,
): string => {
  const blob = `the payload's blob ${location} (SHA-256 ${sha256}, ${bytes} bytes)`
  if (noStore) return `${blob} cannot be read: this ledger was opened without a blob store`
  switch (fault.type) {
    case 'BlobMissing':
      return `${blob} is missing`
    case 'BlobAltered':
      return `${blob} is altered: ${fault.reason}`
    case 'BlobLocationInvalid':
      return `${blob} lies at no place of this blob store`
    case 'BlobUnavailable':
      return `${blob} cannot be read: ${fault.reason}`
  }
}

/** A store may be the user's own: one that throws instead of answering is one that does not work. */
const answerOf = async <A>(
  task: () => () => Promise<Either<BlobFault, A>>,
): Promise<Either<BlobFault, A>> => {
  try {
    return await task()()
  } catch (error) {
    return left({ type: 'BlobUnavailable', reason: error instanceof Error ? error.message : String(error) })
  }
}
