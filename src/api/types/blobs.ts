// Large payloads by reference (A12), as a program that uses ledgerq sees them.
import type { BlobRef } from '../../../domain/message/index.js'
import type { BlobStore } from '../../ports/blobStore.js'

export type { BlobFault, BlobPage, BlobStore, StoredBlob } from '../../ports/blobStore.js'
export type { BlobRef }

export type BlobOptions = Readonly<{
  /**
   * Where payloads go that are too large for the log: `files` (beside an embedded log, in its directory), `memory`, or a
   * store of your own, which must belong to this ledger alone. Default `none`: payloads above 256 KiB are refused. What an
   * earlier start put into files stays readable in any case.
   */
  blobs?: 'none' | 'files' | 'memory' | BlobStore
  /** A payload with more bytes of JSON than this goes to the store. 0 to 262,144, the default. */
  claimCheckAboveBytes?: number
  /** A payload with more bytes than this is refused. 262,144 to 268,435,456; default 67,108,864 (64 MiB). */
  blobBytesMax?: number
}>

export type CollectBlobsOptions = Readonly<{
  /** Younger ones are spared: a message may be about to name them. Default 24 h, at least 1 minute. */
  graceMs?: number
  /** Only say what would be removed. */
  dryRun?: boolean
}>

export type BlobsCollected = Readonly<{
  /** Blobs that were looked at: those older than the grace. */
  examined: number
  /** Of them, those that an event in the log names. */
  named: number
  /** Of them, those that were removed, or would have been. */
  removed: number
  removedBytes: number
  dryRun: boolean
}>

export type BlobOperations = Readonly<{
  /** A payload of up to so many bytes of JSON is accepted; undefined = whatever the server accepts. */
  payloadBytesMax?: number
  /** Removes blobs that no event in the log names. Reads the whole log. */
  collectBlobs: (options?: CollectBlobsOptions) => Promise<BlobsCollected>
}>
