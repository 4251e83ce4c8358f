// This process as a node among several on one log: says that it lives, listens whether the others do, reads and writes the cluster
// stream, and holds what it owns. Nothing here is needed for safety, which is the expected revision's (§4.2, §4.13): a node that is
// wrong about itself appends to streams that others have taken, is refused, and asks here whether it is still the owner.
import { isRight } from 'fp-ts/lib/Either.js'
import {
  type Apart,
  type ClusterEvent,
  type ClusterState,
  claimUnit,
  decline,
  handOver,
  isMember,
  join,
  lead,
  leaderOf,
  leave,
  type Member,
  ownerOf,
  queueOfUnit,
  queueUnit,
  type Run,
  taskOfUnit,
  taskUnit,
  unitsOf,
} from '../../domain/cluster/index.js'
import type { Delivered, NamedFollowUp } from '../engine/followUpDelivery.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import type { Heartbeats } from '../ports/heartbeats.js'
import type { Ids } from '../ports/ids.js'
import { errorFrom } from '../runtime/tell.js'
import { answeredWithin } from './answeredWithin.js'
import { type ClusterReport, clusterReport } from './clusterReport.js'
import { ClusterStream } from './clusterStream.js'
import { ClusterTasks, NotRunHere, type StartTask } from './clusterTasks.js'
import { GivingAway } from './givingAway.js'
import { HeldUnits, type UnitWork } from './heldUnits.js'
import type { ClusterTimes } from './options.js'
import type { Peers } from './peers.js'
import { SignsOfLife } from './signsOfLife.js'
import { Tenures } from './tenures.js'

/** Up to which level of events this program understands. Raised with each kind or version of an event that older ones do not know. */
export const LEVEL = 2

/** A member that does not understand the next level yet has so many tenures to come back, before it is written without it. */
const LEVEL_SETTLES_TENURES = 6

export type ClusterNodeDeps = Readonly<{
  /** Not guarded: what it says of the connection is for itself to judge. */
  log: EventLog
  heartbeats: Heartbeats
  clock: Clock
  ids: Ids
  self: Run & Readonly<{ address: string; version: string; level?: number }>
  times: ClusterTimes
  /** Queues that there are, as far as this node knows. */
  queues: () => ReadonlySet<string>
  refreshQueues: () => Promise<unknown>
  peers: Peers
  /** Whether the other answers, over the network. Never rejects. */
  reaches: (member: Member) => Promise<boolean>
  /** Enqueues follow-ups into a queue that this node leads. */
  deliver: (queue: string, followUps: ReadonlyArray<NamedFollowUp>) => Promise<Delivered>
  work: (queue: string) => UnitWork
  /** Whether nobody else could lead it with better luck here: it is given back with the reason. */
  cannotLead: (error: unknown) => boolean
  onTrouble: (message: string, queue: string, final: boolean) => void
}>

export class ClusterNode {
  readonly self: Omit<Member, 'joined'>
  private readonly stream: ClusterStream
  private readonly signs: SignsOfLife
  private readonly held: HeldUnits
  private readonly tasks = new ClusterTasks()
  private readonly listeners = new Set<() => void>()
  private readonly tenures: Tenures
  private readonly away: GivingAway
  /** Begin of the last turn that went through: until so long after it nobody takes this node for dead. */
  private confirmedTick = Number.NEGATIVE_INFINITY
  private hasJoined = false
  private phase: 'running' | 'leaving' | 'ended' = 'running'
  private turning: Promise<void> = Promise.resolve()
  private cancelTurn: (() => void) | undefined
  private refreshingQueues: Promise<unknown> | undefined
  /** Queues created before this tick are known here. */
  private queuesKnownAt = Number.NEGATIVE_INFINITY
  readonly peers: Peers
  readonly deliver: ClusterNodeDeps['deliver']
  private told = ''

  constructor(private readonly deps: ClusterNodeDeps) {
    const { level = LEVEL, ...self } = deps.self
    const { times, clock } = deps
    this.self = { ...self, level }
    this.peers = deps.peers
    this.deliver = deps.deliver
    this.stream = new ClusterStream(deps)
    this.stream.whenChanged = () => this.changed()
    this.tenures = new Tenures(clock.tickMs)
    this.signs = new SignsOfLife({ ...deps, tickMs: clock.tickMs })
    this.held = new HeldUnits(clock.tickMs, times.heartbeatMs, (unit, error) => this.failed(unit, error))
    const { stream, held, signs } = this
    const tell = (message: string): void => deps.onTrouble(message, '', false)
    this.away = new GivingAway({ self: this.self, stream, held, signs, tenureMs: times.tenureMs, tell })
  }

  /** Joins. Rejects when the log does not answer, or when this program is too old for what the members have written (R65). */
  async start(): Promise<void> {
    await this.stream.refresh()
    await this.join()
    await this.look()
    this.confirmedTick = this.deps.clock.tickMs()
    this.hasJoined = true
    this.next(0)
  }

  /** Work that one node does for all. `start` answers with the way to end it; rejecting = tried again. */
  runTask(name: string, start: StartTask): void {
    this.tasks.add(name, start)
    this.soon()
  }

  get state(): ClusterState {
    return this.stream.state
  }

  get now(): number {
    return this.deps.clock.tickMs()
  }

  private get apart(): Apart {
    return this.signs.apart(this.live())
  }

  /** Members that live, as far as this node can tell. */
  live(): ReadonlySet<string> {
    const live = [...this.state.members.keys()].filter((node) => this.signs.isLive(node))
    return new Set([...live, ...(isMember(this.state, this.self) ? [this.self.node] : [])])
  }

  /** Nobody can have taken it for dead yet, half a beat to spare: what it answers is not older than that. */
  get isTrusted(): boolean {
    const { deadAfterMs, heartbeatMs } = this.deps.times
    return this.now - this.confirmedTick < deadAfterMs - heartbeatMs / 2 && this.phase !== 'ended'
  }

  ownerOfQueue(queue: string): Member | undefined {
    return ownerOf(this.state, queueUnit(queue))
  }

  /** Whether this node may answer for the queue now. */
  ownsQueue(queue: string): boolean {
    const unit = queueUnit(queue)
    return this.isTrusted && this.owns(unit) && !this.away.has(unit)
  }

  /** What was assigned to this node is open. */
  get isReady(): boolean {
    return this.isTrusted && unitsOf(this.state, this.self).every((unit) => this.held.isOpen(unit))
  }

  private owns(unit: string): boolean {
    const owner = ownerOf(this.state, unit)
    return owner?.node === this.self.node && owner.incarnation === this.self.incarnation
  }

  /** Asked by a writer that was fenced. */
  async stillLeads(queue: string): Promise<boolean> {
    await this.stream.refresh()
    return this.phase === 'running' && this.owns(queueUnit(queue))
  }

  refresh(): Promise<ClusterState> {
    return this.stream.refresh()
  }

  /** Gives a queue that nobody owns to somebody: for one that is about to be created. */
  async assignQueue(queue: string): Promise<Member | undefined> {
    if (this.ownerOfQueue(queue) === undefined) {
      await this.stream.refresh()
      const live = this.live()
      await this.stream.change((state) => claimUnit(state, queueUnit(queue), live, this.apart))
    }
    return this.ownerOfQueue(queue)
  }

  /** Called after each change of members or assignments. Returns the way to stop. */
  whenChanged(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Resolves after the next such change, or after `ms`. */
  changedWithin(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        stop()
        cancel()
        resolve()
      }
      const stop = this.whenChanged(over)
      const cancel = this.deps.clock.after(ms, over)
    })
  }

  /** No call of this node gets to it now: whatever is meant for it need not be sent. */
  isOutOfReach({ node }: Member): boolean {
    return this.signs.isOutOfReach(node)
  }

  /** Says no more of itself: nobody need wait for it to lead something. */
  get hasEnded(): boolean {
    return this.phase === 'ended'
  }

  report(): ClusterReport {
    const live = this.live()
    return clusterReport(this.state, {
      node: this.self.node,
      live,
      silentMs: (node) => this.signs.silentMs(node),
      unreachedBy: (node) => this.signs.unreachedBy(node, live),
      tenureMs: (unit) => this.tenures.ms(unit),
      leader: leaderOf(this.state, live)?.node,
    })
  }

  /** Hands over what it owns, queue by queue, and says goodbye; requests go on meanwhile. */
  async leave(): Promise<void> {
    if (this.phase !== 'running') return
    this.phase = 'leaving'
    let isAway = false
    // Whoever cannot be told so notices by itself.
    const tell = async (events: (state: ClusterState) => ReadonlyArray<ClusterEvent>): Promise<void> => {
      if (isAway) return
      await this.stream.change(events).catch(() => {
        isAway = true
      })
    }
    await Promise.all(
      this.held.units.map(async (unit) => {
        await this.away.end(unit)
        await tell((state) => handOver(state, this.self, unit, this.live(), this.apart))
      }),
    )
    await tell((state) => leave(state, this.self, this.live(), this.apart))
    await this.end()
  }

  /** Without a word: the others notice. */
  async end(): Promise<void> {
    this.phase = 'ended'
    this.cancelTurn?.()
    await this.turning
    await Promise.all(this.held.units.map((unit) => this.held.release(unit)))
    this.peers.close()
  }

  private next(delayMs: number): void {
    this.cancelTurn?.()
    if (this.phase === 'ended') return
    this.cancelTurn = this.deps.clock.after(delayMs, () => {
      this.cancelTurn = undefined
      this.turning = this.turn()
    })
  }

  private soon(): void {
    // A turn under way sees to the next one itself.
    if (this.cancelTurn !== undefined) this.next(0)
  }

  private async turn(): Promise<void> {
    const startTick = this.now
    try {
      await this.within(this.signs.beat([...this.state.members.values()]))
      await this.within(this.stream.refresh())
      await this.within(this.look())
      if (isMember(this.state, this.self)) this.confirmedTick = startTick
      if (this.phase === 'running') await this.within(this.decide())
      this.told = ''
    } catch (error) {
      this.tell(`the cluster cannot be reached: ${errorFrom(error).message}`)
    }
    this.hold()
    if (this.phase !== 'ended') this.next(Math.max(1, this.deps.times.heartbeatMs - (this.now - startTick)))
  }

  private tell(message: string): void {
    if (message === this.told) return
    this.told = message
    this.deps.onTrouble(message, '', false)
  }

  private within<A>(answer: Promise<A>): Promise<A> {
    return answeredWithin(this.deps.clock, this.deps.times.deadAfterMs, answer)
  }

  private async look(): Promise<void> {
    const tick = this.now
    this.refreshingQueues ??= this.deps
      .refreshQueues()
      .then(
        () => {
          this.queuesKnownAt = tick
        },
        () => undefined,
      )
      .finally(() => {
        this.refreshingQueues = undefined
      })
    await this.signs.look([...this.state.members.values()])
  }

  private async decide(): Promise<void> {
    if (!isMember(this.state, this.self)) await this.join()
    if (this.phase !== 'running') return
    const { apart } = this
    const live = this.live()
    await this.stream.change((state) => {
      const events = lead(state, {
        self: this.self,
        live,
        apart,
        units: new Set([...this.deps.queues()].map(queueUnit)),
        isLevelSettled: this.tenures.levelMs > LEVEL_SETTLES_TENURES * this.deps.times.tenureMs,
        // A queue that was to be created when this was assigned would be known by now.
        settled: (unit) =>
          taskOfUnit(unit) === undefined &&
          this.tenures.wasOlder(unit, this.deps.times.tenureMs, this.queuesKnownAt),
      })
      if (events.length > 0) return events
      return this.tasks.names.flatMap((task) => claimUnit(state, taskUnit(task), live, apart)).slice(0, 1)
    })
    await this.away.balance(live, apart)
  }

  private async join(): Promise<void> {
    const known = this.state.members.get(this.self.node)
    if (this.hasJoined && known !== undefined && known.incarnation !== this.self.incarnation) {
      // Not one sign of life more: they would be taken for the other's.
      this.phase = 'ended'
      this.deps.onTrouble(
        `another process has joined the cluster as ${this.self.node}: this one stops`,
        '',
        true,
      )
      return
    }
    await this.stream.change((state) => {
      const events = join(state, this.self)
      if (isRight(events)) return events.right
      const { level, needed } = events.left
      throw new Error(
        `this program understands events up to level ${level}, and the cluster writes level ${needed}: use a newer version`,
      )
    })
  }

  private changed(): void {
    this.tenures.note(this.state)
    if (this.hasJoined) this.hold()
    this.peers.keepOnly(this.state.members.values())
    for (const listener of [...this.listeners]) listener()
  }

  private hold(): void {
    const isLeaving = this.phase !== 'running'
    const owned = unitsOf(this.state, this.self).filter((unit) => !this.away.has(unit))
    // One that is on its way out takes nothing up; what it has it hands over itself.
    if (!isLeaving) this.held.want(new Set(owned), (unit) => this.workOf(unit))
    else if (!isMember(this.state, this.self)) this.held.want(new Set(), (unit) => this.workOf(unit))
  }

  private workOf(unit: string): UnitWork {
    const queue = queueOfUnit(unit)
    if (queue !== undefined) return this.deps.work(queue)
    return this.tasks.workOf(taskOfUnit(unit) ?? '')
  }

  private failed(unit: string, error: unknown): void {
    const { message } = errorFrom(error)
    const final = error instanceof NotRunHere || this.deps.cannotLead(error)
    if (!(error instanceof NotRunHere))
      this.deps.onTrouble(`${unit} cannot be led here: ${message}`, queueOfUnit(unit) ?? '', final)
    if (final)
      void this.stream.change((state) => decline(state, this.self, unit, message)).catch(() => undefined)
  }
}
