// Processors of one worker, in the order in which they are asked (D11): which of them takes a message, what happens when
// none does, and which zones are closed because a processor there is sick (C7).
import type { Handler, Message, ProcessOptions, Processor, ProcessorStatus } from '../api/types/index.js'
import type { Clock } from '../ports/clock.js'
import { errorFrom } from '../runtime/tell.js'
import { release, SystemError } from './attempt.js'
import { HealthWatch } from './healthWatch.js'

/** No handler takes a message like this one. */
export class NoHandler extends SystemError {
  override readonly name = 'NoHandler'
}

/** No processor takes a message like this one, for too long. */
class NoProcessor extends SystemError {
  override readonly name = 'NoProcessor'
}

const PAUSE_FIRST_MS = 1_000
const PAUSE_MAX_MS = 60_000
/** Then it is a system error after all: a release is not counted, and without an end it would go round for ever. */
const RELEASES_MAX = 60
/** Messages whose releases are counted; beyond them the oldest are forgotten. */
const COUNTED_MAX = 10_000

export type ProcessorsDeps = Readonly<{
  clock: Clock
  /** Forces the circuit of a zone open, or leaves it to itself again. Told when it is first known, and when it changes. */
  setZoneHealth: (zone: string, healthy: boolean, why: string) => Promise<void>
  report: (error: Error) => void
}>

type Entry<A> = Readonly<{ processor: Processor<A>; watch: HealthWatch | undefined }>

export class Processors<A> {
  private entries: ReadonlyArray<Entry<A>> = []
  private readonly releases = new Map<string, number>()
  /** What was said of each zone last. */
  private readonly zones = new Map<string, boolean>()
  /** Zones are told one after the other, so that the last word is the last fact. */
  private telling: Promise<void> = Promise.resolve()
  private isRunning = false

  constructor(
    private readonly deps: ProcessorsDeps,
    private readonly options: Pick<ProcessOptions<A>, 'processors' | 'whenNone' | 'onHealth'>,
  ) {
    for (const processor of options.processors ?? []) this.add(processor)
  }

  /** False = handlers are called as they are. */
  get isUsed(): boolean {
    return this.entries.length > 0 || this.options.whenNone === 'release'
  }

  /** @throws RangeError or TypeError on one that cannot be used */
  add(processor: Processor<A>): void {
    const { name, canProcess, handle, health } = processor
    if (typeof name !== 'string' || name === '') throw new TypeError('processor: a name is needed')
    if (typeof canProcess !== 'function' || typeof handle !== 'function')
      throw new TypeError(`processor ${name}: canProcess and handle are functions`)
    if (this.entries.some((entry) => entry.processor.name === name))
      throw new RangeError(`there is a processor ${name} already`)
    const watch =
      health === undefined
        ? undefined
        : new HealthWatch(name, health, this.deps.clock, (isNews) => this.checked(name, isNews))
    this.entries = [...this.entries, { processor, watch }]
    if (this.isRunning) watch?.start()
  }

  remove(name: string): boolean {
    const entry = this.entries.find(({ processor }) => processor.name === name)
    if (entry === undefined) return false
    entry.watch?.stop()
    this.entries = this.entries.filter((other) => other !== entry)
    this.tellZones()
    return true
  }

  start(): void {
    this.isRunning = true
    for (const { watch } of this.entries) watch?.start()
  }

  /** Zones that were closed for this worker are left to themselves: it is not here any more to open them. */
  async stop(): Promise<void> {
    this.isRunning = false
    for (const { watch } of this.entries) watch?.stop()
    this.tellZones()
    await this.telling
  }

  statuses(): ReadonlyArray<ProcessorStatus> {
    return this.entries.map(statusOf)
  }

  /** The first that can, in order; where none can, the handlers. */
  before(handlers: Handler<A>): Handler<A> {
    return (message, context) => {
      let isSick = false
      for (const { processor, watch } of this.entries) {
        const can: unknown = processor.canProcess(message)
        // A promise is always truthy: taken for a yes, it would send every message to this one.
        if (can instanceof Promise)
          throw new TypeError(`processor ${processor.name}: canProcess answers at once, not with a promise`)
        if (!can) continue
        if (watch?.isSick === true) {
          isSick = true
          continue
        }
        this.releases.delete(message.id)
        return processor.handle(message, context)
      }
      // Its processor will be well again: that is no mistake in the set-up.
      if (isSick) return this.handBack(message)
      if (this.options.whenNone !== 'release') return handlers(message, context)
      try {
        return handlers(message, context)
      } catch (error) {
        if (error instanceof NoHandler) return this.handBack(message)
        throw error
      }
    }
  }

  private handBack({ id }: Message<A>): unknown {
    const count = this.releases.get(id) ?? 0
    this.releases.delete(id)
    if (count >= RELEASES_MAX)
      throw new NoProcessor(`no processor took the message, which was handed back ${count} times`)
    this.releases.set(id, count + 1)
    const [oldest] = this.releases.keys()
    if (this.releases.size > COUNTED_MAX && oldest !== undefined) this.releases.delete(oldest)
    return release({ delayMs: Math.min(PAUSE_FIRST_MS * 2 ** count, PAUSE_MAX_MS) })
  }

  private checked(name: string, isNews: boolean): void {
    const entry = this.entries.find(({ processor }) => processor.name === name)
    if (entry === undefined) return
    const { zone } = entry.processor
    // Said again while it lasts: another worker, whose processor is well, may have opened the zone meanwhile.
    if (zone !== undefined && entry.watch?.isSick === true) this.zones.delete(zone)
    if (isNews) this.tellListener(entry)
    this.tellZones()
  }

  private tellListener(entry: Entry<A>): void {
    const report = (error: unknown): void => this.deps.report(errorFrom(error))
    try {
      const answer: unknown = this.options.onHealth?.(statusOf(entry))
      if (answer instanceof Promise) answer.catch(report)
    } catch (error) {
      report(error)
    }
  }

  private tellZones(): void {
    const now = new Map<string, { healthy: boolean; why: string }>()
    for (const { processor, watch } of this.isRunning ? this.entries : []) {
      const { zone, name } = processor
      if (zone === undefined || watch?.checkedAtMs === undefined) continue
      if (watch.isSick) now.set(zone, { healthy: false, why: `processor ${name}: ${watch.why ?? ''}` })
      else if (!now.has(zone)) now.set(zone, { healthy: true, why: `processor ${name} is well` })
    }
    for (const [zone, healthy] of this.zones) {
      if (!healthy && !now.has(zone)) now.set(zone, { healthy: true, why: 'its processors are gone' })
    }
    for (const [zone, { healthy, why }] of now) {
      if (this.zones.get(zone) === healthy) continue
      this.zones.set(zone, healthy)
      this.tell(zone, healthy, why)
    }
  }

  private tell(zone: string, healthy: boolean, why: string): void {
    this.telling = this.telling
      .then(() => this.deps.setZoneHealth(zone, healthy, why))
      .catch((error: Error) =>
        this.deps.report(new Error(`the circuit of zone ${zone} could not be changed`, { cause: error })),
      )
  }
}

const statusOf = <A>({ processor, watch }: Entry<A>): ProcessorStatus => ({
  name: processor.name,
  zone: processor.zone,
  healthy: watch?.isSick !== true,
  why: watch?.why,
  checkedAt: watch?.checkedAtMs === undefined ? undefined : new Date(watch.checkedAtMs).toISOString(),
})
