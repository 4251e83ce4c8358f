// The embedded log on a simulated disk, as the log of a whole run: one process at a time, and its deaths are kills or power cuts,
// also in the middle of a call. What the log itself promises is simulationDisk.ts's; here the engine lives on it.
import * as E from 'fp-ts/lib/Either.js'
import type { OpenFault } from '../../src/adapters/embedded/errors.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { verify } from '../../src/adapters/embedded/verify.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { type FlippedBit, SimulatedDisk, type SimulatedFile, SimulatedFolder } from './simulatedDisk.js'
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

type Flipped = FlippedBit &
  Readonly<{ path: string; file: SimulatedFile; offset: number; bit: number; isRecent: boolean }>
const RECENT_BYTES = 500
const PAYLOAD_BEGINS = '{"n":'
const FLIPPED = /\/(segments|snapshots)\//

/** For those who look, and wait for nobody. */
const AT_ONCE: Scheduling = { later: (run) => run(), after: () => () => undefined, nowMs: () => 0 }

/** Any bit; or one of a payload's number, which makes another payload of it and leaves all the rest readable. */
const placeOfFlip = (
  dice: Dice,
  file: SimulatedFile,
  from: number,
  to: number,
): Readonly<{ offset: number; bit: number }> => {
  const there = Buffer.alloc(to - from)
  file.read(there, from)
  const payloadAt = there.lastIndexOf(PAYLOAD_BEGINS)
  const numberAt = from + payloadAt + PAYLOAD_BEGINS.length
  if (payloadAt >= 0 && numberAt < to && dice.chance(0.5)) return { offset: numberAt, bit: 0 }
  return { offset: from + Math.floor(dice.random() * (to - from)), bit: Math.floor(dice.random() * 8) }
}

class DiskHome {
  readonly seen = new Map<string, number>()
  private readonly dice: Dice
  private readonly disk: SimulatedDisk
  private readonly strict: boolean
  private readonly segmentBytes: number
  private readonly machines: SimulatedMachine[] = []
  private isHealed = false
  private slowUntilTick = 0
  private flipped: Flipped | undefined
  /** How much of each file was there when the process that runs now had opened it. */
  private readonly settledBytes = new Map<SimulatedFile, number>()
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

  /**
   * One bit of what is on the disk, told by its place. What was there before the process that runs now had opened it is below the
   * mark, and stays flipped until somebody meets it. Of what came since, the end may be no more than a torn tail for the next
   * process: that is turned back when this one dies.
   */
  flip(dice: Dice): string | undefined {
    if (this.running === undefined || this.flipped !== undefined || this.isHealed) return undefined
    const [path, file] = dice.pick(
      this.disk.files().filter(([name, one]) => FLIPPED.test(name) && one.usedBytes > 0),
    )
    const settled = this.settledBytes.get(file) ?? 0
    const isRecent = settled === 0 || (file.usedBytes > settled && dice.chance(0.45))
    const [from, to] = isRecent
      ? [Math.max(settled, file.usedBytes - RECENT_BYTES), file.usedBytes]
      : [0, settled]
    const { offset, bit } = placeOfFlip(dice, file, from, to)
    const flipped = file.flipForNow(offset, bit)
    if (flipped === undefined) return undefined
    this.flipped = { path, file, offset, bit, isRecent, ...flipped }
    this.saw('a bit flips under the engine')
    return `${path} at ${offset}`
  }

  private unflip(): void {
    this.flipped?.turnBack()
    this.flipped = undefined
  }

  /** Below the mark damage is told, with its file and a place before it; whoever looks after the machine brings a copy. */
  private isFair(fault: OpenFault): boolean {
    if (fault.type === 'LogUnavailable') return true
    const { flipped } = this
    if (fault.type !== 'LogCorrupt' || flipped === undefined) return false
    this.saw('a flipped bit is found by the opening')
    this.unflip()
    return fault.file === flipped.path && fault.offset <= flipped.offset
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
      if (!this.isFair(opened.left)) this.broken.push(`refused to open: ${JSON.stringify(opened.left)}`)
      this.end(machine)
      throw new Error(JSON.stringify(opened.left))
    }
    this.running = { machine, log: opened.right }
    this.settledBytes.clear()
    for (const [path, file] of this.disk.files())
      if (FLIPPED.test(path) && file.usedBytes > 0) this.settledBytes.set(file, file.usedBytes)
    return {
      port: heardBy(process, this.withReads(opened.right)),
      plan: (fault) => this.plan(fault as DiskFault, process, machine),
      heal: () => {
        this.isHealed = true
        this.unflip()
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

  /** Counts what a flipped bit has cost those who read. */
  private withReads(log: EventLog): EventLog {
    return {
      ...log,
      read: (stream, from, maxBytes) => async () => {
        const page = await log.read(stream, from, maxBytes)()
        if (E.isLeft(page) && page.left.type === 'LogCorrupt') this.saw('a flipped bit is found by a read')
        return page
      },
    }
  }

  private end(machine: SimulatedMachine): void {
    if (this.running?.machine === machine) this.running = undefined
    if (machine.isOver) return
    machine.isOver = true
    if (this.flipped?.isRecent === true) this.unflip()
    machine.die()
    const isPowerCut = this.dice.chance(0.5)
    this.saw(isPowerCut ? 'power cut' : 'kill')
    if (isPowerCut) this.disk.cutPower(!machine.hasTornWrite)
    else if (this.dice.chance(0.5)) this.disk.evictLost()
  }

  /** Who looks does not ask what a flipped bit has made of it. */
  private soundCopy(): SimulatedDisk {
    const { flipped } = this
    const copy = this.disk.copy()
    // Another file may have its name by now; a power cut may give it back.
    const isThere = flipped?.isThere() === true && this.disk.files().some(([, file]) => file === flipped.file)
    if (flipped === undefined || !isThere) return copy
    for (const [path, file] of copy.files()) if (path === flipped.path) file.flip(flipped.offset, flipped.bit)
    return copy
  }

  /** A log opened on a copy of the disk: what is on its way there is not in it. */
  reader(): EventLog | undefined {
    if (this.running === undefined) return undefined
    const machine = new SimulatedMachine(this.soundCopy(), new Dice(1), AT_ONCE, () => undefined)
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

export const diskHome = (seed: number): LogHome & { flip: (dice: Dice) => string | undefined } => {
  const home = new DiskHome(seed)
  return {
    flip: (dice) => home.flip(dice),
    processesMax: 1,
    faults: FAULTS,
    open: (process) => home.open(process),
    reader: () => home.reader(),
    check: () => home.check(),
    seen: home.seen,
  }
}
