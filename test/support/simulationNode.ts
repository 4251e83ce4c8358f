// One process of a simulated run: the real engine of one queue on a log, with a clock of its own. It opens while the others go
// on, may fail to, may be stopped for a while (SIGSTOP) or die at any turn; the next process of the same node begins anew.
import { partitionStream } from '../../domain/ids.js'
import type { QueueEntry } from '../../domain/queue/index.js'
import type { Blobs } from '../../src/engine/blobPayloads.js'
import type { PartitionDeps } from '../../src/engine/partition.js'
import { QueueEngine } from '../../src/engine/queueEngine.js'
import { GateWaits } from '../../src/gates/gateWaits.js'
import type { FinishedRegister } from '../../src/ports/finishedRegister.js'
import type { SimulatedBlobs } from './simulationBlobs.js'
import type { LogHome, ProcessLog } from './simulationLog.js'
import type { RegisterPlace } from './simulationRegister.js'
import { watchingAdoptions } from './simulationResizes.js'
import type { SimulatedProcess, SimulatedTime } from './simulationTime.js'

/** What all processes of a run have in common. */
export type World = Readonly<{
  time: SimulatedTime
  home: LogHome
  entry: QueueEntry
  snapshotEveryEvents: number
  payloadCacheBytes: number
  /** Of the engine: jitter and the like. */
  random: () => number
  blobs: SimulatedBlobs | undefined
  unique: () => string
  /** Processes whose death is known to everybody, by incarnation. */
  dead: Set<string>
  /** Given when the queue is resized: what happens then is counted. */
  resizes: ((what: string) => void) | undefined
  /** Broken invariants that a process itself has noticed. */
  defects: string[]
}>

const LOCAL = /^local:([^:]+):/

export class SimulationNode {
  readonly process: SimulatedProcess
  readonly incarnation: string
  log: ProcessLog | undefined
  readonly register: FinishedRegister
  readonly blobs: Blobs | undefined
  state: 'opening' | 'up' | 'failed' | 'dead' = 'opening'
  private opened: QueueEngine | undefined
  private gateWaits: GateWaits | undefined

  constructor(
    readonly world: World,
    readonly name: string,
    clock: Readonly<{ skewMs: number; bootedMs: number }>,
    place: RegisterPlace,
  ) {
    this.process = world.time.process(clock)
    this.register = place.open(this.process)
    this.blobs = world.blobs?.of(this.process)
    this.incarnation = world.unique()
  }

  get engine(): QueueEngine {
    if (this.opened === undefined) throw new Error(`node ${this.name} is ${this.state}`)
    return this.opened
  }

  /** Resolves either way; what became of it is its state. */
  async open(): Promise<void> {
    const { world, process } = this
    try {
      const log = await world.home.open(process)
      // Died, or was given up, while it was being opened.
      if (this.state === 'dead') return log.die()
      this.log = log
      this.opened = await QueueEngine.open(world.entry, this.deps(log), {
        onDurable: () => undefined,
        onTrouble: (_, text) => {
          if (/^I\d/.test(text)) world.defects.push(text)
        },
      })
      this.gateWaits = new GateWaits({ clock: process.clock, log: log.port, onTrouble: () => undefined })
      this.opened.whenControlChanged = () => this.gateWaits?.changed(this.engine)
      void this.gateWaits.opened(this.opened)
      this.state = 'up'
    } catch (error) {
      if (this.state === 'dead') return
      this.state = 'failed'
      const { message } = error as Error
      if (/^I\d/.test(message)) world.defects.push(message)
    }
  }

  private deps(log: ProcessLog): PartitionDeps {
    const { world } = this
    return {
      log: world.resizes === undefined ? log.port : watchingAdoptions(log.port, world.resizes),
      register: this.register,
      blobs: this.blobs,
      clock: this.process.clock,
      ids: { unique: world.unique, random: world.random },
      node: this.name,
      incarnation: this.incarnation,
      isCertainlyDead: (worker) => world.dead.has(LOCAL.exec(worker)?.[1] ?? ''),
      snapshotEveryEvents: world.snapshotEveryEvents,
      payloadCacheBytes: world.payloadCacheBytes,
      // Each believes so: who leads by right is nobody's business here.
      ...(world.resizes === undefined ? {} : { stillLeads: async () => true }),
    }
  }

  /** Between two turns: what it has sent may still arrive. */
  die(): void {
    this.state = 'dead'
    this.process.isDead = true
    this.world.dead.add(this.incarnation)
    this.log?.die()
  }

  /** A partition takes no calls any more by itself, or the process has died in the middle of a call. */
  get isStuck(): boolean {
    return (
      this.process.isDead ||
      this.state === 'failed' ||
      (this.state === 'up' && this.engine.partitions.some((one) => one.isFinal))
    )
  }

  stream(partition: number): string {
    return partitionStream({ queue: 'orders', generation: 1, partition })
  }
}
