// Every version of the events of the catalogue and of control streams as they are stored.
import * as t from 'io-ts'
import { StoredCircuitSettingsCodec } from '../circuit/codecs.js'
import { firstVersion } from '../eventCodec.js'
import { type FailureRules, FailureRulesCodec } from '../failure/index.js'
import { ActorCodec } from '../message/codecs.js'
import {
  IntegerCodec,
  NaturalCodec,
  orUndefined,
  StoredRetryPolicyCodec,
  storedRecord,
} from '../storedFields.js'
import type { QueueConfig } from './config.js'
import type { Layouts } from './layouts.js'
import { LimitsCodec, NO_LIMITS } from './limits.js'
import { DEDUP_MODES, GROUP_HEADS, LEASE_MS_MAX, OVERFLOWS, QUEUE_ORDERS } from './settingRules.js'
import type { Switches } from './switches.js'

const choice = <A extends string>(choices: ReadonlyArray<A>): t.Type<A, unknown> =>
  t.keyof(Object.fromEntries(choices.map((name) => [name, null])) as Record<A, null>)

/** Each policy spelt in one way; the order of the rules is the user's. */
const StoredFailureRulesCodec = new t.Type<FailureRules, unknown, unknown>(
  FailureRulesCodec.name,
  FailureRulesCodec.is,
  FailureRulesCodec.validate,
  (rules) =>
    Object.fromEntries(
      Object.entries(rules).map(([type, policy]) => [type, StoredRetryPolicyCodec.encode(policy)]),
    ),
)

/** What recorded configurations of version 1 held, and what they meant: the queue did none of what came later. */
const BEFORE_VERSION_2 = {
  overflow: 'reject',
  shedAbovePercent: 100,
  shedBelowPriority: 0,
  order: 'priority',
  bandShares: { high: 6, normal: 3, low: 1 },
  groupHead: 'block',
  limits: NO_LIMITS,
  dedup: 'key',
  messageTimeoutMs: LEASE_MS_MAX,
  concurrency: 10,
  batching: true,
  maxBatchSize: 10,
  batchTimeoutMs: 1_000,
  waitFor: {},
  gateWaitMaxMs: 0,
  circuit: null,
  deadLetters: true,
  completionObjective: 0.95,
} as const

const configFieldsV1 = {
  partitions: NaturalCodec,
  maxSize: NaturalCodec,
  dedupWindowMs: NaturalCodec,
  leaseMs: NaturalCodec,
  handlerTimeoutMs: NaturalCodec,
  ttlMs: NaturalCodec,
  delayMs: NaturalCodec,
  failures: StoredFailureRulesCodec,
}
const ConfigV1 = storedRecord('QueueConfig', configFieldsV1)
export const storedConfigV1: t.Type<t.TypeOf<typeof ConfigV1>, unknown> = ConfigV1
export const configFromV1 = (v1: t.TypeOf<typeof ConfigV1>): QueueConfig => ({ ...BEFORE_VERSION_2, ...v1 })

/** One order of the keys in the stored text. */
const SortedRecordCodec = new t.Type<Readonly<Record<string, string>>, unknown, unknown>(
  'texts by name',
  t.record(t.string, t.string).is,
  t.record(t.string, t.string).validate,
  (texts) => Object.fromEntries(Object.entries(texts).sort(([a], [b]) => (a < b ? -1 : 1))),
)

/**
 * Not the codec of the door (config.ts): bounds that move later must not make a recorded configuration unreadable, and
 * every field stands in it, so that tomorrow's defaults do not change it.
 */
export const StoredQueueConfigCodec: t.Type<QueueConfig, unknown> = storedRecord('QueueConfig', {
  ...configFieldsV1,
  overflow: choice(OVERFLOWS),
  shedAbovePercent: NaturalCodec,
  shedBelowPriority: IntegerCodec,
  order: choice(QUEUE_ORDERS),
  bandShares: storedRecord('BandShares', { high: NaturalCodec, normal: NaturalCodec, low: NaturalCodec }),
  groupHead: choice(GROUP_HEADS),
  limits: LimitsCodec,
  dedup: choice(DEDUP_MODES),
  messageTimeoutMs: NaturalCodec,
  concurrency: NaturalCodec,
  batching: t.boolean,
  maxBatchSize: NaturalCodec,
  batchTimeoutMs: NaturalCodec,
  waitFor: SortedRecordCodec,
  gateWaitMaxMs: NaturalCodec,
  circuit: t.union([t.null, StoredCircuitSettingsCodec]),
  deadLetters: t.boolean,
  completionObjective: t.number,
})

export const SwitchesCodec: t.Type<Switches, unknown> = storedRecord('Switches', {
  pausedGroups: t.readonlyArray(t.string),
  closedGates: t.readonlyArray(t.string),
  forcedCircuits: t.readonly(t.record(t.string, t.keyof({ open: null, closed: null }))),
})

export const LayoutsCodec: t.Type<Layouts, unknown> = t.readonlyArray(
  storedRecord('Layout', { first: NaturalCodec, partitions: NaturalCodec, isDrained: t.boolean }),
)

const by = { by: orUndefined(ActorCodec) }
const ofQueue = { queue: t.string, generation: NaturalCodec }

const createdV1 = storedRecord('QueueCreated', { ...ofQueue, config: storedConfigV1, ...by })
const createdV2 = storedRecord('QueueCreated', { ...ofQueue, config: StoredQueueConfigCodec, ...by })
const configuredV1 = storedRecord('QueueConfigured', { config: storedConfigV1, ...by })
const configuredV2 = storedRecord('QueueConfigured', { config: StoredQueueConfigCodec, ...by })
const ofGroup = { group: t.string, ...by }
const ofGate = { gate: t.string, ...by }

export const queueCodecs = {
  QueueCreated: firstVersion('QueueCreated', createdV1).next(createdV2, (v1) => ({
    ...v1,
    config: configFromV1(v1.config),
  })),
  QueueDeleted: firstVersion('QueueDeleted', storedRecord('QueueDeleted', { ...ofQueue, ...by })),
  QueueConfigured: firstVersion('QueueConfigured', configuredV1).next(configuredV2, (v1) => ({
    ...v1,
    config: configFromV1(v1.config),
  })),
  QueueResized: firstVersion(
    'QueueResized',
    storedRecord('QueueResized', { partitions: NaturalCodec, ...by }),
  ),
  LayoutDrained: firstVersion('LayoutDrained', storedRecord('LayoutDrained', { first: NaturalCodec })),
  QueuePaused: firstVersion('QueuePaused', storedRecord('QueuePaused', by)),
  QueueResumed: firstVersion('QueueResumed', storedRecord('QueueResumed', by)),
  GroupPaused: firstVersion('GroupPaused', storedRecord('GroupPaused', ofGroup)),
  GroupResumed: firstVersion('GroupResumed', storedRecord('GroupResumed', ofGroup)),
  GateClosed: firstVersion('GateClosed', storedRecord('GateClosed', ofGate)),
  GateOpened: firstVersion('GateOpened', storedRecord('GateOpened', ofGate)),
  CircuitForced: firstVersion(
    'CircuitForced',
    storedRecord('CircuitForced', {
      circuit: t.string,
      to: t.keyof({ open: null, closed: null, auto: null }),
      ...by,
    }),
  ),
}
