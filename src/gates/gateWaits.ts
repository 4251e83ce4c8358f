// Looks after messages that wait for closed gates, in queues that bound this wait (C15): now and again, so that a message is
// given up at most a tenth of the bound late, and a minute. Queues without a bound, and without a closed gate, cost nothing.
import { isLeft } from 'fp-ts/lib/Either.js'
import { controlStream } from '../../domain/ids.js'
import { giveUpGateWaits } from '../engine/decideGateWaits.js'
import type { QueueEngine } from '../engine/queueEngine.js'
import { LogFault } from '../engine/recovery.js'
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'

type Deps = Readonly<{
  clock: Clock
  log: EventLog
  onTrouble: (queue: string, message: string) => void
}>

type Watched = {
  /** On the monotonic clock: a wall clock that is put right must neither end a wait nor prolong it. */
  closedSinceTick: Map<string, number>
  cancelTimer: (() => void) | undefined
  running: Promise<void> | undefined
  ended: boolean
}

const LOOK_MS_MIN = 1_000
const LOOK_MS_MAX = 60_000
const PAGE_BYTES = 1_048_576

export class GateWaits {
  private readonly open = new Set<QueueEngine>()
  private readonly queues = new Map<QueueEngine, Watched>()

  constructor(private readonly deps: Deps) {}

  /** What is closed already has been so since the log says. */
  async opened(engine: QueueEngine): Promise<void> {
    this.open.add(engine)
    if (!isBounded(engine)) return
    const closedSinceTick = new Map<string, number>()
    try {
      const { wallMs, tickMs } = this.deps.clock
      for (const [gate, at] of await closings(this.deps.log, engine))
        closedSinceTick.set(gate, tickMs() - Math.max(0, wallMs() - at))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.deps.onTrouble(engine.name, `waits for gates are counted from now on: ${reason}`)
    }
    this.watch(engine, closedSinceTick)
  }

  /** Configuration or switches may have changed. */
  changed(engine: QueueEngine): void {
    const watched = this.queues.get(engine)
    if (isBounded(engine)) this.watch(engine, watched?.closedSinceTick ?? new Map())
    else if (watched !== undefined) void this.unwatch(engine)
  }

  /** Resolves when nothing of this queue is under way any more. */
  async forget(engine: QueueEngine): Promise<void> {
    this.open.delete(engine)
    await this.unwatch(engine)
  }

  async close(): Promise<void> {
    this.open.clear()
    await Promise.all([...this.queues.keys()].map((engine) => this.unwatch(engine)))
  }

  private async unwatch(engine: QueueEngine): Promise<void> {
    const watched = this.queues.get(engine)
    if (watched === undefined) return
    this.queues.delete(engine)
    watched.ended = true
    watched.cancelTimer?.()
    await watched.running
  }

  private watch(engine: QueueEngine, since: ReadonlyMap<string, number>): void {
    if (!this.open.has(engine)) return
    const known = this.queues.get(engine)
    const watched = known ?? {
      closedSinceTick: new Map(),
      cancelTimer: undefined,
      running: undefined,
      ended: false,
    }
    const tick = this.deps.clock.tickMs()
    const { closedGates } = engine.control.switches
    watched.closedSinceTick = new Map(closedGates.map((gate) => [gate, since.get(gate) ?? tick]))
    this.queues.set(engine, watched)
    if (watched.running === undefined) this.arm(engine, watched)
  }

  private arm(engine: QueueEngine, watched: Watched): void {
    watched.cancelTimer?.()
    const { gateWaitMaxMs } = engine.control.config
    const earliest = Math.min(...watched.closedSinceTick.values()) + gateWaitMaxMs - this.deps.clock.tickMs()
    const pauseMs = Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, gateWaitMaxMs / 10))
    const inMs = Math.min(TIMER_MS_MAX, Math.max(pauseMs, earliest))
    watched.cancelTimer = this.deps.clock.after(inMs, () => {
      watched.cancelTimer = undefined
      watched.running = this.look(engine, watched).then(() => {
        watched.running = undefined
        if (!watched.ended) this.arm(engine, watched)
      })
    })
  }

  private closedLongEnough({ control }: QueueEngine, { closedSinceTick }: Watched): ReadonlySet<string> {
    const latest = this.deps.clock.tickMs() - control.config.gateWaitMaxMs
    return new Set([...closedSinceTick].filter(([, since]) => since <= latest).map(([gate]) => gate))
  }

  /** A partition that does not answer is asked again at the next look. */
  private async look(engine: QueueEngine, watched: Watched): Promise<void> {
    for (const { ref } of engine.partitions) {
      for (let from: number | undefined = 0; from !== undefined && !watched.ended; ) {
        const start: number = from
        const reply = await engine.act(ref.partition, (context) =>
          giveUpGateWaits(context, this.closedLongEnough(engine, watched), start),
        )
        from = isLeft(reply) ? undefined : reply.right.value
      }
    }
  }
}

const isBounded = ({ control }: QueueEngine): boolean =>
  control.config.gateWaitMaxMs > 0 && control.switches.closedGates.length > 0

/** When each gate was closed the last time. */
const closings = async (log: EventLog, { entry }: QueueEngine): Promise<ReadonlyMap<string, number>> => {
  const stream = controlStream(entry.queue, entry.generation)
  const found = new Map<string, number>()
  for (let from = 0; ; ) {
    const page = await log.read(stream, from, PAGE_BYTES)()
    if (isLeft(page)) throw new LogFault(page.left, stream)
    for (const { events, at } of page.right.batches)
      for (const event of events) if (event.type === 'GateClosed') found.set(event.gate, at)
    from = page.right.next
    if (page.right.atEnd) return found
  }
}
