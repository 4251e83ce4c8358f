// Where payloads lie that are too large for the log (A12): the event keeps hash, length and place, and nothing is handed on
// that does not fit them. A blob is there, durably, before any event names it; one that no event names is harmless, and is
// removed by a collection that spares young ones. Adapters: files, memory; one contract suite holds them equal
// (test/contract/blobStore.contract.ts). Faults are built in the adapters.
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { BlobRef } from '../../domain/message/index.js'

/** There is no blob at this place. */
export type BlobMissing = Readonly<{ type: 'BlobMissing'; location: string }>
/** Something is there, and it is not what was put: never handed on as if it were. */
export type BlobAltered = Readonly<{ type: 'BlobAltered'; location: string; reason: string }>
/** No place that this store ever gave out: nothing was looked up. */
export type BlobLocationInvalid = Readonly<{ type: 'BlobLocationInvalid'; location: string }>
/** It may work another time. */
export type BlobUnavailable = Readonly<{ type: 'BlobUnavailable'; reason: string }>

export type BlobFault = BlobMissing | BlobAltered | BlobLocationInvalid | BlobUnavailable

export type StoredBlob = Readonly<{
  location: string
  bytes: number
  /** When it was last put, by the clock of the store. */
  storedAtMs: number
}>

export type BlobPage = Readonly<{
  /** In the order of their locations. */
  blobs: ReadonlyArray<StoredBlob>
  /** Where to go on; undefined at the end. */
  next: string | undefined
}>

export type BlobStore = Readonly<{
  /** Durable when it answers. The same bytes again answer the same reference, and count as put now. */
  put: (bytes: Uint8Array) => TaskEither<BlobFault, BlobRef>
  /** The bytes that `put` was given: length and hash have been compared. */
  get: (ref: BlobRef) => TaskEither<BlobFault, Uint8Array>
  /** Removes the blob if it was last put before this instant; false = there is none, or a younger one. */
  remove: (location: string, storedBeforeMs: number) => TaskEither<BlobFault, boolean>
  /** At most about `limit` blobs (at least one if there is one), beginning after the place `after`. */
  list: (after: string | undefined, limit: number) => TaskEither<BlobFault, BlobPage>
}>
