// One seeded run of a whole ledger: workers, follow-ups and a schedule, with faults of the log, deaths of the process and queues that
// are resized; then all is healed, and what the log tells is held against what had to come of it. What a single partition promises is simulation.ts's.
import type { LedgerEvent } from '../../domain/batch.js'
import type { FollowUpRequest } from '../../src/api/types/followUps.js'
import type { EnqueueOptions } from '../../src/api/types/index.js'
import { complete } from '../../src/worker/attempt.js'
import type { FaultyLog, PlannedFault } from './faultyLog.js'
import { TestLedger } from './ledger.js'
import type { RunOptions } from './simulation.js'
import { Dice } from './simulationSwarm.js'

export const LEDGER_STEPS = 40
const TICK_MS = 1_000
/** Of the steps. */
const RESIZE_RATE = 0.04
const FAULTS: ReadonlyArray<PlannedFault> = ['full', 'lostReply', 'lostRequest', 'lateRequest', 'held']
/** Healed, everything must be done with in so many rounds. */
const ROUNDS_MAX = 200
const ROUND_MS = 1_000

type Work = Readonly<{ n: number; follow: number; fails: number }>

/** What may be left out of a run to see whether it has a part in what broke. */
export const LEDGER_FEATURES = [
  ...FAULTS,
  'deaths',
  'clocks',
  'full queue',
  'follow-ups',
  'callbacks',
  'failures',
  'resizes',
]

export type LedgerReport = Readonly<{
  broken: ReadonlyArray<string>
  trace: ReadonlyArray<string>
  seen: ReadonlyMap<string, number>
}>

class LedgerRun {
  private readonly dice: Dice
  private readonly told = new Set<string>()
  private readonly seen = new Map<string, number>()
  private readonly olds: FaultyLog[] = []
  private readonly failuresLeft = new Map<number, number>()
  private readonly faultRate: number
  private readonly deathRate: number
  private readonly dedupWindowMs: number
  /** A queue of so few that follow-ups have to wait for room. */
  private readonly mailsMax: number
  private readonly called = new Set<string>()
  private readonly trace: string[] = []
  private isMailing = false
  private n = 0

  private constructor(
    private readonly seed: number,
    private readonly options: RunOptions,
    private readonly test: TestLedger,
  ) {
    this.dice = new Dice(seed)
    this.faultRate = this.dice.pick([0, 0.1, 0.4])
    this.deathRate = this.dice.pick([0, 0.05, 0.2])
    this.dedupWindowMs = this.dice.pick([0, 500, 60_000])
    const mailsMax = this.dice.pick([2, 10_000])
    this.mailsMax = this.has('full queue') ? mailsMax : 10_000
  }

  static async start(seed: number, options: RunOptions): Promise<LedgerRun> {
    return new LedgerRun(seed, options, await TestLedger.open())
  }

  private has(feature: string): boolean {
    return this.options.without?.has(feature) !== true
  }

  private note(text: string): void {
    this.trace.push(text)
  }

  async run(): Promise<LedgerReport> {
    await this.work(true)
    for (let step = 0; step < LEDGER_STEPS; step++) {
      this.dice.beginStep(this.seed, step)
      if (this.options.steps?.has(step) !== false) await this.step(step)
    }
    this.dice.beginStep(this.seed, LEDGER_STEPS)
    this.note('heal')
    const broken = [
      ...(await this.heal()),
      ...(await this.checkFollowUps()),
      ...(await this.checkTicks()),
      ...(await this.checkEnds()),
    ]
    return this.reportOf(broken)
  }

  /** What broke it off is a broken promise like any other. */
  reportOf(broken: ReadonlyArray<string>): LedgerReport {
    const { trace, seen } = this
    return { broken, trace, seen }
  }

  private saw(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
  }

  /** Workers of this process, and once the schedule. */
  private async work(isFirst = false): Promise<void> {
    const { test, dedupWindowMs } = this
    const settings = {
      dedupWindowMs,
      failures: { UNKNOWN: { kind: 'fixed', delayMs: 100, retriesMax: 5, jitter: 'none' } },
    } as const
    const orders = await test.done(test.ledger.queue<Work>('orders', settings))
    const mails = await test.done(test.ledger.queue('mails', { ...settings, maxSize: this.mailsMax }))
    if (isFirst) {
      const payload: Work = { n: 0, follow: 0, fails: 0 }
      await test.done(
        orders.schedule({ name: 'tick', everyMs: TICK_MS, payload, missed: { kind: 'all', atMost: 1_000 } }),
      )
    }
    orders.process(({ payload: { n, follow, fails } }) => {
      const left = this.failuresLeft.get(n) ?? fails
      this.failuresLeft.set(n, left - 1)
      if (left > 0) throw new Error('not yet')
      const followUps: FollowUpRequest[] = Array.from({ length: follow }, (_, k) => ({
        queue: 'mails',
        payload: `${n}.${k}`,
      }))
      return complete(n, { followUps })
    })
    this.isMailing = this.dice.chance(0.5)
    if (this.isMailing) mails.process(() => undefined)
  }

  private async step(step: number): Promise<void> {
    const { test, dice } = this
    if (dice.chance(this.faultRate)) this.plan(step, dice.pick(FAULTS))
    if (dice.chance(0.6)) await this.enqueue(step)
    await test.clock.settle()
    if (dice.chance(0.3)) test.log.release()
    if (dice.chance(0.6)) {
      const ms = dice.pick([1, 100, 800, 3_000])
      this.note(`${step} ${ms} ms pass`)
      await test.clock.advance(ms)
    }
    if (dice.chance(0.05)) this.jump(step, dice.pick([5_000, -5_000, 300, -300]))
    if (dice.chance(RESIZE_RATE)) await this.resize(step)
    if (dice.chance(this.deathRate) && this.has('deaths')) {
      this.saw('death of a ledger')
      this.note(`${step} the process dies, and another one begins`)
      this.olds.push(test.log)
      await test.restart()
      if (dice.chance(0.5)) for (const log of this.olds) log.release()
      await this.work()
    }
  }

  private plan(step: number, fault: PlannedFault): void {
    if (!this.has(fault)) return
    this.saw(fault)
    this.note(`${step} fault ${fault}`)
    this.test.log.plan(fault)
  }

  /** Not waited for: what is asked next comes between its steps. */
  private async resize(step: number): Promise<void> {
    const { test, dice } = this
    const [name, partitions] = [dice.pick(['orders', 'mails']), dice.pick([1, 2, 3])]
    if (!this.has('resizes')) return
    this.note(`${step} ${name} gets ${partitions} partitions`)
    const queue = await test.done(test.ledger.queue(name))
    queue.resize(partitions).then(
      () => this.saw('a resize'),
      () => this.saw('told a failure'),
    )
  }

  /** Of all partitions that the queue has had; `id` where the event is about a message. */
  private async eventsOf(name: string): Promise<ReadonlyArray<Readonly<{ event: LedgerEvent; id: string }>>> {
    const all: Array<Readonly<{ event: LedgerEvent; id: string }>> = []
    for (let partition = 0; ; partition++) {
      const events = await this.test.events(name, partition)
      if (events.length === 0) return all
      for (const event of events) {
        const ordinal = 'ordinal' in event ? event.ordinal : 0
        all.push({ event, id: `${name}.${partition}.${ordinal.toString(36)}` })
      }
    }
  }

  private jump(step: number, ms: number): void {
    if (!this.has('clocks')) return
    this.note(`${step} the wall clock jumps by ${ms} ms`)
    this.test.clock.jumpWall(ms)
  }

  private async enqueue(step: number): Promise<void> {
    const { test, dice } = this
    const [follow, fails] = [dice.pick([0, 1, 3]), dice.pick([0, 0, 1, 2, 9])]
    const [onSuccess, onFailure] = [dice.chance(0.3), dice.chance(0.5)]
    const work: Work = {
      n: ++this.n,
      follow: this.has('follow-ups') ? follow : 0,
      fails: this.has('failures') ? fails : 0,
    }
    const callbacks: EnqueueOptions = {
      ...(onSuccess && this.has('callbacks') ? { onSuccess: { queue: 'mails' } } : {}),
      ...(onFailure && this.has('callbacks') ? { onFailure: { queue: 'mails' } } : {}),
    }
    this.note(`${step} enqueue ${JSON.stringify({ ...work, ...callbacks })}`)
    const orders = await test.done(test.ledger.queue<Work>('orders'))
    orders.enqueue(work, callbacks).then(
      ({ id }) => this.told.add(id),
      () => this.saw('told a failure'),
    )
  }

  private async heal(): Promise<string[]> {
    const { test } = this
    for (const log of [...this.olds, test.log]) {
      log.heal()
      log.release()
    }
    const orders = await test.done(test.ledger.queue('orders'))
    await test.clock.advance(30_000)
    await test.done(orders.unschedule('tick'))
    const mails = await test.done(test.ledger.queue('mails'))
    if (!this.isMailing) mails.process(() => undefined)
    for (let round = 0; round < ROUNDS_MAX; round++) {
      await test.clock.advance(ROUND_MS)
      const stats = await Promise.all(['orders', 'mails'].map((name) => this.unfinished(name)))
      const waiting = [...(await this.followUpsMissing()).values()].some((n) => n > 0)
      if (stats.every((n) => n === 0) && !waiting) return []
    }
    return ['the ledger does not come to its end']
  }

  private async unfinished(queue: string): Promise<number> {
    const live = new Set<string>()
    for (const { event, id } of await this.eventsOf(queue)) {
      if (event.type === 'MessageEnqueued') live.add(id)
      if (isEnd(event)) live.delete(id)
    }
    return live.size
  }

  /** How often each payload was recorded with a message's end, less how often it was enqueued. */
  private async followUpsMissing(): Promise<ReadonlyMap<string, number>> {
    const missing = new Map<string, number>()
    const add = (payload: string, n: number) => missing.set(payload, (missing.get(payload) ?? 0) + n)
    for (const { event } of await this.eventsOf('orders')) {
      if (event.type !== 'AttemptSucceeded' && event.type !== 'MessageDeadLettered') continue
      for (const { payload } of event.followUps ?? []) {
        add(payload, 1)
        if (payload.startsWith('{"operationId"')) this.called.add(event.type)
      }
    }
    for (const { event } of await this.eventsOf('mails')) {
      if (event.type === 'MessageEnqueued') add(event.payload, -1)
    }
    return missing
  }

  /** C9: exactly one message for each that was recorded with an end, and none besides. */
  private async checkFollowUps(): Promise<string[]> {
    const missing = await this.followUpsMissing()
    for (const n of missing.values()) if (n === 0) this.saw('follow-up')
    for (const end of this.called) this.saw(`callback after ${end}`)
    return [...missing]
      .filter(([, n]) => n !== 0)
      .map(([payload, n]) => `C9 follow-up ${payload}: ${n} missing`)
  }

  /** B5: each planned instant once, none left out. */
  private async checkTicks(): Promise<string[]> {
    const instants: number[] = []
    for (const { event } of await this.eventsOf('orders')) {
      const tick = event.type === 'MessageEnqueued' ? event.attributes?.headers?.['ledgerq-tick'] : undefined
      if (tick !== undefined) instants.push(Date.parse(tick))
    }
    instants.sort((a, b) => a - b)
    for (const _ of instants) this.saw('tick')
    if (instants.length === 0) return ['B5 no tick at all']
    return instants.flatMap((at, n) => {
      const gapMs = at - (instants[n - 1] ?? at - TICK_MS)
      return gapMs === TICK_MS ? [] : [`B5 ${gapMs} ms between two ticks at ${at}`]
    })
  }

  /** 1: what was told to be accepted has succeeded, or is dead with its reason. */
  private async checkEnds(): Promise<string[]> {
    const ended = new Set<string>()
    for (const { event, id } of await this.eventsOf('orders')) if (isEnd(event)) ended.add(id)
    return [...this.told].filter((id) => !ended.has(id)).map((id) => `1 message ${id} did not end`)
  }
}

const isEnd = ({ type }: LedgerEvent): boolean =>
  type === 'AttemptSucceeded' || type === 'MessageDeadLettered'

export const simulateLedger = async (seed: number, options: RunOptions = {}): Promise<LedgerReport> => {
  const run = await LedgerRun.start(seed, options)
  return run
    .run()
    .catch((error: unknown) => run.reportOf([error instanceof Error ? error.message : String(error)]))
}
