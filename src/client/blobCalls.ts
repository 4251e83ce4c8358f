// The blob operations of a ledger, over HTTP.
import type { BlobOperations, BlobsCollected } from '../api/types/index.js'
import type { Transport } from './transport.js'

export const blobCalls = (call: Transport['call']): BlobOperations => ({
  collectBlobs: async (options = {}) =>
    (await call('POST', '/api/v1/blobs:collect', { body: options })) as BlobsCollected,
})
