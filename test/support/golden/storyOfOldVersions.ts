// The story of a ledger that was begun by the first version of the events: settings without what came later, purges without
// a cause, and a cut prefix whose facts were carried forward. Today's product reads all of it, and writes none of it.
import type { StoredEvent } from '../../../domain/codecs.js'
import { encodeEvent } from '../../../domain/codecs.js'
import type { MessageEnqueued } from '../../../domain/message/index.js'
import { DEFAULT_QUEUE_CONFIG } from '../../../domain/queue/index.js'
import { HandWrittenLog, today, type Written } from './handWrittenLog.js'

const CONTROL = 'control-orders~1'
const PARTITION = 'partition-orders~1.0'

/** What a configuration held at first; the policies of failures are stored as they were then. */
const configV1 = (maxSize: number): Readonly<Record<string, unknown>> => {
  const stored = encodeEvent({
    type: 'QueueConfigured',
    config: { ...DEFAULT_QUEUE_CONFIG, maxSize },
    by: undefined,
  })
  const { config } = stored.data as { config: Readonly<Record<string, unknown>> }
  const { partitions, dedupWindowMs, leaseMs, handlerTimeoutMs, ttlMs, delayMs, failures } = config
  return { partitions, maxSize, dedupWindowMs, leaseMs, handlerTimeoutMs, ttlMs, delayMs, failures }
}

const first = (type: StoredEvent['type'], data: unknown, previous?: number): Written => ({
  stored: { type, version: 1, data },
  ...(previous === undefined ? {} : { previous }),
})

const enqueued = (ordinal: number, over: Partial<MessageEnqueued> = {}): Written =>
  today({
    type: 'MessageEnqueued',
    ordinal,
    callerId: undefined,
    payload: `{"n":${ordinal}}`,
    priority: 0,
    notBefore: 0,
    expiresAt: 0,
    attributes: undefined,
    ...over,
  })

const started = (ordinal: number, fence: number, previous: number): Written =>
  today(
    {
      type: 'AttemptStarted',
      ordinal,
      callerId: undefined,
      attempt: 1,
      fence,
      leaseMs: 30_000,
      worker: 'worker-1',
      claimId: undefined,
      zone: undefined,
    },
    previous,
  )

export const storyOfOldVersions = async (directory: string): Promise<void> => {
  const log = new HandWrittenLog()
  log.append('ledger', first('QueueCreated', { queue: 'orders', generation: 1, config: configV1(10_000) }))
  log.append(
    PARTITION,
    today({ type: 'PartitionOpened', epoch: 1, node: 'old', incarnation: 'old-1' }),
    first('ConfigAdopted', { controlRevision: -1, config: configV1(10_000), paused: false }),
  )
  log.append(PARTITION, enqueued(1), enqueued(2, { callerId: 'order-2' }), enqueued(3), enqueued(4))
  log.append(PARTITION, first('MessagePurged', { ordinal: 1 }, 2))
  log.append(PARTITION, started(3, 1, 4), started(4, 2, 5))
  const by = { who: 'ada', why: 'wrong price', from: 'office' }
  const ofFour = { ordinal: 4, callerId: undefined }
  log.append(
    PARTITION,
    today(
      { ...ofFour, type: 'AttemptFailed', fence: 2, failureType: 'BUSINESS', message: '', ended: 'reported' },
      8,
    ),
    today({ ...ofFour, type: 'MessageDeadLettered', reason: 'attemptsExhausted', followUps: undefined }, 9),
    first('MessagePurged', { ordinal: 2, callerId: 'order-2', by }, 3),
    first('MessagePurged', { ordinal: 4, by: { who: 'ada' } }, 10),
  )
  log.append(CONTROL, first('QueueConfigured', { config: configV1(500), by }))
  log.append(
    PARTITION,
    first('ConfigAdopted', { controlRevision: 0, config: configV1(500), paused: false }),
    today({ type: 'PrefixCarried', before: 2, nextOrdinal: 5, nextFence: 3, by: { who: 'ada' } }),
    enqueued(5, { attributes: { group: 'g', dedupKey: 'k' } }),
  )
  await log.write(directory)
}
