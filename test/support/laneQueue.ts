// A partition driven by events at a clock that only the test moves, and beside it the plainest account of what may start:
// every start is remembered, every message searched. It shares no code with projections/lanes, limits or groups.
import { DEFAULT_FAILURE_RULES } from '../../domain/failure/index.js'
import type { MessageAttributes } from '../../domain/message/index.js'
import type { PartitionEvent } from '../../domain/partition/events.js'
import {
  DEFAULT_QUEUE_CONFIG,
  NO_SWITCHES,
  type QueueConfig,
  type Switches,
} from '../../domain/queue/index.js'
import { PartitionState } from '../../projections/partition/index.js'

type Situation = 'waiting' | 'running' | 'dead'
export type Known = {
  readonly ordinal: number
  readonly priority: number
  readonly attributes: MessageAttributes
  situation: Situation
  dueAt: number
  fence: number
  zone: string | undefined
  /** Its last worker died with it. */
  inDoubt: boolean
}
type Start = Readonly<{ at: number; tenant: string | undefined }>
type Cap = Readonly<{ concurrencyMax?: number; rate?: Readonly<{ count: number; perMs: number }> }>

export class LaneQueue {
  at = 1_000
  readonly known = new Map<number, Known>()
  readonly starts: Start[] = []
  config: QueueConfig = { ...DEFAULT_QUEUE_CONFIG, failures: DEFAULT_FAILURE_RULES }
  switches: Switches = NO_SWITCHES
  private revision = 0

  constructor(readonly state = new PartitionState()) {}

  apply(event: PartitionEvent): void {
    this.state.apply(event, this.at, this.at)
  }

  adopt(config: Partial<QueueConfig>, switches: Partial<Switches> = {}): void {
    this.config = { ...this.config, ...config }
    this.switches = { ...this.switches, ...switches }
    const controlRevision = this.revision++
    const adopted = { config: this.config, switches: this.switches, paused: false }
    this.apply({ type: 'ConfigAdopted', controlRevision, ...adopted })
  }

  enqueue(attributes: MessageAttributes = {}, priority = 0, dueAt = 0): number {
    const ordinal = this.state.nextOrdinal
    const situation = { situation: 'waiting', dueAt, fence: 0, zone: undefined, inDoubt: false } as const
    this.known.set(ordinal, { ordinal, priority, attributes, ...situation })
    this.apply({
      type: 'MessageEnqueued',
      ordinal,
      callerId: undefined,
      payload: '1',
      priority,
      notBefore: dueAt,
      expiresAt: 0,
      attributes: Object.keys(attributes).length === 0 ? undefined : attributes,
    })
    return ordinal
  }

  /** The ordinal that is next, or -1. */
  next(inDoubt = false): number {
    const { ready, readyInDoubt } = this.state
    const slot = this.state.nextReady(this.at, inDoubt ? readyInDoubt : ready)
    return slot < 0 ? -1 : this.state.table.read(slot).ordinal
  }

  start(ordinal: number): void {
    const message = this.of(ordinal)
    const zone = this.state.effectiveZone(this.state.table.slotOf(ordinal))
    Object.assign(message, { situation: 'running', fence: this.state.nextFence, zone })
    this.starts.push({ at: this.at, tenant: message.attributes.tenant })
    const attempt = { attempt: 1, fence: message.fence, leaseMs: 100_000, worker: 'w', claimId: undefined }
    this.apply({ type: 'AttemptStarted', ordinal, callerId: undefined, ...attempt, zone })
  }

  /** Starts what is next; -1 when there is nothing. */
  take(): number {
    const ordinal = this.next()
    if (ordinal >= 0) this.start(ordinal)
    return ordinal
  }

  ack(ordinal: number): void {
    const { fence } = this.of(ordinal)
    this.known.delete(ordinal)
    const rest = { result: undefined, followUps: undefined, reconciled: undefined }
    this.apply({ type: 'AttemptSucceeded', ordinal, callerId: undefined, fence, ...rest })
  }

  release(ordinal: number): void {
    const { fence } = this.of(ordinal)
    Object.assign(this.of(ordinal), { situation: 'waiting', dueAt: 0 })
    this.apply({ type: 'AttemptReleased', ordinal, callerId: undefined, fence, notBefore: 0 })
  }

  fail(
    ordinal: number,
    then: Readonly<{ retryAt: number }> | 'dead',
    gate?: string,
    ended: 'reported' | 'workerLost' = 'reported',
  ): void {
    const message = this.of(ordinal)
    const of = { ordinal, callerId: undefined } as const
    const how = { failureType: 'BUSINESS', message: '', ended } as const
    message.inDoubt = then !== 'dead' && ended === 'workerLost'
    this.apply({ type: 'AttemptFailed', ...of, fence: message.fence, ...how })
    if (then === 'dead') {
      message.situation = 'dead'
      return this.apply({ type: 'MessageDeadLettered', ...of, reason: 'notRetryable', followUps: undefined })
    }
    const attributes = gate === undefined ? message.attributes : { ...message.attributes, gate }
    Object.assign(message, { situation: 'waiting', dueAt: then.retryAt, attributes })
    this.apply({ type: 'RetryScheduled', ...of, retryAt: then.retryAt, delayMs: 1, gate })
  }

  redrive(ordinal: number): void {
    Object.assign(this.of(ordinal), { situation: 'waiting', dueAt: 0 })
    this.apply({ type: 'MessageRedriven', ordinal, callerId: undefined, by: undefined })
  }

  cancel(ordinal: number): void {
    this.known.delete(ordinal)
    this.apply({ type: 'MessageCancelled', ordinal, callerId: undefined, by: undefined })
  }

  pass(ms: number): void {
    this.at += ms
    this.state.promote(this.at, 1_000)
  }

  of(ordinal: number): Known {
    const message = this.known.get(ordinal)
    if (message === undefined) throw new Error(`no message ${ordinal}`)
    return message
  }

  messages(situation: Situation): Known[] {
    return [...this.known.values()].filter((message) => message.situation === situation)
  }

  /** Everything that may start at this time, by search. */
  startable(at = this.at): Known[] {
    if (!this.allows(this.config.limits, () => true, at)) return []
    return this.messages('waiting').filter(
      (message) => message.dueAt <= at && this.isFirstOfGroup(message, at) && this.isOpen(message, at),
    )
  }

  private isOpen({ attributes }: Known, at: number): boolean {
    const { tenant, gate } = attributes
    if (gate !== undefined && this.switches.closedGates.includes(gate)) return false
    const zones = zonesOf(attributes)
    if (!(zones.length === 0 ? ['default'] : zones).some((zone) => this.state.circuits.admits(zone)))
      return false
    return (
      tenant === undefined || this.allows(this.config.limits.perTenant ?? {}, (name) => name === tenant, at)
    )
  }

  private isFirstOfGroup({ ordinal, attributes: { group } }: Known, at: number): boolean {
    if (group === undefined) return true
    if (this.switches.pausedGroups.includes(group)) return false
    const members = [...this.known.values()].filter(
      (other) => other.attributes.group === group && other.situation !== 'dead',
    )
    if (members.some(({ situation }) => situation === 'running')) return false
    const inLine = this.config.groupHead === 'skip' ? members.filter(({ dueAt }) => dueAt <= at) : members
    return Math.min(...inLine.map((member) => member.ordinal)) === ordinal
  }

  /** No more than the cap run, and no window would hold more starts than the rate allows. */
  private allows({ concurrencyMax, rate }: Cap, counts: (tenant?: string) => boolean, at: number): boolean {
    const running = this.messages('running').filter(({ attributes }) => counts(attributes.tenant)).length
    if (concurrencyMax !== undefined && running >= concurrencyMax) return false
    if (rate === undefined) return true
    const times = this.starts.filter(({ tenant }) => counts(tenant)).map((start) => start.at)
    return times.every((first, n) => {
      const withThisOne = times.length - n + 1
      return withThisOne <= rate.count + Math.floor(((at - first) * rate.count) / rate.perMs)
    })
  }
}

export const zonesOf = ({ zone, fallbackZones = [] }: MessageAttributes): ReadonlyArray<string> =>
  zone === undefined ? fallbackZones : [zone, ...fallbackZones]
