// R62, byte by byte: whatever has become of a snapshot's file, or of one that is not ours at all, the older one is taken, then
// the whole log, and the state is the same. The log is in memory; the files are those of the embedded log, in memory too.
import { strict as assert } from 'node:assert'
import { isLeft, isRight } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { SnapshotInProgress, SnapshotLoader, stateHash } from '../../projections/partition/index.js'
import type { Files } from '../../src/adapters/embedded/files.js'
import { SnapshotStore } from '../../src/adapters/embedded/snapshots.js'
import { recoverPartition } from '../../src/engine/recovery.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { ack, fail, message, TestQueue } from '../support/ledger.js'

const OURS = new Uint8Array(16).fill(1)
const THEIRS = new Uint8Array(16).fill(2)
/** Bytes at either end of a file that are tried one by one; between them each so-manieth. */
const DENSE_BYTES = 400
const SPARSE_EVERY = 9_973

class MemoryFiles {
  readonly bytes = new Map<string, Buffer>()

  readonly port: Files = {
    list: async (folder) =>
      [...this.bytes.keys()]
        .filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1)),
    isFolder: async () => true,
    makeFolder: async () => undefined,
    open: async (path, mode) => {
      if (mode === 'new') this.bytes.set(path, Buffer.alloc(0))
      const at = (): Buffer => {
        const bytes = this.bytes.get(path)
        if (bytes === undefined) throw Object.assign(new Error(`no file ${path}`), { code: 'ENOENT' })
        return bytes
      }
      at()
      return {
        size: async () => at().length,
        read: async (into, offset) => at().copy(into, 0, offset, offset + into.length),
        write: async (bytes, offset) => {
          const grown = Buffer.alloc(Math.max(at().length, offset + bytes.length))
          at().copy(grown)
          grown.set(bytes, offset)
          this.bytes.set(path, grown)
          return bytes.length
        },
        sync: async () => undefined,
        datasync: async () => undefined,
        close: async () => undefined,
      }
    },
    rename: async (from, to) => {
      const bytes = this.bytes.get(from)
      assert.ok(bytes !== undefined)
      this.bytes.set(to, bytes)
      this.bytes.delete(from)
    },
    remove: async (path) => void this.bytes.delete(path),
    syncFolder: async () => undefined,
  }
}

const save = async (store: SnapshotStore, queue: TestQueue): Promise<number> => {
  const { state } = await recoverPartition(queue.inner, queue.stream)
  const taken = new SnapshotInProgress(state, queue.stream)
  const chunks = async function* (): AsyncIterable<Uint8Array> {
    for (let number = 0; number <= taken.chunkCount; number++) yield taken.take(number)
  }
  assert.ok(isRight(await store.save(queue.stream, taken.revision, chunks())))
  taken.end()
  return taken.revision
}

const work = async (queue: TestQueue, from: number): Promise<void> => {
  for (let n = from; n < from + 6; n++)
    await queue.enqueued(message(n, { attributes: { dedupKey: `k${n}`, group: `g${n % 2}` } }))
  const [first, second] = await queue.claimed({ max: 2 })
  if (first !== undefined) await queue.settled(ack(first))
  if (second !== undefined) await queue.settled(fail(second))
}

type Scene = Readonly<{
  queue: TestQueue
  files: MemoryFiles
  /** The log of the queue, with the snapshots of the files. */
  log: EventLog
  path: string
  older: number
  newer: number
  hash: string
}>

const scene = async (): Promise<Scene> => {
  const queue = await TestQueue.open()
  const files = new MemoryFiles()
  const store = new SnapshotStore(files.port, 'snapshots', OURS)
  await work(queue, 0)
  const older = await save(store, queue)
  await work(queue, 10)
  const newer = await save(store, queue)
  await queue.enqueued(message('behind both'))
  const [path = ''] = [...files.bytes.keys()].sort().reverse()
  const log: EventLog = { ...queue.inner, snapshots: (stream) => () => store.list(stream) }
  const { state } = await recoverPartition(queue.inner, queue.stream, { useSnapshots: false })
  return { queue, files, log, path, older, newer, hash: stateHash(state) }
}

const places = (bytes: number): ReadonlyArray<number> =>
  Array.from({ length: bytes }, (_, at) => at).filter(
    (at) => at < DENSE_BYTES || at >= bytes - DENSE_BYTES || at % SPARSE_EVERY === 0,
  )

/** The state is that of the log, and a file that is damaged, or not ours, has not been used. */
const passesOver = async ({ log, queue, hash, older }: Scene, what: string): Promise<void> => {
  const recovered = await recoverPartition(log, queue.stream)
  assert.equal(stateHash(recovered.state), hash, what)
  assert.equal(recovered.snapshotRevision, older, what)
}

describe('R62 a snapshot file', () => {
  it('that is whole is used, so that what follows says something', async () => {
    const { log, queue, newer, hash } = await scene()
    const recovered = await recoverPartition(log, queue.stream)
    expect(recovered.snapshotRevision).toBe(newer)
    expect(stateHash(recovered.state)).toBe(hash)
  })

  it('that ends at any byte is passed over, and so is an empty one', async () => {
    const set = await scene()
    const { files, path } = set
    const whole = files.bytes.get(path) ?? Buffer.alloc(0)
    for (const end of places(whole.length)) {
      files.bytes.set(path, whole.subarray(0, end))
      await passesOver(set, `cut at ${end} of ${whole.length}`)
    }
  }, 60_000)

  it('with a bit flipped at any byte is passed over', async () => {
    const set = await scene()
    const { files, path } = set
    const whole = files.bytes.get(path) ?? Buffer.alloc(0)
    for (const at of places(whole.length)) {
      const flipped = Buffer.from(whole)
      flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (at % 8)), at)
      files.bytes.set(path, flipped)
      await passesOver(set, `flipped at ${at} of ${whole.length}`)
    }
  }, 60_000)

  it('of another ledger, with the same stream and revision, is passed over', async () => {
    const set = await scene()
    const foreign = await TestQueue.open()
    await work(foreign, 50)
    await work(foreign, 60)
    const theirs = new MemoryFiles()
    const revision = await save(new SnapshotStore(theirs.port, 'snapshots', THEIRS), foreign)
    expect(revision).toBe(set.newer)
    const [bytes = Buffer.alloc(0)] = theirs.bytes.values()
    set.files.bytes.set(set.path, bytes)
    await passesOver(set, 'of another ledger')
  })

  it('of another partition, under the name of this one, is passed over', async () => {
    const set = await scene()
    const { files, path } = set
    const store = new SnapshotStore(files.port, 'snapshots', OURS)
    const { state } = await recoverPartition(set.queue.inner, set.queue.stream)
    const taken = new SnapshotInProgress(state, 'partition-mail~1.0')
    const chunks = async function* (): AsyncIterable<Uint8Array> {
      for (let number = 0; number <= taken.chunkCount; number++) yield taken.take(number)
    }
    await store.save('partition-mail~1.0', set.newer, chunks())
    const mail = [...files.bytes.keys()].find((name) => name.includes('mail')) ?? ''
    files.bytes.set(path, files.bytes.get(mail) ?? Buffer.alloc(0))
    await passesOver(set, 'of another partition')
  })

  it('that is damaged beside a damaged older one leaves the whole log', async () => {
    const { files, log, queue, hash } = await scene()
    for (const [path, bytes] of files.bytes) files.bytes.set(path, bytes.subarray(0, bytes.length >> 1))
    const recovered = await recoverPartition(log, queue.stream)
    expect(recovered).toMatchObject({ snapshotRevision: -1 })
    expect(stateHash(recovered.state)).toBe(hash)
  })

  it('that is no snapshot of ours does not push out those that are, and goes with the next', async () => {
    const { files, path, queue, newer } = await scene()
    const store = new SnapshotStore(files.port, 'snapshots', OURS)
    const later = (n: number): string => path.replace(/\d{16}/, String(newer + 100 + n).padStart(16, '0'))
    for (const n of [1, 2, 3]) files.bytes.set(later(n), Buffer.from('of a later version, or nothing at all'))
    const revision = await save(store, queue)
    const listed = await store.list(queue.stream)
    expect(isRight(listed) && listed.right.map((one) => one.revision)).toEqual([revision, newer])
    expect(files.bytes.size).toBe(2)
  })
})

describe('R62 a snapshot whose checksums hold', () => {
  it('but whose chunks are shorter than they were is refused by what reads it, at every length', async () => {
    const { queue } = await scene()
    const { state } = await recoverPartition(queue.inner, queue.stream)
    const taken = new SnapshotInProgress(state, queue.stream)
    const chunks = Array.from({ length: taken.chunkCount + 1 }, (_, number) => taken.take(number).slice())
    taken.end()
    for (const [n, chunk] of chunks.entries()) {
      for (const end of places(chunk.length)) {
        const loader = new SnapshotLoader(queue.stream)
        const cut = chunks.map((one, m) => (m === n ? one.subarray(0, end) : one))
        const isRefused = cut.some((one) => isLeft(loader.add(one))) || isLeft(loader.finish())
        assert.ok(isRefused, `chunk ${n} cut at ${end} of ${chunk.length} was taken`)
      }
    }
  }, 60_000)
})
