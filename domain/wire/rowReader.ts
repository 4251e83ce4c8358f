// One row back as one event. What a writer could not have written is refused: an unknown kind or flag is never skipped,
// and a field that stands in a row although its absence would mean the same is damage (one spelling per event).
import { isLeft } from 'fp-ts/lib/Either.js'
import { type LedgerEvent, NO_REVISION, type OlderForm } from '../batch.js'
import { decodeEvent, isLatestVersion, isStoredEvent } from '../codecs.js'
import type { EventDecodeFault } from '../eventCodec.js'
import { decodeAttributes, decodeFollowUps } from '../message/codecs.js'
import type { FollowUp, MessageAttributes, MessageEnqueued } from '../message/index.js'
import { type EpochMs, NO_INSTANT } from '../time.js'
import { readAttributes } from './attributeFields.js'
import type { ByteReader } from './byteReader.js'
import { readFollowUps } from './followUpFields.js'
import {
  ATTEMPT_ENDS,
  DEAD_FOLLOW_UPS,
  DEAD_FOLLOW_UPS_IN_FIELDS,
  DEAD_LETTER_REASONS,
  DEAD_REASON,
  FLAGS_ALLOWED,
  HAS_ATTRIBUTES,
  HAS_CALLER_ID,
  HAS_CLAIM_ID,
  HAS_DELAY,
  HAS_EXPIRES_AT,
  HAS_GATE,
  HAS_NOT_BEFORE,
  HAS_PREVIOUS,
  HAS_PRIORITY,
  HAS_RESULT,
  HAS_ZONE,
  KIND_ATTEMPT_FAILED,
  KIND_ATTEMPT_RELEASED,
  KIND_ATTEMPT_STARTED,
  KIND_ATTEMPT_SUCCEEDED,
  KIND_ENQUEUED_WITH_ATTRIBUTES,
  KIND_JSON,
  KIND_LEASE_EXTENDED,
  KIND_MESSAGE_DEAD_LETTERED,
  KIND_MESSAGE_ENQUEUED,
  KIND_RETRY_SCHEDULED,
  OWN_SHIFT,
  RECONCILED,
  RELEASED_NOT_BEFORE,
  ROW_KINDS,
  RowReferences,
  SUCCEEDED_FOLLOW_UPS,
  SUCCEEDED_FOLLOW_UPS_IN_FIELDS,
} from './rowKinds.js'

/** Thrown by RowReader only, and caught by `decodeBatch`: the row is whole, but this program does not know it. */
export class RowRefused extends Error {
  override readonly name = 'RowRefused'
  constructor(readonly why: EventDecodeFault | Readonly<{ type: 'UnknownRowKind'; kind: number }>) {
    super(why.type)
  }
}

export class RowReader {
  private readonly last = new RowReferences()
  /** Of the row read last. */
  previous = NO_REVISION
  /** … and how it stands there, where that is an older version. */
  older: OlderForm | undefined

  constructor(
    private readonly bytes: ByteReader,
    private readonly at: EpochMs,
    private readonly texts: ReadonlyArray<string>,
    /** Texts of the table met so far: a row names one of them, or the next. */
    private textsSeen = 0,
  ) {}

  get allTextsSeen(): boolean {
    return this.textsSeen === this.texts.length
  }

  startBlock(): void {
    this.last.reset()
  }

  row(): LedgerEvent {
    const kind = this.bytes.u8()
    if (kind >= ROW_KINDS) throw new RowRefused({ type: 'UnknownRowKind', kind })
    const flags = this.bytes.u8()
    if ((flags & ~(FLAGS_ALLOWED[kind] ?? 0)) !== 0) throw this.bytes.malformed('an unknown flag')
    this.previous = NO_REVISION
    this.older = undefined
    if ((flags & HAS_PREVIOUS) !== 0) {
      this.last.previous = this.after(this.last.previous)
      this.previous = this.last.previous
    }
    if (kind === KIND_JSON) return this.jsonEvent()
    this.last.ordinal = this.after(this.last.ordinal)
    const callerId = (flags & HAS_CALLER_ID) === 0 ? undefined : this.bytes.string()
    return this.messageEvent(kind, flags, this.last.ordinal, callerId)
  }

  private messageEvent(
    kind: number,
    flags: number,
    ordinal: number,
    callerId: string | undefined,
  ): LedgerEvent {
    switch (kind) {
      case KIND_MESSAGE_ENQUEUED:
      case KIND_ENQUEUED_WITH_ATTRIBUTES:
        return this.messageEnqueued(kind, flags, ordinal, callerId)
      case KIND_ATTEMPT_STARTED: {
        const attempt = this.bytes.varint()
        const fence = this.fence()
        const leaseMs = this.leaseMs()
        const worker = this.text()
        const claimId = (flags & HAS_CLAIM_ID) === 0 ? undefined : this.text()
        const zone = (flags & HAS_ZONE) === 0 ? undefined : this.text()
        return { type: 'AttemptStarted', ordinal, callerId, attempt, fence, leaseMs, worker, claimId, zone }
      }
      case KIND_LEASE_EXTENDED: {
        const fence = this.fence()
        return { type: 'LeaseExtended', ordinal, callerId, fence, leaseMs: this.leaseMs() }
      }
      case KIND_ATTEMPT_SUCCEEDED: {
        const fence = this.fence()
        const result = (flags & HAS_RESULT) === 0 ? undefined : this.bytes.string()
        const followUps = this.followUps(flags, SUCCEEDED_FOLLOW_UPS, SUCCEEDED_FOLLOW_UPS_IN_FIELDS)
        const reconciled = (flags & RECONCILED) === 0 ? undefined : true
        return { type: 'AttemptSucceeded', ordinal, callerId, fence, result, followUps, reconciled }
      }
      case KIND_ATTEMPT_FAILED: {
        const ended = this.choice(ATTEMPT_ENDS, flags >> OWN_SHIFT)
        const fence = this.fence()
        const failureType = this.text()
        const message = this.bytes.string()
        return { type: 'AttemptFailed', ordinal, callerId, fence, failureType, message, ended }
      }
      case KIND_RETRY_SCHEDULED: {
        const retryAt = this.after(this.at)
        const usualMs = retryAt - this.at
        const delayMs = (flags & HAS_DELAY) === 0 ? usualMs : this.bytes.varint()
        if ((flags & HAS_DELAY) !== 0 && delayMs === usualMs) throw this.needless()
        if (delayMs < 0) throw this.bytes.malformed('a delay below zero')
        const gate = (flags & HAS_GATE) === 0 ? undefined : this.text()
        return { type: 'RetryScheduled', ordinal, callerId, retryAt, delayMs, gate }
      }
      case KIND_MESSAGE_DEAD_LETTERED: {
        const reason = this.choice(DEAD_LETTER_REASONS, (flags & DEAD_REASON) >> OWN_SHIFT)
        const followUps = this.followUps(flags, DEAD_FOLLOW_UPS, DEAD_FOLLOW_UPS_IN_FIELDS)
        return { type: 'MessageDeadLettered', ordinal, callerId, reason, followUps }
      }
      case KIND_ATTEMPT_RELEASED: {
        const fence = this.fence()
        const notBefore = this.instant((flags & RELEASED_NOT_BEFORE) !== 0)
        return { type: 'AttemptReleased', ordinal, callerId, fence, notBefore }
      }
      default:
        throw new RowRefused({ type: 'UnknownRowKind', kind })
    }
  }

  private messageEnqueued(
    kind: number,
    flags: number,
    ordinal: number,
    callerId: string | undefined,
  ): MessageEnqueued {
    const priority = (flags & HAS_PRIORITY) === 0 ? 0 : this.bytes.signed()
    if (priority === 0 && (flags & HAS_PRIORITY) !== 0) throw this.needless()
    const notBefore = this.instant((flags & HAS_NOT_BEFORE) !== 0)
    const expiresAt = this.instant((flags & HAS_EXPIRES_AT) !== 0)
    const payload = this.bytes.string()
    const attributes = this.attributes(kind, flags)
    return { type: 'MessageEnqueued', ordinal, callerId, payload, priority, notBefore, expiresAt, attributes }
  }

  private attributes(kind: number, flags: number): MessageAttributes | undefined {
    if (kind === KIND_ENQUEUED_WITH_ATTRIBUTES)
      return readAttributes(this.bytes, () => this.attributesInJson())
    return (flags & HAS_ATTRIBUTES) === 0 ? undefined : this.attributesInJson()
  }

  private attributesInJson(): MessageAttributes {
    const decoded = decodeAttributes(this.json())
    if (isLeft(decoded)) throw new RowRefused(decoded.left)
    return decoded.right
  }

  private followUps(flags: number, inJson: number, inFields: number): ReadonlyArray<FollowUp> | undefined {
    if ((flags & inFields) !== 0) {
      if ((flags & inJson) !== 0) throw this.bytes.malformed('follow-ups that stand twice')
      return readFollowUps(this.bytes)
    }
    if ((flags & inJson) === 0) return undefined
    const decoded = decodeFollowUps(this.json())
    if (isLeft(decoded)) throw new RowRefused(decoded.left)
    return decoded.right
  }

  private jsonEvent(): LedgerEvent {
    const stored = this.json()
    if (!isStoredEvent(stored)) throw this.bytes.malformed('JSON that is not an event')
    const decoded = decodeEvent(stored.type, stored.version, stored.data)
    if (isLeft(decoded)) throw new RowRefused(decoded.left)
    if (!isLatestVersion(stored.type, stored.version)) this.older = stored
    return decoded.right
  }

  private json(): unknown {
    const text = this.bytes.string()
    try {
      return JSON.parse(text)
    } catch {
      throw this.bytes.malformed('a text that is not JSON')
    }
  }

  private text(): string {
    const place = this.bytes.varint()
    if (place > this.textsSeen) throw this.bytes.malformed('texts out of the order of their first appearance')
    const text = this.texts[place]
    if (text === undefined) throw this.bytes.malformed('no such text in the table')
    if (place === this.textsSeen) this.textsSeen++
    return text
  }

  private fence(): number {
    this.last.fence = this.after(this.last.fence)
    return this.last.fence
  }

  private leaseMs(): number {
    this.last.leaseMs = this.after(this.last.leaseMs)
    return this.last.leaseMs
  }

  private instant(present: boolean): EpochMs {
    if (!present) return NO_INSTANT
    const instant = this.after(this.at)
    if (instant === NO_INSTANT) throw this.needless()
    return instant
  }

  private after(from: number): number {
    const value = from + this.bytes.signed()
    if (value < 0 || value > Number.MAX_SAFE_INTEGER) throw this.bytes.malformed('a number out of range')
    return value
  }

  private choice<A>(choices: ReadonlyArray<A>, place: number): A {
    const chosen = choices[place]
    if (chosen === undefined) throw this.bytes.malformed('an unknown value of a closed set')
    return chosen
  }

  private needless(): Error {
    return this.bytes.malformed('a field that says what its absence says')
  }
}
