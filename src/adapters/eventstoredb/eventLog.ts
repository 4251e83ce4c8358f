// The log in EventStoreDB or KurrentDB (§5): one stream of the server for each of ours, one append for each batch, always with the
// revision it expects (I2). An append whose answer is lost is of unknown outcome and may be repeated as it was: the server knows
// the ids again, and where it does not, they are compared here (R34-R38). Nothing is kept between processes but in the server.
import { randomUUID } from 'node:crypto'
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import { type EventBatch, NO_REVISION } from '../../../domain/batch.js'
import { invariant } from '../../../domain/invariant.js'
import { GENESIS_DIGEST } from '../../chain/batchDigest.js'
import type { Appended, AppendFault, EventLog, LogCondition, Page, ReadFault } from '../../ports/eventLog.js'
import type { StoreCalls } from './connection.js'
import {
  callFaultOf,
  type OpenFault,
  outcomeUnknown,
  ReadRefused,
  stopped,
  unavailable,
  unusable,
} from './errors.js'
import { FOLLOWER_TIMES, Follower } from './follower.js'
import { eventStoreHeartbeats } from './heartbeats.js'
import { metadataWatch } from './metadataWatch.js'
import { checkPlace, RIGHTS } from './opening.js'
import { withReach } from './reach.js'
import { LogReader } from './reader.js'
import { Snapshots } from './snapshots.js'
import {
  type EncodedPart,
  encodeStored,
  type FoundEvent,
  factsOf,
  positionAfterCommit,
  positionOfCommit,
} from './storedEvents.js'
import { Rules } from './streamRules.js'
import { APPEND_BYTES_MAX, connectTo, type EventStoreLogOptions, snapshotPrefix } from './way.js'

export type { EventStoreLogOptions }

/** Metadata and the fixed fields of an event as JSON; a few hundred bytes in practice. */
const EVENT_BYTES = 640

/** `landed` of the parts are known to be in the log; the revision after them is what the next one expects. */
type Pending = Readonly<{ batchId: string; expected: number; parts: ReadonlyArray<EncodedPart> }> & {
  landed: number
  position: number | undefined
}
type Landed = Readonly<{ position: number; next: number }>
type Head = Readonly<{ revision: number; digest: Uint8Array }>

/** The log on a connection that is there. What others append is told once it is `follow`ed. */
export class EventStoreLog {
  private readonly rules: Rules
  readonly reader: LogReader
  private readonly snapshotStore: Snapshots
  /** Batches that may be repeated: what is sent again is the same to the byte. */
  private readonly pending = new Map<string, Pending>()
  private readonly heads = new Map<string, Head>()
  private readonly running = new Set<Promise<unknown>>()
  private readonly listeners = new Set<(nextPosition: number) => void>()
  private readonly troubleListeners = new Set<(message: string) => void>()
  /** Of the streams' metadata; their events come back over the wire only while somebody listens to them. */
  private readonly watch: Follower
  private follower: Follower | undefined
  private isClosed = false
  private appends = 0

  constructor(
    private readonly connection: StoreCalls,
    private readonly prefix: string,
    private readonly options: EventStoreLogOptions,
    private nextPosition: number,
  ) {
    const named = (stream: string): string => prefix + stream
    this.rules = new Rules(connection, named)
    this.reader = new LogReader(connection, this.rules, prefix)
    this.snapshotStore = new Snapshots(connection, snapshotPrefix(prefix), Math.floor(this.bytesMax / 2))
    const trouble = (message: string): void => this.trouble(message)
    this.watch = metadataWatch(connection, prefix, this.rules, nextPosition, trouble, options)
  }

  private get bytesMax(): number {
    return this.options.appendBytesMax ?? APPEND_BYTES_MAX
  }

  private async append(
    stream: string,
    expected: number,
    batch: EventBatch,
  ): Promise<Either<AppendFault, Appended>> {
    invariant(batch.events.length > 0, 'a batch holds at least one event')
    let pending: Pending
    try {
      pending = await this.prepared(stream, expected, batch)
    } catch (error) {
      // Nothing was sent. Whether an earlier try was is known to whoever made it.
      if (error instanceof Error && error.name === 'Defect') throw error
      return left(unavailable(error))
    }
    const refusal = this.rules.refusal(stream)
    if (refusal !== undefined) return left(stopped(`${stream} cannot be led: ${refusal}`))
    const { parts } = pending
    const tooLarge = parts.find(({ bytes }) => bytes > this.bytesMax)
    if (tooLarge !== undefined) {
      this.pending.delete(stream)
      return left({ type: 'BatchTooLarge', bytes: tooLarge.bytes, bytesMax: this.bytesMax })
    }
    let revision = expected
    let next = this.nextPosition
    for (const [number, part] of parts.entries()) {
      const before = revision
      revision += part.events.length
      if (number < pending.landed) continue
      const answer = await this.appendPart(stream, before, part)
      // With a part of it in the log the batch is neither there nor not there: only the log can tell what became of it.
      if (isLeft(answer))
        return number === 0 ? answer : left(outcomeUnknown('a part of the batch is in the log'))
      pending.landed = number + 1
      pending.position ??= answer.right.position
      next = answer.right.next
    }
    this.pending.delete(stream)
    const position = pending.position ?? next
    return right({ firstRevision: expected + 1, lastRevision: revision, position, next })
  }

  private async appendPart(
    stream: string,
    expected: number,
    part: EncodedPart,
  ): Promise<Either<AppendFault, Landed>> {
    try {
      const answer = await this.connection.append(this.prefix + stream, expected, part.events)
      if (answer.outcome === 'conflict') return await this.compared(stream, expected, part, answer.actual)
      invariant(
        answer.lastRevision === expected + part.events.length,
        'I2 the server put a batch where it was not to go',
      )
      return right(this.landed(stream, expected, part, answer.commit))
    } catch (error) {
      return left(this.appendFault(part, error))
    }
  }

  private async prepared(stream: string, expected: number, batch: EventBatch): Promise<Pending> {
    const { batchId } = batch
    const known = this.pending.get(stream)
    if (known?.batchId === batchId && known.expected === expected) return known
    const previous = await this.digestAt(stream, expected)
    const parts = encodeStored(stream, expected + 1, batch, previous, this.bytesMax)
    const pending: Pending = { batchId, expected, parts, landed: 0, position: undefined }
    this.pending.set(stream, pending)
    return pending
  }

  private async digestAt(stream: string, revision: number): Promise<Uint8Array> {
    if (revision === NO_REVISION) return GENESIS_DIGEST
    const head = this.heads.get(stream)
    if (head?.revision === revision) return head.digest
    let found: FoundEvent | undefined
    await this.connection.read({ stream: this.prefix + stream, from: revision, count: 1 }, (event) => {
      found = event
      return true
    })
    const digest = found === undefined ? undefined : factsOf(found)?.digest
    // None = nothing ends there: the append will be refused, whatever it says of the chain.
    return digest === undefined ? GENESIS_DIGEST : Buffer.from(digest, 'hex')
  }

  /** Whatever keeps us from looking says nothing about the append: it stays unknown, and may be asked again. */
  private async compared(
    ...conflict: Parameters<EventStoreLog['conflicting']>
  ): Promise<Either<AppendFault, Landed>> {
    try {
      return await this.conflicting(...conflict)
    } catch (error) {
      const reason = error instanceof ReadRefused ? error.fault.reason : callFaultOf(error).reason
      return left(outcomeUnknown(reason))
    }
  }

  /** The stream ends elsewhere: because of this very batch (R38), or because of somebody else. */
  private async conflicting(
    stream: string,
    expected: number,
    part: EncodedPart,
    actual: number,
  ): Promise<Either<AppendFault, Landed>> {
    const conflict = left({ type: 'RevisionConflict' as const, stream, expected, actual })
    if (actual <= expected) return conflict
    const { lowMark } = await this.rules.load(stream)
    // What stood there is gone: whether it was this batch can no longer be told.
    if (expected + 1 < lowMark) return left(outcomeUnknown('the place of the batch was truncated'))
    const found: FoundEvent[] = []
    const { events } = part
    const wish = { stream: this.prefix + stream, from: expected + 1, count: events.length }
    await this.connection.read(wish, (event) => {
      found.push(event)
      return true
    })
    const isOurs = events.every(({ id }, index) => {
      const there = found[index]
      return there?.id === id && there.revision === expected + 1 + index
    })
    return isOurs ? right(this.landed(stream, expected, part, found[found.length - 1]?.commit)) : conflict
  }

  private landed(
    stream: string,
    expected: number,
    { events, digest }: EncodedPart,
    commit: number | undefined,
  ): Landed {
    const lastRevision = expected + events.length
    if (lastRevision > (this.heads.get(stream)?.revision ?? NO_REVISION))
      this.heads.set(stream, { revision: lastRevision, digest })
    this.reader.noteHead(stream, lastRevision)
    this.appends++
    const next = commit === undefined ? this.nextPosition : positionAfterCommit(commit)
    this.tell(next)
    const position = commit === undefined ? this.nextPosition : positionOfCommit(commit)
    return { position, next }
  }

  private appendFault(part: EncodedPart, error: unknown): AppendFault {
    if (error instanceof Error && error.name === 'Defect') throw error
    const { kind, reason } = callFaultOf(error)
    switch (kind) {
      case 'tooLarge':
        return { type: 'BatchTooLarge', bytes: part.bytes, bytesMax: this.bytesMax }
      case 'denied':
      case 'refused':
      case 'deleted':
        return { type: 'LogUnavailable', reason }
      case 'badPosition':
      case 'unclear':
        return outcomeUnknown(reason)
    }
  }

  private tell(next: number): void {
    if (next <= this.nextPosition) return
    this.nextPosition = next
    for (const listener of [...this.listeners]) listener(next)
  }

  private listen(listener: (nextPosition: number) => void): () => void {
    // A wrapper of its own, so that one function may be registered twice and each be taken back alone.
    const own = (nextPosition: number): void => listener(nextPosition)
    this.listeners.add(own)
    if (this.follower === undefined && !this.isClosed) {
      const { stallMs = FOLLOWER_TIMES.stallMs, after } = this.options
      const hooks = {
        onEvent: (_: FoundEvent, next: number) => this.tell(next),
        onTrouble: (message: string) => this.trouble(message),
      }
      const times = { ...FOLLOWER_TIMES, stallMs }
      this.follower = new Follower(this.connection, this.prefix, this.nextPosition, hooks, times, after)
      this.follower.start()
    }
    return () => {
      this.listeners.delete(own)
      if (this.listeners.size > 0) return
      this.follower?.stop()
      this.follower = undefined
    }
  }

  private trouble(message: string): void {
    this.options.onTrouble?.(message)
    for (const listener of [...this.troubleListeners]) listener(message)
  }

  /** Reads answer in their own way, and every other defect of theirs is told as one. */
  private asked<A>(ask: () => Promise<A>): () => Promise<Either<ReadFault, A>> {
    return () => {
      if (this.isClosed) return Promise.resolve(left(stopped('the log is closed')))
      return this.noted(
        ask().then(right, (error: unknown) => {
          if (error instanceof ReadRefused) return left(error.fault)
          if (error instanceof Error && error.name === 'Defect') throw error
          return left(this.isClosed ? stopped('the log is closed') : unavailable(error))
        }),
      )
    }
  }

  private noted<A>(running: Promise<A>): Promise<A> {
    this.running.add(running)
    const over = (): void => void this.running.delete(running)
    running.then(over, over)
    return running
  }

  private condition(): LogCondition {
    return {
      kind: 'eventstoredb',
      state: this.isClosed ? 'closed' : 'open',
      reason: this.isClosed ? 'the log is closed' : undefined,
      nextPosition: this.nextPosition,
      // Of the server's whole log, which others write to as well.
      bytes: Math.floor(this.nextPosition / 2),
      discardedTailBytes: 0,
      syncs: this.appends,
    }
  }

  private async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    this.watch.stop()
    this.follower?.stop()
    await Promise.allSettled([...this.running])
    await this.connection.close()
  }

  follow(): this {
    this.watch.start()
    return this
  }

  asPort(): EventLog {
    const { reader } = this
    return {
      isSparse: true,
      heartbeats: eventStoreHeartbeats(this.connection, snapshotPrefix(this.prefix)),
      limits: { bytesMax: this.bytesMax, eventBytes: EVENT_BYTES },
      append: (stream, expected, batch) => () =>
        this.isClosed
          ? Promise.resolve(left(stopped('the log is closed')))
          : this.noted(this.append(stream, expected, batch)),
      read: (stream, from, maxBytes) => async () => {
        const read = await this.asked(() => reader.read(stream, from, maxBytes))()
        if (read._tag === 'Left') return read
        return 'type' in read.right ? left(read.right) : right<ReadFault, Page>(read.right)
      },
      readAll: (from, maxBytes) => this.asked(() => reader.readAll(from, maxBytes)),
      head: (stream) => this.asked(() => reader.head(stream)),
      onAppended: (listener) => this.listen(listener),
      onTrouble: (listener) => {
        const own = (message: string): void => listener(message)
        this.troubleListeners.add(own)
        return () => void this.troubleListeners.delete(own)
      },
      truncateBefore: (stream, revision) =>
        this.asked(async () => {
          const head = await reader.head(stream)
          await this.rules.truncate(stream, Math.min(revision, head + 1), head, randomUUID)
        }),
      saveSnapshot: (stream, revision, chunks) =>
        this.asked(() => this.snapshotStore.save(stream, revision, chunks)),
      snapshots: (stream) => this.asked(() => this.snapshotStore.list(stream)),
      condition: () => this.condition(),
      close: () => this.close(),
    }
  }
}

export type EventStoreLedgerLog = EventLog &
  Readonly<{
    /** Whose log it is, wherever it is reached. */
    ledgerId: string
    /** This revision was durable once, as somebody knows from before: the server must never show less (R43). */
    mustReach: (stream: string, revision: number) => void
  }>

export const openEventStoreLog = async (
  options: EventStoreLogOptions,
): Promise<Either<OpenFault, EventStoreLedgerLog>> => {
  const way = await connectTo(options)
  if (isLeft(way)) return way
  const { connection, names, identityStream } = way.right
  const appendBytesMax = options.appendBytesMax ?? APPEND_BYTES_MAX
  const ledgerId = await checkPlace(connection, { identityStream, appendBytesMax })
  if (isLeft(ledgerId)) {
    await connection.close()
    return ledgerId
  }
  try {
    const end = await new LogReader(connection, new Rules(connection, String), names).endPosition()
    let mustReach: EventStoreLedgerLog['mustReach'] = () => undefined
    const log = withReach(connection, identityStream, options, (calls) => {
      const inner = new EventStoreLog(calls, names, options, end)
      mustReach = (stream, revision) => inner.reader.noteHead(stream, revision)
      return inner.follow().asPort()
    })
    return right({ ...log, ledgerId: ledgerId.right, mustReach })
  } catch (error) {
    await connection.close()
    return left(
      callFaultOf(error).kind === 'denied'
        ? unusable(`${callFaultOf(error).reason}: ${RIGHTS}`)
        : unavailable(error),
    )
  }
}
