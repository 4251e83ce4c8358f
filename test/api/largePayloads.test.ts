// Large payloads travel by reference: through enqueue, claims, handlers and history, and what happens when the store fails.
import { left } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { memoryBlobs } from '../../src/adapters/blobMemory/blobStore.js'
import { RefusedError, UnavailableError } from '../../src/api/errors.js'
import type { BlobOptions } from '../../src/api/types/blobs.js'
import type { BlobStore } from '../../src/ports/blobStore.js'
import { TestLedger } from '../support/ledger.js'

const DAY_MS = 24 * 3_600_000
const LARGE = { text: 'x'.repeat(2_000) }

const opened = async (options: BlobOptions = {}) => {
  const store = memoryBlobs(() => test.clock.wallMs())
  const test = await TestLedger.open({ blobs: store, claimCheckAboveBytes: 1_000, ...options })
  const queue = await test.done(test.ledger.queue('orders'))
  const listed = async () => {
    const page = await store.list(undefined, 1_000)()
    return page._tag === 'Right' ? page.right.blobs : []
  }
  const types = async () => (await test.events('orders')).map(({ type }) => type)
  return { test, queue, store, listed, types }
}

describe('A12: the claim check', () => {
  it('A12: keeps hash, length and place of a large payload in the log, and hands the payload to the handler', async () => {
    const { test, queue, listed } = await opened()
    const { id } = await test.done(queue.enqueue(LARGE, { type: 'big' }))
    const [event] = (await test.events('orders')).filter(({ type }) => type === 'MessageEnqueued')
    const [blob] = await listed()
    expect(event).toMatchObject({
      payload: 'null',
      attributes: { type: 'big', blob: { bytes: blob?.bytes, location: blob?.location } },
    })
    const seen: unknown[] = []
    queue.process((message) => void seen.push(message.payload))
    await test.clock.settle()
    expect(seen).toEqual([LARGE])
    expect(await test.done(queue.message(id))).toMatchObject({
      state: 'succeeded',
      payload: null,
      blob: { location: blob?.location },
    })
    const [enqueued] = await test.done(queue.history(id))
    expect(enqueued?.data).toMatchObject({ attributes: { blob: { sha256: blob?.location } } })
  })

  it('A12: the bound counts bytes, not characters, and what is just as large stays in the log', async () => {
    const { test, queue, listed } = await opened()
    await test.done(queue.enqueue('x'.repeat(998)))
    expect(await listed()).toEqual([])
    await test.done(queue.enqueue('x'.repeat(999)))
    expect(await listed()).toHaveLength(1)
    await test.done(queue.enqueue('é'.repeat(500)))
    expect(await listed()).toHaveLength(2)
  })

  it('A12: a batch may mix small and large ones, and a claim brings the payloads of both', async () => {
    const { test, queue } = await opened()
    const payloads = [LARGE, 'small', { text: 'y'.repeat(3_000) }, null]
    await test.done(queue.enqueueBatch(payloads.map((payload) => ({ payload }))))
    const claimed = await test.done(queue.claim({ worker: 'w', max: 10 }))
    expect(claimed.map(({ payload }) => payload)).toEqual(payloads)
  })

  it('A12: an edit of other fields keeps the large payload, and a new payload takes its place', async () => {
    const { test, queue } = await opened()
    const { id } = await test.done(queue.enqueue(LARGE))
    await test.done(queue.edit(id, { priority: 'high' }))
    const [first] = await test.done(queue.claim({ worker: 'w' }))
    expect(first).toMatchObject({ payload: LARGE, priority: 10 })
    await test.done(queue.settle([{ leaseToken: first?.leaseToken ?? '', outcome: 'release' }]))
    await test.done(queue.edit(id, { payload: 'small' }))
    const [second] = await test.done(queue.claim({ worker: 'w' }))
    expect(second?.payload).toBe('small')
    expect(await test.done(queue.message(id))).toMatchObject({ payload: 'small', blob: undefined })
  })

  it('A12: replacing a waiting message by its dedup key replaces its reference, too', async () => {
    const { test, queue } = await opened()
    const other = { text: 'y'.repeat(2_000) }
    await test.done(queue.enqueue(LARGE, { dedupKey: 'k' }))
    await test.done(queue.enqueue(other, { dedupKey: 'k', dedupMode: 'replace' }))
    const [claimed] = await test.done(queue.claim({ worker: 'w' }))
    expect(claimed?.payload).toEqual(other)
  })

  it('A12: by content, equal large payloads are one message and different ones are two', async () => {
    const { test, queue } = await opened()
    await test.done(queue.configure({ dedup: 'content' }))
    const enqueue = async (payload: unknown) => (await test.done(queue.enqueue(payload))).duplicate
    expect(await enqueue(LARGE)).toBe(false)
    expect(await enqueue({ text: 'y'.repeat(2_000) })).toBe(false)
    expect(await enqueue(LARGE)).toBe(true)
  })

  it('A12: payloads above blobBytesMax are refused; without a store those above 256 KiB', async () => {
    const { test, queue } = await opened({ blobBytesMax: 262_144 })
    await expect(queue.enqueue('x'.repeat(262_143))).rejects.toThrow(/at most 262144 bytes/)
    await test.done(queue.enqueue('x'.repeat(262_142)))
    const plain = await opened({ blobs: 'none' })
    await expect(plain.queue.enqueue('x'.repeat(262_143))).rejects.toThrow(RefusedError)
  })

  it.each<[string, BlobOptions]>([
    ['claimCheckAboveBytes', { claimCheckAboveBytes: 262_145 }],
    ['claimCheckAboveBytes', { claimCheckAboveBytes: 0.5 }],
    ['blobBytesMax', { blobBytesMax: 262_143 }],
    ['blobBytesMax', { blobBytesMax: 300_000_000 }],
    ['blobs', { blobs: 'files' }],
    ['blobs', { blobs: 'disk' as never }],
  ])('A12: a wrong %s is refused with what is accepted', async (field, options) => {
    await expect(TestLedger.open(options)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(new RegExp(`^${field}: .*accepted`)),
    })
  })

  it('A12: when the store does not take the payload nothing is enqueued, and the caller hears that it is definite', async () => {
    const broken: BlobStore = {
      ...memoryBlobs(),
      put: () => async () => left({ type: 'BlobUnavailable', reason: 'no space' }),
    }
    const { test, queue, types } = await opened({ blobs: broken })
    await expect(queue.enqueue(LARGE)).rejects.toThrow(UnavailableError)
    await expect(queue.enqueueBatch([{ payload: 'small' }, { payload: LARGE }])).rejects.toThrow(/no space/)
    await test.clock.settle()
    expect((await types()).filter((type) => type === 'MessageEnqueued')).toEqual([])
  })

  it('A12: a missing blob dead-letters its message as a system error that names the blob, and redriving works once it is back', async () => {
    const { test, queue, store, listed } = await opened()
    await test.done(queue.enqueueBatch([{ payload: LARGE }, { payload: 'small' }]))
    const [blob] = await listed()
    await store.remove(blob?.location ?? '', Number.MAX_SAFE_INTEGER)()
    const seen: unknown[] = []
    queue.process((message) => void seen.push(message.payload))
    await test.clock.settle()
    expect(seen).toEqual(['small'])
    const { messages } = await test.done(queue.deadLetters())
    expect(messages).toMatchObject([{ reason: 'systemError', failure: { type: 'SYSTEM' } }])
    expect(messages[0]?.failure?.message).toContain(`blob ${blob?.location}`)
    expect(messages[0]?.failure?.message).toContain('is missing')
    await store.put(Buffer.from(JSON.stringify(LARGE)))()
    await test.done(queue.redrive())
    await test.clock.settle()
    expect(seen).toEqual(['small', LARGE])
  })

  it('A12: an altered blob is never handed on: the claim leaves it out, and its message is a dead letter', async () => {
    const other = JSON.stringify({ text: 'z'.repeat(2_000) })
    const inner = memoryBlobs()
    const altering: BlobStore = {
      ...inner,
      get: (ref) => async () =>
        left({
          type: 'BlobAltered',
          location: ref.location,
          reason: `its SHA-256 is that of ${other.length} z`,
        }),
    }
    const { test, queue } = await opened({ blobs: altering })
    await test.done(queue.enqueueBatch([{ payload: LARGE }, { payload: 'small' }]))
    const claimed = await test.done(queue.claim({ worker: 'w', max: 10 }))
    expect(claimed.map(({ payload }) => payload)).toEqual(['small'])
    expect((await test.done(queue.deadLetters())).messages).toMatchObject([
      { reason: 'systemError', failure: { message: expect.stringContaining('is altered') } },
    ])
  })

  it('A12: a store that does not answer now is a passing failure: the message is retried', async () => {
    const inner = memoryBlobs()
    let broken = true
    const flaky: BlobStore = {
      ...inner,
      get: (ref) => {
        if (broken) throw new Error('connection refused')
        return inner.get(ref)
      },
    }
    const { test, queue } = await opened({ blobs: flaky })
    await test.done(queue.enqueue(LARGE))
    const seen: unknown[] = []
    queue.process((message) => void seen.push(message.payload))
    await test.clock.settle()
    expect(seen).toEqual([])
    expect(await test.done(queue.stats())).toMatchObject({ retrying: 1, failuresByType: { RESOURCE: 1 } })
    broken = false
    await test.clock.advance(60_000)
    expect(seen).toEqual([LARGE])
  })

  it('A12: a ledger that is opened without a store says so instead of running a handler on nothing', async () => {
    const { test, queue } = await opened()
    await test.done(queue.enqueue(LARGE))
    await test.restart({ blobs: 'none' })
    const again = await test.done(test.ledger.queue('orders'))
    again.process(() => {
      throw new Error('it must not run')
    })
    await test.clock.settle()
    const { messages } = await test.done(again.deadLetters())
    expect(messages[0]?.failure?.message).toContain('opened without a blob store')
  })

  it('A12: one claim brings 256 MiB of large payloads at most; the others are handed back, uncounted', async () => {
    const inner = memoryBlobs()
    const huge = 100 * 1_048_576
    // The reference says how large a blob is; what is fetched here is small.
    const claiming: BlobStore = {
      ...inner,
      put: (bytes) => async () => {
        const put = await inner.put(bytes)()
        return put._tag === 'Left' ? put : { ...put, right: { ...put.right, bytes: huge } }
      },
      get: (ref) => inner.get({ ...ref, bytes: 2_002 }),
    }
    const { test, queue } = await opened({ blobs: claiming })
    const texts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(2_000))
    await test.done(queue.enqueueBatch(texts.map((payload) => ({ payload }))))
    const first = await test.done(queue.claim({ worker: 'w', max: 10 }))
    const second = await test.done(queue.claim({ worker: 'w', max: 10 }))
    expect([first, second].map((claimed) => claimed.map(({ payload }) => payload))).toEqual([
      texts.slice(0, 2),
      texts.slice(2),
    ])
    expect(second.map(({ attempt }) => attempt)).toEqual([1, 1])
  })
})

describe('A12: the collection of blobs', () => {
  it('A12: removes old blobs that no event names, and only those; a dry run removes none', async () => {
    const { test, queue, store, listed } = await opened()
    await test.done(queue.enqueue(LARGE))
    await store.put(Buffer.from('an orphan'))()
    test.clock.block(2 * DAY_MS)
    await store.put(Buffer.from('a young orphan'))()
    const collect = (options?: object) => test.done(test.ledger.collectBlobs(options))
    const found = { examined: 2, named: 1, removed: 1, removedBytes: 9 }
    expect(await collect({ dryRun: true })).toEqual({ ...found, dryRun: true })
    expect(await listed()).toHaveLength(3)
    expect(await collect()).toEqual({ ...found, dryRun: false })
    expect(await listed()).toHaveLength(2)
    expect(await collect()).toMatchObject({ examined: 1, removed: 0 })
    test.clock.block(2 * DAY_MS)
    expect(await collect()).toMatchObject({ examined: 2, removed: 1 })
    const [claimed] = await test.done(queue.claim({ worker: 'w' }))
    expect(claimed?.payload).toEqual(LARGE)
  })

  it('A12: spares what a finished message names: its history can still be followed', async () => {
    const { test, queue, listed } = await opened()
    await test.done(queue.enqueue(LARGE))
    queue.process(() => 'done')
    await test.clock.settle()
    test.clock.block(2 * DAY_MS)
    expect(await test.done(test.ledger.collectBlobs())).toMatchObject({ examined: 1, named: 1, removed: 0 })
    expect(await listed()).toHaveLength(1)
  })

  it('A12: spares a blob that is put again while the log is being read', async () => {
    const inner = memoryBlobs(() => test.clock.wallMs())
    let onList = (): Promise<unknown> => Promise.resolve()
    const store: BlobStore = {
      ...inner,
      list: (after, limit) => async () => {
        const page = await inner.list(after, limit)()
        await onList()
        return page
      },
    }
    const { test, queue } = await opened({ blobs: store })
    await inner.put(Buffer.from(JSON.stringify(LARGE)))()
    test.clock.block(2 * DAY_MS)
    // Between the list and the deed the same payload is on its way into the log, and not there yet.
    onList = () => inner.put(Buffer.from(JSON.stringify(LARGE)))()
    expect(await test.done(test.ledger.collectBlobs())).toMatchObject({ examined: 1, removed: 0 })
    await test.done(queue.enqueue(LARGE))
    const [claimed] = await test.done(queue.claim({ worker: 'w' }))
    expect(claimed?.payload).toEqual(LARGE)
  })

  it('A12: refuses a grace that spares nothing', async () => {
    const { test } = await opened()
    await expect(test.ledger.collectBlobs({ graceMs: 0 })).rejects.toThrow(/graceMs: accepted/)
  })
})
