// One partition as naively as it can be said: a Map of messages folded by the readable reducer, everything else searched
// for or counted anew at each question. It shares no code with projections/, so that the two can be held against another.
import { NO_REVISION } from '../../domain/batch.js'
import {
  ABSENT,
  evolveMessage,
  type Message,
  type MessageEvent,
  stateAt,
} from '../../domain/message/index.js'
import type { PartitionEvent } from '../../domain/partition/events.js'
import {
  DEFAULT_QUEUE_CONFIG,
  NO_SWITCHES,
  type QueueConfig,
  type Switches,
} from '../../domain/queue/index.js'
import { ModelCircuits } from './modelCircuits.js'
import { ModelMeasures } from './modelMeasures.js'

type Seen = Readonly<{ kind: 'dedup' | 'idempotency' | 'id'; key: string; ordinal: number; at: number }>
type Live = Exclude<Message, { tag: 'Absent' | 'Finished' }>

/** Counts by state, and of events by type, under the names that the state has for them. */
export type ModelCounts = Record<string, number>

const EVENT_COUNTS: Partial<Record<PartitionEvent['type'], string>> = {
  MessageEnqueued: 'enqueued',
  AttemptStarted: 'attempts',
  AttemptSucceeded: 'succeeded',
  AttemptFailed: 'failed',
  AttemptReleased: 'released',
  MessageDeadLettered: 'deadLettered',
  MessageRedriven: 'redriven',
  MessageCancelled: 'cancelled',
  MessageExpired: 'expired',
  MessagePurged: 'purged',
  MessageEdited: 'edited',
}

export class PartitionModel {
  readonly messages = new Map<number, Message>()
  readonly lastRevision = new Map<number, number>()
  readonly leaseUntil = new Map<number, number>()
  readonly claims = new Map<string, Array<{ ordinal: number; fence: number }>>()
  readonly failuresByType: Record<string, number> = {}
  private readonly eventCounts: Record<string, number> = {}
  private seen: Seen[] = []
  private callerIdOf = new Map<number, string>()
  readonly circuits = new ModelCircuits()
  readonly measures = new ModelMeasures()
  private readonly payloadRevision = new Map<number, number>()
  private readonly zoneOf = new Map<number, string>()
  config: QueueConfig = DEFAULT_QUEUE_CONFIG
  switches: Switches = NO_SWITCHES
  toldFull = false
  epoch = 0
  revision = -1
  lastAt = 0
  nextFence = 1

  get windowMs(): number {
    return this.config.dedupWindowMs
  }

  /** Answers the revision of the message's event before this one. */
  apply(event: PartitionEvent, at: number, tick: number): number {
    this.revision++
    if (at !== this.lastAt) {
      this.lastAt = at
      this.seen = this.seen.filter((entry) => entry.at + this.windowMs > at)
    }
    const counted = EVENT_COUNTS[event.type]
    if (counted !== undefined) this.eventCounts[counted] = (this.eventCounts[counted] ?? 0) + 1
    switch (event.type) {
      case 'PartitionOpened':
        this.epoch = event.epoch
        return NO_REVISION
      case 'ConfigAdopted':
        this.config = event.config
        this.switches = event.switches
        this.circuits.adopt(event.config.circuit, event.switches.forcedCircuits)
        return NO_REVISION
      case 'CapacityReached':
        this.toldFull = true
        return NO_REVISION
      case 'CircuitOpened':
      case 'CircuitHalfOpened':
      case 'CircuitClosed':
        this.circuits.apply(event, at)
        return NO_REVISION
      case 'LayoutsAdopted':
      case 'PrefixCarried':
      case 'MessageCarriedForward':
        throw new Error(`${event.type} is no event of this model`)
      default:
        return this.messageEvent(event, at, tick)
    }
  }

  private messageEvent(event: MessageEvent, at: number, tick: number): number {
    const { ordinal } = event
    const previous = this.lastRevision.get(ordinal) ?? NO_REVISION
    this.lastRevision.set(ordinal, this.revision)
    const before = this.message(ordinal)
    const after = evolveMessage(before, event, at)
    this.messages.set(ordinal, after)
    const isFirstStart = previous === this.payloadRevision.get(ordinal)
    this.measures.note(event, before, at, isFirstStart)
    this.noteCircuit(event, at)
    if (event.type === 'MessageEnqueued' || event.type === 'MessageEdited') {
      this.payloadRevision.set(ordinal, this.revision)
    }
    if (event.type === 'MessagePurged' && event.cause === 'overflow') this.count('overflowed')
    else if (event.type !== 'MessageEnqueued' && this.size < 0.9 * this.config.maxSize) this.toldFull = false
    if (event.type === 'MessageDeadLettered' && event.reason === 'systemError') this.count('systemErrors')
    if (after.tag !== 'Leased') this.leaseUntil.delete(ordinal)
    const remember = (kind: Seen['kind'], key: string | undefined): void => {
      if (key !== undefined) this.seen.push({ kind, key, ordinal, at })
    }
    if (event.type === 'MessageEnqueued' && event.callerId !== undefined) {
      this.callerIdOf.set(ordinal, event.callerId)
    }
    const bringsKeys = event.type === 'MessageEdited' && event.cause !== 'operator'
    if (event.type === 'MessageEnqueued' || bringsKeys) {
      remember('dedup', event.attributes?.dedupKey)
      remember('idempotency', event.attributes?.idempotencyKey)
    }
    if (event.type === 'AttemptStarted') {
      this.nextFence = event.fence + 1
      if (event.claimId !== undefined) {
        const given = this.claims.get(event.claimId) ?? []
        this.claims.set(event.claimId, [...given, { ordinal, fence: event.fence }])
      }
    }
    if (event.type === 'AttemptStarted' || event.type === 'LeaseExtended') {
      this.leaseUntil.set(ordinal, tick + event.leaseMs)
    }
    if (event.type === 'AttemptFailed') {
      this.failuresByType[event.failureType] = (this.failuresByType[event.failureType] ?? 0) + 1
    }
    if (after.tag === 'Finished') remember('id', this.callerIdOf.get(ordinal))
    return previous
  }

  private count(name: string): void {
    this.eventCounts[name] = (this.eventCounts[name] ?? 0) + 1
  }

  /** Waiting and running messages. */
  get size(): number {
    return this.live().filter(({ tag }) => tag !== 'Dead').length
  }

  private noteCircuit(event: MessageEvent, at: number): void {
    const zone = this.zoneOf.get(event.ordinal)
    switch (event.type) {
      case 'AttemptStarted':
        if (event.zone === undefined) this.zoneOf.delete(event.ordinal)
        else this.zoneOf.set(event.ordinal, event.zone)
        return this.circuits.started(event.zone, event.fence)
      case 'AttemptSucceeded':
        return this.circuits.succeeded(zone, event.fence, at)
      case 'AttemptFailed':
        return this.circuits.failed(zone, event.fence, event.failureType, at)
      case 'AttemptReleased':
        return this.circuits.released(zone, event.fence)
    }
  }

  message(ordinal: number): Message {
    return this.messages.get(ordinal) ?? ABSENT
  }

  live(): Live[] {
    const found: Live[] = []
    for (const message of this.messages.values()) {
      if (message.tag !== 'Absent' && message.tag !== 'Finished') found.push(message)
    }
    return found.sort((a, b) => a.ordinal - b.ordinal)
  }

  withTag(tag: Live['tag']): Live[] {
    return this.live().filter((message) => message.tag === tag)
  }

  ordinalOfCallerId(callerId: string): number | undefined {
    return this.live().find((message) => message.callerId === callerId)?.ordinal
  }

  find(kind: Seen['kind'], key: string): number | undefined {
    const found = this.seen.filter((entry) => entry.kind === kind && entry.key === key).at(-1)
    return found !== undefined && found.at + this.windowMs > this.lastAt ? found.ordinal : undefined
  }

  remembered(): ReadonlyArray<Seen> {
    return this.seen
  }

  counts(at: number): ModelCounts {
    const names = { 'dead-lettered': 'dead', processing: 'processing' } as const
    const counts: ModelCounts = { scheduled: 0, pending: 0, retrying: 0, processing: 0, dead: 0 }
    for (const name of [...Object.values(EVENT_COUNTS), 'systemErrors', 'overflowed'])
      counts[name] = this.eventCounts[name] ?? 0
    for (const message of this.live()) {
      const state = stateAt(message, at)
      const name = names[state as keyof typeof names] ?? state
      counts[name] = (counts[name] ?? 0) + 1
    }
    return counts
  }

  /** When something next happens by itself: a due time or an end of life, of waiting messages. */
  nextDueAt(at: number): number {
    const instants = this.live().flatMap((message) => {
      if (message.tag !== 'Waiting') return []
      const due = message.dueAt > at ? [message.dueAt] : []
      return message.expiresAt === 0 ? due : [...due, message.expiresAt]
    })
    return Math.min(...instants, Number.POSITIVE_INFINITY)
  }

  /** Where it would run: the first of its zones that is well, else its own (C7). */
  effectiveZone({ wishes: { zone, fallbackZones = [] } }: Live): string | undefined {
    if (zone === undefined) return undefined
    return [zone, ...fallbackZones].find((one) => this.circuits.admits(one)) ?? zone
  }

  /**
   * B1, B2, B3, C6, C7, C15, §4.5: of those that may run now, the highest priority, then the first enqueued: one for each set of
   * messages that share tenant, zones and gate, because between those it is a matter of turns.
   */
  candidates(at: number, inDoubt: boolean): ReadonlyArray<number> {
    const live = this.live().filter(({ tag }) => tag !== 'Dead')
    const mayRun = (message: Live): boolean => {
      const { group, gate, zone, fallbackZones = [] } = message.wishes
      if (gate !== undefined && this.switches.closedGates.includes(gate)) return false
      const zones = zone === undefined ? [undefined] : [zone, ...fallbackZones]
      if (!zones.some((one) => this.circuits.admits(one))) return false
      if (group === undefined) return true
      if (this.switches.pausedGroups.includes(group)) return false
      const members = live.filter(({ wishes }) => wishes.group === group)
      return members[0] === message && members.every(({ tag }) => tag !== 'Leased')
    }
    const ready = live.filter(
      (message) =>
        message.tag === 'Waiting' && message.dueAt <= at && message.inDoubt === inDoubt && mayRun(message),
    )
    ready.sort((a, b) => b.priority - a.priority || a.ordinal - b.ordinal)
    const first = new Map<string, number>()
    for (const { wishes, ordinal } of ready) {
      const { tenant, zone, fallbackZones, gate } = wishes
      const lane = JSON.stringify([tenant ?? null, zone ?? null, fallbackZones ?? [], gate ?? null])
      if (!first.has(lane)) first.set(lane, ordinal)
    }
    return [...first.values()]
  }
}
