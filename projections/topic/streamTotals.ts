// What has happened in one partition of a queue since its stream began, counted from its events alone, without the state that
// decisions need: for readers of a topic, who may begin in the middle of a stream and must not break on it. Names and meanings are
// those of the partition's own counts, and a property test holds the two equal.
import type { MessageEvent } from '../../domain/message/index.js'
import type { PartitionEvent } from '../../domain/partition/events.js'
import type { EpochMs } from '../../domain/time.js'
import { type DurationSnapshot, Durations } from '../measures/durations.js'
import { COUNT_NAMES, Counts } from '../partition/counts.js'

/** Names that come from users become labels: those beyond this many are counted together. */
const NAMES_MAX = 100
export const OTHERS = '(others)'
/** First starts of messages beyond this many that wait at one time are counted, but not timed. */
export const TIMED_MAX = 200_000

type Pairs = ReadonlyArray<readonly [number, number]>
type NamedCounts = ReadonlyArray<readonly [string, number]>

export type StreamTotalsSnapshot = Readonly<{
  counts: Readonly<Record<string, number>>
  failures: NamedCounts
  deadLetterReasons: NamedCounts
  purgeCauses: NamedCounts
  waits: DurationSnapshot
  durations: DurationSnapshot
  enqueuedAt: Pairs
  notBefore: Pairs
  startedAt: Pairs
  dead: ReadonlyArray<number>
  untimed: number
  others: Readonly<Record<string, number>>
}>

const add = (counts: Map<string, number>, name: string): void => {
  const label = counts.has(name) || counts.size < NAMES_MAX ? name : OTHERS
  counts.set(label, (counts.get(label) ?? 0) + 1)
}

export class StreamTotals {
  readonly counts = new Counts()
  readonly deadLetterReasons = new Map<string, number>()
  readonly purgeCauses = new Map<string, number>()
  /** From when a message could run to its first start. */
  readonly waits = new Durations()
  /** From the start of an attempt to its end, whatever the end but a hand-back. */
  readonly durations = new Durations()
  /** Messages that wait, run, or are dead letters now: right when the stream was seen from its beginning. */
  waiting = 0
  processing = 0
  untimed = 0
  retries = 0
  circuitOpenings = 0
  openings = 0
  /** Of messages that have not been started yet. */
  private readonly enqueuedAt = new Map<number, EpochMs>()
  /** Of those that may not be started when they are enqueued. */
  private readonly notBefore = new Map<number, EpochMs>()
  private readonly startedAt = new Map<number, EpochMs>()
  private readonly deadLetters = new Set<number>()

  get dead(): number {
    return this.deadLetters.size
  }

  apply(event: PartitionEvent, at: EpochMs): void {
    switch (event.type) {
      case 'PartitionOpened':
        this.openings++
        return
      case 'CircuitOpened':
        this.circuitOpenings++
        return
      case 'ConfigAdopted':
      case 'LayoutsAdopted':
      case 'CapacityReached':
      case 'CircuitHalfOpened':
      case 'CircuitClosed':
      case 'MessageCarriedForward':
      case 'PrefixCarried':
        return
      default:
        this.message(event, at)
    }
  }

  private message(event: MessageEvent, at: EpochMs): void {
    const { counts } = this
    switch (event.type) {
      case 'MessageEnqueued':
        counts.enqueued++
        this.waiting++
        return this.awaitStart(event.ordinal, at, event.notBefore)
      case 'MessageEdited':
        counts.edited++
        return this.edited(event.ordinal, event.notBefore)
      case 'AttemptStarted':
        return this.started(event.ordinal, at)
      case 'AttemptSucceeded':
        counts.succeeded++
        return this.ended(event.ordinal, at)
      case 'AttemptFailed':
        counts.failed++
        add(counts.failuresByType, event.failureType)
        this.waiting++
        return this.ended(event.ordinal, at)
      case 'AttemptReleased':
        counts.released++
        this.waiting++
        this.processing--
        this.startedAt.delete(event.ordinal)
        return
      case 'RetryScheduled':
        this.retries++
        return
      case 'MessageDeadLettered':
        counts.deadLettered++
        if (event.reason === 'systemError') counts.systemErrors++
        add(this.deadLetterReasons, event.reason)
        this.deadLetters.add(event.ordinal)
        return this.leave(event.ordinal)
      case 'MessageRedriven':
        counts.redriven++
        this.deadLetters.delete(event.ordinal)
        this.waiting++
        return
      case 'MessageCancelled':
        counts.cancelled++
        return this.leave(event.ordinal)
      case 'MessageExpired':
        counts.expired++
        return this.leave(event.ordinal)
      case 'MessagePurged':
        counts.purged++
        if (event.cause === 'overflow') counts.overflowed++
        add(this.purgeCauses, event.cause)
        if (!this.deadLetters.delete(event.ordinal)) this.leave(event.ordinal)
        return
      case 'LeaseExtended':
      case 'CancelRequested':
        return
    }
  }

  /** Its queue was deleted: what has been counted stays, nothing of it lives. */
  forgetLive(): void {
    for (const messages of [this.enqueuedAt, this.notBefore, this.startedAt, this.deadLetters])
      messages.clear()
    this.waiting = 0
    this.processing = 0
  }

  private awaitStart(ordinal: number, at: EpochMs, notBefore: EpochMs): void {
    if (this.enqueuedAt.size >= TIMED_MAX) {
      this.untimed++
      return
    }
    this.enqueuedAt.set(ordinal, at)
    if (notBefore > at) this.notBefore.set(ordinal, notBefore)
  }

  private edited(ordinal: number, notBefore: EpochMs): void {
    const enqueuedAt = this.enqueuedAt.get(ordinal)
    if (enqueuedAt === undefined) return
    if (notBefore > enqueuedAt) this.notBefore.set(ordinal, notBefore)
    else this.notBefore.delete(ordinal)
  }

  private started(ordinal: number, at: EpochMs): void {
    this.counts.attempts++
    this.waiting--
    this.processing++
    this.startedAt.set(ordinal, at)
    const enqueuedAt = this.enqueuedAt.get(ordinal)
    if (enqueuedAt === undefined) return
    this.waits.note(at - (this.notBefore.get(ordinal) ?? enqueuedAt))
    this.forget(ordinal)
  }

  private ended(ordinal: number, at: EpochMs): void {
    this.processing--
    const startedAt = this.startedAt.get(ordinal)
    // It was started before what was seen of the stream.
    if (startedAt === undefined) return
    this.durations.note(at - startedAt)
    this.startedAt.delete(ordinal)
  }

  private leave(ordinal: number): void {
    this.waiting--
    this.forget(ordinal)
  }

  private forget(ordinal: number): void {
    this.enqueuedAt.delete(ordinal)
    this.notBefore.delete(ordinal)
  }

  snapshot(): StreamTotalsSnapshot {
    const { counts, waiting, processing, retries, circuitOpenings, openings } = this
    return {
      counts: Object.fromEntries(COUNT_NAMES.map((name) => [name, counts[name]])),
      failures: [...counts.failuresByType],
      deadLetterReasons: [...this.deadLetterReasons],
      purgeCauses: [...this.purgeCauses],
      waits: this.waits.snapshot(),
      durations: this.durations.snapshot(),
      enqueuedAt: [...this.enqueuedAt],
      notBefore: [...this.notBefore],
      startedAt: [...this.startedAt],
      dead: [...this.deadLetters],
      untimed: this.untimed,
      others: { waiting, processing, retries, circuitOpenings, openings },
    }
  }

  /** Into totals that are new. */
  load(snapshot: StreamTotalsSnapshot): void {
    const { counts } = this
    for (const name of COUNT_NAMES) counts[name] = snapshot.counts[name] ?? 0
    const maps = [
      [counts.failuresByType, snapshot.failures],
      [this.deadLetterReasons, snapshot.deadLetterReasons],
      [this.purgeCauses, snapshot.purgeCauses],
    ] as const
    for (const [map, pairs] of maps) for (const [name, n] of pairs) map.set(name, n)
    this.waits.load(snapshot.waits)
    this.durations.load(snapshot.durations)
    for (const [ordinal, at] of snapshot.enqueuedAt) this.enqueuedAt.set(ordinal, at)
    for (const [ordinal, at] of snapshot.notBefore) this.notBefore.set(ordinal, at)
    for (const [ordinal, at] of snapshot.startedAt) this.startedAt.set(ordinal, at)
    for (const ordinal of snapshot.dead) this.deadLetters.add(ordinal)
    this.untimed = snapshot.untimed
    const { waiting = 0, processing = 0, retries = 0, circuitOpenings = 0, openings = 0 } = snapshot.others
    Object.assign(this, { waiting, processing, retries, circuitOpenings, openings })
  }
}
