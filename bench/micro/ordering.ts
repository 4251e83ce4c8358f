// What each order, and each thing that makes lanes, costs the state of a partition: nanoseconds to enqueue a message, to
// find and start it, and to ack it, with 20,000 messages waiting behind. Rounds of all variants take turns, and the least
// and the lower quartile of the rounds are printed, so that a busy machine disturbs all of them alike.
//
//   npm run build && node dist/bench/micro/ordering.js
//
import type { MessageAttributes, MessageEvent } from '../../domain/message/index.js'
import { DEFAULT_QUEUE_CONFIG, NO_SWITCHES, type QueueConfig } from '../../domain/queue/index.js'
import { PartitionState } from '../../projections/partition/index.js'

const WAITING = 20_000
const PER_ROUND = 10_000
const WAVE = 100
const ROUNDS = 40
const AT = 1_780_000_000_000

type Variant = Readonly<{
  name: string
  config?: Partial<QueueConfig>
  attributesOf?: (n: number) => MessageAttributes
  priorityOf?: (n: number) => number
}>

const tenants =
  (count: number) =>
  (n: number): MessageAttributes => ({ tenant: `tenant-${n % count}` })
const PRIORITIES = [10, 0, -10]
const named = (n: number): number => PRIORITIES[n % 3] ?? 0

const VARIANTS: ReadonlyArray<Variant> = [
  { name: 'defaults' },
  { name: 'priority, three priorities', priorityOf: named },
  { name: 'fifo', config: { order: 'fifo' }, priorityOf: named },
  { name: 'lifo', config: { order: 'lifo' }, priorityOf: named },
  { name: 'weighted', config: { order: 'weighted' }, priorityOf: named },
  { name: 'adaptive', config: { order: 'adaptive' }, priorityOf: named },
  { name: '1,000 groups', attributesOf: (n) => ({ group: `group-${n % 1_000}` }) },
  {
    name: '1,000 groups, head skipped',
    config: { groupHead: 'skip' },
    attributesOf: (n) => ({ group: `group-${n % 1_000}` }),
  },
  { name: 'a caller attribute that makes no lane', attributesOf: () => ({ timeoutMs: 1_000 }) },
  { name: '10 tenants', attributesOf: tenants(10) },
  { name: '10,000 tenants', attributesOf: tenants(10_000) },
  {
    name: '10,000 tenants, each with a cap and a rate',
    config: { limits: { perTenant: { concurrencyMax: 1_000, rate: { count: 1_000_000, perMs: 1_000 } } } },
    attributesOf: tenants(10_000),
  },
  {
    name: 'cap and rate of the queue',
    config: { limits: { concurrencyMax: 1_000, rate: { count: 1_000_000_000, perMs: 1_000 } } },
  },
  { name: 'zone with a fallback', attributesOf: () => ({ zone: 'eu', fallbackZones: ['us'] }) },
]

class Side {
  readonly state = new PartitionState()
  readonly enqueue: number[] = []
  readonly start: number[] = []
  readonly ack: number[] = []

  constructor(readonly variant: Variant) {
    const config = { ...DEFAULT_QUEUE_CONFIG, ...variant.config }
    const adopted = { controlRevision: 0, config, paused: false, switches: NO_SWITCHES }
    this.state.apply({ type: 'ConfigAdopted', ...adopted }, AT, 0)
    for (const event of this.news(WAITING)) this.state.apply(event, AT, 0)
  }

  round(at: number): void {
    const { state } = this
    const news = this.news(PER_ROUND)
    this.enqueue.push(timed(() => news.forEach((event) => void state.apply(event, at, 0))))
    let [startMs, ackMs] = [0, 0]
    for (let wave = 0; wave < PER_ROUND / WAVE; wave++) {
      const acks: MessageEvent[] = []
      startMs += timed(() => this.startWave(at, acks))
      ackMs += timed(() => acks.forEach((event) => void state.apply(event, at, 0)))
    }
    this.start.push(startMs)
    this.ack.push(ackMs)
  }

  private startWave(at: number, acks: MessageEvent[]): void {
    const { state } = this
    for (let n = 0; n < WAVE; n++) {
      const slot = state.nextReady(at)
      if (slot < 0) throw new Error(`${this.variant.name}: nothing is ready`)
      const of = { ordinal: state.table.double(slot, 0), callerId: undefined, fence: state.nextFence }
      const zone = state.effectiveZone(slot)
      const attempt = { attempt: 1, leaseMs: 30_000, worker: 'host-1:4711:0', claimId: undefined, zone }
      state.apply({ type: 'AttemptStarted', ...of, ...attempt }, at, n)
      acks.push({
        type: 'AttemptSucceeded',
        ...of,
        result: undefined,
        followUps: undefined,
        reconciled: undefined,
      })
    }
  }

  private news(count: number): MessageEvent[] {
    const { attributesOf, priorityOf } = this.variant
    return Array.from({ length: count }, (_, n) => ({
      type: 'MessageEnqueued',
      ordinal: this.state.nextOrdinal + n,
      callerId: undefined,
      payload: '""',
      priority: priorityOf?.(n) ?? 0,
      notBefore: 0,
      expiresAt: 0,
      attributes: attributesOf?.(n),
    }))
  }
}

const timed = (work: () => void): number => {
  const from = performance.now()
  work()
  return performance.now() - from
}

const quantile = (rounds: ReadonlyArray<number>, share: number): string => {
  const sorted = [...rounds].sort((a, b) => a - b)
  const ms = sorted[Math.floor(sorted.length * share)] ?? Number.NaN
  return ((ms * 1e6) / PER_ROUND).toFixed(0)
}

const sides = VARIANTS.map((variant) => new Side(variant))
for (let round = 1; round <= ROUNDS; round++) for (const side of sides) side.round(AT + round)
for (const { variant, enqueue, start, ack } of sides) {
  const figures = [enqueue, start, ack].map((rounds) => `${quantile(rounds, 0)} / ${quantile(rounds, 0.25)}`)
  console.log(`${variant.name.padEnd(44)} ${figures.join('   ')}`)
}
