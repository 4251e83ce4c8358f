// A relay on a log and a broker, as tests run it: what it says, and when it has nothing left to tell.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type KafkaFanOutOptions, openKafkaFanOut } from '../../../src/adapters/kafka/fanOut.js'
import { keepAll, recordEncoder } from '../../../src/adapters/kafka/records.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import { Relay } from '../../../src/relay/relay.js'
import type { RelayTimes } from '../../../src/relay/shardRelay.js'
import type { WatchTimes } from '../../../src/relay/transactionWatch.js'
import { systemClock } from '../../../src/runtime/systemClock.js'

const LEDGER = 'main'
const LOOK_EVERY_MS = 20

type RelayRun = Readonly<{ relay: Relay; troubles: ReadonlyArray<string> }>
type RunOptions = Partial<KafkaFanOutOptions> &
  Readonly<{ times?: Partial<RelayTimes & WatchTimes>; onTrouble?: (message: string) => void }>

export const startRelay = async (
  log: EventLog,
  brokers: string,
  topic: string,
  { times = {}, onTrouble, ...options }: RunOptions = {},
): Promise<RelayRun> => {
  const fanOut = await openKafkaFanOut({ brokers: [brokers], ledger: LEDGER, topic, ...options })
  const troubles: string[] = []
  const relay = new Relay({
    topic,
    log,
    fanOut,
    clock: systemClock,
    encode: recordEncoder(LEDGER, keepAll),
    onTrouble: (message) => {
      troubles.push(message)
      onTrouble?.(message)
    },
    times,
  })
  relay.start()
  return { relay, troubles }
}

/** Looks until it is so; the limit is that of the test. */
export const until = async (what: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await what())) await pause(LOOK_EVERY_MS)
}

export const allTold = ({ relay }: Pick<RelayRun, 'relay'>): Promise<void> =>
  until(() => relay.status().shards.every(({ lag }) => lag === 0))

/** The compiled program; the same file whether this module runs from its source or from dist. */
const PROGRAM = fileURLToPath(
  new URL(
    import.meta.url.includes('/dist/') ? './relayChild.js' : '../../../dist/test/support/kafka/relayChild.js',
    import.meta.url,
  ),
)

export class RelayProcess {
  private said = ''

  private constructor(private readonly child: ChildProcess) {
    child.stdout?.on('data', (bytes) => {
      this.said += String(bytes)
    })
  }

  /** Options are those of relayChild.ts. */
  static start(options: Readonly<Record<string, string | number>>): RelayProcess {
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    return new RelayProcess(child)
  }

  get hasToldAll(): boolean {
    return this.said.includes('told\n')
  }
  get troubles(): string {
    return this.said
  }
  get isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.isOver) return
    const over = once(this.child, 'exit')
    this.child.kill('SIGCONT')
    this.child.kill(signal)
    await over
  }
}
