// What every blob store must do, whatever it stands on. Run by test/adapters/blob*/blobStore.test.ts.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BlobFault, BlobStore, StoredBlob } from '../../src/ports/blobStore.js'

export type OpenedBlobs = Readonly<{
  store: BlobStore
  /** Makes the blob older, as seen by the store. */
  age: (location: string, ms: number) => Promise<void>
  dispose: () => Promise<void>
}>

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const right = async <A>(task: TaskEither<BlobFault, A>): Promise<A> => {
  const answer = await task()
  if (answer._tag === 'Left') throw new Error(`a fault: ${JSON.stringify(answer.left)}`)
  return answer.right
}
export const faultOf = async (task: TaskEither<BlobFault, unknown>): Promise<BlobFault> => {
  const answer = await task()
  if (answer._tag === 'Right') throw new Error('a fault was expected')
  return answer.left
}

const everything = async (store: BlobStore, limit: number): Promise<StoredBlob[]> => {
  const all: StoredBlob[] = []
  for (let after: string | undefined; ; ) {
    const page = await right(store.list(after, limit))
    all.push(...page.blobs)
    if (page.next === undefined) return all
    after = page.next
  }
}

const FUTURE_MS = Date.now() + 10 * 365 * 24 * 3_600_000
const HOUR_MS = 3_600_000

export const describeBlobStore = (name: string, open: () => Promise<OpenedBlobs>): void => {
  describe(`${name} keeps the contract of blob stores`, () => {
    let opened: OpenedBlobs
    beforeEach(async () => {
      opened = await open()
    })
    afterEach(() => opened.dispose())

    it('A12: answers the hash and the length of what was put, and gives it back byte for byte', async () => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
          const ref = await right(opened.store.put(bytes))
          expect(ref.sha256).toBe(createHash('sha256').update(bytes).digest('hex'))
          expect(ref.bytes).toBe(bytes.length)
          expect(Buffer.from(await right(opened.store.get(ref))).equals(Buffer.from(bytes))).toBe(true)
        }),
        { numRuns: 25 },
      )
    })

    it('A12: puts the same bytes once, however often they are put, and at the same time', async () => {
      const { store } = opened
      const refs = await Promise.all(Array.from({ length: 8 }, () => right(store.put(bytesOf('twice')))))
      for (const ref of refs) expect(ref).toEqual(refs[0])
      expect(await everything(store, 10)).toHaveLength(1)
    })

    it('A12: says that a blob is missing, and never invents one', async () => {
      const { store } = opened
      const ref = await right(store.put(bytesOf('here for a while')))
      expect(await right(store.remove(ref.location, FUTURE_MS))).toBe(true)
      expect(await faultOf(store.get(ref))).toEqual({ type: 'BlobMissing', location: ref.location })
      expect(await right(store.remove(ref.location, FUTURE_MS))).toBe(false)
    })

    it('A12: hands out nothing that has another length or another hash than the reference says', async () => {
      const { store } = opened
      const one = await right(store.put(bytesOf('the one')))
      const two = await right(store.put(bytesOf('the two')))
      for (const wrong of [
        { ...one, location: two.location },
        { ...one, sha256: two.sha256 },
        { ...one, bytes: one.bytes + 1 },
      ])
        expect(await faultOf(store.get(wrong))).toMatchObject({
          type: 'BlobAltered',
          location: wrong.location,
        })
    })

    it.each([
      '',
      '..',
      '../secret',
      'ab/../../secret',
      `ab/${'0'.repeat(61)}`,
      `ab/${'0'.repeat(63)}`,
      `AB/${'0'.repeat(62)}`,
      `/b/${'0'.repeat(62)}`,
      `ab\\${'0'.repeat(62)}`,
      `ab/${'0'.repeat(62)}\n`,
      `ab/${'0'.repeat(61)}\u0000`,
      'incomplete/x',
    ])('A12: refuses %j, which is no place of its own, before it looks anywhere', async (location) => {
      const { store } = opened
      const sha256 = '0'.repeat(64)
      expect((await faultOf(store.get({ sha256, bytes: 0, location }))).type).toBe('BlobLocationInvalid')
      expect((await faultOf(store.remove(location, FUTURE_MS))).type).toBe('BlobLocationInvalid')
    })

    it('A12: lists every blob once, in the order of places, in pages of any size', async () => {
      const { store } = opened
      const refs = []
      for (let n = 0; n < 20; n++) refs.push(await right(store.put(bytesOf(`blob ${n}`))))
      const places = refs.map(({ location }) => location).sort()
      for (const limit of [1, 3, 20, 100]) {
        const listed = await everything(store, limit)
        expect(listed.map(({ location }) => location)).toEqual(places)
        for (const { bytes } of listed) expect([6, 7]).toContain(bytes)
      }
    })

    it('A12: removes only what is old enough, and a blob that is put again is young again', async () => {
      const { store, age } = opened
      const ref = await right(store.put(bytesOf('old')))
      const hourAgo = Date.now() - HOUR_MS
      expect(await right(store.remove(ref.location, hourAgo))).toBe(false)
      await age(ref.location, 2 * HOUR_MS)
      const [listed] = await everything(store, 10)
      expect(listed?.storedAtMs).toBeLessThan(hourAgo)
      await right(store.put(bytesOf('old')))
      expect(await right(store.remove(ref.location, hourAgo))).toBe(false)
      await age(ref.location, 2 * HOUR_MS)
      expect(await right(store.remove(ref.location, hourAgo))).toBe(true)
    })
  })
}
