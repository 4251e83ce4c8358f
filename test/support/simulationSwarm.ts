// What a run draws for itself from its seed: settings of the queue, which features its messages use, and how much goes wrong.
// Uniform mixes hide mistakes: a run that uses everything at once seldom gets far with any of it.
import { DEFAULT_FAILURE_RULES } from '../../domain/failure/index.js'
import type { MessageAttributes } from '../../domain/message/index.js'
import type { Cap, Limits, QueueSettings } from '../../domain/queue/index.js'
import { fixed } from '../../domain/retry/index.js'
import type { NewMessage } from '../../src/engine/requests.js'
import { message } from './ledger.js'

/** mulberry32: small, and the same on every machine. */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export class Dice {
  private next: () => number
  constructor(seed: number) {
    this.next = seeded(seed)
  }
  readonly random = (): number => this.next()
  /** From now on as if it had begun with this: what a step draws does not depend on what was drawn before it. */
  beginStep(seed: number, step: number): void {
    this.next = seeded(Math.imul(seed, 0x9e3779b1) + step)
  }
  pick<A>(from: ReadonlyArray<A>): A {
    return from[Math.floor(this.random() * from.length)] as A
  }
  chance(p: number): boolean {
    return this.random() < p
  }
}

const POLICIES = {
  UNKNOWN: { delayMs: 100, retriesMax: 2 },
  NETWORK: { delayMs: 0, retriesMax: 1 },
  DATABASE: { delayMs: 20, retriesMax: 5 },
  RESOURCE: { delayMs: 60, retriesMax: 4 },
  TIMEOUT: { delayMs: 150, retriesMax: 6, budgetMs: 400 },
  CRASH: { delayMs: 50, retriesMax: 3 },
} as const

const failures = {
  ...DEFAULT_FAILURE_RULES,
  ...Object.fromEntries(Object.entries(POLICIES).map(([type, policy]) => [type, fixed(policy)])),
}

const CIRCUIT = { failureTypes: ['DATABASE'], adaptive: false }
const CIRCUITS = [
  null,
  null,
  { ...CIRCUIT, failureThreshold: 2, windowMs: 2_000, openMs: 250, probesMax: 1, successThreshold: 2 },
  { ...CIRCUIT, failureThreshold: 2, windowMs: 120, openMs: 120, probesMax: 2, successThreshold: 2 },
]
/** Opens on a share of failures: three of up to six calls, and never later than the sixth of them. */
const ADAPTIVE = { failureThreshold: 6, windowMs: 20_000, openMs: 100, successThreshold: 1, adaptive: true }
const LIMITS: ReadonlyArray<Limits> = [
  {},
  {},
  {},
  { concurrencyMax: 2 },
  { rate: { count: 3, perMs: 300 } },
  { perTenant: { concurrencyMax: 1 } },
  { perTenant: { rate: { count: 2, perMs: 300 } } },
  { concurrencyMax: 5, rate: { count: 4, perMs: 400 }, perTenant: { concurrencyMax: 2 } },
]

/** Of all runs so many are about resizes, too. */
const RESIZED_SHARE = 0.25
/** Their limits are great enough for several layouts at once. */
const RESIZED_SHARERS = 3

/** Over several partitions a limit is split, and not always evenly. */
const overPartitions = (limits: Limits, partitions: number): Limits => {
  if (partitions === 1) return limits
  const times = (n: number): number => n * partitions + 1
  const each = ({ concurrencyMax, rate }: Cap): Cap => ({
    ...(concurrencyMax === undefined ? {} : { concurrencyMax: times(concurrencyMax) }),
    ...(rate === undefined ? {} : { rate: { ...rate, count: times(rate.count) } }),
  })
  return { ...each(limits), ...(limits.perTenant === undefined ? {} : { perTenant: each(limits.perTenant) }) }
}

export const GATES = ['g', 'h'] as const
export const GROUPS = ['a', 'b'] as const

/** What the messages of one run use, beside what all runs do. */
type Features = Readonly<{
  tenants: boolean
  zones: boolean
  gates: boolean
  replacing: boolean
  wishes: boolean
  groupShare: number
  /** What holds the same is the same message; some of what is sent has been sent before. */
  content: boolean
  /** Some payloads are too large for the log. */
  blobs: boolean
}>

/** What may be left out of a run to see whether it has a part in what broke. */
export const FEATURES = [
  'nodes',
  'partitions',
  'turns',
  'loss',
  'crash',
  'stops',
  'clocks',
  'full',
  'lostReply',
  'lostRequest',
  'lateRequest',
  'held',
  'unreachable',
  'snapshot fails',
  'snapshots',
  'cache',
  'limits',
  'circuits',
  'orders',
  'overflow',
  'groups',
  'tenants',
  'zones',
  'gates',
  'replacing',
  'wishes',
  'reconfigured',
  'adaptive',
  'content',
  'looking back',
  'blobs',
  'flips',
  'resizes',
] as const

/** Above it a payload lies beside the log; edits are shorter. */
export const IN_LOG_BYTES_MAX = 40
const LARGE = 'x'.repeat(IN_LOG_BYTES_MAX)

/** One of the latest contents again, or a new one; the order of its fields says nothing. */
const contents = (dice: Dice, n: number): object => {
  const which = dice.chance(0.5) ? Math.max(1, n - dice.pick([1, 1, 2, 4])) : n
  return dice.chance(0.5) ? { n: which, of: 'content' } : { of: 'content', n: which }
}

export class Swarm {
  /** How many processes live at the same time. */
  readonly nodes: number
  /** Answers that get lost on their way to the client. */
  readonly lossRate: number
  /** Turns of processes and answers from outside come one at a time, and time goes on between them. */
  readonly turnByTurn: boolean
  readonly settings: QueueSettings
  readonly snapshotEveryEvents: number
  readonly payloadCacheBytes: number
  /** The configuration changes while it runs. */
  readonly reconfigures: boolean
  /** It is given other numbers of partitions while it runs. */
  readonly resizes: boolean
  readonly faultRate: number
  readonly crashRate: number
  readonly features: Features

  constructor(seed: number, without: ReadonlySet<string> = new Set()) {
    const dice = new Dice(seed)
    // Of what came later: what earlier seeds draw stays as it was.
    const more = new Dice(seed ^ 0x6a09e667)
    // Drawn whether or not it is wanted: what is left out must not change what else is drawn.
    const unless = <A>(name: (typeof FEATURES)[number], drawn: A, plain: A): A =>
      without.has(name) ? plain : drawn
    const plain = unless('circuits', dice.pick(CIRCUITS), null)
    const isAdaptive = unless('adaptive', more.chance(0.5), false)
    const circuit = plain !== null && isAdaptive ? { ...plain, ...ADAPTIVE } : plain
    const partitions = unless('partitions', dice.pick([1, 1, 1, 2, 4]), 1)
    const drawnLimits = unless('limits', dice.pick(LIMITS), {})
    this.features = {
      tenants: unless('tenants', dice.chance(0.35) || drawnLimits.perTenant !== undefined, false),
      zones: unless('zones', dice.chance(0.5) && circuit !== null, false),
      gates: unless('gates', dice.chance(0.3), false),
      replacing: unless('replacing', dice.chance(0.4), false),
      wishes: unless('wishes', dice.chance(0.3), false),
      groupShare: unless('groups', dice.pick([0.1, 0.3, 0.8]), 0),
      content: unless('content', more.chance(0.2), false),
      blobs: unless('blobs', more.chance(0.3), false),
    }
    this.resizes = unless('resizes', more.chance(RESIZED_SHARE), false)
    const sharers = this.resizes ? Math.max(partitions, RESIZED_SHARERS) : partitions
    const limits = overPartitions(drawnLimits, sharers)
    this.nodes = unless('nodes', dice.pick([1, 1, 1, 2, 3]), 1)
    this.lossRate = unless('loss', dice.pick([0, 0, 0.05]), 0)
    this.turnByTurn = unless('turns', dice.chance(0.6), false)
    this.settings = {
      partitions,
      maxSize: unless('overflow', dice.pick([6, 15, 1_000]), 1_000),
      overflow: unless(
        'overflow',
        dice.pick(['reject', 'reject', 'dropOldest', 'dropLowestPriority']),
        'reject',
      ),
      order: unless(
        'orders',
        dice.pick(['priority', 'priority', 'fifo', 'lifo', 'weighted', 'adaptive']),
        'priority',
      ),
      groupHead: dice.pick(['block', 'block', 'skip']),
      dedup: this.features.content ? 'content' : 'key',
      dedupWindowMs: dice.pick([0, 500, 5_000]),
      deadLetters: dice.chance(0.75),
      failures,
      circuit,
      waitFor: dice.chance(0.5) && this.features.gates ? { NETWORK: 'g' } : {},
      gateWaitMaxMs: dice.pick([0, 1_500]) * (this.features.gates ? 1 : 0),
      shedAbovePercent: unless('overflow', dice.pick([100, 100, 50]), 100),
      shedBelowPriority: dice.pick([0, 5]),
      ...(dice.chance(0.3) ? { messageTimeoutMs: 1_000, handlerTimeoutMs: 500 } : {}),
      limits,
    }
    this.reconfigures = unless('reconfigured', dice.chance(0.4), false)
    this.snapshotEveryEvents = unless('snapshots', dice.pick([0, 5, 20]), 0)
    this.payloadCacheBytes = unless('cache', dice.pick([0, 600, 1_000_000]), 1_000_000)
    this.faultRate = dice.pick([0, 0.3, 1])
    this.crashRate = dice.pick([0, 0.3, 1])
  }

  /** How the attempts of this run end: where circuits are, many fail. */
  outcome(dice: Dice): 'ack' | 'fail' | 'release' | 'extend' {
    const usual = dice.pick(['ack', 'ack', 'ack', 'fail', 'fail', 'release', 'extend'] as const)
    const { circuit = null } = this.settings
    const sickness = circuit === null ? 0 : circuit.adaptive ? 0.6 : 0.4
    return usual === 'ack' && dice.chance(sickness) ? 'fail' : usual
  }

  failureType(dice: Dice): string {
    if (this.settings.circuit !== null && dice.chance(0.7)) return 'DATABASE'
    return dice.pick([
      'UNKNOWN',
      'UNKNOWN',
      'NETWORK',
      'TIMEOUT',
      'DATABASE',
      dice.chance(0.2) ? 'SYSTEM' : 'UNKNOWN',
    ])
  }

  /** One setting after another: what runs and waits already has to live with it (R67). */
  otherSettings(dice: Dice): QueueSettings {
    const { partitions = 1 } = this.settings
    const sharers = this.resizes ? Math.max(partitions, RESIZED_SHARERS) : partitions
    return dice.pick<() => QueueSettings>([
      () => ({ failures: { UNKNOWN: fixed({ delayMs: 10, retriesMax: dice.pick([0, 1, 4]) }) } }),
      () => ({ failures: { CRASH: fixed({ delayMs: 20, retriesMax: dice.pick([0, 1]) }) } }),
      () => ({ maxSize: dice.pick([3, 8, 1_000]) }),
      () => ({ overflow: dice.pick(['reject', 'dropOldest', 'dropLowestPriority']) }),
      () => ({ order: dice.pick(['priority', 'fifo', 'lifo', 'weighted', 'adaptive']) }),
      () => ({ groupHead: dice.pick(['block', 'skip']) }),
      () => ({ deadLetters: dice.chance(0.5) }),
      () => ({ limits: overPartitions(dice.pick(LIMITS), sharers) }),
      () => ({ shedAbovePercent: dice.pick([30, 100]), shedBelowPriority: 5 }),
      () => ({ messageTimeoutMs: dice.pick([600, 300_000]), handlerTimeoutMs: 500 }),
      () => ({ circuit: dice.chance(0.5) ? null : (this.settings.circuit ?? null) }),
      () => ({ waitFor: dice.pick([{}, { UNKNOWN: 'h' }]), gateWaitMaxMs: dice.pick([0, 1_500]) }),
    ])()
  }

  /** One new message; its payload names it. */
  message(dice: Dice, n: number): NewMessage {
    const callerId = dice.chance(0.15) ? dice.pick(['x', 'y', 'z']) : undefined
    const attributes = this.attributes(dice)
    const replaces = this.features.replacing && attributes.dedupKey !== undefined && dice.chance(0.7)
    return message(this.payload(dice, n), {
      callerId,
      priority: dice.pick([0, 0, 0, 5, -5]),
      delayMs: dice.pick([0, 0, 0, 30, 400]),
      ttlMs: dice.pick([0, 0, 0, 300]),
      attributes: Object.keys(attributes).length === 0 ? undefined : attributes,
      ...(replaces ? { dedupMode: dice.pick(['replace', 'debounce'] as const) } : {}),
    })
  }

  private payload(dice: Dice, n: number): unknown {
    const { content, blobs } = this.features
    const small = content ? contents(dice, n) : { n }
    return blobs && dice.chance(0.5) ? { ...small, large: LARGE } : small
  }

  private attributes(dice: Dice): MessageAttributes {
    const { tenants, zones, gates, replacing, wishes, groupShare } = this.features
    const group = dice.chance(groupShare) ? dice.pick(GROUPS) : undefined
    const zone = zones ? dice.pick([undefined, 'z1', 'z2']) : undefined
    return {
      ...(dice.chance(replacing ? 0.4 : 0.15) ? { dedupKey: dice.pick(['k', 'l']) } : {}),
      ...(dice.chance(0.1) ? { idempotencyKey: dice.pick(['p', 'q']) } : {}),
      ...(group === undefined ? {} : { group }),
      ...(tenants && dice.chance(0.7) ? { tenant: dice.pick(['t1', 't2']) } : {}),
      ...(zone === undefined ? {} : { zone }),
      ...(zone === 'z1' && dice.chance(0.5) ? { fallbackZones: ['z2'] } : {}),
      ...(gates && dice.chance(0.4) ? { gate: dice.pick(GATES) } : {}),
      ...(wishes && dice.chance(0.15) ? { guarantee: 'fireAndForget' } : {}),
      ...(wishes && dice.chance(0.15) ? { retryable: false } : {}),
      ...(wishes && dice.chance(0.15) ? { retry: fixed({ delayMs: 70, retriesMax: 1 }) } : {}),
      ...(wishes && dice.chance(0.15) ? { timeoutMs: 1_500 } : {}),
      ...(wishes && dice.chance(0.15) ? { cancelable: false } : {}),
    }
  }
}
