// Clients of the log in simulationDisk.ts: what they ask, and what they look at when it was answered. Each stream has a writer
// that appends at the head it knows, sometimes a rival at the same place, and readers beside it.
import * as E from 'fp-ts/lib/Either.js'
import { type EventBatch, type LedgerEvent, NO_REVISION } from '../../domain/batch.js'
import type { EventLog, StoredSnapshot } from '../../src/ports/eventLog.js'
import type { SimulatedDisk } from './simulatedDisk.js'
import type { SimulatedMachine } from './simulatedDiskMachine.js'
import type { Found, LogStory } from './simulationDiskStory.js'
import type { TurnScheduler } from './simulationDiskTurns.js'
import type { Dice } from './simulationSwarm.js'

export const STREAMS = ['partition-a~1.0', 'partition-b~1.0', 'ledger'] as const
const PAYLOAD_BYTES = [20, 60, 200, 200, 900, 2_500]
/** Above what a segment of 16 KiB takes. */
const TOO_LARGE_BYTES = 17_000
const APPENDS_UNTIL_FULL_MAX = 60
/** Serving again, once there is room, within so long (R07). */
const SERVING_AGAIN_MS = 5_000
const STEP_MS = 500

const enqueued = (ordinal: number, payload: string): LedgerEvent => ({
  type: 'MessageEnqueued',
  ordinal,
  callerId: undefined,
  payload: JSON.stringify(payload),
  priority: 0,
  notBefore: 0,
  expiresAt: 0,
  attributes: undefined,
})
const succeeded = (ordinal: number): LedgerEvent => ({
  type: 'AttemptSucceeded',
  followUps: undefined,
  reconciled: undefined,
  ordinal,
  callerId: undefined,
  fence: ordinal + 1,
  result: undefined,
})

/** Chunks that follow from stream and revision alone. */
const snapshotChunks = (stream: string, revision: number): ReadonlyArray<Buffer> =>
  Array.from({ length: 1 + (revision % 3) }, (_, n) =>
    Buffer.from(`${stream} ${revision} ${n} `.repeat(5 + ((revision * 7) % 40))),
  )

async function* chunksOf(chunks: ReadonlyArray<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks
}

type Snapshots = { sure: number; asked: Set<number> }

export class DiskClients {
  asked = 0
  private readonly heads = new Map<string, number>()
  private readonly snapshots = new Map<string, Snapshots>()
  private readonly busy = new Set<string>()
  /** What share of all calls cuts something off. */
  private readonly truncations: number
  /** A stream with few events, all of them needed: what others have beside them stays, and nothing else. */
  private readonly quiet: string | undefined
  /** Rises with each death: answers to a process that is dead are not heard. */
  private life = 0

  constructor(
    private readonly dice: Dice,
    private readonly story: LogStory,
    private readonly saw: (what: string) => void,
    private readonly trace: string[],
    private readonly turns: TurnScheduler,
  ) {
    this.truncations = dice.pick([0.03, 0.1, 0.3])
    this.quiet = dice.pick([undefined, ...STREAMS.slice(1)])
  }

  died(): void {
    this.life += 1
    this.busy.clear()
  }

  found(found: ReadonlyMap<string, Found>): void {
    for (const [stream, { head }] of found) this.heads.set(stream, head)
  }

  ask(log: EventLog, machine: SimulatedMachine): void {
    const { dice } = this
    const drawn = dice.pick(STREAMS)
    const stream = drawn === this.quiet && dice.chance(0.8) ? STREAMS[0] : drawn
    const what = dice.random()
    if (what < this.truncations && stream !== this.quiet) this.truncate(log, stream)
    else if (what < 0.4) void this.readPage(log, stream, machine)
    else if (what < 0.5) this.repeat(log, stream)
    else if (what < 0.6) this.save(log, stream)
    else this.append(log, stream)
  }

  /** Calls back with the answer, unless its process is dead by then. */
  private hear<A>(task: () => Promise<A>, hear: (answer: A) => void): void {
    const { life } = this
    task().then((answer) => {
      if (life === this.life) hear(answer)
    })
  }

  private batch(stream: string, expected: number, bytes = this.dice.pick(PAYLOAD_BYTES)): EventBatch {
    const { dice } = this
    const n = ++this.asked
    const isAck = dice.chance(0.3)
    const events = Array.from({ length: dice.pick([1, 1, 3]) }, (_, k) =>
      isAck ? succeeded(n) : enqueued(n + k, `${stream} ${n}.${k} `.repeat(1 + Math.floor(bytes / 24))),
    )
    return {
      batchId: `b${n}`,
      at: 1_790_000_000_000 + n,
      epoch: 1,
      events,
      previous: events.map(() => expected),
    }
  }

  private append(log: EventLog, stream: string): void {
    const { dice } = this
    const head = this.heads.get(stream) ?? NO_REVISION
    // A rival, or somebody who is late.
    const isWrong = this.busy.has(stream) || dice.chance(0.05)
    const expected = isWrong && dice.chance(0.5) ? head - 1 : head
    if (expected < NO_REVISION) return
    this.busy.add(stream)
    const bytes = dice.chance(0.01) ? TOO_LARGE_BYTES : undefined
    this.send(log, stream, expected, this.batch(stream, expected, bytes))
  }

  private send(log: EventLog, stream: string, expected: number, batch: EventBatch): void {
    const asked = this.story.ask(stream, expected, batch)
    this.trace.push(`append ${stream}/${expected + 1} ${batch.batchId} ${batch.events.length} events`)
    this.hear(log.append(stream, expected, batch), (answer) => {
      this.busy.delete(stream)
      this.trace.push(`  ${batch.batchId}: ${JSON.stringify(answer)}`)
      this.saw(E.isRight(answer) ? 'told ok' : `told ${answer.left.type}`)
      if (E.isRight(answer)) this.noteHead(stream, answer.right.lastRevision)
      this.story.answered(asked, answer, this.turns.count)
    })
  }

  private noteHead(stream: string, head: number): void {
    this.heads.set(stream, Math.max(head, this.heads.get(stream) ?? NO_REVISION))
  }

  /** The identical append once more: one of which nobody knows, or one that was answered long ago. */
  private repeat(log: EventLog, stream: string): void {
    if (this.busy.has(stream)) return
    const doubtful = this.story.doubtful(stream)
    const again = this.dice.pick(doubtful.length > 0 ? doubtful : this.story.appended(stream))
    if (again === undefined) return
    this.saw('repeated')
    this.busy.add(stream)
    this.send(log, stream, again.expected, again.batch)
  }

  private async readPage(log: EventLog, stream: string, machine: SimulatedMachine): Promise<void> {
    const { life } = this
    const head = this.heads.get(stream) ?? NO_REVISION
    const from = Math.floor(this.dice.random() * (head + 2))
    const mayFail = machine.faults.read > 0
    const page = await log.read(stream, from, this.dice.pick([1, 500, 20_000]))()
    if (life !== this.life) return
    if (E.isLeft(page)) {
      const { type } = page.left
      this.saw(`read: ${type}`)
      const isFair =
        type === 'LogUnavailable'
          ? mayFail || this.story.wasTruncated
          : type === 'RevisionTruncated'
            ? this.story.mayStartAt(stream, page.left.firstRevision) && from < page.left.firstRevision
            : type === 'LogStopped'
      return this.story.expect(isFair, () => `read of ${stream}/${from}: ${JSON.stringify(page.left)}`)
    }
    const { batches, next, atEnd } = page.right
    let at = batches[0]?.firstRevision ?? next
    this.story.expect(at <= from, () => `read of ${stream}/${from} begins at ${at}`)
    for (const batch of batches) {
      this.story.expect(batch.firstRevision === at, () => `read of ${stream}/${from} lacks ${at}`)
      at = batch.firstRevision + batch.events.length
      this.story.read(batch)
    }
    this.story.expect(
      at === next || batches.length === 0,
      () => `read of ${stream}/${from} goes on at ${next}`,
    )
    this.story.expect(
      !atEnd || next > head,
      () => `read of ${stream}/${from} ends at ${next}, before ${head}`,
    )
  }

  private snapshotsOf(stream: string): Snapshots {
    const known = this.snapshots.get(stream) ?? { sure: NO_REVISION, asked: new Set<number>() }
    this.snapshots.set(stream, known)
    return known
  }

  private save(log: EventLog, stream: string): void {
    const revision = this.heads.get(stream) ?? NO_REVISION
    if (revision === NO_REVISION) return
    const snapshots = this.snapshotsOf(stream)
    if (snapshots.asked.has(revision)) return
    snapshots.asked.add(revision)
    this.trace.push(`snapshot ${stream}/${revision}`)
    this.hear(log.saveSnapshot(stream, revision, chunksOf(snapshotChunks(stream, revision))), (answer) => {
      this.saw(E.isRight(answer) ? 'snapshot saved' : 'snapshot failed')
      if (E.isRight(answer)) snapshots.sure = Math.max(snapshots.sure, revision)
    })
  }

  private truncate(log: EventLog, stream: string): void {
    const head = this.heads.get(stream) ?? NO_REVISION
    const revision = this.dice.chance(0.5) ? head + 1 : Math.floor(this.dice.random() * (head + 2))
    this.trace.push(`truncate ${stream}/${revision}`)
    this.story.truncating(stream, revision)
    this.hear(log.truncateBefore(stream, revision), (answer) => {
      this.trace.push(`  truncate ${stream}/${revision}: ${answer._tag}`)
      this.saw(E.isRight(answer) ? 'truncated' : 'truncation failed')
      if (E.isRight(answer)) this.story.truncated(stream, revision)
    })
  }

  /** The whole stream from its low mark; undefined if it cannot be read. */
  async readWhole(log: EventLog, stream: string): Promise<Found | undefined> {
    const head = await log.head(stream)()
    if (E.isLeft(head)) return undefined
    const batches: Found['batches'][number][] = []
    let lowMark = 0
    for (let from = 0; ; ) {
      const page = await log.read(stream, from, this.dice.pick([1, 2_000, 100_000]))()
      if (E.isLeft(page)) {
        if (page.left.type !== 'RevisionTruncated' || lowMark > 0) {
          this.trace.push(`read of ${stream}/${from}: ${JSON.stringify(page.left)}`)
          return undefined
        }
        lowMark = page.left.firstRevision
        from = lowMark
        continue
      }
      batches.push(...page.right.batches)
      from = page.right.next
      if (page.right.atEnd) return { lowMark, head: head.right, batches }
    }
  }

  /** All streams in one: positions without gaps but for what was truncated, and the same batches. */
  async checkOrder(log: EventLog, found: ReadonlyMap<string, Found>, pageBytes: number): Promise<void> {
    const expected = [...found.values()]
      .flatMap(({ batches, lowMark }) =>
        batches.filter((batch) => batch.firstRevision + batch.events.length > lowMark),
      )
      .sort((a, b) => a.position - b.position)
      .map(({ position, batchId }) => `${position} ${batchId}`)
    const told: string[] = []
    for (let from = 0; ; ) {
      const page = await log.readAll(from, pageBytes)()
      if (E.isLeft(page)) return void this.story.broken.push(`readAll: ${JSON.stringify(page.left)}`)
      for (const { position, batchId } of page.right.batches) told.push(`${position} ${batchId}`)
      from = page.right.next
      if (page.right.atEnd) break
    }
    const isSame = told.join() === expected.join()
    this.story.expect(isSame, () => `readAll gives ${told.join()} where the streams give ${expected.join()}`)
  }

  /** Each snapshot that is listed reads as it was saved; the newest that was told as saved is there, or a newer one. */
  async checkSnapshots(log: EventLog, damaged: ReadonlySet<string>): Promise<void> {
    for (const stream of STREAMS) {
      const listed = await log.snapshots(stream)()
      if (E.isLeft(listed)) {
        this.story.broken.push(`snapshots of ${stream}: ${JSON.stringify(listed.left)}`)
        continue
      }
      const { sure, asked } = this.snapshotsOf(stream)
      const isDamaged = [...damaged].some((path) => path.includes('/snapshots/'))
      for (const snapshot of listed.right) {
        this.story.expect(asked.has(snapshot.revision), () => `a snapshot of ${stream}/${snapshot.revision}`)
        const isWhole = await readsBack(snapshot, stream)
        this.story.expect(
          isWhole === 'same' || (isWhole === 'refused' && isDamaged),
          () => `the snapshot of ${stream}/${snapshot.revision} is ${isWhole}`,
        )
      }
      const newest = listed.right[0]?.revision ?? NO_REVISION
      this.story.expect(newest >= sure || isDamaged, () => `the snapshot of ${stream}/${sure} is gone`)
    }
  }

  /** Healed, an append to the head is answered with ok. */
  async mustAppend(log: EventLog, stream: string, machine: SimulatedMachine): Promise<void> {
    const expected = this.heads.get(stream) ?? NO_REVISION
    const batch = this.batch(stream, expected)
    this.send(log, stream, expected, batch)
    await this.turns.untilDone(log.append(stream, expected, batch)(), machine)
    this.story.expect(
      this.story.appended(stream).some((one) => one.batch === batch),
      () => `healed, and ${batch.batchId} at ${stream}/${expected + 1} is not answered with ok`,
    )
  }

  /** R07: enqueues are refused in the end, acks still pass, and all is well once there is room. */
  async fillUp(log: EventLog, disk: SimulatedDisk, machine: SimulatedMachine): Promise<void> {
    const stream = STREAMS[0]
    const head = (): number => this.heads.get(stream) ?? NO_REVISION
    const told = async (event: LedgerEvent): Promise<string> => {
      const expected = head()
      const n = ++this.asked
      const batch = { batchId: `b${n}`, at: 1_790_000_000_000 + n, epoch: 1, events: [event], previous: [-1] }
      const asked = this.story.ask(stream, expected, batch)
      this.send(log, stream, expected, batch)
      await this.turns.untilDone(log.append(stream, expected, batch)(), machine)
      return asked.told
    }
    disk.capacityBytes = disk.usedBytes
    this.trace.push('R07: the disk is full')
    // Until not even a small one fits: what is left belongs to acks.
    for (const bytes of [1_500, 300, 1]) {
      let isFull = false
      for (let n = 0; n < APPENDS_UNTIL_FULL_MAX && !isFull; n++)
        isFull = (await told(enqueued(n, 'x'.repeat(bytes)))) !== 'ok'
      this.story.expect(isFull, () => 'R07: a full disk takes enqueues without end')
    }
    const acked = await told(succeeded(1))
    this.story.expect(acked === 'ok', () => `R07: an ack on a full disk is told ${acked}`)
    disk.capacityBytes = Number.POSITIVE_INFINITY
    let again = await told(enqueued(1, 'x'.repeat(1_500)))
    for (let ms = 0; ms < SERVING_AGAIN_MS && again !== 'ok'; ms += STEP_MS) {
      await this.turns.advance(STEP_MS)
      await this.turns.untilIdle()
      again = await told(enqueued(1, 'x'.repeat(1_500)))
    }
    this.story.expect(again === 'ok', () => `R07: with room again an enqueue is told ${again}`)
    this.saw('full, and serving again')
  }
}

const readsBack = async (snapshot: StoredSnapshot, stream: string): Promise<'same' | 'refused' | 'other'> => {
  const chunks = snapshotChunks(stream, snapshot.revision)
  for (let n = 0; n <= chunks.length; n++) {
    const chunk = await snapshot.read(n)()
    if (E.isLeft(chunk)) return 'refused'
    const wanted = chunks[n]
    if (chunk.right === undefined || wanted === undefined)
      return chunk.right === undefined && wanted === undefined ? 'same' : 'other'
    if (!wanted.equals(chunk.right)) return 'other'
  }
  return 'same'
}
