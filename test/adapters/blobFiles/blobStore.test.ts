// Blobs on disk keep the contract, and a file under a blob's name is always a whole one.
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openBlobFiles } from '../../../src/adapters/blobFiles/blobStore.js'
import type { BlobStore } from '../../../src/ports/blobStore.js'
import { bytesOf, describeBlobStore, faultOf, right } from '../../contract/blobStore.contract.js'

const newDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), 'ledgerq-blobs-'))
const opened = async (parent: string): Promise<BlobStore> => {
  const store = await openBlobFiles(parent, 'blobs')
  if (store._tag === 'Left') throw new Error(JSON.stringify(store.left))
  return store.right
}
const makeOlder = async (path: string, ms: number): Promise<void> => {
  const at = (Date.now() - ms) / 1_000
  await utimes(path, at, at)
}

describeBlobStore('the file store', async () => {
  const parent = await newDirectory()
  return {
    store: await opened(parent),
    age: (location, ms) => makeOlder(join(parent, 'blobs', location), ms),
    dispose: () => rm(parent, { recursive: true, force: true }),
  }
})

describe('blobs on disk', () => {
  let parent: string
  let store: BlobStore
  const at = (location: string): string => join(parent, 'blobs', location)
  beforeEach(async () => {
    parent = await newDirectory()
    store = await opened(parent)
  })
  afterEach(() => rm(parent, { recursive: true, force: true }))

  it('A12: lie in a folder named after the first two digits of their hash, for their owner only', async () => {
    const { sha256, location } = await right(store.put(bytesOf('content')))
    expect(location).toBe(`${sha256.slice(0, 2)}/${sha256.slice(2)}`)
    expect(await readFile(at(location), 'utf8')).toBe('content')
    expect((await stat(at(location))).mode & 0o777).toBe(0o600)
    expect(await readdir(at('incomplete'))).toEqual([])
  })

  it.each<[string, (path: string) => Promise<void>]>([
    ['cut short', (path) => truncate(path, 3)],
    ['emptied', (path) => truncate(path, 0)],
    ['changed in one bit', (path) => writeFile(path, 'contenu')],
    ['longer', (path) => writeFile(path, 'content and more')],
  ])('A12: a blob that is %s is called altered, and putting it again heals it', async (_, damage) => {
    const ref = await right(store.put(bytesOf('content')))
    await damage(at(ref.location))
    expect(await faultOf(store.get(ref))).toMatchObject({ type: 'BlobAltered', location: ref.location })
    await right(store.put(bytesOf('content')))
    expect(Buffer.from(await right(store.get(ref))).toString()).toBe('content')
  })

  it('A12: outlive the process, and what a crash left half written is neither listed nor kept for ever', async () => {
    const ref = await right(store.put(bytesOf('kept')))
    await writeFile(at('incomplete/young'), 'half')
    await writeFile(at('incomplete/old'), 'half')
    await makeOlder(at('incomplete/old'), 25 * 3_600_000)
    const again = await opened(parent)
    expect(Buffer.from(await right(again.get(ref))).toString()).toBe('kept')
    expect((await right(again.list(undefined, 10))).blobs.map(({ location }) => location)).toEqual([
      ref.location,
    ])
    expect(await readdir(at('incomplete'))).toEqual(['young'])
  })

  it('A12: names that are none of a blob are passed over', async () => {
    await mkdir(at('zz'))
    await mkdir(at('ab'))
    await writeFile(at('ab/README'), 'hello')
    expect(await right(store.list(undefined, 10))).toEqual({ blobs: [], next: undefined })
  })

  it('A12: a store that cannot be written to is unavailable, which is not the same as a missing blob', async () => {
    const ref = await right(store.put(bytesOf('content')))
    await rm(join(parent, 'blobs'), { recursive: true })
    expect((await faultOf(store.get(ref))).type).toBe('BlobMissing')
    await writeFile(join(parent, 'blobs'), 'a file where the folder should be')
    expect((await faultOf(store.put(bytesOf('more')))).type).toBe('BlobUnavailable')
    expect((await faultOf(store.get(ref))).type).toBe('BlobUnavailable')
    const elsewhere = await openBlobFiles(parent, 'blobs')
    expect(elsewhere).toMatchObject({ _tag: 'Left', left: { type: 'BlobUnavailable' } })
  })

  it('A12: a link in place of a blob is compared like any other content', async () => {
    const ref = await right(store.put(bytesOf('content')))
    await rm(at(ref.location))
    await writeFile(join(parent, 'secret'), 'secrets')
    await symlink(join(parent, 'secret'), at(ref.location))
    expect((await faultOf(store.get(ref))).type).toBe('BlobAltered')
  })
})
