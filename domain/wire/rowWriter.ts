// One event as one row. Hot path: it runs for every event that is ever recorded (bench/micro/batchRows.ts), so it writes
// field by field and builds no object; the round-trip property in test/domain/wire holds it to `readRow`.
import { type LedgerEvent, NO_REVISION, type OlderForm } from '../batch.js'
import { encodeEvent } from '../codecs.js'
import { invariant } from '../invariant.js'
import type {
  AttemptStarted,
  AttemptSucceeded,
  MessageDeadLettered,
  MessageEnqueued,
  MessageEvent,
  RetryScheduled,
} from '../message/index.js'
import { type EpochMs, NO_INSTANT } from '../time.js'
import { writeAttributes } from './attributeFields.js'
import type { ByteWriter } from './byteWriter.js'
import { writeFollowUps } from './followUpFields.js'
import {
  ATTEMPT_ENDS,
  DEAD_FOLLOW_UPS_IN_FIELDS,
  DEAD_LETTER_REASONS,
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
  RowReferences,
  SUCCEEDED_FOLLOW_UPS_IN_FIELDS,
} from './rowKinds.js'

/** Each distinct text once, in order of first appearance. */
export class StringTable {
  private readonly places = new Map<string, number>()

  place(text: string): number {
    const known = this.places.get(text)
    if (known !== undefined) return known
    const place = this.places.size
    this.places.set(text, place)
    return place
  }

  get size(): number {
    return this.places.size
  }

  texts(): Iterable<string> {
    return this.places.keys()
  }
}

/** Must name the same texts in the same order as `RowWriter.row` asks for them. */
export const collectTexts = (event: LedgerEvent, table: StringTable): void => {
  switch (event.type) {
    case 'AttemptStarted':
      table.place(event.worker)
      if (event.claimId !== undefined) table.place(event.claimId)
      if (event.zone !== undefined) table.place(event.zone)
      return
    case 'RetryScheduled':
      if (event.gate !== undefined) table.place(event.gate)
      return
    case 'AttemptFailed':
      table.place(event.failureType)
      return
    default:
      return
  }
}

export class RowWriter {
  private readonly last = new RowReferences()

  constructor(
    private readonly out: ByteWriter,
    private readonly at: EpochMs,
    private readonly table: StringTable,
  ) {}

  startBlock(): void {
    this.last.reset()
  }

  row(event: LedgerEvent, previous: number): void {
    switch (event.type) {
      case 'MessageEnqueued':
        this.messageEnqueued(event, previous)
        return
      case 'AttemptStarted':
        this.attemptStarted(event, previous)
        return
      case 'AttemptSucceeded':
        this.attemptSucceeded(event, previous)
        return
      case 'LeaseExtended':
        this.head(KIND_LEASE_EXTENDED, event, previous, 0)
        this.fence(event.fence)
        this.leaseMs(event.leaseMs)
        return
      case 'AttemptFailed':
        this.head(KIND_ATTEMPT_FAILED, event, previous, choice(ATTEMPT_ENDS, event.ended))
        this.fence(event.fence)
        this.out.varint(this.table.place(event.failureType))
        this.out.string(event.message)
        return
      case 'RetryScheduled':
        this.retryScheduled(event, previous)
        return
      case 'MessageDeadLettered':
        this.deadLettered(event, previous)
        return
      case 'AttemptReleased': {
        const hasNotBefore = event.notBefore !== NO_INSTANT
        this.head(KIND_ATTEMPT_RELEASED, event, previous, hasNotBefore ? RELEASED_NOT_BEFORE : 0)
        this.fence(event.fence)
        if (hasNotBefore) this.instant(event.notBefore)
        return
      }
      default:
        this.json(encodeEvent(event), previous)
    }
  }

  /** An event as it stands in the log, where that is not how it would be written today. */
  olderRow({ type, version, data }: OlderForm, previous: number): void {
    this.json({ type, version, data }, previous)
  }

  private json(stored: OlderForm, previous: number): void {
    this.start(KIND_JSON, previous, 0)
    this.out.string(JSON.stringify(stored))
  }

  private messageEnqueued(event: MessageEnqueued, previous: number): void {
    const { priority, notBefore, expiresAt, attributes } = event
    let flags = 0
    if (priority !== 0) flags |= HAS_PRIORITY
    if (notBefore !== NO_INSTANT) flags |= HAS_NOT_BEFORE
    if (expiresAt !== NO_INSTANT) flags |= HAS_EXPIRES_AT
    const kind = attributes === undefined ? KIND_MESSAGE_ENQUEUED : KIND_ENQUEUED_WITH_ATTRIBUTES
    this.head(kind, event, previous, flags)
    if (priority !== 0) this.out.signed(priority)
    if (notBefore !== NO_INSTANT) this.instant(notBefore)
    if (expiresAt !== NO_INSTANT) this.instant(expiresAt)
    this.out.string(event.payload)
    if (attributes !== undefined) writeAttributes(attributes, this.out)
  }

  private attemptStarted(event: AttemptStarted, previous: number): void {
    const { claimId, zone } = event
    const flags = (claimId === undefined ? 0 : HAS_CLAIM_ID) | (zone === undefined ? 0 : HAS_ZONE)
    this.head(KIND_ATTEMPT_STARTED, event, previous, flags)
    this.out.varint(event.attempt)
    this.fence(event.fence)
    this.leaseMs(event.leaseMs)
    this.out.varint(this.table.place(event.worker))
    if (claimId !== undefined) this.out.varint(this.table.place(claimId))
    if (zone !== undefined) this.out.varint(this.table.place(zone))
  }

  private attemptSucceeded(event: AttemptSucceeded, previous: number): void {
    const { result, followUps, reconciled } = event
    let flags = 0
    if (result !== undefined) flags |= HAS_RESULT
    if (followUps !== undefined) flags |= SUCCEEDED_FOLLOW_UPS_IN_FIELDS
    if (reconciled !== undefined) flags |= RECONCILED
    this.head(KIND_ATTEMPT_SUCCEEDED, event, previous, flags)
    this.fence(event.fence)
    if (result !== undefined) this.out.string(result)
    if (followUps !== undefined) writeFollowUps(followUps, this.out)
  }

  private deadLettered(event: MessageDeadLettered, previous: number): void {
    const { reason, followUps } = event
    const flags =
      choice(DEAD_LETTER_REASONS, reason) | (followUps === undefined ? 0 : DEAD_FOLLOW_UPS_IN_FIELDS)
    this.head(KIND_MESSAGE_DEAD_LETTERED, event, previous, flags)
    if (followUps !== undefined) writeFollowUps(followUps, this.out)
  }

  private retryScheduled(event: RetryScheduled, previous: number): void {
    const usual = event.delayMs === event.retryAt - this.at
    const { gate } = event
    this.head(
      KIND_RETRY_SCHEDULED,
      event,
      previous,
      (usual ? 0 : HAS_DELAY) | (gate === undefined ? 0 : HAS_GATE),
    )
    this.instant(event.retryAt)
    if (!usual) this.out.varint(event.delayMs)
    if (gate !== undefined) this.out.varint(this.table.place(gate))
  }

  private start(kind: number, previous: number, flags: number): void {
    this.out.u8(kind)
    if (previous === NO_REVISION) {
      this.out.u8(flags)
      return
    }
    this.out.u8(flags | HAS_PREVIOUS)
    this.difference(previous, this.last.previous)
    this.last.previous = previous
  }

  private head(kind: number, event: MessageEvent, previous: number, own: number): void {
    const { ordinal, callerId } = event
    this.start(kind, previous, callerId === undefined ? own : own | HAS_CALLER_ID)
    this.difference(ordinal, this.last.ordinal)
    this.last.ordinal = ordinal
    if (callerId !== undefined) this.out.string(callerId)
  }

  private fence(fence: number): void {
    this.difference(fence, this.last.fence)
    this.last.fence = fence
  }

  private leaseMs(leaseMs: number): void {
    this.difference(leaseMs, this.last.leaseMs)
    this.last.leaseMs = leaseMs
  }

  private instant(instant: EpochMs): void {
    this.difference(instant, this.at)
  }

  /** Of two whole numbers in 0 ... 2^53 - 1, so the difference is exact. */
  private difference(value: number, from: number): void {
    invariant(value >= 0 && value <= Number.MAX_SAFE_INTEGER, 'a recorded number lies in 0 to 2^53 - 1')
    this.out.signed(value - from)
  }
}

const choice = <A>(choices: ReadonlyArray<A>, chosen: A): number => {
  const place = choices.indexOf(chosen)
  invariant(place >= 0, 'I8 a value of a closed set that has no number on the wire')
  return place << OWN_SHIFT
}
