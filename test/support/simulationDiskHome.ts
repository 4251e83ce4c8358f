// The embedded log on a simulated disk, as the log of a whole run: one process at a time, and its deaths are kills or power cuts,
// also in the middle of a call. What the log itself promises is simulationDisk.ts's; here the engine lives on it.
import * as E from 'fp-ts/lib/Either.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { verify } from '../../src/adapters/embedded/verify.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { SimulatedDisk, SimulatedFolder } from './simulatedDisk.js'
import { type Scheduling, SimulatedMachine } from './simulatedDiskMachine.js'
import { heardBy, type LogHome, type ProcessLog } from './simulationLog.js'
import { Dice } from './simulationSwarm.js'
import type { SimulatedProcess } from './simulationTime.js'

const DIRECTORY = '/disk/ledger'
const SLOW_FOR_MS = 3_000

const FAULTS = [
  'the disk is full',
  'write fails',
  'sync fails',
  'read fails',
  'calls in pieces',
  'slow disk',
  'slow disk',
  'death in a call',
  'death in a call',
] as const
type DiskFault = (typeof FAULTS)[number]

type Running = Readonly<{ machine: SimulatedMachine; log: EventLog }>

/** For those who look, and wait for nobody. */
const AT_ONCE: Scheduling = { later: (run) => run(), after: () => () => undefined, nowMs: () => 0 }

class DiskHome {
  readonly seen = new Map<string, number>()
  private readonly dice: Dice
  private readonly disk: SimulatedDisk
  private readonly strict: boolean
  private readonly segmentBytes: number
  private readonly machines: SimulatedMachine[] = []
  private isHealed = false
  private slowUntilTick = 0
  private running: Running | undefined

  constructor(seed: number) {
    this.dice = new Dice(seed ^ 0x1f123bb5)
    this.disk = new SimulatedDisk(this.dice, this.dice.pick([512, 4096]))
    this.disk.folder('/').change(['disk', new SimulatedFolder()])
    this.disk.folder('/').sync()
    this.strict = this.dice.chance(0.3)
    this.segmentBytes = this.dice.pick([32, 64]) * 1024
  }

  private readonly saw = (what: string): void => {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }

  /** The first opening is spared, or there might never be a log that could be healed. */
  async open(process: SimulatedProcess): Promise<ProcessLog> {
    const { dice, disk, strict, segmentBytes } = this
    const machine = new SimulatedMachine(disk, dice, this.scheduling(process), this.saw, () => {
      process.isDead = true
    })
    if (this.machines.length > 0 && !this.isHealed) {
      if (dice.chance(0.1)) machine.dieAfterCalls(1 + Math.floor(dice.random() * 60))
      if (dice.chance(0.05)) machine.failNext(dice.pick(['write', 'sync', 'read']))
    }
    this.machines.push(machine)
    const opened = await openEmbeddedLog({ directory: DIRECTORY, strict, segmentBytes }, machine.port)
    if (E.isLeft(opened)) {
      const isFair = opened.left.type === 'LogUnavailable'
      if (!isFair) this.broken.push(`refused to open: ${JSON.stringify(opened.left)}`)
      this.end(machine)
      throw new Error(JSON.stringify(opened.left))
    }
    this.running = { machine, log: opened.right }
    return {
      port: heardBy(process, opened.right),
      plan: (fault) => this.plan(fault as DiskFault, process, machine),
      heal: () => {
        this.isHealed = true
        this.release()
        machine.heal()
      },
      release: () => this.release(),
      die: () => this.end(machine),
    }
  }

  private readonly broken: string[] = []

  private scheduling(process: SimulatedProcess): Scheduling {
    const { time, clock } = process
    return {
      later: (run) => {
        if (time.tickMs >= this.slowUntilTick) process.hear(run)
        else time.after(this.dice.pick([1, 30, 400]), () => process.hear(run))
      },
      after: clock.after,
      nowMs: clock.wallMs,
    }
  }

  private plan(fault: DiskFault, process: SimulatedProcess, machine: SimulatedMachine): void {
    const { dice, disk } = this
    switch (fault) {
      case 'the disk is full':
        disk.capacityBytes = disk.usedBytes + dice.pick([0, 500, 20_000])
        return
      case 'write fails':
        return machine.failNext('write')
      case 'sync fails':
        return machine.failNext('sync')
      case 'read fails':
        return machine.failNext('read')
      case 'calls in pieces':
        machine.faults.partial = 0.1
        return
      case 'slow disk':
        this.slowUntilTick = process.time.tickMs + SLOW_FOR_MS
        return
      case 'death in a call':
        return machine.dieAfterCalls(1 + Math.floor(dice.random() * 20))
    }
  }

  private release(): void {
    this.disk.capacityBytes = Number.POSITIVE_INFINITY
    this.slowUntilTick = 0
  }

  private end(machine: SimulatedMachine): void {
    if (this.running?.machine === machine) this.running = undefined
    if (machine.isOver) return
    machine.isOver = true
    machine.die()
    const isPowerCut = this.dice.chance(0.5)
    this.saw(isPowerCut ? 'power cut' : 'kill')
    if (isPowerCut) this.disk.cutPower(!machine.hasTornWrite)
    else if (this.dice.chance(0.5)) this.disk.evictLost()
  }

  /** A log opened on a copy of the disk: what is on its way there is not in it. */
  reader(): EventLog | undefined {
    if (this.running === undefined) return undefined
    const machine = new SimulatedMachine(this.disk.copy(), new Dice(1), AT_ONCE, () => undefined)
    const { strict, segmentBytes } = this
    const opening = openEmbeddedLog({ directory: DIRECTORY, strict, segmentBytes }, machine.port)
    const through =
      <A>(ask: (log: EventLog) => Promise<A>) =>
      async (): Promise<A> => {
        const opened = await opening
        if (E.isLeft(opened)) throw new Error(`a copy does not open: ${JSON.stringify(opened.left)}`)
        return ask(opened.right)
      }
    return {
      ...this.running.log,
      read: (stream, from, maxBytes) => through((log) => log.read(stream, from, maxBytes)()),
      head: (stream) => through((log) => log.head(stream)()),
      snapshots: (stream) => through((log) => log.snapshots(stream)()),
    }
  }

  async check(): Promise<ReadonlyArray<string>> {
    const looking = new SimulatedMachine(this.disk, this.dice, AT_ONCE, () => undefined)
    const proved = await verify(DIRECTORY, undefined, looking.port.files)
    const again = this.machines.flatMap(({ syncedAgain }) => syncedAgain)
    return [
      ...this.broken,
      ...again.map((path) => `${path} was synced again after a failed sync`),
      ...(E.isLeft(proved) ? [`verify: ${JSON.stringify(proved.left)}`] : []),
    ]
  }
}

export const diskHome = (seed: number): LogHome => {
  const home = new DiskHome(seed)
  return {
    processesMax: 1,
    faults: FAULTS,
    open: (process) => home.open(process),
    reader: () => home.reader(),
    check: () => home.check(),
    seen: home.seen,
  }
}
