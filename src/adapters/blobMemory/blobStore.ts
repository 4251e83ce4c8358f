// Blobs in memory, gone with the process: for tests, and beside a log that is in memory too.
import { createHash } from 'node:crypto'
import { left, right } from 'fp-ts/lib/Either.js'
import type { BlobFault, BlobStore } from '../../ports/blobStore.js'

type Kept = Readonly<{ bytes: Uint8Array; storedAtMs: number }>

const LOCATION = /^[0-9a-f]{64}$/
const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const invalid = (location: string): BlobFault => ({ type: 'BlobLocationInvalid', location })

export const memoryBlobs = (wallMs: () => number = Date.now): BlobStore => {
  const kept = new Map<string, Kept>()
  return {
    put: (bytes) => async () => {
      const sha256 = sha256Of(bytes)
      // A copy: what the caller does with its own bytes afterwards must not reach in here.
      kept.set(sha256, { bytes: Uint8Array.from(bytes), storedAtMs: wallMs() })
      return right({ sha256, bytes: bytes.length, location: sha256 })
    },
    get:
      ({ sha256, bytes, location }) =>
      async () => {
        if (!LOCATION.test(location)) return left(invalid(location))
        const found = kept.get(location)
        if (found === undefined) return left({ type: 'BlobMissing', location })
        if (found.bytes.length === bytes && location === sha256) return right(Uint8Array.from(found.bytes))
        return left({ type: 'BlobAltered', location, reason: 'it is not what the reference says' })
      },
    remove: (location, storedBeforeMs) => async () => {
      if (!LOCATION.test(location)) return left(invalid(location))
      const found = kept.get(location)
      return right(found !== undefined && found.storedAtMs < storedBeforeMs && kept.delete(location))
    },
    list: (after, limit) => async () => {
      const beyond = [...kept.keys()].filter((location) => after === undefined || location > after).sort()
      const page = beyond.slice(0, Math.max(1, limit))
      return right({
        blobs: page.flatMap((location) => {
          const found = kept.get(location)
          return found === undefined
            ? []
            : [{ location, bytes: found.bytes.length, storedAtMs: found.storedAtMs }]
        }),
        next: beyond.length > page.length ? page.at(-1) : undefined,
      })
    },
  }
}
