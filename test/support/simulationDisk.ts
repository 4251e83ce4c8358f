// One seeded run of the embedded log on a simulated disk: appends, repeats, reads, snapshots, truncations, faults of the disk,
// deaths and power cuts at any call, damage while nobody looks; then everything is healed, and the log must serve. Calls of
// the main thread, commits of the log thread and clients take turns in a seeded order. Judged by simulationDiskStory.ts.
import * as E from 'fp-ts/lib/Either.js'
import type { OpenFault } from '../../src/adapters/embedded/errors.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { verify } from '../../src/adapters/embedded/verify.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { SimulatedDisk, SimulatedFolder } from './simulatedDisk.js'
import { NO_FAULTS, SimulatedMachine } from './simulatedDiskMachine.js'
import type { RunOptions } from './simulation.js'
import { DiskClients, STREAMS } from './simulationDiskClients.js'
import { type Found, LogStory } from './simulationDiskStory.js'
import { TurnScheduler } from './simulationDiskTurns.js'
import { Dice } from './simulationSwarm.js'

export const DISK_STEPS = 160
/** What may be left out of a run to see whether it has a part in what broke. */
export const DISK_FEATURES = ['write', 'sync', 'read', 'partial', 'deaths', 'flips', 'full', 'strict']
const DIRECTORY = '/disk/ledger'
const SEGMENT_BYTES = 16 * 1024
const OPENINGS_MAX = 20
const PAGE_BYTES = 8 * 1024
const LAST_BYTES = 400

export type DiskReport = Readonly<{
  broken: ReadonlyArray<string>
  trace: ReadonlyArray<string>
  seen: ReadonlyMap<string, number>
  turns: number
  batches: number
}>

type Flip = Readonly<{ path: string; offset: number; undo: () => void }>

class DiskRun {
  private readonly dice: Dice
  private readonly turns: TurnScheduler
  private readonly disk: SimulatedDisk
  private readonly story = new LogStory()
  private readonly clients: DiskClients
  private readonly seen = new Map<string, number>()
  private readonly trace: string[] = []
  private readonly strict: boolean
  private readonly faults: Readonly<Record<keyof typeof NO_FAULTS, number>>
  private readonly deathRate: number
  private readonly flipRate: number
  private readonly fullRate: number
  private machine: SimulatedMachine
  private log!: EventLog
  /** After a power cut the head mark may be older than the last commit; so it may when a sync of it had failed. */
  private isMarkBehind = false
  private errorsBefore = 0
  /** Damage that the log could live with is still there. */
  private readonly damaged = new Set<string>()

  constructor(
    private readonly seed: number,
    private readonly options: RunOptions,
  ) {
    const dice = new Dice(seed)
    // Drawn whether or not it is wanted: what is left out must not change what else is drawn.
    const unless = <A>(name: string, drawn: A, plain: A): A =>
      options.without?.has(name) === true ? plain : drawn
    this.dice = dice
    this.turns = new TurnScheduler(dice)
    this.disk = new SimulatedDisk(dice, dice.pick([512, 512, 4096]))
    this.disk.folder('/').change(['disk', new SimulatedFolder()])
    this.disk.folder('/').sync()
    this.strict = unless('strict', dice.chance(0.3), false)
    const rate = (): number => dice.pick([0, 0, 0.003, 0.02])
    const sync = unless('sync', dice.pick([0, 0.01, 0.04]), 0)
    const write = unless('write', rate(), 0)
    const read = unless('read', rate(), 0)
    this.faults = { write, sync, read, partial: unless('partial', dice.pick([0, 0, 0.1]), 0) }
    this.deathRate = unless('deaths', dice.pick([0, 0.01, 0.05]), 0)
    this.flipRate = unless('flips', dice.pick([0, 0, 0.5]), 0)
    this.fullRate = unless('full', dice.pick([0, 0, 0.03]), 0)
    this.clients = new DiskClients(dice, this.story, (what) => this.saw(what), this.trace, this.turns)
    this.machine = this.newMachine()
  }

  private saw(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }

  private newMachine(): SimulatedMachine {
    return new SimulatedMachine(this.disk, this.dice, this.turns, (what) => {
      this.trace.push(`! ${what}`)
      this.saw(what)
    })
  }

  async run(): Promise<DiskReport> {
    await this.begin()
    for (let step = 0; step < DISK_STEPS && this.story.broken.length === 0; step++) {
      this.dice.beginStep(this.seed, step)
      if (this.options.steps?.has(step) !== false) await this.step()
    }
    this.dice.beginStep(this.seed, DISK_STEPS)
    if (this.story.broken.length === 0) await this.heal()
    this.story.broken.push(
      ...this.machine.syncedAgain.map((path) => `${path} was synced again after a failed sync`),
    )
    return this.reportOf(this.story.broken)
  }

  reportOf(broken: ReadonlyArray<string>): DiskReport {
    const { trace, seen } = this
    return { broken, trace, seen, turns: this.turns.count, batches: this.clients.asked }
  }

  private async step(): Promise<void> {
    const { dice } = this
    if (dice.chance(this.deathRate)) this.planDeath(12)
    if (dice.chance(this.fullRate)) this.fillOrEmpty()
    if (dice.chance(0.4)) this.clients.ask(this.log, this.machine)
    for (let n = dice.pick([0, 1, 2, 6]); n > 0 && this.machine.isRunning; n--) await this.turns.step()
    if (dice.chance(0.03)) await this.turns.advance(dice.pick([200, 1_000, 5_000]))
    if (!this.machine.isRunning) await this.afterDeath()
    else if (this.log.condition().state === 'stopped' && dice.chance(0.2)) await this.replaceStopped()
    else if (dice.chance(0.01)) await this.closeAndOpen()
  }

  private planDeath(callsMax: number): void {
    const { dice, machine } = this
    if (dice.chance(0.3)) machine.dieAfterRenames(dice.pick([1, 2]))
    else machine.dieAfterCalls(1 + Math.floor(dice.random() * callsMax))
  }

  private get errorCount(): number {
    let count = 0
    for (const [what, n] of this.seen) if (what.startsWith('EIO')) count += n
    return count
  }

  private fillOrEmpty(): void {
    const isFull = this.disk.capacityBytes < Number.POSITIVE_INFINITY
    const spare = this.dice.pick([0, 100, 5_000])
    this.disk.capacityBytes = isFull ? Number.POSITIVE_INFINITY : this.disk.usedBytes + spare
    this.trace.push(isFull ? 'there is room again' : `the disk is full but for ${spare} B`)
  }

  private async afterDeath(): Promise<void> {
    const isPowerCut = this.dice.chance(0.5)
    this.end(isPowerCut)
    await this.begin()
  }

  private end(isPowerCut: boolean): void {
    this.trace.push(isPowerCut ? 'power cut' : 'killed')
    this.saw(isPowerCut ? 'power cut' : 'kill')
    this.machine.die()
    this.turns.forget()
    this.story.broken.push(
      ...this.machine.syncedAgain.map((path) => `${path} was synced again after a failed sync`),
    )
    this.story.died()
    this.clients.died()
    const isEvicted = !isPowerCut && this.dice.chance(0.8)
    this.isMarkBehind ||= isPowerCut || isEvicted
    if (isPowerCut) this.disk.cutPower(!this.machine.hasTornWrite)
    else if (isEvicted && this.disk.evictLost()) this.saw('lost bytes evicted')
  }

  /** After an I/O error: what was durable can still be read, and everything else is refused; then it is opened again. */
  private async replaceStopped(): Promise<void> {
    this.saw('stopped by an error')
    if (this.dice.chance(0.5)) await this.turns.untilDone(this.log.close(), this.machine)
    await this.afterDeath()
  }

  private async closeAndOpen(): Promise<void> {
    this.trace.push('close')
    const isClosed = await this.turns.untilDone(this.log.close(), this.machine)
    if (!isClosed) {
      this.story.expect(!this.machine.isRunning, () => 'the log does not close')
      return this.afterDeath()
    }
    this.saw('closed')
    const isSound = this.errorsBefore === this.errorCount
    this.end(this.dice.chance(0.3))
    await this.begin()
    if (isSound && this.seen.get('flip') === undefined)
      this.story.expect(this.log.condition().discardedTailBytes === 0, () => 'a closed log has lost its tail')
  }

  /** Opens the log, again and again while the disk fails or the process dies, and has the story checked. */
  private async begin(): Promise<void> {
    const flip = this.dice.chance(this.flipRate) ? this.flipOne() : undefined
    if (this.dice.chance(0.3)) await this.verifyClosed(flip)
    for (let tries = 1; tries <= OPENINGS_MAX; tries++) {
      const isLast = tries === OPENINGS_MAX
      this.machine = this.newMachine()
      if (isLast) this.disk.capacityBytes = Number.POSITIVE_INFINITY
      else this.machine.faults = { ...this.faults }
      if (!isLast && this.deathRate > 0 && this.dice.chance(0.3)) this.planDeath(80)
      const opened = await this.opened()
      if (opened === 'died') {
        this.saw('death while opening')
        this.end(this.dice.chance(0.5))
      } else if (E.isLeft(opened)) {
        if (!this.mayRefuse(opened.left, flip, isLast)) return
        this.end(this.dice.chance(0.3))
      } else {
        this.log = opened.right
        return this.serve(flip, tries)
      }
    }
  }

  private async opened(): Promise<'died' | E.Either<OpenFault, EventLog>> {
    const { strict } = this
    const readErrors = this.seen.get('EIO on read') ?? 0
    let answer: E.Either<OpenFault, EventLog> | undefined
    const options = { directory: DIRECTORY, segmentBytes: SEGMENT_BYTES, strict }
    const opening = openEmbeddedLog(options, this.machine.port).then((opened) => {
      answer = opened
      if (E.isRight(opened))
        this.story.expect(
          (this.seen.get('EIO on read') ?? 0) === readErrors,
          () => 'R11: it opened although a read failed',
        )
    })
    await this.turns.untilDone(opening, this.machine)
    if (!this.machine.isRunning) return 'died'
    if (answer !== undefined) return answer
    this.story.broken.push('the opening has no end')
    return 'died'
  }

  private mayRefuse(fault: OpenFault, flip: Flip | undefined, isLast: boolean): boolean {
    this.trace.push(`refused: ${JSON.stringify(fault)}`)
    if (fault.type === 'LogCorrupt' && flip !== undefined) {
      this.saw('damage refused')
      // The frame begins before the flipped byte; of a stream's first frame the log may not know whose it is.
      const isNamed = fault.file === flip.path && fault.offset <= flip.offset
      this.story.expect(
        isNamed,
        () => `${flip.path} is damaged at ${flip.offset}, told: ${JSON.stringify(fault)}`,
      )
      flip.undo()
      return isNamed
    }
    const mayFail = fault.type === 'LogUnavailable' && !isLast
    this.story.expect(mayFail, () => `refused to open: ${JSON.stringify(fault)}`)
    if (mayFail) this.saw('opening failed')
    return mayFail
  }

  /** The log is open: everything is read, and then served from. */
  private async serve(flip: Flip | undefined, openings: number): Promise<void> {
    const { machine } = this
    const { discardedTailBytes } = this.log.condition()
    if (discardedTailBytes > 0) this.saw('torn tail cut')
    machine.heal()
    const found = await this.readAll()
    // An opening that failed after the cut has taken the count of the bytes with it.
    const isTold = discardedTailBytes > 0 || openings > 1
    const isExcused = flip !== undefined && this.isMarkBehind && !this.strict && isTold
    this.story.checkFound(found, isExcused ? this.log.condition().nextPosition : undefined)
    this.clients.found(found)
    if (flip !== undefined) this.damaged.add(flip.path)
    await this.turns.untilDone(this.clients.checkSnapshots(this.log, this.damaged), machine)
    this.isMarkBehind = false
    this.errorsBefore = this.errorCount
    machine.faults = { ...this.faults }
  }

  private async readAll(): Promise<ReadonlyMap<string, Found>> {
    const found = new Map<string, Found>()
    for (const stream of STREAMS) {
      const read = this.clients.readWhole(this.log, stream)
      let whole: Found | undefined
      await this.turns.untilDone(
        read.then((answer) => {
          whole = answer
        }),
        this.machine,
      )
      if (whole === undefined) this.story.broken.push(`${stream} cannot be read`)
      else found.set(stream, whole)
    }
    await this.turns.untilDone(this.clients.checkOrder(this.log, found, PAGE_BYTES), this.machine)
    return found
  }

  private flipOne(): Flip | undefined {
    const files = this.disk.files().filter(([path, file]) => file.size > 0 && !path.endsWith('/lock'))
    if (files.length === 0) return undefined
    const { dice } = this
    const segments = files.filter(([path, file]) => path.endsWith('.seg') && file.usedBytes > 0)
    const [path, file] = dice.pick(segments.length > 0 && dice.chance(0.7) ? segments : files)
    // Mostly where something stands, and there where the log has most to think about: in what came last.
    const used = Math.max(1, file.usedBytes)
    const [from, to] = dice.pick([
      [0, file.size],
      [0, used],
      [Math.max(0, used - LAST_BYTES), used],
    ])
    const offset = from + Math.floor(dice.random() * (to - from))
    const bit = Math.floor(dice.random() * 8)
    file.flip(offset, bit)
    this.trace.push(`flip ${path} ${offset}`)
    this.saw('flip')
    return { path, offset, undo: () => file.flip(offset, bit) }
  }

  /** `verify` reads only, and finds what the opening would find. */
  private async verifyClosed(flip: Flip | undefined): Promise<void> {
    const reader = new SimulatedMachine(this.disk, this.dice, this.turns.atOnce, () => undefined)
    const proved = await verify(DIRECTORY, undefined, reader.port.files)
    if (E.isRight(proved) || flip !== undefined || proved.left.type === 'ForeignDirectory') return
    this.story.broken.push(`verify: ${JSON.stringify(proved.left)}`)
  }

  private async heal(): Promise<void> {
    this.trace.push('heal')
    this.disk.capacityBytes = Number.POSITIVE_INFINITY
    Object.assign(this.faults, NO_FAULTS)
    Object.assign(this, { deathRate: 0, flipRate: 0, fullRate: 0 })
    this.end(this.dice.chance(0.5))
    await this.begin()
    if (this.story.broken.length > 0) return
    for (const stream of STREAMS) await this.clients.mustAppend(this.log, stream, this.machine)
    if (this.dice.chance(0.3)) await this.clients.fillUp(this.log, this.disk, this.machine)
    const isClosed = await this.turns.untilDone(this.log.close(), this.machine)
    this.story.expect(isClosed, () => 'the log does not close')
    this.end(this.dice.chance(0.5))
    await this.verifyClosed(undefined)
    await this.begin()
    this.story.expect(this.log.condition().discardedTailBytes === 0, () => 'a closed log has lost its tail')
    await this.turns.untilDone(this.log.close(), this.machine)
  }
}

export const simulateDisk = (seed: number, options: RunOptions = {}): Promise<DiskReport> => {
  const run = new DiskRun(seed, options)
  return run
    .run()
    .catch((error: unknown) => run.reportOf([error instanceof Error ? error.message : String(error)]))
}
