// What must be true of a log, whatever happened. Reads only the recorded batches and what clients were told, and shares no
// code with the core: a second, naive telling of the same story. Each broken rule is a sentence with its revision.
import type { LedgerEvent, RecordedBatch } from '../../domain/batch.js'
import { Blobs } from './checkersBlobs.js'
import type { Calls, EnqueueCall } from './checkersCalls.js'
import { Circuits } from './checkersCircuits.js'
import { Contents } from './checkersContent.js'
import { type Control, isAsTold } from './checkersControl.js'
import type { Resized } from './checkersLayouts.js'
import type { Live } from './checkersLive.js'
import { Operated } from './checkersOperated.js'
import { Place } from './checkersPlace.js'
import { Turns } from './checkersTurns.js'

export type Rules = Readonly<{
  /** What the control stream said, one entry for each revision that partitions adopt; the first is as created. */
  controls: ReadonlyArray<Control>
  /** Nothing held a partition up, so it knew of switches when they were made. */
  isPrompt: boolean
  /** Processes that have died, by incarnation. */
  dead: ReadonlySet<string>
  /** Of a queue that may be resized. */
  resized?: Resized | undefined
}>

export const SETTLED_BY: Record<string, LedgerEvent['type']> = {
  ack: 'AttemptSucceeded',
  fail: 'AttemptFailed',
  release: 'AttemptReleased',
  extend: 'LeaseExtended',
  cancel: 'MessageCancelled',
  redrive: 'MessageRedriven',
  purge: 'MessagePurged',
  discard: 'MessagePurged',
}
/** Recorded times are whole milliseconds, leases are not. */
const LEASE_ROUNDING_MS = 2
/** A full partition says so again once it was below this share. */
const CAPACITY_RELIEVED = 0.9

/** The log told again, event by event. */
export class Story {
  readonly broken: string[] = []
  readonly live = new Map<number, Live>()
  readonly byPayload = new Map<string, number[]>()
  readonly edits = new Map<string, number>()
  readonly ids = new Map<number, string | undefined>()
  /** What each attempt has to be given. */
  readonly starts = new Map<string, string>()
  readonly happened = new Set<string>()
  /** What came of calls that have a name, which are checked by it. */
  readonly named = new Set<string>()
  /** Purged by the queue itself. */
  readonly unasked = new Set<number>()
  readonly workers = new Set<string>()
  /** Revisions of each message's events. */
  readonly histories = new Map<number, number[]>()
  readonly operated: Operated
  /** What each message that has succeeded had run with. */
  readonly succeeded = new Map<string, string>()
  controlRevision = -2
  readonly place: Place
  /** Asked of each event before it changes anything. */
  watch: ((event: LedgerEvent, at: number) => void) | undefined
  private readonly blobs: Blobs
  private readonly turns: Turns
  private readonly circuits: Circuits
  private readonly keys = new Map<string, { at: number; ordinal: number }>()
  /** When the last message of each caller's id has ended. */
  readonly finishedIds = new Map<string, number>()
  private readonly claimIds = new Map<string, number>()
  readonly contents: Contents
  /** Asked for in place of one that waits, by any of the calls. */
  private readonly replacing = new Set<string>()
  private readonly callOf = new Map<string, EnqueueCall>()
  private readonly askedAgain = new Set<string>()
  /** Calls of which something is in the log, by their first event. */
  private readonly begun = new Set<EnqueueCall>()
  /** Failures that were reported, by whether a retry was allowed; told twice it may be both. */
  private readonly mayRetry = new Set<string>()
  private readonly neverRetry = new Set<string>()
  /** Delays that were asked for with a release. */
  private readonly releases = new Map<string, number[]>()
  /** Of this batch: priorities of what was dropped for something more important. */
  private dropped: number[] = []
  /** Of this batch: who died when no dead letters were kept. */
  private died: number[] = []
  private readonly batchIds = new Set<string>()
  private lastFence = 0
  private epoch = 0
  private at = 0
  private revision = 0
  private batch = 0
  private paused = false
  private toldFull = false
  private config: Extract<LedgerEvent, { type: 'ConfigAdopted' }>['config'] | undefined
  /** Since when each closed gate has been closed, as this partition knows it. */
  private closedSince = new Map<string, number>()

  constructor(
    private readonly rules: Rules,
    calls: Calls,
    readonly partition: number,
  ) {
    const must = (holds: boolean, rule: string): void => this.must(holds, rule)
    this.place = new Place(partition, must)
    this.turns = new Turns(this.live, must, this.place)
    this.circuits = new Circuits(must)
    this.operated = new Operated(calls, must)
    this.contents = new Contents(calls, must)
    this.blobs = new Blobs(calls, must)
    for (const call of calls.enqueues)
      for (const { payload, dedupMode } of call.messages) {
        if (dedupMode !== undefined) this.replacing.add(payload)
        if (this.callOf.has(payload)) this.askedAgain.add(payload)
        this.callOf.set(payload, call)
      }
    for (const {
      partition: at,
      ordinal,
      fence,
      outcome,
      retryable,
      failureType,
      delayMs = 0,
    } of calls.settles) {
      if (at !== partition) continue
      const name = `${ordinal}/${fence}`
      if (outcome === 'fail') (retryable ? this.mayRetry : this.neverRetry).add(`${name}/${failureType}`)
      if (outcome === 'release') this.releases.set(name, [...(this.releases.get(name) ?? []), delayMs])
    }
  }

  tell(batches: ReadonlyArray<RecordedBatch>): void {
    const { batchIds } = this
    for (const batch of batches) {
      // 8: revisions without gaps, time that does not go back, epochs that rise, batches named once.
      this.must(batch.firstRevision === this.revision, 'the revision follows')
      this.must(batch.at >= this.at, `8 recorded time ${batch.at} is not before ${this.at}`)
      this.must(!batchIds.has(batch.batchId), `8 batch ${batch.batchId} is there once`)
      batchIds.add(batch.batchId)
      this.at = batch.at
      // One that was too large for the log stands there in parts: an answer that spans them was given once.
      if (!/\/\d+$/.test(batch.batchId)) this.batch++
      for (const stored of batch.events) {
        const event = this.blobs.resolved(stored)
        this.watch?.(event, this.at)
        this.take(event)
        this.circuits.take(event, this.at)
        this.must(batch.epoch === this.epoch, `8 an event of epoch ${batch.epoch} in ${this.epoch}`)
        this.revision++
      }
      this.batchEnds()
    }
  }

  must(holds: boolean, rule: string): void {
    if (!holds) this.broken.push(`partition ${this.partition} revision ${this.revision}: ${rule}`)
  }

  private batchEnds(): void {
    for (const one of this.live.values()) {
      this.must(!one.undecided, '7 the end of an attempt and what follows are one batch')
    }
    for (const ordinal of this.died)
      this.must(this.live.get(ordinal)?.situation !== 'dead', `A15 dead letter ${ordinal} is kept`)
    this.died = []
    for (const priority of this.dropped)
      this.must(false, `A9 priority ${priority} dropped for nothing higher`)
    this.dropped = []
    this.circuits.batchEnds(this.at)
  }

  private take(event: LedgerEvent): void {
    if ('ordinal' in event) {
      const { ordinal } = event
      this.histories.set(ordinal, [...(this.histories.get(ordinal) ?? []), this.revision])
      const fence = 'fence' in event ? event.fence : 0
      const reported = event.type !== 'AttemptFailed' || event.ended === 'reported'
      if (event.type === 'MessagePurged' && event.cause !== 'operator') this.unasked.add(event.ordinal)
      if ('by' in event && event.by !== undefined) {
        this.operated.take(event, this.live.get(ordinal), this.at)
        this.named.add(`${event.type}/${ordinal}/0`)
      }
      // Cancelling a running message is a wish first, and is asked for in the same way.
      if (event.type === 'CancelRequested') this.happened.add(`MessageCancelled/${event.ordinal}/0`)
      else if (reported) this.happened.add(`${event.type}/${event.ordinal}/${fence}`)
    }
    switch (event.type) {
      case 'PartitionOpened':
        this.must(event.epoch > this.epoch, `8 epoch ${event.epoch} after ${this.epoch}`)
        this.epoch = event.epoch
        this.turns.newTerm()
        // Each term grants leases anew, in full, on its own clock.
        for (const one of this.live.values()) if (one.situation === 'leased') one.grantedAt = this.at
        return
      case 'LayoutsAdopted':
        return this.place.layoutsAdopted(event)
      case 'ConfigAdopted':
        return this.adopted(event)
      case 'CapacityReached':
        this.must(this.size() >= event.maxSize, '9 it is full when it says so')
        this.must(!this.toldFull, '9 it says once that it is full')
        this.toldFull = true
        return
      case 'CircuitOpened':
      case 'CircuitHalfOpened':
      case 'CircuitClosed':
        return
      case 'MessageEnqueued':
        return this.enqueued(event)
      case 'MessageEdited':
        this.edited(event)
        return this.relieved()
      default:
        this.ofMessage(event)
        if (event.type !== 'MessagePurged' || event.cause !== 'overflow') this.relieved()
    }
  }

  private adopted(event: Extract<LedgerEvent, { type: 'ConfigAdopted' }>): void {
    const { config, paused, switches, controlRevision } = event
    this.must(
      controlRevision > this.controlRevision,
      `R67 configuration ${controlRevision} after ${this.controlRevision}`,
    )
    this.controlRevision = controlRevision
    const told = this.rules.controls[controlRevision + 1]
    this.must(told !== undefined, `R67 configuration ${controlRevision}, which nobody has made`)
    if (told !== undefined)
      this.must(isAsTold(event, told), `R67 configuration ${controlRevision} is another one`)
    if (told !== undefined) this.place.configAdopted(told.layouts)
    this.paused = paused
    this.config = config
    for (const gate of [...this.closedSince.keys()])
      if (!switches.closedGates.includes(gate)) this.closedSince.delete(gate)
    for (const gate of switches.closedGates)
      if (!this.closedSince.has(gate)) this.closedSince.set(gate, this.at)
    this.turns.adopted(config, switches)
    this.circuits.adopted(config.circuit, switches.forcedCircuits)
  }

  private relieved(): void {
    if (this.size() < (this.config?.maxSize ?? 0) * CAPACITY_RELIEVED) this.toldFull = false
  }

  private ofMessage(event: LedgerEvent): void {
    switch (event.type) {
      case 'AttemptStarted':
        return this.started(event)
      case 'LeaseExtended': {
        const one = this.leased(event)
        if (one === undefined) return
        const { messageTimeoutMs = 0, handlerTimeoutMs = 0 } = this.config ?? {}
        const maxMs = Math.max(messageTimeoutMs, handlerTimeoutMs, one.attributes.timeoutMs ?? 0)
        const heldMs = this.at - one.startedAt
        this.must(heldMs < maxMs, `C8 message ${one.ordinal} extended after ${heldMs} ms of ${maxMs}`)
        Object.assign(one, { grantedAt: this.at, leaseMs: event.leaseMs })
        return
      }
      case 'CancelRequested': {
        const one = this.leased(event)
        this.must(one?.attributes.cancelable !== false, `A13 ${event.ordinal} may not be cancelled`)
        if (one !== undefined) one.cancelRequested = true
        return
      }
      case 'AttemptSucceeded': {
        const one = this.leased(event)
        // An id that a caller chose may come again.
        if (one !== undefined && event.callerId === undefined)
          this.succeeded.set(`orders.${this.partition}.${event.ordinal.toString(36)}`, one.payload)
        return this.gone(event.ordinal)
      }
      case 'AttemptFailed':
        return this.failed(event)
      case 'AttemptReleased': {
        const one = this.leased(event)
        if (one === undefined) return
        if (--one.attempts === 0) one.firstStartedAt = 0
        this.mustBeReleased(event)
        one.undecided = one.cancelRequested
        return this.waits(one, event.notBefore)
      }
      case 'RetryScheduled':
      case 'MessageDeadLettered':
        return this.followUp(event)
      case 'MessageRedriven': {
        const one = this.in(event.ordinal, 'dead', event.type)
        if (one === undefined) return
        this.waits(one, this.at)
        Object.assign(one, {
          attempts: 0,
          firstStartedAt: 0,
          expiresAt: 0,
          inDoubt: false,
          failureType: undefined,
        })
        return
      }
      case 'MessageCancelled': {
        const one = this.in(event.ordinal, 'waiting', event.type)
        this.must(one?.attributes.cancelable !== false, `A13 ${event.ordinal} may not be cancelled`)
        // Of a running message somebody wanted stopped: the end of the attempt cancels it.
        if (one !== undefined) one.undecided = false
        return this.gone(event.ordinal)
      }
      case 'MessageExpired': {
        const one = this.in(event.ordinal, 'waiting', event.type)
        this.must(one !== undefined && one.expiresAt !== 0 && one.expiresAt <= this.at, '3 no early expiry')
        return this.gone(event.ordinal)
      }
      case 'MessagePurged':
        return this.purged(event)
      default:
        this.must(false, `${event.type} has no place in a partition`)
    }
  }

  private mustBeReleased({
    ordinal,
    fence,
    notBefore,
  }: Extract<LedgerEvent, { type: 'AttemptReleased' }>): void {
    const asked = this.releases.get(`${ordinal}/${fence}`) ?? []
    const isAsked = asked.some((delayMs) => notBefore === (delayMs === 0 ? 0 : this.at + delayMs))
    this.must(isAsked, `C12 message ${ordinal} released until ${notBefore}, asked were ${asked} ms`)
  }

  private enqueued(event: Extract<LedgerEvent, { type: 'MessageEnqueued' }>): void {
    const { ordinal, callerId, payload, priority } = event
    this.oncePerKey(event)
    this.place.mustBeHome(event)
    this.mustNotBeShed(event)
    if (callerId !== undefined) {
      const alive = [...this.live.values()].some((one) => one.callerId === callerId)
      const finishedAt = this.finishedIds.get(callerId)
      const remembered = finishedAt !== undefined && finishedAt + this.windowMs > this.at
      this.must(!alive && !remembered, `6 caller's id ${callerId} twice`)
    }
    const attributes = event.attributes ?? {}
    this.live.set(ordinal, {
      ordinal,
      callerId,
      enqueuedAt: this.at,
      payload,
      attributes,
      gate: attributes.gate,
      priority,
      situation: 'waiting',
      dueAt: event.notBefore,
      expiresAt: event.expiresAt,
      fence: 0,
      attempts: 0,
      firstStartedAt: 0,
      inDoubt: false,
      wasEdited: false,
      cancelRequested: false,
      worker: '',
      failureType: undefined,
      undecided: false,
      startedAt: 0,
      grantedAt: 0,
      leaseMs: 0,
    })
    this.ids.set(ordinal, callerId)
    if (attributes.rerunOf === undefined) this.contents.holds(event)
    if (attributes.rerunOf === undefined)
      this.byPayload.set(payload, [...(this.byPayload.get(payload) ?? []), ordinal])
    if (attributes.rerunOf !== undefined) this.operated.ranAgain(event)
    this.dropped = this.dropped.filter((lower) => lower >= priority)
    // 12: what waits or runs fits the capacity.
    const maxSize = this.config?.maxSize ?? 0
    this.must(this.size() <= maxSize, `12 ${this.size()} messages, at most ${maxSize}`)
  }

  /** C10: above its threshold a queue takes nothing that is less important than it says. */
  private mustNotBeShed({ payload, attributes }: Extract<LedgerEvent, { type: 'MessageEnqueued' }>): void {
    const call = this.callOf.get(payload)
    if (call === undefined || attributes?.rerunOf !== undefined || this.begun.has(call)) return
    this.begun.add(call)
    const { shedAbovePercent = 100, shedBelowPriority = 0, maxSize = 0, overflow } = this.config ?? {}
    // What is dropped to make room is dropped after the question was asked.
    const isAlone =
      !call.repeats && !call.isPart && call.messages.every((one) => !this.askedAgain.has(one.payload))
    if (shedAbovePercent >= 100 || overflow !== 'reject' || !isAlone) return
    const isLow = call.messages.some(
      (one) => one.priority < shedBelowPriority && (this.isPlain(one) || one.payload === payload),
    )
    const isCalm = this.size() * 100 < maxSize * shedAbovePercent
    this.must(!isLow || isCalm, `C10 ${payload} was taken with ${this.size()} of ${maxSize} messages there`)
  }

  /** Nothing about it could make it a duplicate. */
  private isPlain({ callerId, attributes }: EnqueueCall['messages'][number]): boolean {
    return (
      callerId === undefined && attributes?.dedupKey === undefined && attributes?.idempotencyKey === undefined
    )
  }

  /** 6: one message for each key within the window; who wants the latest to run may follow one that no longer waits. */
  private oncePerKey({
    ordinal,
    payload,
    attributes,
  }: Extract<LedgerEvent, { type: 'MessageEnqueued' }>): void {
    const { dedupKey, idempotencyKey } = attributes ?? {}
    for (const [kind, key] of [
      ['d', dedupKey],
      ['i', idempotencyKey],
    ] as const) {
      if (key === undefined) continue
      const before = this.keys.get(kind + key)
      const isPast = before === undefined || before.at + this.windowMs <= this.at
      const replacesNone = this.live.get(before?.ordinal ?? 0)?.situation !== 'waiting'
      const wantsLatest = kind === 'd' && this.replacing.has(payload)
      this.must(isPast || (wantsLatest && replacesNone), `6 key ${key} twice in its window`)
      this.keys.set(kind + key, { at: this.at, ordinal })
    }
  }

  private edited(event: Extract<LedgerEvent, { type: 'MessageEdited' }>): void {
    const { ordinal, payload, priority, expiresAt } = event
    if (event.cause !== 'operator') {
      this.edits.set(payload, ordinal)
      this.must(this.replacing.has(payload), `A11 ${payload} replaced without being asked to`)
    }
    if (event.cause !== 'operator') this.contents.holds(event)
    const one = this.in(ordinal, 'waiting', event.type)
    if (one === undefined) return
    this.turns.edited()
    const attributes = event.attributes ?? {}
    Object.assign(one, {
      wasEdited: true,
      payload,
      attributes,
      gate: attributes.gate,
      priority,
      expiresAt,
      dueAt: event.notBefore,
    })
    // What an operator changes makes no key new.
    if (event.cause === 'operator') return
    const { dedupKey, idempotencyKey } = attributes
    if (dedupKey !== undefined) this.keys.set(`d${dedupKey}`, { at: this.at, ordinal })
    if (idempotencyKey !== undefined) this.keys.set(`i${idempotencyKey}`, { at: this.at, ordinal })
  }

  private started(event: Extract<LedgerEvent, { type: 'AttemptStarted' }>): void {
    const { ordinal, fence, claimId, zone } = event
    this.must(fence > this.lastFence, `2 fence ${fence} after ${this.lastFence}`)
    this.lastFence = fence
    this.workers.add(event.worker)
    if (claimId !== undefined) {
      const first = this.claimIds.get(claimId) ?? this.batch
      this.must(first === this.batch, `R28 claim ${claimId} was answered with other messages`)
      this.claimIds.set(claimId, this.batch)
    }
    const one = this.in(ordinal, 'waiting', event.type)
    if (one === undefined) return
    one.worker = event.worker
    this.starts.set(`${ordinal}/${fence}`, one.payload)
    this.must(!this.paused, 'a paused queue hands out nothing')
    this.must(one.dueAt <= this.at, `3 started ${one.dueAt - this.at} ms early`)
    this.must(one.expiresAt === 0 || one.expiresAt > this.at, '3 started after its time to live')
    const isPlace = one.attributes.zone === zone || one.attributes.fallbackZones?.includes(zone ?? '')
    this.must(isPlace === true, `C7 message ${ordinal} runs in ${zone}`)
    this.turns.started(one, this.at)
    Object.assign(one, {
      situation: 'leased',
      fence,
      grantedAt: this.at,
      leaseMs: event.leaseMs,
      startedAt: this.at,
    })
    if (one.firstStartedAt === 0) one.firstStartedAt = this.at
    one.attempts++
    this.must(event.attempt === one.attempts, `4 attempt ${event.attempt} is number ${one.attempts}`)
  }

  private failed(event: Extract<LedgerEvent, { type: 'AttemptFailed' }>): void {
    const one = this.leased(event)
    if (one === undefined) return
    const missingMs = one.grantedAt + one.leaseMs - this.at
    const isEarly = event.ended === 'leaseExpired' && missingMs > LEASE_ROUNDING_MS
    this.must(!isEarly, `3 a lease ran out ${missingMs} ms early`)
    this.waits(one, 0)
    one.inDoubt = event.ended === 'workerLost'
    const [, incarnation = ''] = /^local:([^:]+):/.exec(one.worker) ?? []
    const isDead = this.rules.dead.has(incarnation)
    this.must(event.ended !== 'workerLost' || isDead, `C13 ${one.worker} is said to be dead`)
    one.failureType = event.failureType
    one.undecided = true
    if (event.ended === 'reported' && this.blobs.mayBeMissing(one.attributes, event.failureType))
      this.named.add(`AttemptFailed/${event.ordinal}/${event.fence}`)
  }

  private followUp(event: Extract<LedgerEvent, { type: 'RetryScheduled' | 'MessageDeadLettered' }>): void {
    const one = this.in(event.ordinal, 'waiting', event.type)
    if (one === undefined) return
    // Who died before the setting was adopted is kept, in the same batch, too.
    const isKept = this.config?.deadLetters !== false
    if (event.type === 'MessageDeadLettered' && !isKept) this.died.push(event.ordinal)
    if (event.type === 'MessageDeadLettered' && event.reason === 'waitedTooLong') return this.gaveUp(one)
    this.must(one.undecided, `4 ${event.type} without a failure`)
    this.must(!one.cancelRequested, `A11 ${event.type} though it was to be cancelled`)
    one.undecided = false
    const told = event.type === 'RetryScheduled' ? event.retryAt : event.reason
    const expected = this.expectedAfter(one, told)
    this.must(
      told === expected,
      `4 after attempt ${one.attempts} (${one.failureType}) ${told}, not ${expected}`,
    )
    if (event.type === 'MessageDeadLettered') one.situation = 'dead'
    else {
      one.dueAt = event.retryAt
      const gate = this.config?.waitFor[one.failureType ?? '']
      this.must(event.gate === gate, `C15 a retry behind ${event.gate}, not ${gate}`)
      one.gate = gate ?? one.gate
    }
  }

  /** C15: the gate has been closed for the whole of the wait, and nothing else held the message back. */
  private gaveUp(one: Live): void {
    const maxMs = this.config?.gateWaitMaxMs ?? 0
    const since = Math.max(this.closedSince.get(one.gate ?? '') ?? this.at, one.enqueuedAt, one.dueAt)
    const isLongEnough = this.at - since >= maxMs || !this.rules.isPrompt
    this.must(maxMs > 0 && isLongEnough, `C15 message ${one.ordinal} given up after ${this.at - since} ms`)
    this.must(this.closedSince.has(one.gate ?? ''), `C15 message ${one.ordinal} given up before an open gate`)
    this.must(!this.paused, `C15 message ${one.ordinal} given up in a pause`)
    one.situation = 'dead'
  }

  /** When the retry is due, or why there is none. */
  private expectedAfter(one: Live, told: number | string): number | string {
    const { failureType = '', attempts, firstStartedAt, attributes } = one
    if (failureType === 'SYSTEM') return 'systemError'
    if (attributes.guarantee === 'fireAndForget') return 'singleDelivery'
    const reported = `${one.ordinal}/${one.fence}/${failureType}`
    const isFinal = this.neverRetry.has(reported) && (!this.mayRetry.has(reported) || told === 'notRetryable')
    if (attributes.retryable === false || isFinal) return 'notRetryable'
    const policy = attributes.retry ?? this.config?.failures[failureType] ?? this.config?.failures.UNKNOWN
    if (policy?.kind !== 'fixed') return 'a policy that no run uses'
    const { delayMs, retriesMax, budgetMs } = policy
    if (attempts > (retriesMax ?? 0)) return failureType === 'CRASH' ? 'poison' : 'attemptsExhausted'
    const isOver = budgetMs !== undefined && this.at + delayMs - firstStartedAt > budgetMs
    return isOver ? 'budgetExceeded' : this.at + delayMs
  }

  private purged(event: Extract<LedgerEvent, { type: 'MessagePurged' }>): void {
    const one = this.live.get(event.ordinal)
    const isDead =
      event.cause === 'noDeadLetters' || (event.cause === 'operator' && one?.situation === 'dead')
    this.in(event.ordinal, isDead ? 'dead' : 'waiting', `${event.type} (${event.cause})`)
    if (event.cause === 'overflow') {
      this.must(this.config?.overflow !== 'reject', 'A9 dropped from a queue that drops nothing')
      if (this.config?.overflow === 'dropLowestPriority' && one !== undefined) this.dropped.push(one.priority)
    }
    this.gone(event.ordinal)
  }

  get windowMs(): number {
    return this.config?.dedupWindowMs ?? 0
  }

  private size(): number {
    let size = 0
    for (const { situation } of this.live.values()) if (situation !== 'dead') size++
    return size
  }

  private waits(one: Live, dueAt: number): void {
    one.situation = 'waiting'
    one.dueAt = dueAt
  }

  private leased(event: LedgerEvent & { ordinal: number; fence: number }): Live | undefined {
    const one = this.in(event.ordinal, 'leased', event.type)
    this.must(
      one?.fence === event.fence,
      `2 ${event.type} carries fence ${event.fence}, live is ${one?.fence}`,
    )
    return one
  }

  private in(ordinal: number, situation: Live['situation'], what: string): Live | undefined {
    const one = this.live.get(ordinal)
    this.must(one?.situation === situation, `2 ${what} on message ${ordinal}, which is ${one?.situation}`)
    return one
  }

  private gone(ordinal: number): void {
    const one = this.live.get(ordinal)
    if (one?.callerId !== undefined) this.finishedIds.set(one.callerId, this.at)
    this.live.delete(ordinal)
    if (one?.situation === 'waiting') this.turns.left(this.at)
  }
}
