// The memory blobs keep the contract.
import { memoryBlobs } from '../../../src/adapters/blobMemory/blobStore.js'
import { describeBlobStore } from '../../contract/blobStore.contract.js'

describeBlobStore('the memory store', async () => {
  // One blob at a time is aged: what is put from then on is as young as ever.
  let backMs = 0
  const store = memoryBlobs(() => Date.now() - backMs)
  return {
    store,
    age: async (location, ms) => {
      const page = await store.list(undefined, 100)()
      const blob =
        page._tag === 'Right' ? page.right.blobs.find((one) => one.location === location) : undefined
      const found = await store.get({ sha256: location, bytes: blob?.bytes ?? -1, location })()
      if (found._tag === 'Left') throw new Error(found.left.type)
      backMs = ms
      await store.put(found.right)()
      backMs = 0
    },
    dispose: async () => {},
  }
})
