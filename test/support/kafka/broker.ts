// One real broker of our own: a KRaft node on a directory and two ports, to be started, killed, frozen and started again.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { KAFKA_VERSION, kafkaJars } from './jars.js'

export type BrokerOptions = Readonly<{
  version?: string
  /** Where clients connect; default: a free port. */
  port?: number
  /** Default: a new one, gone when the broker stops for good. */
  directory?: string
  /** Over what stands below. */
  settings?: Readonly<Record<string, string>>
  heapMiB?: number
  /** It goes on when the program that started it ends. */
  detached?: boolean
}>

/**
 * Outlives the program that started it by nothing but this: its input ends when that program does, however it ends, and then it ends the
 * broker. In a process group of its own, so that a signal for the group leaves it its work.
 */
const GUARD = 'read broker; cat >/dev/null; kill -9 "$broker"'

const startGuard = (): ChildProcess => {
  const guard = spawn('sh', ['-c', GUARD], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  // It is gone, or ended by us: nothing is to be told to it any more.
  guard.stdin?.on('error', () => undefined)
  guard.unref()
  return guard
}

/** A guard against what never comes up; a machine that has other things to do may take its time. */
const READY_WITHIN_MS = 240_000
const LOOK_EVERY_MS = 50
const CLUSTER_ID = 'bGVkZ2VycS10ZXN0cy0wMQ'

export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

export const answers = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    const end = (is: boolean): void => {
      socket.destroy()
      done(is)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })

const properties = (port: number, controllerPort: number, directory: string): Record<string, string> => ({
  'process.roles': 'broker,controller',
  'node.id': '1',
  'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
  listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
  'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
  'log.dirs': join(directory, 'data'),
  'auto.create.topics.enable': 'false',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '1',
  'group.initial.rebalance.delay.ms': '0',
  // What it takes of a small machine, and how soon it ends a transaction that nobody goes on with.
  'num.network.threads': '2',
  'num.io.threads': '2',
  'background.threads': '2',
  'log.cleaner.dedupe.buffer.size': '8388608',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
})

export class KafkaBroker {
  private process: ChildProcess | undefined

  private constructor(
    readonly port: number,
    private readonly classPath: string,
    private readonly directory: string,
    private readonly options: BrokerOptions,
  ) {}

  get brokers(): string {
    return `127.0.0.1:${this.port}`
  }
  get pid(): number | undefined {
    return this.process?.pid
  }
  private get logFile(): string {
    return join(this.directory, 'broker.log')
  }

  static async create(options: BrokerOptions = {}): Promise<KafkaBroker> {
    const classPath = await kafkaJars(options.version ?? KAFKA_VERSION)
    const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'ledgerq-kafka-'))
    const port = options.port ?? (await freePort())
    const broker = new KafkaBroker(port, classPath, directory, options)
    const stated = { ...properties(port, await freePort(), directory), ...options.settings }
    const file = join(directory, 'server.properties')
    writeFileSync(
      file,
      Object.entries(stated)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    )
    const format = ['format', '--ignore-formatted', '-t', CLUSTER_ID, '-c', file]
    execFileSync('java', ['-cp', classPath, 'kafka.tools.StorageTool', ...format], { stdio: 'pipe' })
    return broker
  }

  /** Also after it was killed: on the same directory and port. */
  async start(): Promise<this> {
    const { heapMiB = 512, detached = false } = this.options
    const out = openSync(this.logFile, 'a')
    const flags = [
      `-Xmx${heapMiB}m`,
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
    ]
    const program = ['-cp', this.classPath, 'kafka.Kafka', join(this.directory, 'server.properties')]
    // Before the broker, so that there is no moment without it.
    const guard = detached ? undefined : startGuard()
    const child = spawn('java', [...flags, ...program], { stdio: ['ignore', out, out], detached })
    closeSync(out)
    this.process = child
    guard?.stdin?.write(`${child.pid}\n`)
    // A worker of a test runner that was killed would go on, and its brokers with it: nobody hears of its tests any more.
    const orphaned = (): never => process.exit(1)
    if (!detached) process.once('disconnect', orphaned)
    child.once('exit', () => {
      process.off('disconnect', orphaned)
      // Its number may be another process's one day.
      guard?.kill('SIGKILL')
    })
    if (detached) child.unref()
    const until = Date.now() + READY_WITHIN_MS
    while (!(await answers(this.port))) {
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > until)
        throw new Error(`the broker did not start: ${readFileSync(this.logFile, 'utf8').slice(-4_000)}`)
      await pause(LOOK_EVERY_MS)
    }
    return this
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.process
    if (child === undefined) return
    this.process = undefined
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGCONT')
    child.kill(signal)
    await ended
  }

  /** As a power cut of its process: nothing is said goodbye to. */
  kill(): Promise<void> {
    appendFileSync(this.logFile, '--- killed\n')
    return this.end('SIGKILL')
  }
  /** For good; a directory of its own goes, too. */
  async stop(): Promise<void> {
    await this.end('SIGKILL')
    if (this.options.directory === undefined) rmSync(this.directory, { recursive: true, force: true })
  }
  freeze(): void {
    this.process?.kill('SIGSTOP')
  }
  thaw(): void {
    this.process?.kill('SIGCONT')
  }
}

export const startBroker = async (options: BrokerOptions = {}): Promise<KafkaBroker> =>
  (await KafkaBroker.create(options)).start()

/** For tests that do nothing to the broker: the one that is named from outside, or one of their own. */
export const anyBroker = async (): Promise<Pick<KafkaBroker, 'brokers' | 'stop'>> => {
  const { KAFKA_BROKERS } = process.env
  if (KAFKA_BROKERS === undefined) return startBroker()
  return { brokers: KAFKA_BROKERS, stop: () => Promise.resolve() }
}
