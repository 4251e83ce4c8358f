// What the log in EventStoreDB relies on, one test per statement, asked through the client package as it is. Runs against the
// emulator; with EVENTSTORE_URL=esdb://… against a real server, which is how the emulator is known to tell the truth:
//
//   EVENTSTORE_URL='esdb://127.0.0.1:2113?tls=false' npm run test:eventstore
//
// The source of each statement stands with it: server files are those of EventStore 22.10 to 24.10 and KurrentDB 25 and 26. Not asked
// here, because no call from outside brings it about, or not without harm to the server: what survives its restart; a follower's
// not-leader and its gossip; the hundred calls that one connection may have; time limits by the server's own clock; scavenges. And what
// the log does not use: persistent subscriptions, projections, links, filters by type, appends to several streams.
import { randomUUID } from 'node:crypto'
import {
  type AppendToStreamOptions,
  binaryEvent,
  type EventData,
  EventStoreDBClient,
  jsonEvent,
  MaxAppendSizeExceededError,
  type ResolvedEvent,
  StreamDeletedError,
  StreamNotFoundError,
  streamNameFilter,
  WrongExpectedVersionError,
} from '@eventstore/db-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectTo } from '../../../src/adapters/eventstoredb/way.js'
import { startServer, type TestServer } from '../../support/eventstoredb/server.js'

let server: TestServer
let client: EventStoreDBClient

beforeAll(async () => {
  server = await startServer()
  client = EventStoreDBClient.connectionString(server.connectionString)
})
afterAll(async () => {
  await client.dispose()
  await server.stop()
})

const newStream = (): string => `conformance-${randomUUID()}`
const event = (n: number, id: string = randomUUID()): EventData =>
  jsonEvent({ id, type: 'Counted', data: { n } })
const events = (count: number): EventData[] => Array.from({ length: count }, (_, n) => event(n))
const none: AppendToStreamOptions = { expectedRevision: 'no_stream' }
const expecting = (revision: number): AppendToStreamOptions => ({ expectedRevision: BigInt(revision) })

const collected = async (
  reading: AsyncIterable<ResolvedEvent>,
): Promise<NonNullable<ResolvedEvent['event']>[]> => {
  const found: NonNullable<ResolvedEvent['event']>[] = []
  for await (const resolved of reading) if (resolved.event !== undefined) found.push(resolved.event)
  return found
}

const numbersIn = async (stream: string): Promise<number[]> =>
  (await collected(client.readStream(stream))).map(({ revision }) => Number(revision))

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('conformance: appends', () => {
  it('the same ids at the same revision again answer as the first time, also when the stream went on (IndexWriter.CheckCommit)', async () => {
    const stream = newStream()
    const again = events(3)
    const first = await client.appendToStream(stream, again, none)
    await client.appendToStream(stream, events(4), expecting(2))
    const second = await client.appendToStream(stream, again, none)
    expect(second).toMatchObject({ success: true, nextExpectedRevision: first.nextExpectedRevision })
    expect(await numbersIn(stream)).toEqual([0, 1, 2, 3, 4, 5, 6])
  })

  it('only ids are compared, never contents (IndexWriter.CheckCommit)', async () => {
    const stream = newStream()
    const id = randomUUID()
    await client.appendToStream(stream, event(1, id), none)
    await client.appendToStream(stream, event(2), expecting(0))
    expect(await client.appendToStream(stream, event(99, id), none)).toMatchObject({ success: true })
    expect((await collected(client.readStream(stream)))[0]?.data).toEqual({ n: 1 })
  })

  it('the first id known and a later one not is a wrong revision (IndexWriter.CheckCommit, "corrupted idempotency")', async () => {
    const stream = newStream()
    const [known] = events(1) as [EventData]
    await client.appendToStream(stream, [known, event(1)], none)
    const refused = await failure(client.appendToStream(stream, [known, event(2)], none))
    expect(refused).toBeInstanceOf(WrongExpectedVersionError)
  })

  it('a wrong revision is told by class, type and numbers, and by nothing else (appendToStream, unpackError.js)', async () => {
    const stream = newStream()
    await client.appendToStream(stream, events(2), none)
    const refused = await failure(client.appendToStream(stream, event(9), expecting(7)))
    expect(refused).toBeInstanceOf(WrongExpectedVersionError)
    expect(refused).toMatchObject({ type: 'wrong-expected-version', expectedVersion: 7n, actualVersion: 1n })
    expect(await failure(client.appendToStream(newStream(), event(9), expecting(0)))).toMatchObject({
      actualVersion: 'no_stream',
    })
  })

  it('one call is all or nothing: above the limit of the server nothing of it is there (Streams.Append.cs, MaxAppendSize)', async () => {
    const stream = newStream()
    const large = jsonEvent({ type: 'Large', data: { text: 'x'.repeat(400_000) } })
    const batch = [large, { ...large, id: randomUUID() }, { ...large, id: randomUUID() }]
    const refused = await failure(client.appendToStream(stream, batch, none))
    // 1 MiB up to 25.0; later servers take it.
    if (refused === undefined) expect(await numbersIn(stream)).toEqual([0, 1, 2])
    else {
      expect(refused).toBeInstanceOf(MaxAppendSizeExceededError)
      expect(await failure(numbersIn(stream))).toBeInstanceOf(StreamNotFoundError)
    }
  })

  it('an append that expects a revision no stream has writes nothing, whatever its size (Streams.Append.cs, CheckCommit)', async () => {
    const stream = newStream()
    const probe = jsonEvent({ type: 'Probe', data: { text: 'x'.repeat(900_000) } })
    const refused = await failure(client.appendToStream(stream, probe, expecting(2 ** 50)))
    expect(refused).toBeInstanceOf(WrongExpectedVersionError)
    expect(await failure(numbersIn(stream))).toBeInstanceOf(StreamNotFoundError)
  })

  it('events of one append lie together in the log, and its answer names the place of the last (StorageWriterService)', async () => {
    const stream = newStream()
    const { position } = await client.appendToStream(stream, events(5), none)
    const mine = await collected(client.readStream(stream))
    const from = mine[0]?.position ?? { commit: 0n, prepare: 0n }
    const all = await collected(client.readAll({ fromPosition: from, maxCount: 5 }))
    expect(all.map(({ id }) => id)).toEqual(mine.map(({ id }) => id))
    expect(mine.at(-1)?.position?.commit).toBe(position?.commit)
  })

  it('the unary append answers as the batch append does (appendToStream/index.js: with credentials of the call)', async () => {
    const stream = newStream()
    const credentials = { username: 'admin', password: 'changeit' }
    const again = events(2)
    const first = await client.appendToStream(stream, again, { ...none, credentials })
    const second = await client.appendToStream(stream, again, none)
    expect(second.nextExpectedRevision).toBe(first.nextExpectedRevision)
    expect(
      await failure(client.appendToStream(stream, event(9), { ...expecting(7), credentials })),
    ).toMatchObject({
      type: 'wrong-expected-version',
      actualVersion: 1n,
    })
  })
})

describe('conformance: appends without a revision, and many at once', () => {
  it('without a revision the same ids again soon are not written twice, in the same stream only (StorageWriterService, ids of recent commits)', async () => {
    const [stream, other] = [newStream(), newStream()]
    const again = events(2)
    const any: AppendToStreamOptions = { expectedRevision: 'any' }
    await client.appendToStream(stream, again, any)
    expect(await client.appendToStream(stream, again, any)).toMatchObject({ success: true })
    expect(await numbersIn(stream)).toEqual([0, 1])
    await client.appendToStream(other, again, any)
    expect(await numbersIn(other)).toEqual([0, 1])
  })

  it('a stream that is to be there and is not, or not to be and is, is a wrong revision (ExpectedVersion)', async () => {
    const stream = newStream()
    const exists: AppendToStreamOptions = { expectedRevision: 'stream_exists' }
    expect(await failure(client.appendToStream(stream, event(1), exists))).toBeInstanceOf(
      WrongExpectedVersionError,
    )
    await client.appendToStream(stream, event(1), none)
    expect(await client.appendToStream(stream, event(2), exists)).toMatchObject({ success: true })
    expect(await failure(client.appendToStream(stream, event(3), none))).toBeInstanceOf(
      WrongExpectedVersionError,
    )
  })

  it('a batch append that comes in several messages is one append: all of it or nothing (Streams.BatchAppend.cs, isFinal)', async () => {
    const stream = newStream()
    const inParts = { batchAppendSize: 100 }
    await client.appendToStream(stream, events(20), { ...none, ...inParts })
    expect(await numbersIn(stream)).toHaveLength(20)
    const refused = await failure(client.appendToStream(stream, events(20), { ...none, ...inParts }))
    expect(refused).toBeInstanceOf(WrongExpectedVersionError)
    expect(await numbersIn(stream)).toHaveLength(20)
  })

  it('the number of events in an append has no limit, only their bytes (Streams.Append.cs)', async () => {
    const stream = newStream()
    const { nextExpectedRevision } = await client.appendToStream(stream, events(3_000), none)
    expect(nextExpectedRevision).toBe(2_999n)
    expect(await numbersIn(stream)).toHaveLength(3_000)
  })

  it('two hundred appends at once are all answered, each with its own numbers (Streams.BatchAppend.cs, unbounded channel)', async () => {
    const streams = Array.from({ length: 200 }, newStream)
    await client.appendToStream(newStream(), event(0), none)
    const answers = await Promise.all(
      streams.map((stream, n) => client.appendToStream(stream, events((n % 3) + 1), none)),
    )
    expect(answers.map(({ nextExpectedRevision }) => Number(nextExpectedRevision))).toEqual(
      streams.map((_, n) => n % 3),
    )
  })
})

describe('conformance: reads', () => {
  it('a stream that is not there is told at the first event (ReadStream.js)', async () => {
    expect(await failure(numbersIn(newStream()))).toBeInstanceOf(StreamNotFoundError)
    expect((await client.getStreamMetadata(newStream())).metadata).toBeUndefined()
  })

  it('begins at the revision asked for, forwards and backwards (Enumerator.ReadStream*)', async () => {
    const stream = newStream()
    await client.appendToStream(stream, events(5), none)
    const forwards = await collected(client.readStream(stream, { fromRevision: 3n }))
    expect(forwards.map(({ revision }) => revision)).toEqual([3n, 4n])
    const backwards = client.readStream(stream, { fromRevision: 'end', direction: 'backwards', maxCount: 2 })
    expect((await collected(backwards)).map(({ revision }) => revision)).toEqual([4n, 3n])
    expect(await collected(client.readStream(stream, { fromRevision: 9n }))).toEqual([])
  })

  it('data and metadata come back byte for byte, with the type and the id they were given (RecordedEvent)', async () => {
    const stream = newStream()
    const bytes = Uint8Array.from({ length: 256 }, (_, n) => n)
    const id = randomUUID()
    const text = { text: 'ż漢🎉\u0000\\"', n: 0.1 }
    await client.appendToStream(
      stream,
      [
        binaryEvent({ id, type: 'Bytes', data: bytes, metadata: bytes }),
        jsonEvent({ type: 'ż', data: text }),
      ],
      none,
    )
    const [one, two] = await collected(client.readStream(stream))
    expect(one).toMatchObject({ id, type: 'Bytes', isJson: false })
    expect(Buffer.from((one?.data ?? []) as Uint8Array)).toEqual(Buffer.from(bytes))
    expect(Buffer.from((one?.metadata ?? []) as Uint8Array)).toEqual(Buffer.from(bytes))
    expect(two).toMatchObject({ type: 'ż', isJson: true, data: text })
  })

  it('the whole log shows each event once, in the order in which they were written (Enumerator.ReadAll*)', async () => {
    const [one, two] = [newStream(), newStream()]
    const written: EventData[] = []
    for (let n = 0; n < 6; n++) {
      const next = event(n)
      written.push(next)
      await client.appendToStream(n % 2 === 0 ? one : two, next, { expectedRevision: 'any' })
    }
    const [first] = await collected(client.readStream(one, { maxCount: 1 }))
    const from = first?.position ?? { commit: 0n, prepare: 0n }
    const ids = (await collected(client.readAll({ fromPosition: from }))).map(({ id }) => id)
    const own = new Set(written.map(({ id }) => id))
    expect(ids.filter((id) => own.has(id))).toEqual(written.map(({ id }) => id))
  })

  it('tells its version, and that it takes batch appends (ServerFeatures.cs)', async () => {
    const way = await connectTo({ connectionString: server.connectionString })
    if (way._tag === 'Left') throw new Error(way.left.reason)
    const { connection } = way.right
    expect(await connection.serverVersion()).toMatch(/^\d+\.\d+/)
    await connection.close()
  })

  it('tells of each event the same place in the log as a read of the whole log (22.6 and later)', async () => {
    const stream = newStream()
    await client.appendToStream(stream, events(2), none)
    const mine = await collected(client.readStream(stream))
    for (const { id, position } of mine) {
      const at = position ?? { commit: -1n, prepare: -1n }
      const [found] = await collected(client.readAll({ fromPosition: at, maxCount: 1 }))
      expect(found).toMatchObject({ id, position: at })
    }
  })

  it('the whole log ends with what was appended last (readAll, backwards from the end)', async () => {
    const stream = newStream()
    await client.appendToStream(stream, events(1), none)
    const last = await collected(client.readAll({ direction: 'backwards', fromPosition: 'end', maxCount: 1 }))
    expect(last).toHaveLength(1)
  })
})

describe('conformance: metadata and deletion', () => {
  it('$tb hides what stands below it at once, numbers stay, and the whole log still shows it (until a scavenge)', async () => {
    const stream = newStream()
    await client.appendToStream(stream, events(5), none)
    const [first] = await collected(client.readStream(stream, { maxCount: 1 }))
    await client.setStreamMetadata(stream, { truncateBefore: 3 })
    expect(await numbersIn(stream)).toEqual([3, 4])
    const at = first?.position ?? { commit: 0n, prepare: 0n }
    expect((await collected(client.readAll({ fromPosition: at, maxCount: 1 })))[0]?.id).toBe(first?.id)
    await client.appendToStream(stream, event(5), expecting(4))
    expect(await numbersIn(stream)).toEqual([3, 4, 5])
  })

  it('$maxCount leaves the newest at once', async () => {
    const stream = newStream()
    await client.appendToStream(stream, events(5), none)
    await client.setStreamMetadata(stream, { maxCount: 2 })
    expect(await numbersIn(stream)).toEqual([3, 4])
  })

  it('$maxAge hides what is older, in reads of the stream', async () => {
    const stream = newStream()
    await client.appendToStream(stream, events(3), none)
    await client.setStreamMetadata(stream, { maxAge: 1 })
    // Whether nothing is left of the stream or the stream is not there is not what is asked.
    const shown = (): Promise<number[]> => numbersIn(stream).catch(() => [])
    while ((await shown()).length > 0) await new Promise((resolve) => setImmediate(resolve))
    const again = await client.appendToStream(stream, event(3), expecting(2))
    expect(again.nextExpectedRevision).toBe(3n)
  })

  it('setting metadata appends an event of type $metadata to the stream of that name (SystemStreams.MetastreamOf)', async () => {
    const stream = newStream()
    await client.setStreamMetadata(stream, { maxCount: 5 })
    expect(await collected(client.readStream(`$$${stream}`))).toMatchObject([
      { type: '$metadata', revision: 0n, data: { $maxCount: 5 } },
    ])
  })

  it('setting metadata replaces the whole document, and own fields are kept (setStreamMetadata.js)', async () => {
    const stream = newStream()
    await client.setStreamMetadata(stream, { maxCount: 9, owner: 'ops' })
    await client.setStreamMetadata(stream, { truncateBefore: 1, own: { firstRevision: 1 } })
    expect((await client.getStreamMetadata(stream)).metadata).toEqual({
      truncateBefore: 1,
      own: { firstRevision: 1 },
    })
  })

  it('a stream deleted softly reads as not there, and goes on with the next number', async () => {
    const stream = newStream()
    await client.appendToStream(stream, events(3), none)
    await client.deleteStream(stream)
    expect(await failure(numbersIn(stream))).toBeInstanceOf(StreamNotFoundError)
    const again = await client.appendToStream(stream, event(3), expecting(2))
    expect(again.nextExpectedRevision).toBe(3n)
  })

  it('a tombstone ends a stream for ever, for readers and writers', async () => {
    const stream = newStream()
    await client.appendToStream(stream, events(1), none)
    await client.tombstoneStream(stream)
    expect(await failure(numbersIn(stream))).toBeInstanceOf(StreamDeletedError)
    expect(await failure(client.appendToStream(stream, event(1), expecting(0)))).toBeInstanceOf(
      StreamDeletedError,
    )
  })
})

describe('conformance: subscriptions', () => {
  const taken = (
    subscription: AsyncIterable<ResolvedEvent> & { unsubscribe: () => Promise<void> },
    count: number,
  ) =>
    (async (): Promise<string[]> => {
      const ids: string[] = []
      for await (const { event: found } of subscription) {
        if (found !== undefined) ids.push(found.id)
        if (ids.length === count) break
      }
      await subscription.unsubscribe()
      return ids
    })()

  it('where a subscription begins is exclusive, and what is appended later comes live', async () => {
    const stream = newStream()
    await client.appendToStream(stream, events(3), none)
    const ids = taken(client.subscribeToStream(stream, { fromRevision: 0n }), 3)
    const live = event(3)
    await client.appendToStream(stream, live, expecting(2))
    expect((await ids).at(-1)).toBe(live.id)
  })

  it('from the end it shows only what comes later, and of the whole log the place to begin is exclusive, too', async () => {
    const stream = newStream()
    const [first, second] = [event(0), event(1)]
    await client.appendToStream(stream, [first, second], none)
    const [early] = await collected(client.readStream(stream, { maxCount: 1 }))
    const fromPosition = early?.position ?? { commit: 0n, prepare: 0n }
    const filter = streamNameFilter({ prefixes: [stream] })
    expect(await taken(client.subscribeToAll({ fromPosition, filter }), 1)).toEqual([second.id])
    const late = client.subscribeToStream(stream, { fromRevision: 'end' })
    // Confirmed is that it has begun: only then is later later.
    const begun = new Promise<void>((resolve) => late.once('confirmation', () => resolve()))
    const ids = taken(late, 1)
    await begun
    const third = event(2)
    await client.appendToStream(stream, third, expecting(1))
    expect(await ids).toEqual([third.id])
  })

  it('says from time to time how far it has come where the filter lets nothing through (checkpointInterval x maxSearchWindow)', async () => {
    const filter = streamNameFilter({
      prefixes: [`nobody-${randomUUID()}`],
      checkpointInterval: 1,
      maxSearchWindow: 32,
      checkpointReached: (_, { commit }) => void reached.push(commit),
    })
    const reached: bigint[] = []
    const stream = newStream()
    await client.appendToStream(stream, events(1), none)
    const [first] = await collected(client.readStream(stream))
    const fromPosition = first?.position ?? { commit: 0n, prepare: 0n }
    const subscription = client.subscribeToAll({ fromPosition, filter })
    subscription.on('data', () => undefined)
    await client.appendToStream(stream, events(2_500), expecting(0))
    while (reached.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(reached[0]).toBeGreaterThan(fromPosition.commit)
    await subscription.unsubscribe()
  })

  it('a filter on the names of streams shows those only, in the order of the whole log', async () => {
    const name = randomUUID()
    const [one, two] = [`mine-${name}-1`, `mine-${name}-2`]
    const first = event(1)
    const second = event(2)
    await client.appendToStream(one, first, none)
    await client.appendToStream(newStream(), events(2), none)
    await client.appendToStream(two, second, none)
    const filter = streamNameFilter({ prefixes: [`mine-${name}`] })
    const ids = await taken(client.subscribeToAll({ fromPosition: 'start', filter }), 2)
    expect(ids).toEqual([first.id, second.id])
  })

  it('the metadata of streams are shown as they are written, by the beginning of their names (StreamNameFilter; metadata are events in $all)', async () => {
    const stream = newStream()
    await client.appendToStream(stream, events(1), none)
    await client.setStreamMetadata(stream, { maxCount: 5 })
    const filter = streamNameFilter({ prefixes: [`$$${stream}`] })
    const [id] = await taken(client.subscribeToAll({ fromPosition: 'start', filter }), 1)
    const kept = await collected(client.readStream(`$$${stream}`))
    expect(kept.map((one) => one.id)).toContain(id)
  })

  it('says that it has caught up (23.10 and later)', async () => {
    const stream = newStream()
    await client.appendToStream(stream, events(1), none)
    const subscription = client.subscribeToStream(stream, { fromRevision: 'start' })
    const caughtUp = new Promise<void>((resolve) => subscription.once('caughtUp', resolve))
    subscription.on('data', () => undefined)
    await caughtUp
    await subscription.unsubscribe()
  })
})
