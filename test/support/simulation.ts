// One seeded run: clients, workers, operators, faults, pauses and deaths against the real engine in one to three processes, on
// time that is moved by hand; then everything is healed, and the queue must drain. What was asked and answered is kept for
// the checkers. Each step draws from dice of its own, so that a run with fewer steps is the same run with less in it.
import { strict as assert } from 'node:assert'
import { createHash } from 'node:crypto'
import type { LedgerEvent, RecordedBatch } from '../../domain/batch.js'
import { controlStream, partitionStream } from '../../domain/ids.js'
import { configure } from '../../domain/queue/index.js'
import { stateHash } from '../../projections/partition/index.js'
import { type Recovered, recoverPartition } from '../../src/engine/recovery.js'
import type { Reply } from '../../src/engine/replies.js'
import type { Claimed } from '../../src/engine/requests.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import type { Rules } from './checkers.js'
import { checkPartitions } from './checkersAnswers.js'
import { type Control, controlsOf } from './checkersControl.js'
import { ack, batchesOf } from './ledger.js'
import { BLOB_FAULTS, SimulatedBlobs } from './simulationBlobs.js'
import { Clients, newCalls } from './simulationClients.js'
import { diskHome } from './simulationDiskHome.js'
import { Edits } from './simulationEdits.js'
import { type LogHome, type ProcessLog, serverHome } from './simulationLog.js'
import { SimulationNode, type World } from './simulationNode.js'
import { ALL_CLEAR, Operators } from './simulationOperators.js'
import { lookBack } from './simulationPast.js'
import { RegisterPlace } from './simulationRegister.js'
import { Resizes } from './simulationResizes.js'
import { Dice, IN_LOG_BYTES_MAX, Swarm, seeded } from './simulationSwarm.js'
import { SimulatedTime } from './simulationTime.js'

export const STEPS = 240
/** Healed, a run must come to its end within so many rounds of claim, ack and waiting. */
const DRAIN_ROUNDS_MAX = 160
const DRAIN_ROUND_MS = 500
/** What was held back or paused has to go on within this. */
const HEALING_MS = 30_000
const DRAINED_MS = 5_000
/** Openings that faults may spoil at the end, before it must succeed: all is healed by then. */
const OPENINGS_MAX = 3
const LOG_SHOWN = 25
/** What makes clocks of processes disagree. */
const OTHER_TIMES = ['wall clock jumps', 'the clock of a node jumps', 'a clock is ahead or behind']

export type RunReport = {
  broken: ReadonlyArray<string>
  left: ReadonlyArray<string>
  trace: ReadonlyArray<string>
  /** Events up to the first broken promise. */
  log: ReadonlyArray<string>
  /** Of all events and their times: the same for each run of a seed. */
  hash: string
  events: number
  /** What it took, in turns of processes. */
  turns: number
  /** How often each rare thing happened: a run in which nothing did proves nothing. */
  seen: Map<string, number>
}

/** To look closer at a seed: only these steps of it, and without these features and faults. */
export type RunOptions = Readonly<{ steps?: ReadonlySet<number>; without?: ReadonlySet<string> }>

const logUpTo = (
  broken: ReadonlyArray<string>,
  logs: ReadonlyArray<ReadonlyArray<RecordedBatch>>,
): string[] => {
  if (broken.length === 0) return []
  const [, inPartition = '0', at] =
    broken.map((sentence) => /^partition (\d+) revision (\d+)/.exec(sentence)).find((one) => one !== null) ??
    []
  const lines = (logs[Number(inPartition)] ?? []).flatMap(({ at, epoch, firstRevision, events }) =>
    events.map((event, n) => `${firstRevision + n} at ${at} epoch ${epoch} ${shown(event)}`),
  )
  const end = at === undefined ? lines.length : Number(at) + 1
  return lines.slice(Math.max(0, end - LOG_SHOWN), end)
}

/** A configuration fills the screen, and says nothing about the messages. */
const shown = (event: LedgerEvent): string =>
  JSON.stringify('config' in event ? { ...event, config: '...' } : event)

const hashOf = (logs: ReadonlyArray<ReadonlyArray<RecordedBatch>>): string => {
  const hash = createHash('sha256')
  for (const { at, epoch, events } of logs.flat()) hash.update(`${at} ${epoch} ${JSON.stringify(events)};`)
  return hash.digest('hex')
}

class Run {
  private readonly calls = newCalls()
  private readonly seen = new Map<string, number>()
  private readonly trace: string[] = []
  private readonly clients: Clients
  private readonly operators: Operators
  private readonly edits: Edits
  private readonly resizes: Resizes
  private readonly world: World
  /** One place for each process that may live at the same time. */
  private readonly nodes: Array<SimulationNode | undefined> = []
  private readonly registers: RegisterPlace[] = []
  /** Of processes that have died: what they had sent may still arrive. */
  private readonly oldLogs: ProcessLog[] = []
  /** Promises of which it was seen while it ran that they are broken. */
  private readonly brokenBefore: string[] = []
  private booted = 0
  private step = 0

  constructor(
    private readonly seed: number,
    private readonly options: RunOptions,
    private readonly home: LogHome & { flip?: (dice: Dice) => string | undefined },
  ) {
    const swarm = new Swarm(seed, options.without)
    const diary = {
      calls: this.calls,
      note: (text: string) => this.trace.push(`${this.step} ${text}`),
      saw: this.saw,
    }
    this.clients = new Clients(swarm, diary)
    this.operators = new Operators(swarm, diary, this.clients)
    this.resizes = new Resizes(swarm, diary, this.clients)
    this.edits = new Edits(swarm, diary, Math.min(swarm.nodes, home.processesMax) === 1)
    if (swarm.features.blobs)
      this.calls.blobs = {
        aboveBytes: IN_LOG_BYTES_MAX,
        put: new Set(),
        damaged: new Set(),
        outOfReach: new Set(),
      }
    const created = configure(swarm.settings)
    assert.ok(created._tag === 'Right', JSON.stringify(created))
    let named = 0
    this.world = {
      time: new SimulatedTime(seeded(seed ^ 0x2545f491)),
      home,
      entry: { queue: 'orders', generation: 1, created: created.right, deleted: false },
      snapshotEveryEvents: swarm.snapshotEveryEvents,
      payloadCacheBytes: swarm.payloadCacheBytes,
      random: seeded(seed ^ 0x5bd1e995),
      blobs:
        this.calls.blobs &&
        new SimulatedBlobs(IN_LOG_BYTES_MAX, new Dice(seed ^ 0x510e527f), this.calls.blobs, this.saw),
      unique: () => `u${++named}`,
      dead: new Set(),
      resizes: swarm.resizes ? this.saw : undefined,
      defects: [],
    }
  }

  private get swarm(): Swarm {
    return this.operators.swarm
  }
  private get time(): SimulatedTime {
    return this.world.time
  }
  private get nodesMax(): number {
    return Math.min(this.swarm.nodes, this.home.processesMax)
  }
  private readonly saw = (what: string): void => {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }

  async run(): Promise<RunReport> {
    for (let place = 0; place < this.nodesMax; place++) void this.boot(place, new Dice(this.seed + place))
    await this.time.settle()
    for (this.step = 0; this.step < STEPS; this.step++) {
      if (this.options.steps?.has(this.step) === false) continue
      const dice = Math.imul(this.seed, 0x9e3779b1) + this.step
      await this.take(new Dice(dice))
      await this.besides(new Dice(dice ^ 0x3c6ef372))
    }
    const node = await this.heal()
    await this.drain(node)
    await this.time.until(this.edits.sweepAtTheEnd(node))
    // What is empty by now is said to be drained.
    if (this.swarm.resizes) await this.time.advance(DRAINED_MS)
    const logs = await this.readLogs()
    await this.compareWithReplay(node)
    const rules = { ...(await this.rules(true)), isPrompt: this.isPrompt }
    const { broken, left, seen: together } = checkPartitions(logs, this.calls, rules)
    for (const [what, n] of together) this.seen.set(what, n)
    let events = 0
    for (const event of logs.flat().flatMap((batch) => batch.events)) {
      this.saw(event.type)
      if (event.type === 'CircuitOpened' && event.reason === 'failureShare') this.saw('opened by a share')
    }
    for (const { events: inBatch } of logs.flat()) events += inBatch.length
    for (const [what, n] of this.home.seen) this.seen.set(what, n)
    // A defect is healed by a restart, so it would go unseen otherwise.
    const defects = this.world.defects.map((defect) => `defect: ${defect}`)
    const told = [...broken, ...defects, ...this.brokenBefore, ...(await this.home.check())]
    const { trace, seen } = this
    const { turns } = this.time
    return { broken: told, left, trace, log: logUpTo(told, logs), hash: hashOf(logs), events, turns, seen }
  }

  private get isPrompt(): boolean {
    const { faultRate, crashRate, turnByTurn } = this.swarm
    const isAlone = crashRate === 0 && this.nodesMax === 1
    return faultRate === 0 && isAlone && !turnByTurn && !this.seen.has('the process is held up')
  }

  async brokenOff(error: unknown): Promise<RunReport> {
    const broken = [error instanceof Error ? error.message : String(error)]
    const logs = await this.readLogs().catch(() => [])
    const { trace, seen } = this
    const { turns } = this.time
    return { broken, left: [], trace, log: logUpTo(broken, logs), hash: hashOf(logs), events: 0, turns, seen }
  }

  private take(dice: Dice): Promise<void> | void {
    const what = dice.random()
    if (what < 0.55) return this.ask(dice)
    if (what < 0.9) return this.go(dice)
    if (what < 0.95) return dice.chance(this.swarm.faultRate) ? this.planFault(dice) : this.release()
    if (what < 0.98) return dice.chance(this.swarm.crashRate) ? this.shake(dice) : this.mend(dice)
    if (what < 0.994) return this.turnClocks(dice)
    return this.compareWithReplay(this.someNode(dice))
  }

  /** What was added later, with dice of its own: what a step did before it does still. */
  private async besides(dice: Dice): Promise<void> {
    if (dice.chance(0.01) && this.options.without?.has('looking back') !== true) await this.lookBack(dice)
    const node = this.someNode(dice)
    // Circuits open where messages end one after the other.
    if (this.swarm.settings.circuit?.adaptive === true && dice.chance(0.2) && node !== undefined)
      this.clients.claim(dice, node, true)
    if (dice.chance(0.05 * this.swarm.faultRate)) this.world.blobs?.plan(dice.pick(BLOB_FAULTS))
    if (dice.chance(0.1 * this.swarm.faultRate) && this.options.without?.has('flips') !== true) {
      const flipped = this.home.flip?.(dice)
      if (flipped !== undefined) this.trace.push(`${this.step} a bit flips in ${flipped}`)
    }
    const { time } = this
    const heldFault = this.home.faults.find(
      (fault) => /held$/.test(fault) && !this.options.without?.has(fault),
    )
    const kill = (one: SimulationNode): void => {
      if (this.options.without?.has('crash') !== true) this.kill(one)
    }
    if (this.swarm.resizes && node !== undefined && node.state === 'up')
      await this.resizes.perhaps(dice, node, { time, heldFault, kill })
  }

  /** Somebody asks how a partition was after one of its batches. */
  private async lookBack(dice: Dice): Promise<void> {
    const { queue, generation } = this.world.entry
    const chosen = dice.random()
    const reader = this.home.reader()
    if (reader === undefined) return
    const rules = await this.rules(false)
    const partition = Math.floor(chosen * partitionCount(rules.controls))
    const stream = partitionStream({ queue, generation, partition })
    const batches = await batchesOf(reader, stream)
    const count = Math.ceil(batches.length * (dice.chance(0.5) ? dice.random() : 1 - dice.random() / 4))
    this.trace.push(`${this.step} look back at partition ${partition} after ${count} batches`)
    this.saw('looked back')
    const asked = { stream, partition, calls: this.calls, rules }
    this.brokenBefore.push(...(await lookBack(reader, asked, batches.slice(0, count))))
  }

  private someNode(dice: Dice): SimulationNode | undefined {
    const up = this.nodes.filter((node) => node?.state === 'up')
    return up.length === 0 ? undefined : dice.pick(up)
  }

  private ask(dice: Dice): void {
    const node = this.someNode(dice)
    if (node === undefined) return this.mend(dice)
    const what = dice.random()
    if (what < 0.34) this.clients.enqueue(dice, node)
    else if (what < 0.58) this.clients.claim(dice, node)
    else if (what < 0.82) this.clients.settle(dice, node)
    else if (what < 0.88) this.operators.operate(dice, node)
    else if (what < 0.92) this.operators.control(dice, node)
    else this.edits.any(dice, node)
  }

  /** Processes have their turns, and time passes. */
  private async go(dice: Dice): Promise<void> {
    const { time } = this
    const what = dice.random()
    if (what < 0.4) {
      const turns = dice.pick([1, 2, 5, 20])
      if (this.swarm.turnByTurn) await time.steps(turns)
      else await time.settle()
    } else if (what < 0.6) await time.settle()
    else await time.advance(dice.pick([1, 20, 120, 120, 700, 2_500]))
  }

  private planFault(dice: Dice): void {
    const node = this.someNode(dice)
    if (node?.log === undefined) return
    const fault = dice.pick(this.home.faults)
    if (this.options.without?.has(fault)) return
    this.trace.push(`${this.step} ${node.name}: fault ${fault}`)
    this.saw(fault)
    node.log.plan(fault)
  }

  private release(): void {
    for (const node of this.nodes) node?.log?.release()
    for (const log of this.oldLogs) log.release()
  }

  private turnClocks(dice: Dice): void {
    if (this.options.without?.has('clocks')) return
    const node = this.someNode(dice)
    const what = dice.pick(['all', 'one', 'held up'])
    this.trace.push(`${this.step} clocks: ${what}`)
    if (what === 'all') {
      this.saw('wall clock jumps')
      this.time.jumpWall(dice.pick([3_600_000, -3_600_000, 5, -5]))
    } else if (what === 'one' && node !== undefined) {
      this.saw('the clock of a node jumps')
      node.process.skewMs += dice.pick([180_000, -180_000, 700, -700])
    } else {
      this.saw('the process is held up')
      this.time.block(dice.pick([50, 6_000]))
    }
  }

  private boot(place: number, dice: Dice): Promise<void> {
    if (this.nodes.some((node) => node?.state === 'up')) this.saw('take-over')
    const skewMs = this.nodesMax > 1 ? dice.pick([0, 0, 120_000, -120_000]) : 0
    if (skewMs !== 0) this.saw('a clock is ahead or behind')
    const clock = { skewMs, bootedMs: 1_000 * ++this.booted }
    const register = this.registers[place] ?? new RegisterPlace(new Dice(this.seed ^ place), this.saw)
    this.registers[place] = register
    const node = new SimulationNode(this.world, `n${place}.${this.booted}`, clock, register)
    this.trace.push(`${this.step} ${node.name} begins, ${skewMs} ms ahead`)
    this.nodes[place] = node
    return node.open()
  }

  /** Something happens to a process: it dies, stops for a while, or goes on. */
  private shake(dice: Dice): void {
    const place = dice.pick([...this.nodes.keys()])
    const node = this.nodes[place]
    if (node === undefined || node.state === 'dead') return void this.boot(place, dice)
    if (node.process.isStopped) return this.goOn(node)
    if (dice.chance(0.3) && this.options.without?.has('stops') !== true) {
      this.saw('a process is stopped')
      this.trace.push(`${this.step} ${node.name} is stopped`)
      node.process.isStopped = true
      return
    }
    if (this.options.without?.has('crash') === true) return
    this.kill(node)
    if (dice.chance(this.nodesMax === 1 ? 0.9 : 0.6)) void this.boot(place, dice)
    // What the old process had sent arrives before, or long after.
    if (dice.chance(0.5)) this.release()
  }

  private goOn(node: SimulationNode): void {
    this.trace.push(`${this.step} ${node.name} goes on`)
    node.process.isStopped = false
  }

  private kill(node: SimulationNode): void {
    this.saw(node.state === 'opening' ? 'crash while opening' : 'crash')
    this.trace.push(`${this.step} ${node.name} dies`)
    node.die()
    if (node.log !== undefined) this.oldLogs.push(node.log)
  }

  /** Somebody looks after processes that are gone, stand still, or have given up. */
  private mend(dice: Dice): void {
    for (let place = 0; place < this.nodesMax; place++) {
      const node = this.nodes[place]
      if (node === undefined || node.state === 'dead') void this.boot(place, dice)
      else if (node.process.isStopped && dice.chance(0.5)) this.goOn(node)
      else if (node.isStuck) {
        this.saw('a process gave up')
        this.kill(node)
        void this.boot(place, dice)
      }
    }
  }

  /** Only when all that this process decided is in the log, and nobody else's after it. */
  private async compareWithReplay(node: SimulationNode | undefined): Promise<void> {
    await this.time.settle()
    const reader = this.home.reader()
    if (node === undefined || reader === undefined || node.state !== 'up') return
    for (const { ref } of node.engine.partitions) {
      const last = (await this.time.until(batchesOf(reader, partitionStream(ref)))).at(-1)
      const { state } = node.engine.partition(ref.partition)
      if (state === undefined || last === undefined || last.epoch !== state.epoch) continue
      if (last.firstRevision + last.events.length !== state.nextRevision) continue
      this.saw('compared with replay')
      const stream = partitionStream(ref)
      const live = stateHash(state)
      for (const useSnapshots of [false, true]) {
        const again: Recovered = await this.time.until(recoverPartition(reader, stream, { useSnapshots }))
        const how = useSnapshots ? 'snapshot and tail' : 'the whole log'
        assert.equal(stateHash(again.state), live, `I6 replay of ${how}`)
      }
    }
  }

  private async heal(): Promise<SimulationNode> {
    this.trace.push('heal')
    const survivor = this.nodes[0]
    for (const node of this.nodes) {
      if (node === undefined) continue
      node.process.isStopped = false
      node.log?.heal()
      // Two that both live take the partition from each other for ever: who may is not decided here.
      if (node !== survivor && node.state !== 'dead') this.kill(node)
    }
    for (const log of this.oldLogs) log.heal()
    this.world.blobs?.heal()
    this.release()
    await this.time.advance(HEALING_MS)
    this.release()
    await this.time.settle()
    const isAlone = this.booted === 1 && survivor?.state === 'up' && !survivor.isStuck
    const isWell = isAlone && survivor.engine.partitions.every((one) => one.failure === undefined)
    // One that lost its place to a process that has died since finds out with its next append: it begins anew here.
    const node = isWell ? survivor : await this.bootAlone(survivor)
    return this.allClear(node)
  }

  /** An operator who hears that the log has stopped, of a fault that nobody had met before, opens it again and asks once more. */
  private async allClear(healed: SimulationNode): Promise<SimulationNode> {
    let node = healed
    for (const [, change] of ALL_CLEAR) {
      try {
        await this.time.until(node.engine.changeControl(change))
      } catch (error) {
        if (node !== healed || node.log?.port.condition().state !== 'stopped') throw error
        this.saw('an operator asks again')
        node = await this.bootAlone(node)
        await this.time.until(node.engine.changeControl(change))
      }
    }
    return node
  }

  private async bootAlone(old: SimulationNode | undefined): Promise<SimulationNode> {
    let before = old
    for (let n = 0; n < OPENINGS_MAX; n++) {
      if (before !== undefined && before.state !== 'dead') this.kill(before)
      for (const log of this.oldLogs) log.heal()
      await this.time.until(this.boot(0, new Dice(this.seed + n)))
      before = this.nodes[0]
      if (before?.state === 'up') return before
    }
    return assert.fail('healed, and yet it does not open')
  }

  private async drain(node: SimulationNode): Promise<void> {
    const { engine } = node
    await this.allOpen(node)
    for (let round = 0; round < DRAIN_ROUNDS_MAX; round++) {
      let waiting = 0
      for (const { ref } of engine.partitions) {
        const { counts } = engine.partition(ref.partition).state ?? assert.fail('a partition is not open')
        waiting += counts.scheduled + counts.pending + counts.retrying + counts.processing
        const isOpen = counts.pending + counts.scheduled + counts.retrying > 0
        if (isOpen && !this.swarm.resizes) await this.ackAll(node, ref.partition)
      }
      // Each claim is answered from one partition.
      if (waiting > 0 && this.swarm.resizes) while ((await this.ackAll(node)) > 0);
      if (waiting === 0) return
      await this.time.advance(DRAIN_ROUND_MS)
    }
    assert.fail('the queue does not drain')
  }

  /** What was begun goes on by itself. */
  private async allOpen({ engine }: SimulationNode): Promise<void> {
    for (let round = 0; engine.layouts.count < engine.control.layouts.length; round++) {
      assert.ok(round < DRAIN_ROUNDS_MAX, 'healed, and yet new partitions are not opened')
      await this.time.advance(DRAIN_ROUND_MS)
    }
  }

  /** Of a queue that is resized only the queue itself knows what may be claimed. */
  private async ackAll({ engine }: SimulationNode, from?: number): Promise<number> {
    const wish = { worker: 'drain', leaseMs: 30_000, claimId: undefined, waitMs: 0, mayRunInDoubt: true }
    const asked = { ...wish, max: () => 50, cancelled: () => false }
    const claim = from === undefined ? engine.claim(asked) : engine.claimFrom(from, asked)
    const reply: Reply<Claimed & { partition?: number }> =
      await this.time.until<Reply<Claimed & { partition?: number }>>(claim)
    assert.ok(reply._tag === 'Right', `healed, and yet a claim fails: ${JSON.stringify(reply)}`)
    const { deliveries, partition = from ?? 0 } = reply.right.value
    if (deliveries.length === 0) return 0
    const settled = await this.time.until(
      engine.settle(
        partition,
        deliveries.map((one) => ack(one)),
      ),
    )
    assert.ok(settled._tag === 'Right', `healed, and yet an ack fails: ${JSON.stringify(settled)}`)
    for (const { ordinal, fence } of deliveries) {
      const drained = { partition, ordinal, fence, outcome: 'ack', retryable: true, delayMs: undefined }
      this.calls.settles.push({ ...drained, failureType: undefined, told: 'ok', accepted: true })
    }
    return deliveries.length
  }

  private async readLogs(): Promise<ReadonlyArray<ReadonlyArray<RecordedBatch>>> {
    await this.time.settle()
    const reader: EventLog = this.home.reader() ?? assert.fail('nobody has the log open')
    const logs: Array<ReadonlyArray<RecordedBatch>> = []
    const { queue, generation } = this.world.entry
    const { controls } = await this.rules(false)
    for (let partition = 0; partition < partitionCount(controls); partition++)
      logs.push(await this.time.until(batchesOf(reader, partitionStream({ queue, generation, partition }))))
    return logs
  }

  /** What the control stream says now. */
  private async rules(isOver: boolean): Promise<Rules> {
    const reader: EventLog = this.home.reader() ?? assert.fail('nobody has the log open')
    const { queue, generation, created } = this.world.entry
    const control = await batchesOf(reader, controlStream(queue, generation))
    const isOneClock = !OTHER_TIMES.some((what) => this.seen.has(what))
    const resized = this.swarm.resizes ? { control, isOneClock, isOver } : undefined
    return { controls: controlsOf(created, control), isPrompt: false, dead: this.world.dead, resized }
  }
}

const partitionCount = (controls: ReadonlyArray<Control>): number =>
  (controls.at(-1)?.layouts ?? []).reduce((sum, { partitions }) => sum + partitions, 0)

/** A third of the runs lives on the embedded log, one process at a time. */
const homeOf = (seed: number): ConstructorParameters<typeof Run>[2] =>
  seed % 3 === 0 ? diskHome(seed) : serverHome(seed)

/** A run that comes to no end is told like any broken promise. */
export const simulate = async (seed: number, options: RunOptions = {}): Promise<RunReport> => {
  const run = new Run(seed, options, homeOf(seed))
  return run.run().catch((error: unknown) => run.brokenOff(error))
}
