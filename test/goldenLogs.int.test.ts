// R63: logs that versions of the past have written, and what every later one must find in them: the same chain, the same
// states, and a queue that goes on. What a golden log is, and how a new version adds its own: docs/reliability.md.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import type { RecordedBatch } from '../domain/batch.js'
import { clusterCodecs } from '../domain/cluster/codecs.js'
import { decodeEvent, EVENT_TYPES } from '../domain/codecs.js'
import { parsePartitionStream } from '../domain/ids.js'
import {
  PartitionState,
  SnapshotInProgress,
  SnapshotLoader,
  STATE_HASH_VERSION,
  stateHash,
} from '../projections/partition/index.js'
import { verify } from '../src/adapters/embedded/verify.js'
import type { Queue } from '../src/api/types/index.js'
import { type Recovered, recoverPartition } from '../src/engine/recovery.js'
import {
  allBatches,
  chainOf,
  foundIn,
  type GoldenManifest,
  goldenNames,
  openGolden,
  readManifest,
  storedVersions,
  unpack,
} from './support/golden/goldenFiles.js'
import { claimed, GoldenHouse, settle } from './support/golden/goldenHouse.js'
import { addHashes, STORIES, writeGolden } from './support/golden/goldenStories.js'

const FOLDER = fileURLToPath(new URL('./golden/logs', import.meta.url))
const names = await goldenNames(FOLDER)
/** Nothing writes it yet: carrying live messages over a cut of a partition is not offered (docs/adr/0006-truncation.md). */
const NEVER_WRITTEN = ['MessageCarriedForward']
/** They stand in the stream of a cluster, which no directory has: test/domain/cluster/stored.test.ts. */
const OF_CLUSTERS: ReadonlyArray<string> = Object.keys(clusterCodecs)
const YEAR_MS = 366 * 86_400_000

const inCopy = async <A>(
  name: string,
  act: (directory: string, manifest: GoldenManifest) => Promise<A>,
): Promise<A> => {
  const directory = await mkdtemp(join(tmpdir(), 'ledgerq-golden-'))
  try {
    await unpack(FOLDER, name, directory)
    return await act(directory, await readManifest(FOLDER, name))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const replay = (
  batches: ReadonlyArray<RecordedBatch>,
  state: PartitionState,
  upTo = Infinity,
): PartitionState => {
  for (const { events, at, firstRevision } of batches)
    for (const [n, event] of events.entries()) {
      const revision = firstRevision + n
      if (revision >= state.nextRevision && revision < upTo) state.apply(event, at, 0)
    }
  return state
}

const partitionStreams = ({ partitions }: GoldenManifest): ReadonlyArray<string> =>
  partitions.map(({ stream }) => stream)

describe('the golden logs together', () => {
  it('R63 hold every event that the product has ever written, in every version', async () => {
    const types = new Set<string>()
    const versions = new Set<string>()
    for (const name of names) {
      await inCopy(name, async (directory, { events }) => {
        for (const type of Object.keys(events)) types.add(type)
        for (const version of await storedVersions(directory)) versions.add(version)
      })
    }
    expect([...types].sort()).toEqual(
      EVENT_TYPES.filter((type) => !NEVER_WRITTEN.includes(type) && !OF_CLUSTERS.includes(type)).sort(),
    )
    for (const type of EVENT_TYPES) {
      const asked = decodeEvent(type, 0, {})
      const latest = asked._tag === 'Left' && 'versionKnown' in asked.left ? asked.left.versionKnown : 0
      for (let version = 1; latest > 1 && version <= latest; version++)
        expect(versions, `${type} v${version} in no golden log`).toContain(`${type} v${version}`)
    }
  })

  it('R63 end and begin in every way: closed, killed, torn, unmarked, cut, with snapshots and without', async () => {
    const manifests = await Promise.all(names.map((name) => readManifest(FOLDER, name)))
    const has = (is: (manifest: GoldenManifest) => boolean): boolean => manifests.some(is)
    expect(has(({ discardedTailBytes }) => discardedTailBytes > 0)).toBe(true)
    expect(has(({ partitions }) => partitions.some(({ snapshots }) => snapshots.length === 2))).toBe(true)
    expect(has(({ partitions }) => partitions.every(({ snapshots }) => snapshots.length === 0))).toBe(true)
    expect(has(({ partitions }) => partitions.some(({ counts }) => counts.processing > 1))).toBe(true)
    expect(has(({ streams, events }) => sum(events) < streams.reduce((n, { head }) => n + head + 1, 0))).toBe(
      true,
    )
  })
})

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, n) => total + n, 0)

type Read = Readonly<{
  manifest: GoldenManifest
  found: Omit<GoldenManifest, 'name' | 'version'>
  batches: ReadonlyArray<RecordedBatch>
  /** By stream. */
  withSnapshots: ReadonlyMap<string, Recovered>
}>

/** A copy is verified and opened once, and everything is read that the tests look at. */
const readAll = (name: string): Promise<Read> =>
  inCopy(name, async (directory, manifest) => {
    await chainOf(directory)
    const log = await openGolden(directory)
    const batches = await allBatches(log)
    const found = { ...(await foundIn(log, batches)), streams: await chainOf(directory) }
    const withSnapshots = new Map<string, Recovered>()
    for (const { stream } of manifest.partitions)
      withSnapshots.set(stream, await recoverPartition(log, stream))
    await log.close()
    return { manifest, found, batches, withSnapshots }
  })

describe.each(names)('the golden log %s', (name) => {
  let read: Read
  beforeAll(async () => {
    read = await readAll(name)
  })

  it('R63 is found whole: chain, events, states, every live message', () => {
    const { manifest, found } = read
    // Its snapshots are caches: one of an older form is passed over.
    for (const [n, { stream, stateHashes, snapshots, ...partition }] of manifest.partitions.entries()) {
      const today = found.partitions[n]
      expect(today, stream).toMatchObject(partition)
      for (const revision of today?.snapshots ?? []) expect(snapshots).toContain(revision)
      // No hash of this definition: `npm run golden -- --hashes` adds it where all the rest is as it was.
      expect(today?.stateHashes[STATE_HASH_VERSION], stream).toBe(stateHashes[STATE_HASH_VERSION])
    }
    const { version } = manifest
    expect({ ...found, name, version, partitions: [] }).toEqual({ ...manifest, partitions: [] })
  })

  it('I6 R63 gives the same states with its snapshots', () => {
    for (const { stream, stateHashes, snapshots } of read.manifest.partitions) {
      const recovered = read.withSnapshots.get(stream)
      if (recovered === undefined) throw new Error(`${stream} was not recovered`)
      expect(stateHash(recovered.state), stream).toBe(stateHashes[STATE_HASH_VERSION])
      // One of another form is passed over, and the log alone is enough.
      expect([-1, ...snapshots]).toContain(recovered.snapshotRevision)
    }
  })

  it('I6 gives the same state from a snapshot at each of its revisions, and the events behind it', () => {
    for (const stream of partitionStreams(read.manifest)) {
      const own = read.batches.filter((batch) => batch.stream === stream)
      const partition = parsePartitionStream(stream)?.partition
      const whole = stateHash(replay(own, new PartitionState(partition)))
      const growing = new PartitionState(partition)
      for (let revision = 0; revision <= (own.at(-1)?.firstRevision ?? 0) + 1; revision++) {
        replay(own, growing, revision)
        const loaded = throughSnapshot(growing, stream)
        expect(stateHash(loaded)).toBe(stateHash(growing))
        expect(stateHash(replay(own, loaded)), `${stream} from revision ${revision}`).toBe(whole)
      }
    }
  })

  it('R63 goes on: each queue takes a message, hands it out and lets it end, and the log is sound afterwards', () =>
    inCopy(name, async (directory, manifest) => {
      const house = await GoldenHouse.open(directory, lastInstant(manifest) + YEAR_MS, 'later')
      for (const { queue } of await house.ledger.queues()) {
        const handle: Queue<unknown> = await house.ledger.openQueue(queue)
        const { id } = await handle.enqueue({ later: 'by another version' }, { priority: 1_000 })
        const [message] = await handle.claim({ worker: 'later', id })
        if (message === undefined) throw new Error(`${queue} does not hand out its message`)
        await settle(handle, message, { outcome: 'ack' })
        expect(await handle.message(id)).toMatchObject({ state: 'succeeded' })
        expect((await house.ledger.history(id)).map(({ type }) => type)).toContain('AttemptSucceeded')
        await claimed(handle, 5)
      }
      await house.ledger.close()
      const verified = await verify(directory)
      expect(verified).toMatchObject({ right: { unfinishedBytes: 0 } })
      const log = await openGolden(directory)
      for (const stream of partitionStreams(manifest)) {
        const whole = await recoverPartition(log, stream, { useSnapshots: false })
        const short = await recoverPartition(log, stream)
        expect(stateHash(short.state)).toBe(stateHash(whole.state))
      }
      await log.close()
    }))
})

describe('writing golden logs', () => {
  it('never touches one that is there', async () => {
    await expect(writeGolden(FOLDER, 'torn', '0.1.0')).rejects.toThrow(/never written anew/)
    await expect(writeGolden(FOLDER, 'nothing', '0.1.0')).rejects.toThrow(/there are everything, killed/)
  })

  it('works for a version that is to come, whose logs hold what their pages say', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ledgerq-golden-'))
    try {
      const stories = Object.keys(STORIES)
      for (const story of stories) await writeGolden(folder, story, 'next')
      expect(await goldenNames(folder)).toEqual(stories.map((story) => `next-${story}`).sort())
      // Has them read again, and compared with their pages: nothing is new about their hashes.
      for (const story of ['torn', 'old-versions'])
        expect(await addHashes(folder, `next-${story}`)).toBe(false)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})

const throughSnapshot = (state: PartitionState, stream: string): PartitionState => {
  const snapshot = new SnapshotInProgress(state, stream)
  const loader = new SnapshotLoader(stream)
  for (let chunk = 0; chunk <= snapshot.chunkCount; chunk++) loader.add(snapshot.take(chunk))
  snapshot.end()
  const loaded = loader.finish()
  if (loaded._tag === 'Left') throw new Error(loaded.left.reason)
  return loaded.right
}

const lastInstant = ({ partitions }: GoldenManifest): number =>
  Math.max(
    ...partitions.flatMap(({ live }) =>
      live.map((message) => (message as { enqueuedAt: number }).enqueuedAt),
    ),
  )
