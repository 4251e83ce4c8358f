// Pages of batches from EventStoreDB: put together from single events, checked to have no gap, bounded by bytes. A page of the whole
// log holds the ledger's own streams only (the server filters by the name's prefix) and begins at a record of the server's log, as
// positions name them (storedEvents.ts). Whatever does not fit is told with stream and revision, and never skipped (I8, R43).
import { isLeft } from 'fp-ts/lib/Either.js'
import { NO_REVISION, type RecordedBatch } from '../../../domain/batch.js'
import type { Page, ReadFault } from '../../ports/eventLog.js'
import { BatchCache } from './batchCache.js'
import type { ReadEnd, StoreCalls } from './connection.js'
import { callFaultOf, corrupt, ReadRefused } from './errors.js'
import {
  commitOfPosition,
  decodeStored,
  endOfBatch,
  type FoundEvent,
  factsOf,
  positionAfterCommit,
  positionOfCommit,
} from './storedEvents.js'
import type { Rules } from './streamRules.js'

type Facts = NonNullable<ReturnType<typeof factsOf>>
type Found = readonly [FoundEvent, Facts]
/** A batch with the digest that was written beside it; undefined = there is none. */
export type StoredBatch = Readonly<{ batch: RecordedBatch; digest: string | undefined; bytes: number }>
/** Pages without anything of ours that are read in one call. */
const EMPTY_PAGES_MAX = 16
const EVENT_OVERHEAD_BYTES = 64
/** A page below this is asked for by somebody who looks at single events. */
const ONE_BATCH_BYTES = 4_096
/** … and is sent so many at first: most batches are shorter, and what remains of a longer one is asked for by number. */
const LONE_EVENTS = 32

export class LogReader {
  private readonly cache = new BatchCache()
  /** Of each stream the last revision that is known to be durable: the server must never show less (R43). */
  private readonly heads = new Map<string, number>()
  /** Reads of one batch that are under way. */
  private readonly lone = new Set<Readonly<{ stream: string; from: number; done: Promise<unknown> }>>()

  constructor(
    private readonly connection: StoreCalls,
    private readonly rules: Rules,
    private readonly prefix: string,
  ) {}

  noteHead(stream: string, revision: number): void {
    if (revision > (this.heads.get(stream) ?? NO_REVISION)) this.heads.set(stream, revision)
  }

  /** Of a stream of the server, as the ledger calls it. */
  private readonly ownName = (stream: string): string => stream.slice(this.prefix.length)

  private named(stream: string): string {
    return this.prefix + stream
  }

  async head(stream: string): Promise<number> {
    await this.rules.of(stream)
    const last = await this.lastEvent(stream)
    const head = last?.revision ?? NO_REVISION
    await this.checkHead(stream, head)
    return head
  }

  async lastEvent(stream: string): Promise<FoundEvent | undefined> {
    let last: FoundEvent | undefined
    const wish = { stream: this.named(stream), from: 'end', isBackward: true, count: 1 } as const
    await this.connection.read(wish, (event) => {
      last = event
      return true
    })
    return last
  }

  private async checkHead(stream: string, head: number): Promise<void> {
    const known = this.heads.get(stream) ?? NO_REVISION
    if (head >= known) return this.noteHead(stream, head)
    // Deleted or cut by somebody: that is the better reason.
    await this.rules.load(stream)
    throw new ReadRefused(
      corrupt(
        stream,
        head,
        `revision ${known} was durable, but EventStoreDB now ends at ${head}: an older copy was put back, or its end was cut off`,
      ),
    )
  }

  async read(stream: string, from: number, maxBytes: number): Promise<Page | ReadFault> {
    const { lowMark } = await this.rules.of(stream)
    if (from < lowMark) return { type: 'RevisionTruncated', stream, firstRevision: lowMark }
    if (maxBytes <= ONE_BATCH_BYTES) return this.readOne(stream, from, maxBytes)
    return this.readPage(stream, from, maxBytes)
  }

  /** Who looks at messages one by one asks for the same few batches many times, and often at once. */
  private async readOne(stream: string, from: number, maxBytes: number): Promise<Page | ReadFault> {
    for (;;) {
      // Whoever wants one batch wants this one; whoever wants more reads on.
      const cached = this.cache.find(stream, from)
      if (cached !== undefined)
        return { batches: [cached], next: cached.firstRevision + cached.events.length, atEnd: false }
      const near = [...this.lone].find((one) => one.stream === stream && isNear(one.from, from))
      if (near === undefined) break
      await near.done
    }
    const done = this.readPage(stream, from, maxBytes)
    const own = { stream, from, done: done.catch(() => undefined) }
    this.lone.add(own)
    try {
      return await done
    } finally {
      this.lone.delete(own)
    }
  }

  private async readPage(stream: string, from: number, maxBytes: number): Promise<Page | ReadFault> {
    const groups = new Groups(maxBytes, from, this.ownName)
    const how =
      maxBytes <= ONE_BATCH_BYTES
        ? await this.readLone(stream, from, groups)
        : await this.connection.read({ stream: this.named(stream), from }, (event) => groups.add(event))
    const first = groups.first
    if (first === undefined) {
      await this.checkHead(stream, Math.max(from - 1, await this.head(stream)))
      return { batches: [], next: from, atEnd: true }
    }
    if (first[0].revision > from) {
      // Cut meanwhile, by another node or by somebody else: the stream's metadata tell.
      const { lowMark: lowMarkNow } = await this.rules.load(stream)
      if (from < lowMarkNow) return { type: 'RevisionTruncated', stream, firstRevision: lowMarkNow }
      throw new ReadRefused(
        corrupt(stream, from, `revision ${from} is gone: the stream goes on at ${first[0].revision}`),
      )
    }
    await this.completeFirst(stream, groups)
    const batches = groups.decode().map(({ batch }) => batch)
    const last = batches[batches.length - 1]
    const next = last === undefined ? from : last.firstRevision + last.events.length
    this.noteHead(stream, next - 1)
    if (batches.length === 1 && last !== undefined) this.cache.add(last, groups.bytes)
    return { batches, next, atEnd: how === 'end' }
  }

  /** Without a count the server would send on until it hears that it is enough. */
  private async readLone(stream: string, from: number, groups: Groups): Promise<ReadEnd> {
    const wish = { stream: this.named(stream), from, count: LONE_EVENTS }
    const how = await this.connection.read(wish, (event) => groups.add(event))
    const { last } = groups
    if (how !== 'end' || last === undefined || last[0].revision < from + LONE_EVENTS - 1) return how
    const missing = last[1].count - 1 - last[1].index
    if (missing > 0)
      await this.connection.read({ ...wish, from: last[0].revision + 1, count: missing }, (event) =>
        groups.add(event),
      )
    return 'stopped'
  }

  /** The page begins inside of a batch: what stands before it is fetched. */
  private async completeFirst(stream: string, groups: Groups): Promise<void> {
    const first = groups.first
    if (first === undefined || first[1].index === 0) return
    const missing = first[1].index
    const from = first[0].revision - missing
    const before: Found[] = []
    await this.connection.read({ stream: this.named(stream), from, count: missing }, (event) => {
      before.push([event, ownFacts(event, stream)])
      return true
    })
    if (before.length !== missing || before[0]?.[0].revision !== from)
      throw new ReadRefused(corrupt(stream, from, 'the beginning of a batch is gone'))
    groups.completeFirst(before)
  }

  async readAll(from: number, maxBytes: number): Promise<Page> {
    let next = from
    for (let pages = 1; ; pages++) {
      const page = await this.readStored(next, maxBytes)
      const batches: RecordedBatch[] = []
      for (const { batch } of page.batches) {
        // The server keeps what was truncated until it is scavenged, and shows it here.
        const { lowMark } = await this.rules.of(batch.stream)
        if (batch.firstRevision + batch.events.length > lowMark) batches.push(batch)
      }
      next = page.next
      if (batches.length > 0 || page.atEnd || pages === EMPTY_PAGES_MAX)
        return { batches, next, atEnd: page.atEnd }
    }
  }

  /** What the server has of the ledger's streams, truncated or not. */
  async readStored(
    from: number,
    maxBytes: number,
  ): Promise<Readonly<{ batches: ReadonlyArray<StoredBatch>; next: number; atEnd: boolean }>> {
    const groups = new Groups(maxBytes, undefined, this.ownName)
    const how = await this.readAllOnce(from, groups)
    const first = groups.first
    if (first !== undefined) await this.completeFirst(this.ownName(first[0].stream), groups)
    const batches = groups.decode()
    const last = batches[batches.length - 1]
    const next = last === undefined ? from : Math.max(from, endOfBatch(last.batch))
    return { batches, next, atEnd: how === 'end' }
  }

  private async readAllOnce(from: number, groups: Groups): Promise<ReadEnd> {
    const { prefix } = this
    const { commit, isAfter } = commitOfPosition(from)
    const isDue = ({ commit: found }: FoundEvent): boolean =>
      isAfter ? positionOfCommit(found ?? 0) > from : positionOfCommit(found ?? 0) >= from
    const show = (event: FoundEvent): boolean => !isDue(event) || groups.add(event)
    if (from === 0) return this.connection.read({ prefix, from: 'start' }, show)
    try {
      return await this.connection.read({ prefix, from: commit }, show)
    } catch (error) {
      if (callFaultOf(error).kind !== 'badPosition') throw error
      // Not a place that this log ever named: found by walking, slowly.
      return this.connection.read({ prefix, from: 'start' }, show)
    }
  }

  /** The position after the last record of the server's log, whosever it is. */
  async endPosition(): Promise<number> {
    let end = 0
    await this.connection.read({ prefix: '', from: 'end', isBackward: true, count: 1 }, ({ commit }) => {
      end = positionAfterCommit(commit ?? 0)
      return true
    })
    return end
  }
}

const isNear = (one: number, other: number): boolean => Math.abs(one - other) < LONE_EVENTS

const ownFacts = (event: FoundEvent, stream: string): Facts => {
  const facts = factsOf(event)
  if (facts !== undefined) return facts
  throw new ReadRefused(
    corrupt(stream, event.revision, `an event of type ${event.type} that no ledger wrote`, event.commit ?? 0),
  )
}

const bytesOf = ({ data, metadata }: FoundEvent): number =>
  data.length + metadata.length + EVENT_OVERHEAD_BYTES

/** Events of a page, batch by batch. */
class Groups {
  private readonly groups: Found[][] = []
  bytes = 0

  constructor(
    private readonly maxBytes: number,
    /** Of a single stream, the revision that comes next; a gap ends the page's life. */
    private nextRevision: number | undefined,
    private readonly ownName: (stream: string) => string,
  ) {}

  get first(): Found | undefined {
    return this.groups[0]?.[0]
  }

  get last(): Found | undefined {
    return this.groups[this.groups.length - 1]?.at(-1)
  }

  /** False = the page is full. */
  add(event: FoundEvent): boolean {
    const facts = ownFacts(event, this.ownName(event.stream))
    this.check(event, facts)
    const isNew = this.groups.length === 0 || facts.index === 0
    if (isNew) this.groups.push([])
    this.groups[this.groups.length - 1]?.push([event, facts])
    this.bytes += bytesOf(event)
    return this.bytes < this.maxBytes || facts.index < facts.count - 1
  }

  private check(event: FoundEvent, facts: Facts): void {
    const { stream, revision, commit = 0 } = event
    const refuse = (reason: string): never => {
      throw new ReadRefused(corrupt(this.ownName(stream), revision, reason, commit))
    }
    const before = this.groups[this.groups.length - 1]?.at(-1)
    if (this.nextRevision !== undefined) {
      // The first may be wrong because the stream was cut meanwhile: whoever asked looks into that.
      if (before !== undefined && revision !== this.nextRevision)
        refuse(`revision ${this.nextRevision} is missing: the stream goes on at ${revision}`)
      this.nextRevision = revision + 1
    }
    if (before === undefined) return
    const [last, lastFacts] = before
    const isDone = lastFacts.index === lastFacts.count - 1
    const goesOn =
      facts.batchId === lastFacts.batchId &&
      facts.index === lastFacts.index + 1 &&
      last.stream === stream &&
      last.revision + 1 === revision
    if (isDone ? facts.index !== 0 : !goesOn) refuse('the batch before it is not whole')
  }

  completeFirst(before: ReadonlyArray<Found>): void {
    this.groups[0]?.unshift(...before)
  }

  decode(): StoredBatch[] {
    return this.groups.map((group) => {
      const name = group[0]?.[0].stream ?? ''
      const count = group[0]?.[1].count
      const stream = this.ownName(name)
      const decoded = decodeStored(stream, group)
      if (isLeft(decoded)) {
        const { revision, commit = 0, reason } = decoded.left
        throw new ReadRefused(corrupt(stream, revision, reason, commit))
      }
      if (group.length !== count)
        throw new ReadRefused(corrupt(stream, decoded.right.firstRevision, 'the end of a batch is missing'))
      const bytes = group.reduce((sum, [event]) => sum + bytesOf(event), 0)
      return { batch: decoded.right, digest: group[group.length - 1]?.[1].digest, bytes }
    })
  }
}
