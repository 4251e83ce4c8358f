// One seeded run: clients, workers, operators, faults and crashes against the real engine, on a clock moved by hand; then
// everything is healed and the queue must drain. What was asked and answered is kept for the checkers.
import { strict as assert } from 'node:assert'
import { createHash } from 'node:crypto'
import type { RecordedBatch } from '../../domain/batch.js'
import type { ControlEvent, QueueControl } from '../../domain/queue/index.js'
import type { Reply } from '../../src/engine/replies.js'
import type { Delivery, Settlement } from '../../src/engine/requests.js'
import type { Calls, Told } from './checkers.js'
import { checkLog } from './checkersAnswers.js'
import type { FaultyLog, PlannedFault } from './faultyLog.js'
import { ack, batchesOfQueue, extend, fail, release, TestQueue } from './ledger.js'
import { Dice, GATES, GROUPS, POLICIES, Swarm } from './simulationSwarm.js'

const STEPS = 60
/** Healed, a run must come to its end within so many rounds of claim, ack and waiting. */
const DRAIN_ROUNDS_MAX = 120

export type RunReport = {
  broken: ReadonlyArray<string>
  left: ReadonlyArray<string>
  trace: ReadonlyArray<string>
  /** Events up to the first broken promise. */
  log: ReadonlyArray<string>
  /** Of all events and their times: the same for each run of a seed. */
  hash: string
  events: number
  /** How often each rare thing happened: a run in which nothing did proves nothing. */
  seen: Map<string, number>
}

const LOG_SHOWN = 25

const logUpTo = (broken: ReadonlyArray<string>, batches: ReadonlyArray<RecordedBatch>): string[] => {
  const found = broken
    .map((sentence) => /^revision (\d+)/.exec(sentence)?.[1])
    .find((one) => one !== undefined)
  if (broken.length === 0) return []
  const lines = batches.flatMap(({ at, epoch, firstRevision, events }) =>
    events.map((event, n) => `${firstRevision + n} at ${at} epoch ${epoch} ${JSON.stringify(event)}`),
  )
  const end = found === undefined ? lines.length : Number(found) + 1
  return lines.slice(Math.max(0, end - LOG_SHOWN), end)
}

/** Without the names of processes, which are counted over all runs of this process. */
const hashOf = (batches: ReadonlyArray<RecordedBatch>): string => {
  const hash = createHash('sha256')
  for (const { at, epoch, events } of batches) {
    hash.update(`${at} ${epoch};`)
    for (const event of events) hash.update(JSON.stringify({ ...event, worker: 0, incarnation: 0 }))
  }
  return hash.digest('hex')
}

type IsSo = (control: QueueControl) => boolean
type NamedChange = [name: string, change: (control: QueueControl) => ReadonlyArray<ControlEvent>]

class Run {
  private readonly calls: Calls = { enqueues: [], claims: [], settles: [], operates: [] }
  private readonly held: Delivery[] = []
  private readonly olds: Array<{ log: FaultyLog; die: () => void }> = []
  private readonly seen = new Map<string, number>()
  private readonly trace: string[] = []
  private claimIds: Array<{ claimId: string; worker: string }> = []
  private payloads = 0
  private workers = 0
  private ordinals = 0

  private constructor(
    private readonly dice: Dice,
    private readonly swarm: Swarm,
    private readonly queue: TestQueue,
  ) {}

  static async start(seed: number): Promise<Run> {
    const dice = new Dice(seed)
    const swarm = new Swarm(dice)
    const { settings, snapshotEveryEvents, payloadCacheBytes } = swarm
    const { random } = new Dice(seed ^ 0x5bd1e995)
    const queue = await TestQueue.open({ settings, snapshotEveryEvents, payloadCacheBytes, random })
    return new Run(dice, swarm, queue)
  }

  private pick<A>(from: ReadonlyArray<A>): A {
    return this.dice.pick(from)
  }
  private chance(p: number): boolean {
    return this.dice.chance(p)
  }
  private saw(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }

  async run(): Promise<RunReport> {
    for (let step = 0; step < STEPS; step++) {
      if (this.chance(this.swarm.faultRate)) this.planFault()
      for (let n = this.pick([1, 1, 2, 5]); n > 0; n--) this.ask()
      await this.let()
      if (this.chance(0.05)) await this.compareWithReplay()
    }
    await this.heal()
    await this.drain()
    await this.queue.assertReplayAgrees()
    const batches = await batchesOfQueue(this.queue)
    const rules = { policies: POLICIES, isLogPrompt: this.swarm.faultRate === 0 }
    const { broken, left } = checkLog(batches, this.calls, rules, 'orders.0.')
    for (const { events } of batches) for (const { type } of events) this.saw(type)
    // A defect is healed by a restart, so it would go unseen otherwise.
    const defects = this.queue.troubles.filter((trouble) => /^I\d/.test(trouble.message))
    const events = batches.reduce((sum, batch) => sum + batch.events.length, 0)
    const told = [...broken, ...defects.map((defect) => `defect: ${defect.message}`)]
    const { trace, seen } = this
    return { broken: told, left, trace, log: logUpTo(told, batches), hash: hashOf(batches), events, seen }
  }

  private ask(): void {
    const what = this.dice.random()
    if (what < 0.35) this.enqueue()
    else if (what < 0.6) this.claim()
    else if (what < 0.88) this.settle()
    else if (what < 0.95) this.operate()
    else this.control()
  }

  private planFault(): void {
    // No made-up conflicts: a log never answers so while the place is free. Processes that take over make real ones.
    const faults: PlannedFault[] = ['full', 'lostReply', 'lostRequest', 'lateRequest', 'held', 'held']
    const fault = this.pick(faults)
    this.trace.push(`fault ${fault}`)
    this.saw(fault)
    this.queue.log.plan(fault)
  }

  private enqueue(): void {
    const asked = Array.from({ length: this.pick([1, 1, 3]) }, () =>
      this.swarm.message(this.dice, ++this.payloads),
    )
    this.trace.push(`enqueue ${asked.map(({ payload }) => payload).join(' ')}`)
    const call: Calls['enqueues'][number] = {
      told: 'unknown',
      messages: asked.map(({ payload, dedupMode }) => ({ payload, dedupMode })),
      results: [],
    }
    this.calls.enqueues.push(call)
    this.answer(this.queue.enqueue(...asked), call, (results) => {
      call.results = results
    })
  }

  private claim(): void {
    const again = this.claimIds.length > 0 && this.chance(0.3) ? this.pick(this.claimIds) : undefined
    const number = ++this.workers
    const isLocal = this.chance(0.5)
    const worker = again?.worker ?? (isLocal ? `local:${this.queue.incarnation}:${number}` : `w${number}`)
    const claimId = again?.claimId ?? (this.chance(0.4) ? `c${number}` : undefined)
    if (again === undefined && claimId !== undefined) this.claimIds.push({ claimId, worker })
    this.trace.push(`claim ${worker} ${claimId ?? ''}`)
    const call: Calls['claims'][number] = { told: 'unknown', worker, repeats: again !== undefined, given: [] }
    this.calls.claims.push(call)
    // A repeat shares the name of the first, so what the first did is no proof against the repeat, nor the other way.
    if (again !== undefined)
      for (const other of this.calls.claims) if (other.worker === worker) other.repeats = true
    const wish = {
      worker,
      claimId,
      max: this.pick([1, 1, 3]),
      waitMs: this.pick([0, 0, 200]),
      leaseMs: this.pick([100, 5_000]),
    }
    this.answer(this.queue.claim({ ...wish, mayRunInDoubt: this.chance(0.7) }), call, ({ deliveries }) => {
      call.given = deliveries.map(({ ordinal, fence, enqueued }) => ({
        ordinal,
        fence,
        payload: enqueued.payload,
      }))
      this.held.push(...deliveries)
    })
  }

  private settle(): void {
    if (this.held.length === 0) return
    // Mostly the latest ones, sometimes one that was settled or lost long ago.
    const from = this.chance(0.7) ? this.held.slice(-5) : this.held
    const delivery = this.pick(from)
    const settlement = this.settlementOf(delivery)
    this.trace.push(`${settlement.outcome} ${delivery.ordinal}/${delivery.fence}`)
    const { ordinal, fence } = delivery
    const call: Calls['settles'][number] = {
      told: 'unknown',
      ordinal,
      fence,
      outcome: settlement.outcome,
      retryable: settlement.outcome !== 'fail' || settlement.retryable,
      failureType: settlement.outcome === 'fail' ? settlement.failureType : undefined,
      accepted: false,
    }
    this.calls.settles.push(call)
    this.answer(this.queue.settle(settlement), call, ([result]) => {
      call.accepted = result?._tag === 'Right'
      if (!call.accepted) this.saw('late settlement refused')
    })
  }

  private settlementOf(delivery: Delivery): Settlement {
    switch (this.swarm.outcome(this.dice)) {
      case 'ack':
        return ack(delivery, this.chance(0.3) ? '"done"' : undefined)
      case 'fail':
        return fail(delivery, {
          failureType: this.swarm.failureType(this.dice),
          retryable: !this.chance(0.1),
        })
      case 'release':
        return release(delivery, this.pick([0, 50]))
      default:
        return extend(delivery, this.pick([100, 5_000]))
    }
  }

  private operate(): void {
    const state = this.queue.engine.partition(0).state
    this.ordinals = Math.max(this.ordinals, (state?.nextOrdinal ?? 1) - 1)
    const dead = [...(state?.deadLetters ?? [])]
    const command = this.pick(['cancel', 'redrive', 'redrive', 'purge'] as const)
    const ordinal =
      command !== 'cancel' && dead.length > 0
        ? this.pick(dead)
        : Math.ceil(this.dice.random() * (this.ordinals + 1))
    this.trace.push(`${command} ${ordinal}`)
    const call: Calls['operates'][number] = { told: 'unknown', ordinal, command, accepted: false }
    this.calls.operates.push(call)
    this.answer(this.queue.engine.operate(0, command, [ordinal], undefined), call, ([result]) => {
      call.accepted = result?._tag === 'Right'
    })
  }

  private control(): void {
    const [name, change] = this.pick([
      this.pausing(this.chance(0.3)),
      this.groupPausing(this.pick(GROUPS), this.chance(0.5)),
      this.gateClosing(this.pick(GATES), this.chance(0.5)),
    ])
    this.trace.push(name)
    this.queue.engine.changeControl(change).catch(() => undefined)
  }

  private pausing(pause: boolean): NamedChange {
    const type = pause ? 'QueuePaused' : 'QueueResumed'
    return [type, ({ paused }) => (paused === pause ? [] : [{ type, by: undefined }])]
  }
  private groupPausing(group: string, pause: boolean): NamedChange {
    const type = pause ? 'GroupPaused' : 'GroupResumed'
    const isSo: IsSo = ({ switches }) => switches.pausedGroups.includes(group) === pause
    return [`${type} ${group}`, (control) => (isSo(control) ? [] : [{ type, group, by: undefined }])]
  }
  private gateClosing(gate: string, close: boolean): NamedChange {
    const type = close ? 'GateClosed' : 'GateOpened'
    const isSo: IsSo = ({ switches }) => switches.closedGates.includes(gate) === close
    return [`${type} ${gate}`, (control) => (isSo(control) ? [] : [{ type, gate, by: undefined }])]
  }

  private answer<A>(reply: Promise<Reply<A>>, call: { told: Told }, accept: (value: A) => void): void {
    reply.then((answer) => {
      if (answer._tag === 'Right') {
        call.told = 'ok'
        accept(answer.right.value)
      } else {
        call.told = answer.left.kind === 'unknown' ? 'unknown' : 'definite'
        this.saw(`told ${answer.left.kind}`)
      }
    })
  }

  /** Time, the network and the processes have their turn. */
  private async let(): Promise<void> {
    const { queue } = this
    if (this.chance(0.3)) return
    await queue.clock.settle()
    if (this.chance(0.3)) queue.log.release()
    if (this.chance(0.5)) await queue.clock.advance(this.pick([1, 20, 120, 700]))
    if (this.chance(0.05)) {
      this.saw('wall clock jumps')
      queue.clock.jumpWall(this.pick([3_600_000, -3_600_000, 5, -5]))
    }
    if (this.chance(0.05)) {
      this.saw('the process is held up')
      queue.clock.block(this.pick([50, 6_000]))
    }
    if (this.chance(this.swarm.crashRate)) await this.lose()
  }

  /** At the end little is left to compare. Only when all that this process decided is in the log, and nobody else's after it. */
  private async compareWithReplay(): Promise<void> {
    const { queue } = this
    await queue.clock.settle()
    const { state } = queue.engine.partition(0)
    const last = (await batchesOfQueue(queue)).at(-1)
    if (state === undefined || last?.batchId !== queue.log.asked.at(-1)?.batch.batchId) return
    if (last === undefined || last.firstRevision + last.events.length !== state.nextRevision) return
    this.saw('compared with replay')
    await queue.assertReplayAgrees()
  }

  private async lose(): Promise<void> {
    const { queue } = this
    const takeOver = this.chance(0.3)
    this.trace.push(takeOver ? 'another process takes over' : 'crash')
    this.saw(takeOver ? 'take-over' : 'crash')
    if (takeOver) this.olds.push(await queue.takeOver())
    else {
      this.olds.push({ log: queue.log, die: () => undefined })
      await queue.restart()
    }
    // What the old process had sent arrives before, or long after.
    if (this.chance(0.5)) for (const { log } of this.olds) log.release()
  }

  private async heal(): Promise<void> {
    const { queue } = this
    this.trace.push('heal')
    queue.log.heal()
    for (const { log } of [...this.olds, queue]) {
      log.heal()
      log.release()
    }
    // Two that both live take the partition from each other for ever: who may is not decided here.
    for (const old of this.olds) old.die()
    await queue.clock.advance(30_000)
    for (const { log } of this.olds) log.release()
    await queue.clock.settle()
    // One that lost its place to a process that has died since finds out with its next append: it begins anew here.
    if (this.olds.length > 0 || queue.engine.partition(0).failure !== undefined) await queue.restart()
    const changes = [
      this.pausing(false),
      ...GROUPS.map((group) => this.groupPausing(group, false)),
      ...GATES.map((gate) => this.gateClosing(gate, false)),
    ]
    for (const [, change] of changes) await queue.clock.settled(queue.engine.changeControl(change))
  }

  private async drain(): Promise<void> {
    const { queue } = this
    for (let round = 0; round < DRAIN_ROUNDS_MAX; round++) {
      const { counts } = queue.engine.partition(0).state ?? assert.fail('the partition is not open')
      if (counts.scheduled + counts.pending + counts.retrying + counts.processing === 0) return
      for (const delivery of await queue.claimed({ max: 50, worker: 'drain' })) {
        await queue.settled(ack(delivery))
        const { ordinal, fence } = delivery
        const drained = { ordinal, fence, outcome: 'ack', retryable: true, failureType: undefined }
        this.calls.settles.push({ ...drained, told: 'ok', accepted: true })
      }
      await queue.clock.advance(500)
    }
    assert.fail('the queue does not drain')
  }
}

export const simulate = async (seed: number): Promise<RunReport> => (await Run.start(seed)).run()
