// Looks for transactions that nobody ends (R51): behind them readers of committed records get nothing more, although the relay tells on
// and all seems well. The relay's own are ended by its next term or by the brokers within 30 s, so what stands for longer is somebody
// else's, or the brokers' trouble. The alarm comes within a minute of the first record, and once for each place.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { Clock } from '../ports/clock.js'
import type { FanOut, HeldPlace, OpenTransaction } from '../ports/fanOut.js'

export type TransactionWatchDeps = Readonly<{
  fanOut: Pick<FanOut, 'held'>
  clock: Clock
  onTrouble: (message: string) => void
  times?: Partial<WatchTimes>
}>

const DEFAULT_TIMES = {
  openLookMs: 10_000,
  /** Longer than a transaction of the relay may last, and than brokers take to end it. */
  openAlarmMs: 40_000,
} as const
export type WatchTimes = Readonly<Record<keyof typeof DEFAULT_TIMES, number>>

type Seen = Readonly<{ place: HeldPlace; sinceTick: number; isTold: boolean }>
const nameOf = ({ topic, partition }: HeldPlace): string => `${topic}/${partition}`

export class TransactionWatch {
  private seen: ReadonlyMap<string, Seen> = new Map()
  private isStopping = false
  private wake: (() => void) | undefined
  private running: Promise<void> = Promise.resolve()

  private readonly times: WatchTimes

  constructor(private readonly deps: TransactionWatchDeps) {
    this.times = { ...DEFAULT_TIMES, ...deps.times }
  }

  start(): void {
    this.running = this.run()
  }

  async stop(): Promise<void> {
    this.isStopping = true
    this.wake?.()
    await this.running
  }

  /** Those that the alarm is about. */
  open(): ReadonlyArray<OpenTransaction> {
    const now = this.deps.clock.tickMs()
    return [...this.seen.values()].flatMap(({ place, sinceTick, isTold }) =>
      isTold ? [{ ...place, forMs: Math.floor(now - sinceTick) }] : [],
    )
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      await this.look()
      if (this.isStopping) return
      await new Promise<void>((done) => {
        const cancel = this.deps.clock.after(this.times.openLookMs, done)
        this.wake = () => {
          cancel()
          done()
        }
      })
    }
  }

  private async look(): Promise<void> {
    const held = await this.deps.fanOut.held()()
    // That brokers do not answer is what the shards tell; what was seen stands.
    if (isLeft(held)) return
    const now = this.deps.clock.tickMs()
    const seen = new Map<string, Seen>()
    for (const place of held.right) {
      const before = this.seen.get(nameOf(place))
      const isSame = before?.place.offset === place.offset
      const sinceTick = isSame ? before.sinceTick : now
      const wasTold = isSame && before.isTold
      const isTold = wasTold || now - sinceTick >= this.times.openAlarmMs
      if (isTold && !wasTold) this.alarm(place)
      seen.set(nameOf(place), { place, sinceTick, isTold })
    }
    this.seen = seen
  }

  private alarm({ topic, partition, offset, end }: HeldPlace): void {
    this.deps.onTrouble(
      `partition ${partition} of ${topic}: a transaction is open from offset ${offset} on, and nobody ends it; readers of committed records do not get the ${end - offset} records behind it (docs/kafka.md, "A transaction stays open")`,
    )
  }
}
