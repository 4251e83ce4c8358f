// What an EventStoreDB server keeps, without the wire: streams with expected revisions, the order of the whole log, the rules of
// stream metadata ($maxCount, $maxAge, $tb) and of repeated appends. Each rule has its source in the conformance suite
// (test/adapters/eventstoredb/conformance.int.test.ts), which runs against a real server as well.

export type Proposed = Readonly<{
  id: string
  type: string
  contentType: string
  data: Uint8Array
  metadata: Uint8Array
}>
export type Kept = Proposed &
  Readonly<{ stream: string; revision: number; commit: number; createdMs: number }>

export type Expected = number | 'no_stream' | 'any' | 'stream_exists'
export type Written = Readonly<{
  outcome: 'written'
  lastRevision: number
  commit: number
  isRepeat: boolean
}>
export type Refused =
  | Readonly<{ outcome: 'wrong'; actual: number }>
  | Readonly<{ outcome: 'deleted' }>
  | Readonly<{ outcome: 'tooLarge' }>
export type Answer = Written | Refused

export type StoreSettings = Readonly<{
  maxAppendBytes: number
  /** 22.10 counted the data alone; later versions count type and metadata, too. */
  sizeCounts: 'data' | 'all'
  nowMs: () => number
}>

/** What a record costs beside its data: header, footer, ids and flags. */
const RECORD_BYTES = 120
/** The server remembers ids of recent writes in 8 MiB; this many, for appends without a revision. */
const RECENT_IDS_MAX = 100_000
/** `$tb` of a stream that was deleted softly. */
const DELETED = Number.MAX_SAFE_INTEGER

type Stream = { events: Kept[]; tombstoned: boolean }
type Rules = Readonly<{ maxCount?: number; maxAgeMs?: number; truncateBefore: number; isDeleted: boolean }>

export class EmulatedStore {
  private readonly streams = new Map<string, Stream>()
  readonly all: Kept[] = []
  /** Events that were sent to readers, of reads and subscriptions. */
  shown = 0
  private readonly recent = new Map<string, { stream: string; revision: number }>()
  private readonly listeners = new Set<() => void>()
  private end = 0
  private readonly starts = new Set<number>()

  constructor(readonly settings: StoreSettings) {}

  onWritten(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  bytesOf(events: ReadonlyArray<Proposed>): number {
    let bytes = 0
    for (const { data, metadata, type } of events) {
      bytes += data.length
      if (this.settings.sizeCounts === 'all') bytes += metadata.length + 2 * type.length
    }
    return bytes
  }

  append(name: string, expected: Expected, events: ReadonlyArray<Proposed>): Answer {
    if (this.bytesOf(events) > this.settings.maxAppendBytes) return { outcome: 'tooLarge' }
    const stream = this.streams.get(name) ?? { events: [], tombstoned: false }
    if (stream.tombstoned) return { outcome: 'deleted' }
    const last = stream.events.length - 1
    const checked = this.check(name, stream, expected, events)
    if (checked !== undefined) return checked
    this.streams.set(name, stream)
    let commit = this.end
    events.forEach((event, index) => {
      commit = this.end
      const revision = last + 1 + index
      const kept: Kept = { ...event, stream: name, revision, commit, createdMs: this.settings.nowMs() }
      this.end +=
        RECORD_BYTES + name.length + event.type.length * 2 + event.data.length + event.metadata.length
      stream.events.push(kept)
      this.all.push(kept)
      this.starts.add(commit)
      this.recent.set(event.id, { stream: name, revision })
      if (this.recent.size > RECENT_IDS_MAX) this.recent.delete(this.recent.keys().next().value as string)
    })
    for (const listener of [...this.listeners]) listener()
    return { outcome: 'written', lastRevision: last + events.length, commit, isRepeat: false }
  }

  /** Reads of the whole log begin where a record begins, or fail. */
  isRecordStart(commit: number): boolean {
    return this.starts.has(commit)
  }

  /** undefined = write it. */
  private check(
    name: string,
    stream: Stream,
    expected: Expected,
    events: ReadonlyArray<Proposed>,
  ): Answer | undefined {
    const last = stream.events.length - 1
    if (expected === 'any' || expected === 'stream_exists') {
      const before = events[0] === undefined ? undefined : this.recent.get(events[0].id)
      if (before?.stream === name) return this.repeated(stream, before.revision - 1, events)
      return expected === 'stream_exists' && last < 0 ? { outcome: 'wrong', actual: -1 } : undefined
    }
    const after = expected === 'no_stream' ? -1 : expected
    if (after === last) return undefined
    if (expected === 'no_stream' && this.rulesOf(name).isDeleted && events[0]?.id !== stream.events[0]?.id)
      return undefined
    if (after > last) return { outcome: 'wrong', actual: last }
    return this.repeated(stream, after, events)
  }

  /** The same ids at the same numbers, wherever the stream is by now, are the same write. */
  private repeated(stream: Stream, after: number, events: ReadonlyArray<Proposed>): Answer {
    const actual = stream.events.length - 1
    for (const [index, { id }] of events.entries())
      if (stream.events[after + 1 + index]?.id !== id) return { outcome: 'wrong', actual }
    const lastRevision = after + events.length
    const commit = stream.events[lastRevision]?.commit ?? 0
    return { outcome: 'written', lastRevision, commit, isRepeat: true }
  }

  /** undefined = there is no such stream, or it was deleted softly. */
  readStream(name: string): ReadonlyArray<Kept> | 'deleted' | undefined {
    const stream = this.streams.get(name)
    if (stream?.tombstoned === true) return 'deleted'
    if (stream === undefined || stream.events.length === 0) return undefined
    const { maxCount, maxAgeMs, truncateBefore, isDeleted } = this.rulesOf(name)
    if (isDeleted) return undefined
    const from = Math.max(truncateBefore, maxCount === undefined ? 0 : stream.events.length - maxCount)
    const oldestMs = maxAgeMs === undefined ? 0 : this.settings.nowMs() - maxAgeMs
    const visible = stream.events.slice(Math.max(0, from))
    return maxAgeMs === undefined ? visible : visible.filter(({ createdMs }) => createdMs >= oldestMs)
  }

  private rulesOf(name: string): Rules {
    const document = name.startsWith('$$') ? undefined : this.streams.get(`$$${name}`)?.events.at(-1)
    if (document === undefined) return { truncateBefore: 0, isDeleted: false }
    const {
      $maxCount: maxCount,
      $maxAge: maxAge,
      $tb: truncateBefore = 0,
    } = JSON.parse(Buffer.from(document.data).toString('utf8')) as Record<string, number>
    return {
      truncateBefore,
      // Written to again after the deletion, the stream lives on from there.
      isDeleted: truncateBefore >= DELETED,
      ...(maxCount === undefined ? {} : { maxCount }),
      ...(maxAge === undefined ? {} : { maxAgeMs: maxAge * 1_000 }),
    }
  }

  /** Soft: `$tb` beyond every number. Hard: a tombstone, for ever. */
  delete(name: string, hard: boolean): number {
    if (hard) this.streams.set(name, { events: [], tombstoned: true })
    else {
      const data = Buffer.from(`{"$tb":${DELETED}}`)
      const id = `00000000-0000-4000-8000-${this.end.toString(16).padStart(12, '0')}`
      const contentType = 'application/json'
      this.append(`$$${name}`, 'any', [
        { id, type: '$metadata', contentType, data, metadata: Buffer.alloc(0) },
      ])
    }
    return this.end
  }

  /** As a scavenge does: what may no longer be read leaves the whole log, too. */
  scavenge(): void {
    for (const [name, stream] of this.streams) {
      const visible = this.readStream(name)
      if (visible === 'deleted' || visible === undefined) continue
      const from = visible[0]?.revision ?? stream.events.length - 1
      for (let index = this.all.length - 1; index >= 0; index--) {
        const kept = this.all[index]
        if (kept?.stream === name && kept.revision < from) this.all.splice(index, 1)
      }
    }
  }

  /** As somebody does who has the server's files: no call of the service can. */
  tamper(name: string, revision: number, change: Partial<Pick<Kept, 'type' | 'data' | 'metadata'>>): void {
    const kept = this.streams.get(name)?.events[revision]
    if (kept !== undefined) Object.assign(kept, change)
  }

  /** As a restored backup: the newest events are gone. */
  loseLast(name: string, count: number): void {
    const stream = this.streams.get(name)
    if (stream === undefined) return
    const lost = new Set(stream.events.splice(-count))
    for (let index = this.all.length - 1; index >= 0; index--)
      if (lost.has(this.all[index] as Kept)) this.all.splice(index, 1)
  }
}
