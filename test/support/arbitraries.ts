// Values as they are recorded, of every event type: the usual ones, and the ones that break encoders (empty texts, other
// scripts, a byte order mark, numbers at the end of what a double can hold).
import fc, { type Arbitrary } from 'fast-check'
import { type EventBatch, type LedgerEvent, NO_REVISION } from '../../domain/batch.js'
import { DEFAULT_CIRCUIT, sensitiveCircuit } from '../../domain/circuit/index.js'
import { DEFAULT_FAILURE_RULES } from '../../domain/failure/index.js'
import type {
  Actor,
  AttemptEnd,
  CallbackTarget,
  DeadLetterReason,
  FollowUp,
  MessageAttributes,
} from '../../domain/message/index.js'
import {
  DEFAULT_QUEUE_CONFIG,
  type Limits,
  type QueueConfig,
  type Switches,
} from '../../domain/queue/index.js'
import { DEFAULT_RETRY_POLICY, RETRY_PRESETS, type RetryPolicy } from '../../domain/retry/index.js'
import { schedule } from './schedules.js'

/** Well-formed Unicode: what the door lets in. */
export const text: Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '\u0000', '\ufeffmarked', 'zażółć gęślą jaźń', '🐂'.repeat(60)),
  },
  // Both sides of each length at which the writer or the reader goes another way.
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 400 }).map((chars) => 'x'.repeat(chars)) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 400 }).map((chars) => `${'x'.repeat(chars)}é`) },
)

/** 0 to 2^53 - 1, mostly of everyday size. */
export const natural: Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: fc.nat({ max: 300 }) },
  { weight: 2, arbitrary: fc.nat() },
  { weight: 1, arbitrary: fc.maxSafeNat() },
  {
    weight: 1,
    arbitrary: fc.constantFrom(127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
  },
)

const NOW = 1_780_000_000_000
export const instant: Arbitrary<number> = fc.oneof(
  fc.constant(0),
  fc.integer({ min: NOW - 1_000_000, max: NOW + 1_000_000 }),
  natural,
)

/** A text that `JSON.stringify` wrote; now and then one that a caller wrote in another way. */
export const jsonText: Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.json({ stringUnit: 'binary', maxDepth: 3 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '{ "a": 1 }',
      '12345678901234567890',
      '{"2":0,"1":0}',
      '-0',
      '{"__proto__":1}',
    ),
  },
)

/** As it comes out of JSON: a negative zero does not. */
const jsonValue: Arbitrary<unknown> = jsonText.map((written) =>
  JSON.parse(JSON.stringify(JSON.parse(written))),
)

export const retryPolicy: Arbitrary<RetryPolicy> = fc.constantFrom(
  DEFAULT_RETRY_POLICY,
  RETRY_PRESETS.exponential,
  RETRY_PRESETS.fixed,
  RETRY_PRESETS.custom([0, 5, 60_000]),
  RETRY_PRESETS.powersOfTwo,
)

const maybe = <A>(arbitrary: Arbitrary<A>): Arbitrary<A | undefined> =>
  fc.option(arbitrary, { nil: undefined })
const rarely = <A>(arbitrary: Arbitrary<A>): Arbitrary<A | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 1 })

function callbackTarget(): Arbitrary<CallbackTarget> {
  return fc.record({ queue: text, type: text }, { requiredKeys: ['queue'], noNullPrototype: true })
}

/** Up to `maxKeys` headers. The one name that no header can have is refused by every reader (domain/wire/headerFields.ts). */
const headersOf = (maxKeys: number): Arbitrary<Record<string, string>> =>
  fc.dictionary(
    text.filter((name) => name !== '__proto__'),
    text,
    { maxKeys, noNullPrototype: true },
  )

const followUps: Arbitrary<ReadonlyArray<FollowUp>> = fc.array(
  fc.record(
    {
      queue: text,
      payload: jsonText,
      type: text,
      delayMs: natural,
      headers: headersOf(3),
    },
    { requiredKeys: ['queue', 'payload'], noNullPrototype: true },
  ),
  { maxLength: 3 },
)

export const attributes: Arbitrary<MessageAttributes> = fc.record(
  {
    type: text,
    topic: text,
    headers: headersOf(4),
    group: text,
    dedupKey: text,
    idempotencyKey: text,
    correlationId: text,
    causationId: text,
    tenant: text,
    zone: text,
    fallbackZones: fc.array(text, { maxLength: 3 }),
    gate: text,
    retry: retryPolicy,
    timeoutMs: natural,
    leaseMs: natural,
    retryable: fc.constant(false as const),
    batchable: fc.constant(false as const),
    cancelable: fc.constant(false as const),
    guarantee: fc.constant('fireAndForget' as const),
    blob: fc.record({ sha256: text, bytes: natural, location: text }, { noNullPrototype: true }),
    onSuccess: callbackTarget(),
    onFailure: callbackTarget(),
    rerunOf: text,
  },
  { requiredKeys: [], noNullPrototype: true },
)

const actor: Arbitrary<Actor> = fc.record(
  { who: text, why: text, from: text },
  { requiredKeys: ['who'], noNullPrototype: true },
)
const by = maybe(actor)

const sorted = (texts: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).sort(([a], [b]) => (a < b ? -1 : 1)))

const switches: Arbitrary<Switches> = fc.record(
  {
    pausedGroups: fc.array(text, { maxLength: 3 }),
    closedGates: fc.array(text, { maxLength: 3 }),
    forcedCircuits: fc.dictionary(text, fc.constantFrom('open' as const, 'closed' as const), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  },
  { noNullPrototype: true },
)

const queueConfig: Arbitrary<QueueConfig> = fc.record(
  {
    partitions: natural,
    maxSize: natural,
    dedupWindowMs: natural,
    leaseMs: natural,
    handlerTimeoutMs: natural,
    ttlMs: natural,
    delayMs: natural,
    overflow: fc.constantFrom('reject', 'dropOldest', 'dropLowestPriority'),
    shedAbovePercent: natural,
    shedBelowPriority: fc.maxSafeInteger(),
    order: fc.constantFrom('priority', 'fifo', 'lifo', 'weighted', 'adaptive'),
    bandShares: fc.record({ high: natural, normal: natural, low: natural }, { noNullPrototype: true }),
    groupHead: fc.constantFrom('block', 'skip'),
    limits: fc.constantFrom<Limits>(
      {},
      { concurrencyMax: 3 },
      {
        rate: { count: 5, perMs: 1_000 },
        perTenant: { concurrencyMax: 1, rate: { count: 1, perMs: 60_000 } },
      },
    ),
    dedup: fc.constantFrom('key', 'content', 'off'),
    messageTimeoutMs: natural,
    concurrency: natural,
    batching: fc.boolean(),
    maxBatchSize: natural,
    batchTimeoutMs: natural,
    waitFor: fc.dictionary(text, text, { maxKeys: 3, noNullPrototype: true }).map(sorted),
    gateWaitMaxMs: natural,
    circuit: fc.constantFrom(null, DEFAULT_CIRCUIT, sensitiveCircuit),
    deadLetters: fc.boolean(),
    completionObjective: fc.double({ min: 0, max: 1, noNaN: true }).map((share) => share + 0),
    failures: fc.oneof(
      fc.constant(DEFAULT_QUEUE_CONFIG.failures),
      retryPolicy.map((policy) => ({ ...DEFAULT_FAILURE_RULES, CARD_DECLINED: policy })),
    ),
  },
  { noNullPrototype: true },
)

const endings: ReadonlyArray<AttemptEnd> = ['reported', 'leaseExpired', 'workerLost']
const reasons: ReadonlyArray<DeadLetterReason> = [
  'attemptsExhausted',
  'budgetExceeded',
  'notRetryable',
  'systemError',
  'poison',
  'waitedTooLong',
  'singleDelivery',
]
const contents = {
  payload: jsonText,
  priority: fc.oneof(fc.constant(0), fc.maxSafeInteger(), fc.integer({ min: -1_000, max: 1_000 })),
  notBefore: instant,
  expiresAt: instant,
  attributes: maybe(attributes),
}

type OfType<Type> = Extract<LedgerEvent, Readonly<{ type: Type }>>
const event = <Type extends LedgerEvent['type']>(
  type: Type,
  fields: {
    [Field in keyof Omit<OfType<Type>, 'type'>]: Arbitrary<OfType<Type>[Field & keyof OfType<Type>]>
  },
): Arbitrary<OfType<Type>> =>
  fc.record({ type: fc.constant(type), ...fields }, { noNullPrototype: true }) as unknown as Arbitrary<
    OfType<Type>
  >

const worker = fc.oneof(fc.constantFrom('worker-1', 'worker-2'), text)
const ofMessage = { ordinal: natural, callerId: rarely(text) }
const ofNode = { node: text, incarnation: text }

/** The compiler asks for one per type. */
export const events: { readonly [Type in LedgerEvent['type']]: Arbitrary<OfType<Type>> } = {
  MessageEnqueued: event('MessageEnqueued', {
    ...ofMessage,
    ...contents,
  }),
  MessageEdited: event('MessageEdited', {
    ...ofMessage,
    ...contents,
    cause: fc.constantFrom('operator', 'replaced', 'debounced'),
    by,
  }),
  AttemptStarted: event('AttemptStarted', {
    ...ofMessage,
    attempt: natural,
    fence: natural,
    leaseMs: natural,
    worker,
    claimId: maybe(worker),
    zone: maybe(worker),
  }),
  LeaseExtended: event('LeaseExtended', { ...ofMessage, fence: natural, leaseMs: natural }),
  AttemptSucceeded: event('AttemptSucceeded', {
    ...ofMessage,
    fence: natural,
    result: maybe(jsonText),
    followUps: maybe(followUps),
    reconciled: maybe(fc.constant(true as const)),
  }),
  AttemptFailed: event('AttemptFailed', {
    ...ofMessage,
    fence: natural,
    failureType: fc.oneof(fc.constantFrom('NETWORK', 'TIMEOUT'), text),
    message: text,
    ended: fc.constantFrom(...endings),
  }),
  RetryScheduled: event('RetryScheduled', {
    ...ofMessage,
    retryAt: instant,
    delayMs: natural,
    gate: maybe(worker),
  }),
  MessageDeadLettered: event('MessageDeadLettered', {
    ...ofMessage,
    reason: fc.constantFrom(...reasons),
    followUps: maybe(followUps),
  }),
  AttemptReleased: event('AttemptReleased', { ...ofMessage, fence: natural, notBefore: instant }),
  MessageRedriven: event('MessageRedriven', { ...ofMessage, by }),
  MessageCancelled: event('MessageCancelled', { ...ofMessage, by }),
  MessageExpired: event('MessageExpired', ofMessage),
  CancelRequested: event('CancelRequested', { ...ofMessage, fence: natural, by }),
  MessagePurged: event('MessagePurged', {
    ...ofMessage,
    by,
    cause: fc.constantFrom('operator', 'overflow', 'noDeadLetters'),
  }),
  FollowUpsDone: event('FollowUpsDone', { position: natural }),
  NodeJoined: event('NodeJoined', { ...ofNode, address: text, version: text, level: natural }),
  NodeLeft: event('NodeLeft', ofNode),
  NodeExpired: event('NodeExpired', { ...ofNode, unheardBy: text }),
  UnitAssigned: event('UnitAssigned', { unit: text, ...ofNode }),
  UnitDeclined: event('UnitDeclined', { unit: text, ...ofNode, reason: text }),
  UnitReleased: event('UnitReleased', { unit: text }),
  LevelRaised: event('LevelRaised', { level: natural }),
  PartitionOpened: event('PartitionOpened', { epoch: natural, node: text, incarnation: text }),
  ConfigAdopted: event('ConfigAdopted', {
    controlRevision: fc.oneof(fc.constant(-1), natural),
    config: queueConfig,
    paused: fc.boolean(),
    switches,
  }),
  LayoutsAdopted: event('LayoutsAdopted', {
    layouts: fc.array(
      fc.record({ first: natural, partitions: natural, isDrained: fc.boolean() }, { noNullPrototype: true }),
      { maxLength: 5 },
    ),
  }),
  CapacityReached: event('CapacityReached', { size: natural, maxSize: natural }),
  CircuitOpened: event('CircuitOpened', {
    circuit: text,
    reason: fc.constantFrom('failureThreshold', 'failureShare', 'probeFailed'),
    retryAt: natural,
  }),
  CircuitHalfOpened: event('CircuitHalfOpened', { circuit: text }),
  CircuitClosed: event('CircuitClosed', { circuit: text, reason: fc.constant('probesSucceeded') }),
  MessageCarriedForward: event('MessageCarriedForward', {
    ordinal: natural,
    callerId: rarely(text),
    enqueued: jsonValue,
    situation: jsonValue,
  }),
  PrefixCarried: event('PrefixCarried', { before: natural, nextOrdinal: natural, nextFence: natural, by }),
  QueueCreated: event('QueueCreated', { queue: text, generation: natural, config: queueConfig, by }),
  QueueDeleted: event('QueueDeleted', { queue: text, generation: natural, by }),
  QueueConfigured: event('QueueConfigured', { config: queueConfig, by }),
  QueueResized: event('QueueResized', { partitions: natural, by }),
  LayoutDrained: event('LayoutDrained', { first: natural }),
  QueuePaused: event('QueuePaused', { by }),
  ScheduleSet: event('ScheduleSet', { schedule, after: instant, by }),
  ScheduleRemoved: event('ScheduleRemoved', { name: text, by }),
  ScheduleTicked: event('ScheduleTicked', { name: text, tick: instant, enqueued: natural, missed: natural }),
  QueueResumed: event('QueueResumed', { by }),
  GroupPaused: event('GroupPaused', { group: text, by }),
  GroupResumed: event('GroupResumed', { group: text, by }),
  GateClosed: event('GateClosed', { gate: text, by }),
  GateOpened: event('GateOpened', { gate: text, by }),
  CircuitForced: event('CircuitForced', {
    circuit: text,
    to: fc.constantFrom('open', 'closed', 'auto'),
    by,
  }),
}

export const ledgerEvent: Arbitrary<LedgerEvent> = fc.oneof(...Object.values(events))

const revision = fc.oneof(fc.constant(NO_REVISION), natural)

/** A batch of any events with any previous revisions: more than one decision would produce. */
export const eventBatch = (
  eventsOf: Arbitrary<LedgerEvent> = ledgerEvent,
  eventsMax = 50,
): Arbitrary<EventBatch> =>
  fc
    .record({
      batchId: text,
      at: instant,
      epoch: natural,
      rows: fc.array(fc.tuple(eventsOf, revision), { maxLength: eventsMax }),
    })
    .map(({ rows, ...batch }) => ({
      ...batch,
      events: rows.map(([recorded]) => recorded),
      previous: rows.map(([, previous]) => previous),
    }))
