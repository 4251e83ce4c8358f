// One node of a cluster under test: `ledgerq serve --cluster` as users start it, at places of its own that stay the same over its
// lives, with doors on its ways to the log and from the other nodes and clients.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { COMMAND_LINE, freePort, type Running, start } from '../chaosProcesses.js'
import type { DoorState, Doors } from './doors.js'
import type { SourceEdit } from './editedSources.js'

/** Which way of the node a door is on. */
export type Way = 'log' | 'peers' | 'clients'

export type Times = Readonly<{ heartbeatMs: number; deadAfterMs: number; tenureMs: number }>

const SKEWED_CLOCK = fileURLToPath(new URL('./skewedClock.js', import.meta.url))
const EDITED_PROGRAM = fileURLToPath(new URL('./editedProgram.js', import.meta.url))
const SECRET = 'the secret of a cluster under test'
/** How far a wall clock jumps when it is set. */
const CLOCK_SET_MS = 7 * 60_000
/** Of the kernel's own account of processor time. */
const TICK_MS = 10

export class ClusterNode {
  process: Running | undefined
  /** Processor time of lives that are over. */
  private spentMs = 0
  private lastSpentMs = 0

  private constructor(
    readonly name: string,
    /** Where clients reach it. */
    readonly url: string,
    private readonly port: number,
    private readonly address: string,
    private readonly logAddress: string,
    private readonly doors: Doors,
    private readonly times: Times,
    private readonly clockOffMs: number,
    private readonly more: ReadonlyArray<string>,
  ) {}

  static async build(
    name: string,
    options: Readonly<{
      doors: Doors
      logPort: number
      times: Times
      clockOffMs: number
      more: ReadonlyArray<string>
    }>,
  ): Promise<ClusterNode> {
    const { doors, logPort, times, clockOffMs, more } = options
    const port = await freePort()
    const log = await doors.build(`${name} log`, logPort)
    const peers = await doors.build(`${name} peers`, port)
    const clients = await doors.build(`${name} clients`, port)
    const at = (door: number): string => `http://127.0.0.1:${door}`
    const logAddress = `esdb://127.0.0.1:${log}?tls=false`
    return new ClusterNode(name, at(clients), port, at(peers), logAddress, doors, times, clockOffMs, more)
  }

  /** Its wall clock jumps by minutes: forwards, far back, then to where it was. */
  setClock(): void {
    this.process?.signal('SIGUSR2')
  }

  get isRunning(): boolean {
    return this.process !== undefined && !this.process.isOver()
  }

  /** Resolves when it serves. With edits it is another version of the program. */
  async start(edits: ReadonlyArray<SourceEdit> = []): Promise<void> {
    await this.launch(edits).ready
    await this.heal()
  }

  launch(edits: ReadonlyArray<SourceEdit> = []): Running {
    const { clockOffMs } = this
    const { heartbeatMs, deadAfterMs, tenureMs } = this.times
    const preloads = [SKEWED_CLOCK, ...(edits.length === 0 ? [] : [EDITED_PROGRAM])]
    this.process = start(
      [
        ...preloads.flatMap((file) => ['--import', file]),
        COMMAND_LINE,
        '--json',
        'serve',
        ...['--log', this.logAddress, '--port', String(this.port), '--log-level', 'error'],
        ...['--cluster', '--node', this.name, '--advertise', this.address, '--cluster-secret', SECRET],
        ...['--heartbeat-ms', String(heartbeatMs), '--dead-after-ms', String(deadAfterMs)],
        ...['--tenure-ms', String(tenureMs)],
        ...this.more,
      ],
      () => undefined,
      {
        CLUSTER_TEST_CLOCK_MS: [clockOffMs, clockOffMs + CLOCK_SET_MS, clockOffMs - CLOCK_SET_MS].join(','),
        CLUSTER_TEST_EDITS: JSON.stringify(edits),
      },
    )
    return this.process
  }

  become(way: Way, state: DoorState): Promise<number> {
    return this.doors.become(`${this.name} ${way}`, state)
  }

  async heal(): Promise<void> {
    for (const way of ['log', 'peers', 'clients'] as const) await this.become(way, { way: 'open' })
  }

  /** Processor time of all its lives, as the kernel counts it. */
  cpuMs(): number {
    if (this.isRunning) this.lastSpentMs = cpuMsOf(this.process?.pid ?? 0) ?? this.lastSpentMs
    return this.spentMs + this.lastSpentMs
  }

  async kill(): Promise<void> {
    this.cpuMs()
    this.process?.signal('SIGKILL')
    await this.ended()
  }

  /** Resolves when it has ended, and nobody listens where it did. */
  async ended(): Promise<void> {
    await this.process?.ended
    for (const way of ['peers', 'clients'] as const) await this.become(way, { way: 'shut' })
    this.spentMs += this.lastSpentMs
    this.lastSpentMs = 0
    this.process = undefined
  }
}

/** Of a process that is still there. */
const cpuMsOf = (pid: number): number | undefined => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch {
    return undefined
  }
}
