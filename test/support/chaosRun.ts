// Cycles of chaos on one directory after another: processes are started on it, loaded, struck, and what they leave is held
// against what they told. After some cycles a directory is healed and has to drain, and the next one begins.
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { connectLedger, type RemoteLedger } from '../../src/client/connectLedger.js'
import { drain } from './chaosDrain.js'
import { Hosts } from './chaosHosts.js'
import { Load } from './chaosLoad.js'
import { BrokenPromises, ChaosLog, logIn } from './chaosLog.js'
import {
  ANSWERS_MAX,
  isOnSmallDisk,
  LEASE_MS,
  type Mix,
  mixOf,
  queuesOf,
  SMALL_DISK_BYTES,
  STRIKES_WITHIN_MS,
} from './chaosMix.js'
import { freePort, moment, type Running, within } from './chaosProcesses.js'
import { Records } from './chaosRecords.js'
import { Dice } from './simulationSwarm.js'
import { openSmallDisk, type SmallDisk } from './smallDisk.js'

const READY_WITHIN_MS = 20_000
/** R61. */
const ENDS_WITHIN_MS = 10_000
/** Half of what a server that ends waits for another request. */
const CLIENT_HELD_UP_MS = 50
const HEAP_FULL_WITHIN_MS = 10_000

export const NO_SMALL_DISK = 'no small file system can be made here'

/** Only one that every process sees at the same place. */
const smallDisk = async (): Promise<SmallDisk | undefined> => {
  const { disk } = await openSmallDisk(SMALL_DISK_BYTES)
  if (disk === undefined || disk.prefix.length === 0) return disk
  await disk.close()
  return undefined
}

/** One directory, and all who work on it. */
export class House {
  readonly records = new Records()
  private readonly log: ChaosLog
  private readonly hosts: Hosts
  private readonly ledger: RemoteLedger
  private readonly load: Load
  private worker: Running | undefined
  private hasHandedBack = false
  private last: Running | undefined

  private constructor(
    readonly directory: string,
    port: number,
    private readonly seed: number,
    private readonly disk: SmallDisk | undefined,
  ) {
    this.log = new ChaosLog(logIn(directory), this.records)
    this.hosts = new Hosts(directory, port, (line) => this.records.note(line))
    this.ledger = connectLedger({ url: `http://127.0.0.1:${port}`, timeoutMs: 15_000 })
    this.load = new Load(this.ledger, this.records)
  }

  static async build(seed: number): Promise<House> {
    const disk = isOnSmallDisk(seed) ? await smallDisk() : undefined
    const directory =
      disk === undefined ? await mkdtemp(join(tmpdir(), 'ledgerq-chaos-')) : join(disk.path, 'ledger')
    const house = new House(directory, await freePort(), seed, disk)
    if (isOnSmallDisk(seed) && disk === undefined) house.records.saw(NO_SMALL_DISK)
    const server = house.hosts.server()
    await server.ready
    for (const [name, settings] of Object.entries(queuesOf(seed)))
      await house.ledger.createQueue(name, settings)
    server.signal('SIGKILL')
    await server.ended
    return house
  }

  get events(): number {
    return this.log.eventCount
  }

  /** Throws {@link BrokenPromises}. */
  async cycle(number: number): Promise<Mix> {
    const mix = this.fitting(mixOf(number))
    const { records } = this
    this.hasHandedBack = false
    records.saw(`host: ${mix.host}`)
    const begin = performance.now()
    const host = mix.host === 'library' ? this.hosts.library(mix) : this.hosts.server(mix)
    this.last = host
    const dice = new Dice(number ^ 0x51ab3c7)
    const serves = await Promise.race([host.ready.then(() => true), host.ended.then(() => false)]).catch(
      () => false,
    )
    if (serves) {
      records.took('a start', performance.now() - begin)
      if (mix.host === 'library') await this.strike(mix, host)
      else await this.loaded(mix, host, dice)
    } else await this.diedAtStart(mix, host)
    await host.ended
    this.last = undefined
    const { hasHandedBack } = this
    await this.log.check({ recoversTwice: mix.recoversTwice, verifies: number % 5 === 0, hasHandedBack })
    return mix
  }

  /** The program that users start takes segments that would fill a small disk by themselves. */
  private fitting(mix: Mix): Mix {
    if (this.disk !== undefined) return mix.host === 'serve' ? { ...mix, host: 'server' } : mix
    const { fate } = mix
    return fate.kind === 'disk full' ? { ...mix, fate: { kind: 'killed', answers: fate.answers } } : mix
  }

  private async diedAtStart(mix: Mix, host: Running): Promise<void> {
    const how = await host.ended
    const isMeant = mix.fate.kind === 'failpoint' && how === 'SIGKILL'
    if (!isMeant) throw new BrokenPromises([`it does not start (${how}): ${host.complaints()}`])
    this.records.saw('killed while it opened')
  }

  private async loaded(mix: Mix, host: Running, dice: Dice): Promise<void> {
    const { load } = this
    if (mix.worker !== 'none') this.worker ??= this.hosts.worker()
    load.unknownAnswers = []
    const held = monitorEventLoopDelay({ resolution: 5 })
    held.enable()
    const loading = load.run(dice, mix)
    const rivalling = mix.rival ? this.rival() : Promise.resolve()
    const workerStruck = this.strikeWorker(mix)
    try {
      await this.strike(mix, host)
      if (mix.fate.kind === 'told to end') this.allKnown(held.max / 1_000_000)
    } finally {
      held.disable()
      load.isOver = true
      await Promise.all([loading, rivalling, workerStruck])
    }
  }

  /**
   * R61. A client that was held up itself between opening a connection and sending its request over it may be taken for one that
   * has none: no server could tell.
   */
  private allKnown(heldUpMs: number): void {
    const { unknownAnswers } = this.load
    if (unknownAnswers.length === 0) return
    this.records.saw('told to end: an answer unknown, and its client held up')
    if (heldUpMs > CLIENT_HELD_UP_MS) return
    throw new BrokenPromises([
      `R61 unknown answers of a server that was told to end: ${unknownAnswers.slice(0, 5)}; held up ${heldUpMs} ms`,
    ])
  }

  /** Resolves when the process has ended. */
  private async strike(mix: Mix, host: Running): Promise<void> {
    const { fate } = mix
    const { records } = this
    switch (fate.kind) {
      case 'killed':
        await this.answers(mix, fate.answers)
        host.signal('SIGKILL')
        records.saw('killed')
        break
      case 'frozen':
        await this.answers(mix, fate.answers)
        host.signal('SIGSTOP')
        await moment(fate.frozenMs)
        host.signal('SIGCONT')
        await moment(LEASE_MS / 2)
        host.signal('SIGKILL')
        records.saw('frozen')
        break
      case 'disk full':
        await this.fillDisk(mix, fate, host)
        break
      case 'told to end':
        return this.toldToEnd(fate.answers, mix, host)
      default: {
        const isHeap = fate.kind === 'heap exhausted'
        const how = await (isHeap
          ? within(HEAP_FULL_WITHIN_MS, host.ended)
          : Promise.race([host.ended, this.answers(mix, ANSWERS_MAX)]))
        records.saw(how === undefined ? `${fate.kind}: not met` : fate.kind)
        if (how === undefined) host.signal('SIGKILL')
        else if (how === 0) throw new BrokenPromises([`R16 it ended as if nothing had been: ${fate.kind}`])
      }
    }
    await host.ended
  }

  /** R07: it goes on while there is no room, and when there is again; then it is killed. */
  private async fillDisk(
    mix: Mix,
    fate: Extract<Mix['fate'], { kind: 'disk full' }>,
    host: Running,
  ): Promise<void> {
    await this.answers(mix, fate.answers)
    const ballast = await this.disk?.fill(0)
    await moment(fate.fullMs)
    if (ballast !== undefined) await rm(ballast)
    if (host.isOver() && !isPoisoned(mix, await host.ended))
      throw new BrokenPromises([`R07 it ended when the disk was full: ${host.complaints()}`])
    await moment(fate.fullMs)
    host.signal('SIGKILL')
    this.records.saw('disk full')
  }

  /** So many answers from now, and then some microseconds. */
  private async answers({ host, seed }: Mix, count: number): Promise<void> {
    const answered = (): number => (host === 'library' ? this.records.lines : this.load.answered)
    const until = answered() + count
    const late = performance.now() + STRIKES_WITHIN_MS
    while (answered() < until && performance.now() < late) await new Promise((turn) => setTimeout(turn, 1))
    await moment(new Dice(seed ^ 0x3c6ef372).random() * 2)
  }

  /** R61: it ends by itself, in time, and its last words are true. */
  private async toldToEnd(answers: number, mix: Mix, host: Running): Promise<void> {
    await this.answers(mix, answers)
    const begin = performance.now()
    host.signal('SIGTERM')
    this.records.saw('told to end')
    const how = await within(ENDS_WITHIN_MS, host.ended)
    this.records.took('an end', performance.now() - begin)
    if (isPoisoned(mix, how)) return
    if (how !== 0) throw new BrokenPromises([`R61 told to end, it did not (${how}): ${host.complaints()}`])
    this.hasHandedBack = mix.host === 'library'
  }

  private async strikeWorker(mix: Mix): Promise<void> {
    const { worker } = this
    if (mix.worker === 'none' || worker === undefined) return
    const ms = new Dice(mix.seed ^ 0x77f1).random() * LEASE_MS
    await worker.ready
    await moment(ms)
    if (mix.worker === 'killed') {
      worker.signal('SIGKILL')
      await worker.ended
      this.worker = undefined
      this.records.saw('worker killed')
      return
    }
    worker.signal('SIGSTOP')
    await moment(2 * LEASE_MS)
    worker.signal('SIGCONT')
    this.records.saw('worker frozen')
  }

  /** R14: a second process on the directory ends at once, and leaves nothing. */
  private async rival(): Promise<void> {
    const rival = this.hosts.rival()
    const how = await within(READY_WITHIN_MS, rival.ended)
    if (how === undefined || how === 0) {
      rival.signal('SIGKILL')
      // The first one may have died before: then the directory was free.
      if (this.last?.isOver() !== true) throw new BrokenPromises([`R14 a second process serves (${how})`])
      await rival.ended
      return
    }
    if (/in use by another process/.test(rival.complaints())) this.records.saw('second process refused')
  }

  /** Healed: everything is claimed and acked, and nothing may be left. Throws {@link BrokenPromises}. */
  async drain(): Promise<void> {
    await this.endWorker()
    const server = this.hosts.server()
    this.last = server
    await server.ready
    await drain(this.ledger, Object.keys(queuesOf(this.seed)), this.records)
    server.signal('SIGTERM')
    const how = await within(ENDS_WITHIN_MS, server.ended)
    if (how !== 0) throw new BrokenPromises([`R61 told to end, it did not (${how}): ${server.complaints()}`])
    this.last = undefined
    await this.log.check({ recoversTwice: true, verifies: true, hasHandedBack: true })
    this.log.judge()
    this.records.saw('drained')
  }

  private async endWorker(): Promise<void> {
    this.worker?.signal('SIGKILL')
    await this.worker?.ended
    this.worker = undefined
  }

  /** Ends what is left, and the directory with it; unless somebody wants to look at it: answers where it is then. */
  async leave({ keep }: { keep: boolean }): Promise<string | undefined> {
    await this.endWorker()
    this.last?.signal('SIGKILL')
    await this.last?.ended
    await this.ledger.close()
    const kept = keep ? await this.keep() : undefined
    if (kept !== this.directory) await rm(this.directory, { recursive: true, force: true })
    await this.disk?.close()
    return kept
  }

  /** A small disk is not left mounted: what was on it is kept elsewhere. */
  private async keep(): Promise<string> {
    const { directory, disk } = this
    const kept = disk === undefined ? directory : await mkdtemp(join(tmpdir(), 'ledgerq-chaos-kept-'))
    if (kept !== directory) await cp(directory, kept, { recursive: true })
    await writeFile(join(kept, 'answers.json'), this.told())
    return kept
  }

  private told(): string {
    const { queues, repeats, started, bigs } = this.records
    return JSON.stringify({ queues: Object.fromEntries(queues), repeats, started, bigs }, undefined, 1)
  }
}

/** One of its messages killed it, before anything else could. */
const isPoisoned = ({ host }: Mix, how: number | string | undefined): boolean =>
  host === 'library' && how === 'SIGKILL'
