// Every fault of the blob files is built here, once, from whatever was thrown.
import type { BlobFault } from '../../ports/blobStore.js'

export const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined

/** A blob that is not there is told from a disk that does not answer: the one is final. Without a place it was not looked for. */
export const faultOf = (cause: unknown, location: string | undefined): BlobFault =>
  location !== undefined && codeOf(cause) === 'ENOENT'
    ? { type: 'BlobMissing', location }
    : { type: 'BlobUnavailable', reason: cause instanceof Error ? cause.message : String(cause) }

export const locationInvalid = (location: string): BlobFault => ({
  type: 'BlobLocationInvalid',
  // It may be anything at all; what is told of it stays short.
  location: location.slice(0, 128),
})

export const altered = (location: string, reason: string): BlobFault => ({
  type: 'BlobAltered',
  location,
  reason,
})
