// Tells one shard's events, for as long as the relay runs: a term after the other. A term begins by ending those before it and reading
// how far they came; it tells batch after batch, each with its position, and ends with the first fault. Whatever was left open is
// known to the next term, so nothing is told twice and nothing is left out, wherever a term stops.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog, ReadFault } from '../ports/eventLog.js'
import type { FanOut, FanOutFault, FanOutShard, ShardPosition, ShardState } from '../ports/fanOut.js'
import {
  type EncodeRecord,
  isSameEvent,
  type OwnRecords,
  type RevisionMissing,
  ShardReader,
  topicPartition,
} from './shardReader.js'

export type ShardRelayDeps = Readonly<{
  log: EventLog
  fanOut: FanOut
  clock: Clock
  encode: EncodeRecord
  onTrouble: (message: string) => void
  times?: Partial<RelayTimes>
}>

const DEFAULT_TIMES = {
  /** The first pause after a fault that passes; doubled each time. */
  retryMs: 100,
  retryMsMax: 10_000,
  /** What somebody has to mend is looked at again this often. */
  parkedMs: 15_000,
  /** Another relay that is quiet for so long, while there is something to tell, is taken over from. */
  standbyMs: 15_000,
  /** Logs that others append to do not tell of all appends. */
  lookMs: 1_000,
} as const
export type RelayTimes = Readonly<Record<keyof typeof DEFAULT_TIMES, number>>

const RECORDS_MAX = 5_000
/** Foreign events passed over before the position is written without one of its own: a start reads them again. */
const PASSED_OVER_MAX = 100_000
const BEGIN: ShardPosition = { next: 0, told: 0, last: undefined }

export type ShardFault = Readonly<{ type: string; reason: string; atMs: number }>

type TermFault = FanOutFault | ReadFault | RevisionMissing | Readonly<{ type: 'OtherLog'; reason: string }>

export class ShardRelay {
  state: ShardState = 'starting'
  /** Why it does not tell. */
  reason: string | undefined
  /** As it is in the topic. */
  committed = BEGIN
  /** Everything of the shard below this position of the log is told. */
  toldTo = 0
  /** Recorded time of the newest event it has looked at. */
  seenAtMs: number | undefined
  /** When it came into its state. */
  sinceMs: number
  lastFault: ShardFault | undefined
  /** Terms since the start. */
  terms = 0

  /** Tick since which it has not moved on, with something to tell; undefined = there is nothing. */
  private stillSince: number | undefined
  /** It begins again below where it has been already; that is no way forward. */
  private furthest = 0
  private partitions: number | undefined
  private isStopping = false
  private failures = 0
  private recordsMax = RECORDS_MAX
  private wake: (() => void) | undefined
  private isAwake = false
  private running: Promise<void> = Promise.resolve()

  private readonly times: RelayTimes

  constructor(
    private readonly deps: ShardRelayDeps,
    readonly shard: number,
  ) {
    this.times = { ...DEFAULT_TIMES, ...deps.times }
    this.sinceMs = deps.clock.wallMs()
  }

  start(): void {
    // How far it is, and so whether there is something to tell, is not known yet.
    this.stillSince = this.deps.clock.tickMs()
    this.running = this.run()
  }

  async stop(): Promise<void> {
    this.isStopping = true
    this.nudge()
    await this.running
    this.enter('stopped', undefined)
  }

  /** There may be something new to tell, or a reason to look. */
  nudge(): void {
    this.isAwake = true
    this.stillSince ??= this.deps.clock.tickMs()
    this.wake?.()
  }

  /** For how long it has had something to tell, and not moved on. */
  get stillMs(): number {
    return this.stillSince === undefined ? 0 : Math.floor(this.deps.clock.tickMs() - this.stillSince)
  }

  /** Whether it tells this stream; true as long as that is not known. */
  has(stream: string): boolean {
    const { partitions } = this
    if (partitions === undefined) return true
    return topicPartition(stream, partitions) % this.deps.fanOut.shards === this.shard
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      const fault = await this.term()
      if (this.isStopping || fault === undefined) break
      await this.afterFault(fault)
    }
  }

  /** Until somebody nudges, at the longest so long. */
  private async rest(ms: number, isForNews = false): Promise<void> {
    if (this.isStopping || (isForNews && this.isAwake)) {
      this.isAwake = false
      return
    }
    await new Promise<void>((done) => {
      const cancel = this.deps.clock.after(ms, done)
      this.wake = () => {
        // A pause after a fault is not cut short by news.
        if (!isForNews && !this.isStopping) return
        cancel()
        done()
      }
    })
    this.wake = undefined
    this.isAwake = false
  }

  /** Undefined = it was asked to stop. */
  private async term(): Promise<TermFault | undefined> {
    const opened = await this.deps.fanOut.open(this.shard)()
    if (isLeft(opened)) return opened.left
    const term = opened.right
    try {
      this.terms++
      for (const warning of term.warnings) this.warn(warning)
      return await this.tell(term)
    } finally {
      await term.close()
    }
  }

  private async tell(term: FanOutShard): Promise<TermFault | undefined> {
    const { log, encode, fanOut } = this.deps
    let position = term.position
    this.partitions = term.partitions
    this.committed = position
    this.toldTo = position.next
    const other = await this.otherLog(position)
    if (other !== undefined) return other
    const of = { shard: this.shard, shards: fanOut.shards, partitions: term.partitions }
    const reader = new ShardReader(log, encode, of, position.next)
    while (!this.isStopping) {
      const read = await reader.read(term.bytesMax, this.recordsMax)
      if (isLeft(read)) return read.left
      const own = read.right
      if (own.seenAtMs !== undefined) this.seenAtMs = own.seenAtMs
      const isDue = own.records.length > 0 || own.next - position.next > PASSED_OVER_MAX
      if (isDue) {
        const published = await this.publish(term, position, own)
        if (isLeft(published)) return published.left
        position = published.right
        this.committed = position
        this.failures = 0
        this.recordsMax = Math.min(RECORDS_MAX, this.recordsMax * 2)
      }
      this.enter('telling', undefined)
      this.movedTo(own.next, own.atEnd)
      if (own.atEnd) await this.rest(this.times.lookMs, true)
    }
    return undefined
  }

  private movedTo(next: number, atEnd: boolean): void {
    this.toldTo = next
    // What came while it was read has called already.
    if (atEnd && !this.isAwake) this.stillSince = undefined
    else if (next > this.furthest) this.stillSince = this.deps.clock.tickMs()
    this.furthest = Math.max(this.furthest, next)
  }

  private async publish(
    term: FanOutShard,
    { told, last }: ShardPosition,
    own: OwnRecords,
  ): Promise<Either<TermFault, ShardPosition>> {
    const { records, next } = own
    const position = { next, told: told + records.length, last: own.last ?? last }
    const published = await term.publish(records, position)()
    if (!isLeft(published)) return right(position)
    const { left: fault } = published
    if (fault.type !== 'FanOutTooLarge') return left(fault)
    if (records.length > 1) {
      this.recordsMax = Math.ceil(records.length / 2)
      return left({ type: 'FanOutUnavailable', reason: `${fault.reason}; tried again in smaller parts` })
    }
    const { stream, revision } = own.last ?? { stream: 'no stream', revision: -1 }
    const reason = `${stream}, revision ${revision} is too large for the topic (max.message.bytes): ${records[0]?.bytes} bytes`
    return left({ type: 'FanOutRefused', reason })
  }

  /** A log that was put back from a copy, or another one, must not go on where this one stopped (R15). */
  private async otherLog({ last, next }: ShardPosition): Promise<TermFault | undefined> {
    if (last === undefined) return undefined
    const { log } = this.deps
    const { stream, revision } = last
    const where = `${stream}, revision ${revision}`
    const head = await log.head(stream)()
    if (isLeft(head)) return head.left
    if (head.right < revision) {
      const reason = `the log ends before ${where}, which the topic holds already: it is an older copy, or another log (position ${next})`
      return { type: 'OtherLog', reason }
    }
    const found = await log.read(stream, revision, 1)()
    if (isLeft(found)) return found.left.type === 'RevisionTruncated' ? undefined : found.left
    if (found.right.batches.some((batch) => isSameEvent(batch, last))) return undefined
    return { type: 'OtherLog', reason: `the log holds another event as ${where} than the topic` }
  }

  private async afterFault(fault: TermFault): Promise<void> {
    const reason = 'reason' in fault ? fault.reason : fault.type
    this.lastFault = { type: fault.type, reason, atMs: this.deps.clock.wallMs() }
    switch (fault.type) {
      case 'FanOutFenced':
        this.enter('standby', reason)
        return this.standBy()
      case 'FanOutUnavailable':
      case 'LogUnavailable':
      case 'LogStopped': {
        const pauseMs = Math.min(this.times.retryMs * 2 ** this.failures, this.times.retryMsMax)
        this.failures = Math.min(this.failures + 1, 30)
        this.enter('waiting', reason)
        return this.rest(pauseMs)
      }
      default:
        this.enter('parked', reason)
        return this.rest(this.times.parkedMs)
    }
  }

  /** Another relay has the shard. It is left alone until it is quiet for a while although there is something to tell. */
  private async standBy(): Promise<void> {
    const { fanOut, log } = this.deps
    let seen: number | undefined
    while (!this.isStopping) {
      const before = log.condition().nextPosition
      await this.rest(this.times.standbyMs)
      const activity = await fanOut.activity(this.shard)()
      // Nobody knows: not a reason to take over.
      if (isLeft(activity)) continue
      const isQuiet = activity.right === seen
      seen = activity.right
      // The other one moves on.
      if (!isQuiet) this.stillSince = this.deps.clock.tickMs()
      if (isQuiet && before > this.toldTo) return
    }
  }

  private enter(state: ShardState, reason: string | undefined): void {
    const isNews = state !== this.state || (state === 'parked' && reason !== this.reason)
    if (state !== this.state) this.sinceMs = this.deps.clock.wallMs()
    this.state = state
    this.reason = reason
    if (isNews && reason !== undefined) this.warn(`${state}: ${reason}`)
  }

  private warn(message: string): void {
    this.deps.onTrouble(`shard ${this.shard} ${message}`)
  }
}
