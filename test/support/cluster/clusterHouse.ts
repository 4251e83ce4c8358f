// A cluster of real processes on one log, with clients and workers on all of its nodes: built, loaded, looked at while it runs, healed,
// drained, and judged by the checkers of the simulation. What strikes it is in striking.ts.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEventStoreLog } from '../../../src/adapters/eventstoredb/eventLog.js'
import { verifyEventStore } from '../../../src/adapters/eventstoredb/verify.js'
import { connectLedger, type RemoteLedger } from '../../../src/client/connectLedger.js'
import { drain } from '../chaosDrain.js'
import { Load } from '../chaosLoad.js'
import { BrokenPromises, ChaosLog } from '../chaosLog.js'
import { queuesOf } from '../chaosMix.js'
import { type Running, start, WORKER, within } from '../chaosProcesses.js'
import { Records } from '../chaosRecords.js'
import { type EmulatorProcess, startEmulatorProcess } from '../eventstoredb/emulatorProcess.js'
import type { KafkaBroker } from '../kafka/broker.js'
import { Dice } from '../simulationSwarm.js'
import { Doors } from './doors.js'
import type { SourceEdit } from './editedSources.js'
import { ClusterNode, type Times } from './node.js'
import { Probes } from './probes.js'

/** Guards against what never comes, not measurements. */
const WHOLE_WITHIN_MS = 90_000
const ENDS_WITHIN_MS = 30_000
const LOOK_EVERY_MS = 50
const CALL_TIMEOUT_MS = 15_000
/** No two nodes agree on the time of day. */
const CLOCKS_OFF_MS = [0, 120_000, -180_000]

export type HouseOptions = Readonly<{
  seed: number
  nodes: number
  times: Times
  /** Queues for probes alone, and how often each is written to. */
  probes: number
  probeEveryMs: number
  /** What workers do at once. */
  concurrency?: number
  /** All nodes start as this version of the program. */
  edits?: ReadonlyArray<SourceEdit>
  /** A real broker that everything is told to. */
  broker?: KafkaBroker
}>

type Told = Readonly<{
  level: number
  nodes: ReadonlyArray<Readonly<{ node: string; isLive: boolean; isLeader: boolean; units: number }>>
  units: ReadonlyArray<Readonly<{ unit: string; node?: string }>>
}>

export class ClusterHouse {
  readonly records = new Records()
  readonly nodes: ClusterNode[] = []
  readonly probes: Probes
  readonly log: ChaosLog
  worker: Running | undefined
  private readonly loads: Load[] = []
  private readonly ledgers: RemoteLedger[] = []
  private loading: Promise<unknown> | undefined
  private isOver = false

  private constructor(
    readonly options: HouseOptions,
    readonly directory: string,
    readonly emulator: EmulatorProcess,
    readonly doors: Doors,
  ) {
    const { connectionString } = emulator
    this.log = new ChaosLog(
      {
        open: () => openEventStoreLog({ connectionString }),
        verify: () => verifyEventStore({ connectionString }),
      },
      this.records,
    )
    const names = Array.from({ length: options.probes }, (_, n) => `probe-${n}`)
    this.probes = new Probes(names, this.records, options.probeEveryMs)
  }

  static async build(options: HouseOptions): Promise<ClusterHouse> {
    const directory = await mkdtemp(join(tmpdir(), 'ledgerq-cluster-'))
    const emulator = await startEmulatorProcess()
    const house = new ClusterHouse(options, directory, emulator, new Doors())
    try {
      await house.begin()
      return house
    } catch (error) {
      await house.leave({ keep: false })
      throw error
    }
  }

  private async begin(): Promise<void> {
    const { doors, emulator, options } = this
    const logPort = Number(new URL(emulator.connectionString.replace(/^esdb:/, 'http:')).port)
    const { times, broker } = options
    const more = broker === undefined ? [] : ['--kafka', broker.brokers]
    for (let n = 0; n < options.nodes; n++) {
      const clockOffMs = CLOCKS_OFF_MS[n % CLOCKS_OFF_MS.length] ?? 0
      this.nodes.push(await ClusterNode.build(`node-${n + 1}`, { doors, logPort, times, clockOffMs, more }))
    }
    for (const node of this.nodes) {
      const ledger = connectLedger({ url: node.url, timeoutMs: CALL_TIMEOUT_MS })
      this.ledgers.push(ledger)
      this.loads.push(new Load(ledger, this.records))
      await node.start(options.edits)
    }
    for (const [name, settings] of Object.entries(this.queues)) await this.any.createQueue(name, settings)
    await this.whole()
  }

  get queues(): ReturnType<typeof queuesOf> {
    const known = queuesOf(this.options.seed)
    const probed = this.probes.queues.map((name) => [name, known.jobs ?? {}] as const)
    return { ...known, ...Object.fromEntries(probed) }
  }

  /** Through whichever node. */
  get any(): RemoteLedger {
    return this.ledgersBut(new Set())[0] as RemoteLedger
  }

  ledgersBut(struck: ReadonlySet<ClusterNode>): ReadonlyArray<RemoteLedger> {
    return this.ledgers.filter((_, n) => {
      const node = this.nodes[n]
      return node?.isRunning === true && !struck.has(node)
    })
  }

  // Looking

  /** What a node says of the cluster; undefined = it does not answer. */
  async told(node: ClusterNode): Promise<Told | undefined> {
    try {
      const response = await fetch(`${node.url}/api/v1/cluster`, {
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      })
      return response.ok ? ((await response.json()) as Told) : undefined
    } catch {
      return undefined
    }
  }

  /** The running node that owns most, as the others see it. */
  async owner(): Promise<ClusterNode> {
    const running = this.nodes.filter((node) => node.isRunning)
    for (const asked of running) {
      const told = await this.told(asked)
      if (told === undefined) continue
      const unitsOf = ({ name }: ClusterNode): number => told.units.filter(({ node }) => node === name).length
      return running.toSorted((a, b) => unitsOf(b) - unitsOf(a))[0] as ClusterNode
    }
    throw new BrokenPromises(['no node tells who owns what'])
  }

  /** Resolves when every node serves and every queue has an owner that does. Throws {@link BrokenPromises}. */
  async whole(): Promise<void> {
    const begin = performance.now()
    for (const node of this.nodes) {
      while (!(await this.isWhole(node))) {
        if (node.process?.isOver() === true)
          throw new BrokenPromises([`${node.name} ended: ${node.process.complaints()}`])
        if (performance.now() - begin > WHOLE_WITHIN_MS) {
          const told = JSON.stringify(await this.told(node))
          throw new BrokenPromises([
            `${node.name} does not serve: ${await this.readiness(node)}; it says ${told}; ${node.process?.complaints()}`,
          ])
        }
        await new Promise((turn) => setTimeout(turn, LOOK_EVERY_MS))
      }
    }
    this.records.took('until all nodes serve', performance.now() - begin)
  }

  private async readiness(node: ClusterNode): Promise<string> {
    try {
      const response = await fetch(`${node.url}/readyz`, { signal: AbortSignal.timeout(CALL_TIMEOUT_MS) })
      return response.ok ? 'ready' : await response.text()
    } catch (error) {
      return String(error)
    }
  }

  private async isWhole(node: ClusterNode): Promise<boolean> {
    if ((await this.readiness(node)) !== 'ready') return false
    const told = await this.told(node)
    if (told === undefined) return false
    const live = new Set(told.nodes.flatMap((one) => (one.isLive ? [one.node] : [])))
    const owners = new Map(told.units.map(({ unit, node: owner }) => [unit, owner ?? '']))
    return (
      this.nodes.every(({ name }) => live.has(name)) &&
      Object.keys(this.queues).every((queue) => live.has(owners.get(`queue/${queue}`) ?? ''))
    )
  }

  // Load

  startWorker(): Running {
    this.worker ??= start([WORKER, this.nodes.map(({ url }) => url).join(',')], (line) =>
      this.records.note(line),
    )
    return this.worker
  }

  async endWorker(): Promise<void> {
    this.worker?.signal('SIGKILL')
    await this.worker?.ended
    this.worker = undefined
  }

  load(mix: Readonly<{ producers: number; claimers: number; operates: boolean }>, seed: number): void {
    const dice = new Dice(seed)
    this.loading = Promise.all(this.loads.map((load) => load.run(dice, mix)))
    // Heard where it is awaited.
    this.loading.catch(() => undefined)
  }

  async unload(): Promise<void> {
    for (const load of this.loads) load.isOver = true
    await this.loading
    this.loading = undefined
  }

  get unknownAnswers(): ReadonlyArray<string> {
    return this.loads.flatMap(({ unknownAnswers }) => unknownAnswers)
  }

  get answered(): number {
    return this.loads.reduce((sum, { answered }) => sum + answered, 0)
  }

  // The end

  /** Healed: everything is claimed and acked, and nothing may be left. Throws {@link BrokenPromises}. */
  async drainQueues(): Promise<void> {
    await this.probes.stop()
    await this.unload()
    await this.whole()
    await this.endWorker()
    await drain(this.any, Object.keys(this.queues), this.records)
    this.records.saw('drained')
  }

  /** Ends the nodes and asks everything of the log that there is to ask. Throws {@link BrokenPromises}. */
  async judge(): Promise<void> {
    for (const node of this.nodes) await this.endNode(node)
    await this.log.check({ recoversTwice: false, verifies: true, hasHandedBack: true })
    this.log.judge()
  }

  /** R61: it hands over and ends by itself. Throws {@link BrokenPromises}. */
  async endNode(node: ClusterNode): Promise<void> {
    const { process } = node
    if (process === undefined) return
    node.cpuMs()
    const begin = performance.now()
    process.signal('SIGTERM')
    const how = await within(ENDS_WITHIN_MS, process.ended)
    this.records.took('an end', performance.now() - begin)
    if (how !== 0)
      throw new BrokenPromises([
        `R61 ${node.name} was told to end and did not (${how}): ${process.complaints()}`,
      ])
    await node.ended()
  }

  /** Ends what is left; with the answers kept for somebody who wants to look. */
  async leave({ keep }: { keep: boolean }): Promise<void> {
    if (this.isOver) return
    this.isOver = true
    for (const load of this.loads) load.isOver = true
    await this.endWorker()
    await Promise.all(this.nodes.map((node) => node.kill()))
    await this.probes.stop()
    await this.loading?.catch(() => undefined)
    await Promise.all(this.ledgers.map((ledger) => ledger.close()))
    await this.doors.end()
    await this.emulator.stop()
    if (keep) await writeFile(join(this.directory, 'answers.json'), this.everythingTold())
    else await rm(this.directory, { recursive: true, force: true })
  }

  private everythingTold(): string {
    const { queues, repeats, started } = this.records
    const streams = Object.fromEntries(this.log.streams)
    return JSON.stringify({ queues: Object.fromEntries(queues), repeats, started, streams })
  }
}
