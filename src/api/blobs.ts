// Which blob store a ledger gets, how a large payload is turned away or put there, and the collection of blobs that no
// event names.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import type { LedgerEvent } from '../../domain/batch.js'
import { DEFAULT_PAYLOAD_LIMITS, PAYLOAD_BYTES_MAX } from '../../domain/payload/index.js'
import { isFields } from '../../domain/storedFields.js'
import { openBlobFiles } from '../adapters/blobFiles/blobStore.js'
import { memoryBlobs } from '../adapters/blobMemory/blobStore.js'
import {
  type Blobs,
  claimChecked,
  LARGE_PAYLOAD_BYTES_DEFAULT,
  LARGE_PAYLOAD_BYTES_MAX,
} from '../engine/blobPayloads.js'
import { LogFault } from '../engine/recovery.js'
import type { NewMessage } from '../engine/requests.js'
import type { BlobFault, BlobStore, StoredBlob } from '../ports/blobStore.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import { UnavailableError } from './errors.js'
import { errorOf } from './refusals.js'
import type { BlobOptions, BlobsCollected, CollectBlobsOptions } from './types/blobs.js'

const FOLDER = 'blobs'

const invalid = (field: string, problem: string): Error => errorOf({ type: 'Invalid', field, problem })

const checkedWhole = (field: string, value: number, from: number, to: number): number => {
  if (Number.isInteger(value) && value >= from && value <= to) return value
  throw invalid(field, `accepted is a whole number of bytes from ${from} to ${to}`)
}

/** `directory` = that of an embedded log, which is open: its lock keeps other processes from the blobs too. */
export const openBlobs = async (
  options: BlobOptions,
  directory: string | undefined,
): Promise<Blobs | undefined> => {
  const { blobs = 'none', claimCheckAboveBytes = PAYLOAD_BYTES_MAX } = options
  const aboveBytes = checkedWhole('claimCheckAboveBytes', claimCheckAboveBytes, 0, PAYLOAD_BYTES_MAX)
  const { blobBytesMax = LARGE_PAYLOAD_BYTES_DEFAULT } = options
  const payloadBytesMax = checkedWhole(
    'blobBytesMax',
    blobBytesMax,
    PAYLOAD_BYTES_MAX,
    LARGE_PAYLOAD_BYTES_MAX,
  )
  if (blobs === 'none') {
    const isThere = directory !== undefined && (await exists(join(directory, FOLDER)))
    if (!isThere) return undefined
    const store = await filesIn(directory)
    return { store, aboveBytes: Number.POSITIVE_INFINITY, limits: DEFAULT_PAYLOAD_LIMITS }
  }
  const limits = { ...DEFAULT_PAYLOAD_LIMITS, bytesMax: payloadBytesMax }
  return { store: await storeOf(blobs, directory), aboveBytes, limits }
}

const storeOf = async (
  blobs: Exclude<NonNullable<BlobOptions['blobs']>, 'none'>,
  directory: string | undefined,
): Promise<BlobStore> => {
  if (blobs === 'memory') return memoryBlobs()
  if (blobs !== 'files') {
    if (isFields(blobs) && typeof blobs.put === 'function' && typeof blobs.get === 'function') return blobs
    throw invalid('blobs', 'accepted are none, files, memory and a blob store')
  }
  if (directory !== undefined) return filesIn(directory)
  throw invalid('blobs', 'files are kept beside an embedded log; accepted here are none, memory and a store')
}

const filesIn = async (directory: string): Promise<BlobStore> => {
  const opened = await openBlobFiles(directory, FOLDER)
  if (isLeft(opened)) throw unavailable(opened.left)
  return opened.right
}

const exists = async (path: string): Promise<boolean> => {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}

const unavailable = (fault: BlobFault): UnavailableError => {
  const reason = 'reason' in fault ? `, ${fault.reason}` : ''
  return new UnavailableError(`the blob store does not work: ${fault.type}${reason}`, { fault: fault.type })
}

/** The message with its payload in the store. A failure is definite: nothing was enqueued. */
export const inBlob = async (blobs: Blobs, message: NewMessage): Promise<NewMessage> => {
  const checked = await claimChecked(blobs, message)
  if (isLeft(checked)) throw unavailable(checked.left)
  return checked.right
}

const GRACE_MS_DEFAULT = 24 * 3_600_000
const GRACE_MS_MIN = 60_000
const GRACE_MS_MAX = 366 * 24 * 3_600_000
/** So many are remembered while the log is read; more take several readings. */
const CANDIDATES_MAX = 100_000
const LIST_LIMIT = 1_000
const PAGE_BYTES = 1_048_576

type CollectDeps = Readonly<{ log: EventLog; clock: Clock; blobs: Blobs | undefined }>

/**
 * Old blobs are listed first, then the log is read to its end, then what was not named is removed if it is still old: a
 * blob that a message names meanwhile has either been named before the end was read, or was put again and is young.
 */
export const collectBlobs = async (
  { log, clock, blobs }: CollectDeps,
  { graceMs = GRACE_MS_DEFAULT, dryRun = false }: CollectBlobsOptions = {},
): Promise<BlobsCollected> => {
  if (!Number.isInteger(graceMs) || graceMs < GRACE_MS_MIN || graceMs > GRACE_MS_MAX)
    throw invalid(
      'graceMs',
      `accepted is a whole number of milliseconds from ${GRACE_MS_MIN} to ${GRACE_MS_MAX}`,
    )
  const total = { examined: 0, named: 0, removed: 0, removedBytes: 0, dryRun }
  if (blobs === undefined) return total
  const beforeMs = clock.wallMs() - graceMs
  for (let after: string | undefined; ; ) {
    const { candidates, next } = await oldBlobs(blobs.store, after, beforeMs)
    total.examined += candidates.size
    if (candidates.size > 0) await crossOutNamed(log, candidates)
    for (const { location, bytes } of candidates.values()) {
      if (!dryRun && !(await isRemoved(blobs.store, location, beforeMs))) continue
      total.removed++
      total.removedBytes += bytes
    }
    total.named = total.examined - total.removed
    if (next === undefined) return total
    after = next
  }
}

const isRemoved = async (store: BlobStore, location: string, beforeMs: number): Promise<boolean> => {
  const removed = await store.remove(location, beforeMs)()
  if (isLeft(removed)) throw unavailable(removed.left)
  return removed.right
}

const oldBlobs = async (
  store: BlobStore,
  from: string | undefined,
  beforeMs: number,
): Promise<{ candidates: Map<string, StoredBlob>; next: string | undefined }> => {
  const candidates = new Map<string, StoredBlob>()
  let after = from
  do {
    const page = await store.list(after, LIST_LIMIT)()
    if (isLeft(page)) throw unavailable(page.left)
    for (const blob of page.right.blobs) if (blob.storedAtMs < beforeMs) candidates.set(blob.location, blob)
    after = page.right.next
  } while (after !== undefined && candidates.size < CANDIDATES_MAX)
  return { candidates, next: after }
}

const crossOutNamed = async (log: EventLog, candidates: Map<string, unknown>): Promise<void> => {
  for (let from = 0; ; ) {
    const page = await log.readAll(from, PAGE_BYTES)()
    if (isLeft(page)) throw new LogFault(page.left, 'of all events')
    for (const { events } of page.right.batches) {
      for (const event of events) {
        const location = blobNamedBy(event)
        if (location !== undefined) candidates.delete(location)
      }
    }
    if (page.right.atEnd) return
    from = page.right.next
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const blobNamedBy = (event: LedgerEvent): string | undefined => {
  switch (event.type) {
    case 'MessageEnqueued':
    case 'MessageEdited':
      return event.attributes?.blob?.location
    case 'MessageCarriedForward': {
      const enqueued = isFields(event.enqueued) ? event.enqueued : {}
      const attributes = isFields(enqueued.attributes) ? enqueued.attributes : {}
      const blob = isFields(attributes.blob) ? attributes.blob : {}
      return typeof blob.location === 'string' ? blob.location : undefined
    }
    default:
      return undefined
  }
}
