// Claims of one partition, in the order they came: each is answered when messages are ready, or when it has waited long
// enough. What is handed out is durable as an attempt before the worker sees it (§4.5), with its payload.
import type { PartitionRef } from '../../domain/ids.js'
import { type Contents, messageNotFound } from '../../domain/message/index.js'
import * as L from '../../projections/messageTable/layout.js'
import type { PartitionState } from '../../projections/partition/index.js'
import { type DecisionContext, decideStart, leasesOfClaim } from './decideRequests.js'
import type { WhenDurable } from './openBatch.js'
import type { Payloads } from './payloads.js'
import { answered, type Reply, refused, unknown } from './replies.js'
import type { Claimed, ClaimRequest, Delivery } from './requests.js'

/** The type of failures that nobody reported: no handler and no classifier gives it. */
const CRASH = 'CRASH'

type WaitingClaim = { readonly request: ClaimRequest; readonly untilTick: number }
type RegisterDurable = (callback: WhenDurable) => void

export class ClaimDesk {
  private waiting: WaitingClaim[] = []
  private isEnding = false
  /** Some were not looked at, because others had taken all that fits a batch. */
  private isCutShort = false

  constructor(
    readonly ref: PartitionRef,
    private readonly state: PartitionState,
    private readonly payloads: Payloads,
  ) {}

  get size(): number {
    return this.waiting.length
  }

  /** The tick at which the first claim has waited long enough; Infinity when none waits. */
  nextTick(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { untilTick } of this.waiting) next = Math.min(next, untilTick)
    return next
  }

  /** When a rate lets somebody have what they wait for; Infinity = nobody waits for one. */
  nextOpenAt(at: number): number {
    return this.waiting.length === 0 || this.state.paused
      ? Number.POSITIVE_INFINITY
      : this.state.nextOpenAt(at)
  }

  add(request: ClaimRequest, tick: number): void {
    const untilTick = this.isEnding ? Number.NEGATIVE_INFINITY : tick + request.waitMs
    this.waiting.push({ request, untilTick })
  }

  /** Answers as many claims as there are messages for, first come first served. */
  serve(context: DecisionContext, whenDurable: RegisterDurable, eventsMax: number): void {
    this.isCutShort = false
    if (this.waiting.length === 0) return
    const unserved: WaitingClaim[] = []
    for (const claim of this.waiting) {
      const { request } = claim
      if (request.ordinal !== undefined) {
        this.serveOne(context, request, request.ordinal, whenDurable)
        continue
      }
      // What is not there for one is not there for those behind it, except for a claim that is repeated (R28).
      const asks = unserved.length === 0 || request.claimId !== undefined
      const slots = asks ? this.pick(context, request, eventsMax) : undefined
      if (slots === undefined) unserved.push(claim)
      else this.handOver(request, slots, context.batch.at, whenDurable)
    }
    this.waiting = unserved
  }

  /** Claims whose wait is over are answered empty, once there was nothing for them. */
  endDue(tick: number, at: number, whenDurable: RegisterDurable): void {
    if (this.isCutShort) return
    this.end(({ untilTick }) => untilTick <= tick, at, whenDurable)
  }

  endCancelled(at: number, whenDurable: RegisterDurable): void {
    this.end(({ request }) => request.cancelled(), at, whenDurable)
  }

  private end(isOver: (claim: WaitingClaim) => boolean, at: number, whenDurable: RegisterDurable): void {
    if (this.waiting.length === 0) return
    const over = this.waiting.filter(isOver)
    if (over.length === 0) return
    this.waiting = this.waiting.filter((claim) => !isOver(claim))
    for (const { request } of over) this.handOver(request, [], at, whenDurable)
  }

  /** From now on no claim waits, the ones that are still to come included. */
  endWaiting(): void {
    this.isEnding = true
    this.waiting = this.waiting.map(({ request }) => ({ request, untilTick: Number.NEGATIVE_INFINITY }))
  }

  stop(reply: Reply<never>): void {
    for (const { request } of this.waiting.splice(0)) request.answer(reply)
  }

  /** The slots handed to this claim; undefined = nothing is ready for it, and it goes on waiting. */
  private pick(context: DecisionContext, request: ClaimRequest, eventsMax: number): number[] | undefined {
    const { state } = this
    const max = request.max()
    const { at } = context.batch
    // A claim of nothing only wants to know when there is something: how several partitions are waited for at once.
    if (max === 0) {
      return state.nextReady(at) >= 0 || state.nextReady(at, state.readyInDoubt) >= 0 ? [] : undefined
    }
    if (request.claimId !== undefined) {
      const again = leasesOfClaim(state, request.claimId)
      if (again !== undefined) return again
    }
    // In-doubt messages come first, one at a time. Whoever may not take one beside others hears of it, and makes room.
    const inDoubt = state.nextReady(at, state.readyInDoubt)
    if (inDoubt >= 0) {
      if (!request.mayRunInDoubt) return []
      if (decideStart(context, inDoubt, request)) return [inDoubt]
    }
    const slots: number[] = []
    while (slots.length < max) {
      if (context.batch.events.length >= eventsMax) {
        this.isCutShort = true
        break
      }
      const slot = state.nextReady(at)
      if (slot < 0) break
      // Refused only when its time to live ended in this very batch: the expiry comes first next time.
      if (!decideStart(context, slot, request)) break
      slots.push(slot)
    }
    return slots.length > 0 ? slots : undefined
  }

  /** A claim of one message by its number is answered at once: with it, or with the reason why not. */
  private serveOne(
    context: DecisionContext,
    request: ClaimRequest,
    ordinal: number,
    whenDurable: RegisterDurable,
  ): void {
    const { state } = this
    const again = request.claimId === undefined ? undefined : leasesOfClaim(state, request.claimId)
    const { at } = context.batch
    if (again !== undefined) return this.handOver(request, again, at, whenDurable)
    const slot = state.table.slotOf(ordinal)
    const isReady = slot >= 0 && state.mayStart(slot, at)
    const mustComeAlone = isReady && state.table.hasFlag(slot, L.FLAG_IN_DOUBT) && !request.mayRunInDoubt
    if (mustComeAlone) return this.handOver(request, [], at, whenDurable)
    if (isReady && decideStart(context, slot, request)) return this.handOver(request, [slot], at, whenDurable)
    const { tag } = state.messageAt(ordinal)
    const reply: Reply<never> = refused(
      tag === 'Absent' ? messageNotFound : { type: 'MessageNotClaimable', now: tag },
    )
    whenDurable((outcome) => request.answer(outcome.ok ? reply : { _tag: 'Left', left: outcome.failure }))
  }

  private handOver(
    request: ClaimRequest,
    slots: ReadonlyArray<number>,
    /** When it was decided: a rate may have opened since the last event. */
    at: number,
    whenDurable: RegisterDurable,
  ): void {
    const { state, payloads } = this
    const inDoubtWaiting = state.nextReady(at, state.readyInDoubt) >= 0
    const alone = slots.length === 1 && state.table.hasFlag(slots[0] ?? 0, L.FLAG_IN_DOUBT)
    const leases = slots.map((slot) => this.leaseAt(slot))
    whenDurable((outcome) => {
      if (!outcome.ok) return request.answer({ _tag: 'Left', left: outcome.failure })
      const { firstRevision, position } = outcome
      const reply = (deliveries: ReadonlyArray<Delivery>): void => {
        const claimed: Claimed = { deliveries, alone, inDoubtWaiting }
        request.answer(answered(claimed, firstRevision, position))
      }
      const missing = leases.filter(({ enqueued }) => enqueued === undefined)
      if (missing.length === 0) {
        return reply(leases.map((lease) => toDelivery(lease, lease.enqueued)))
      }
      payloads
        .fetch(
          missing.map(({ payloadRevision }) => payloadRevision),
          (ordinal, revision) => this.waitingSlot(ordinal, revision),
        )
        .then((found) =>
          reply(leases.map((lease) => toDelivery(lease, lease.enqueued ?? found.get(lease.payloadRevision)))),
        )
        .catch((error: Error) => request.answer(unknown(error.message)))
    })
  }

  private waitingSlot(ordinal: number, revision: number): number {
    const { table } = this.state
    const slot = table.slotOf(ordinal)
    if (slot < 0 || table.int(slot, L.TAG) !== L.TAG_WAITING) return -1
    return table.double(slot, L.PAYLOAD_REVISION) === revision ? slot : -1
  }

  /** Its last attempt ended without a word from its worker: with the process, or with the lease. */
  private mayHaveHappened(slot: number): boolean {
    const { table } = this.state
    const type = table.int(slot, L.FAILURE_TYPE)
    return table.hasFlag(slot, L.FLAG_IN_DOUBT) || (type !== 0 && table.failureTypes.name(type) === CRASH)
  }

  /** What the delivery needs of the state, as it is now: by the time the batch is durable the state has moved on. */
  private leaseAt(slot: number): Lease {
    const { table } = this.state
    return {
      ordinal: table.double(slot, L.ORDINAL),
      fence: table.double(slot, L.FENCE),
      attempt: table.int(slot, L.ATTEMPTS),
      leaseMs: table.int(slot, L.LEASE_MS),
      enqueuedAt: table.double(slot, L.ENQUEUED_AT),
      timeoutMs: table.cold(slot).wishes.timeoutMs,
      inDoubt: this.mayHaveHappened(slot),
      payloadRevision: table.double(slot, L.PAYLOAD_REVISION),
      enqueued: this.payloads.get(slot),
    }
  }
}

type Lease = Omit<Delivery, 'enqueued'> & {
  payloadRevision: number
  enqueued: Contents | undefined
}

const toDelivery = (lease: Lease, enqueued: Contents | undefined): Delivery => {
  if (enqueued === undefined) throw new Error(`no payload for message ${lease.ordinal}`)
  const { ordinal, fence, attempt, leaseMs, enqueuedAt, timeoutMs, inDoubt } = lease
  return { ordinal, fence, attempt, leaseMs, enqueuedAt, timeoutMs, inDoubt, enqueued }
}
