// The real engine as a queue: writer, recovery, snapshots and timers, in memory on the virtual clock.
import { isLeft } from 'fp-ts/lib/Either.js'
import { decideMessage } from '../../domain/message/index.js'
import type { QueueSettings } from '../../domain/queue/index.js'
import type { DecisionContext } from '../../src/engine/decideRequests.js'
import type { NewMessage as AskedMessage, Delivery, Settlement } from '../../src/engine/requests.js'
import { message, right, TestQueue } from '../support/ledger.js'
import type { Answer, Edit, Lease, NewMessage, Outcome, Started, Wish } from './queueModel.js'
import type { QueueUnderTest } from './queueUnderTest.js'

const SNAPSHOT_EVERY_EVENTS = 17

const askedOf = ({
  callerId,
  group,
  dedupKey,
  payload,
  priority,
  delayMs,
  ttlMs,
}: NewMessage): AskedMessage => {
  const named = { ...(group === undefined ? {} : { group }), ...(dedupKey === undefined ? {} : { dedupKey }) }
  const attributes = Object.keys(named).length === 0 ? undefined : named
  return message(payload, { callerId, priority, delayMs, ttlMs, attributes })
}

const startedOf = ({ ordinal, fence, attempt, enqueued }: Delivery): Started => ({
  ...{ ordinal, fence, attempt },
  payload: JSON.parse(enqueued.payload) as number,
})

const settlementOf = ({ ordinal, fence }: Lease, outcome: Outcome): Settlement => {
  const lease = { ordinal, fence }
  switch (outcome.outcome) {
    case 'ack':
      return { ...lease, outcome: 'ack', result: undefined }
    case 'fail': {
      const { failureType } = outcome
      return { ...lease, outcome: 'fail', failureType, message: '', retryable: true, delayMs: undefined }
    }
    default:
      return { ...lease, ...outcome }
  }
}

const editIn = (
  { state, batch, payloads }: DecisionContext,
  ordinal: number,
  { payload, priority, delayMs, ttlMs }: Edit,
): Answer => {
  const { at } = batch
  const slot = state.table.slotOf(ordinal)
  const { group } = slot < 0 ? {} : state.table.cold(slot).wishes
  const decision = decideMessage(
    {
      type: 'EditMessage',
      payload: String(payload),
      priority,
      notBefore: delayMs === 0 ? 0 : at + delayMs,
      expiresAt: ttlMs === 0 ? 0 : at + ttlMs,
      attributes: group === undefined ? undefined : { group },
      cause: 'operator',
      by: undefined,
      at,
    },
    state.messageAt(ordinal),
  )
  if (isLeft(decision)) return decision.left.type
  for (const event of decision.right) batch.add(event)
  payloads.drop(slot)
  return 'ok'
}

export const engineQueue = async (settings: QueueSettings): Promise<QueueUnderTest> => {
  const queue = await TestQueue.open({ settings, snapshotEveryEvents: SNAPSHOT_EVERY_EVENTS })
  const { clock } = queue
  const state = () => {
    const live = queue.engine.partition(0).state
    if (live === undefined) throw new Error(`the partition stopped: ${JSON.stringify(queue.troubles)}`)
    return live
  }
  const workerOf = ({ isLocal }: Wish): string => (isLocal ? queue.localWorker : 'remote')
  return {
    now: () => clock.wallMs(),
    enqueue: async (messages) => {
      const reply = await clock.settled(queue.enqueue(...messages.map(askedOf)))
      if (isLeft(reply)) {
        if (reply.left.kind === 'refused' && reply.left.refusal.type === 'QueueFull') return 'QueueFull'
        throw new Error(JSON.stringify(reply.left))
      }
      return reply.right.value.map(({ id, duplicate }) => ({ id, duplicate }))
    },
    claim: async (wish) => {
      const { max, claimId } = wish
      const asked = { max, claimId, worker: workerOf(wish), leaseMs: undefined }
      return (await queue.claimed(asked)).map(startedOf)
    },
    settle: async (lease, outcome) => {
      const [settled] = await queue.settled(settlementOf(lease, outcome))
      return settled === undefined || isLeft(settled) ? (settled?.left.type ?? 'nothing') : 'ok'
    },
    operate: async (what, ordinal) => {
      const reply = await clock.settled(queue.engine.operate(0, what, [ordinal], undefined))
      const [settled] = right(reply).value
      return settled === undefined || isLeft(settled) ? (settled?.left.type ?? 'nothing') : 'ok'
    },
    edit: async (ordinal, edit) =>
      right(await clock.settled(queue.engine.act(0, (context) => editIn(context, ordinal, edit)))).value,
    pause: async (paused) => {
      const type = paused ? 'QueuePaused' : 'QueueResumed'
      await clock.settled(queue.engine.changeControl(() => [{ type, by: undefined }]))
      await clock.settle()
    },
    pass: (ms) => clock.advance(ms),
    crash: async () => {
      await queue.restart()
      await clock.settle()
    },
    message: (ordinal) => state().messageAt(ordinal),
    checkReplay: () => queue.assertReplayAgrees(),
  }
}
