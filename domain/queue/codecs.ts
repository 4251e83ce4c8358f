// Every version of the events of the catalogue and of control streams as they are stored.
import * as t from 'io-ts'
import { firstVersion } from '../eventCodec.js'
import { type FailureRules, FailureRulesCodec } from '../failure/index.js'
import { ActorCodec } from '../message/codecs.js'
import { NaturalCodec, orUndefined, StoredRetryPolicyCodec, storedRecord } from '../storedFields.js'
import type { QueueConfig } from './config.js'

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

/**
 * Not the codec of the door (config.ts): bounds that move later must not make a recorded configuration unreadable, and
 * every field stands in it, so that tomorrow's defaults do not change it.
 */
export const StoredQueueConfigCodec: t.Type<QueueConfig, unknown> = storedRecord('QueueConfig', {
  partitions: NaturalCodec,
  maxSize: NaturalCodec,
  dedupWindowMs: NaturalCodec,
  leaseMs: NaturalCodec,
  handlerTimeoutMs: NaturalCodec,
  ttlMs: NaturalCodec,
  delayMs: NaturalCodec,
  failures: StoredFailureRulesCodec,
})

const by = { by: orUndefined(ActorCodec) }
const ofQueue = { queue: t.string, generation: NaturalCodec }

export const queueCodecs = {
  QueueCreated: firstVersion(
    'QueueCreated',
    storedRecord('QueueCreated', { ...ofQueue, config: StoredQueueConfigCodec, ...by }),
  ),
  QueueDeleted: firstVersion('QueueDeleted', storedRecord('QueueDeleted', { ...ofQueue, ...by })),
  QueueConfigured: firstVersion(
    'QueueConfigured',
    storedRecord('QueueConfigured', { config: StoredQueueConfigCodec, ...by }),
  ),
  QueuePaused: firstVersion('QueuePaused', storedRecord('QueuePaused', by)),
  QueueResumed: firstVersion('QueueResumed', storedRecord('QueueResumed', by)),
}
