// Claims and settlements for workers that are not in this process: lease tokens as text, one result for each.
import { isLeft } from 'fp-ts/lib/Either.js'
import { FAILURE_TYPE_RULE, failureMessage, isFailureType } from '../../../domain/failure/index.js'
import { generatedIdPrefix, leaseToken, parseLeaseToken } from '../../../domain/ids.js'
import { acceptJson, DEFAULT_PAYLOAD_LIMITS, describePayloadRefusal } from '../../../domain/payload/index.js'
import { DURATION_MS_MAX, LEASE_MS_MAX, LEASE_MS_MIN } from '../../../domain/queue/index.js'
import { acceptFollowUps } from '../../door/followUps.js'
import type { QueueEngine } from '../../engine/queueEngine.js'
import type { Delivery, Settlement } from '../../engine/requests.js'
import { RESULT_CHARS_MAX } from '../../worker/attempt.js'
import { LOCAL_WORKER_PREFIX } from '../../worker/localWorkers.js'
import { describeRefusal, errorOf, errorOfFailure, type Refusal } from '../refusals.js'
import type { ClaimedMessage, ClaimOptions, SettlementRequest, SettlementResult } from '../types/index.js'

export const CLAIM_MAX = 1_000
export const CLAIM_WAIT_MS_MAX = 20_000
const NAME_CHARS_MAX = 128
const NAME = /^[\x21-\x7e]{1,128}$/

const invalid = (field: string, problem: string): Refusal => ({ type: 'Invalid', field, problem })
const isWhole = (n: unknown, from: number, to: number): n is number =>
  typeof n === 'number' && Number.isInteger(n) && n >= from && n <= to

const claimProblem = ({ max, waitMs, leaseMs, worker, claimId, id }: ClaimOptions): Refusal | undefined => {
  if (typeof worker !== 'string' || !NAME.test(worker) || worker.startsWith(LOCAL_WORKER_PREFIX)) {
    return invalid(
      'worker',
      `accepted are 1 to ${NAME_CHARS_MAX} printable ASCII characters without spaces, not starting with "${LOCAL_WORKER_PREFIX}"`,
    )
  }
  if (claimId !== undefined && (typeof claimId !== 'string' || !NAME.test(claimId))) {
    return invalid('claimId', `accepted are 1 to ${NAME_CHARS_MAX} printable ASCII characters without spaces`)
  }
  if (id !== undefined && typeof id !== 'string') return invalid('id', 'accepted is the id of a message')
  if (max !== undefined && !isWhole(max, 1, CLAIM_MAX)) {
    return invalid('max', `accepted is a whole number from 1 to ${CLAIM_MAX}`)
  }
  if (waitMs !== undefined && !isWhole(waitMs, 0, CLAIM_WAIT_MS_MAX)) {
    return invalid('waitMs', `accepted is a whole number from 0 to ${CLAIM_WAIT_MS_MAX}`)
  }
  if (leaseMs !== undefined && !isWhole(leaseMs, LEASE_MS_MIN, LEASE_MS_MAX)) {
    return invalid('leaseMs', `accepted is a whole number from ${LEASE_MS_MIN} to ${LEASE_MS_MAX}`)
  }
  return undefined
}

export const claimMessages = async (
  engine: QueueEngine,
  options: ClaimOptions,
  at?: Readonly<{ partition: number; ordinal: number }>,
): Promise<ReadonlyArray<ClaimedMessage>> => {
  const problem = claimProblem(options)
  if (problem !== undefined) throw errorOf(problem)
  const { max = 1, waitMs = 0, worker, claimId } = options
  const { config } = engine.control
  const wish = {
    max: () => max,
    waitMs,
    worker,
    claimId,
    leaseMs: options.leaseMs,
    // What a remote worker runs beside it is not known here: such a message comes as the only one of its claim.
    mayRunInDoubt: true,
    cancelled: () => false,
  }
  const reply = await (at === undefined ? engine.claim(wish) : engine.claimOne(at, wish))
  if (isLeft(reply)) throw errorOfFailure(reply.left)
  const { deliveries, partition } = reply.right.value
  const { ref, state } = engine.partition(partition)
  const now = state?.lastAt ?? 0
  const iso = isoTexts()
  return deliveries.map((delivery) =>
    toClaimed(delivery, { now, iso, handlerTimeoutMs: config.handlerTimeoutMs }, (d) => ({
      id: d.enqueued.callerId ?? generatedIdPrefix(ref) + d.ordinal.toString(36),
      leaseToken: leaseToken(ref, d.ordinal, d.fence),
    })),
  )
}

/** Messages of one claim share most of their instants, and writing one costs as much as parsing a small payload. */
const isoTexts = (): ((ms: number) => string) => {
  const texts = new Map<number, string>()
  return (ms) => {
    let text = texts.get(ms)
    if (text === undefined) {
      text = new Date(ms).toISOString()
      texts.set(ms, text)
    }
    return text
  }
}

const toClaimed = (
  delivery: Delivery,
  { now, iso, handlerTimeoutMs }: { now: number; iso: (ms: number) => string; handlerTimeoutMs: number },
  names: (delivery: Delivery) => { id: string; leaseToken: string },
): ClaimedMessage => {
  const { enqueued, attempt, leaseMs } = delivery
  const { type, topic, headers = {}, correlationId, causationId, group } = enqueued.attributes ?? {}
  return {
    ...names(delivery),
    payload: JSON.parse(enqueued.payload) as unknown,
    type,
    topic,
    headers,
    correlationId,
    causationId,
    group,
    priority: enqueued.priority,
    attempt,
    leaseUntil: iso(now + leaseMs),
    leaseMs,
    timeoutMs: delivery.timeoutMs ?? handlerTimeoutMs,
    enqueuedAt: iso(delivery.enqueuedAt),
    inDoubt: delivery.inDoubt,
    ...(enqueued.attributes?.batchable === false ? { batchable: false as const } : {}),
  }
}

/** Each settlement stands for itself: one that is refused does not touch its neighbours. */
export const settleMessages = async (
  engine: QueueEngine,
  requests: ReadonlyArray<SettlementRequest>,
): Promise<ReadonlyArray<SettlementResult>> => {
  const results: SettlementResult[] = []
  const shares = new Map<number, { indexes: number[]; settlements: Settlement[] }>()
  requests.forEach((request, index) => {
    const lease = typeof request.leaseToken === 'string' ? parseLeaseToken(request.leaseToken) : undefined
    const { leaseToken: token } = request
    const ours =
      lease !== undefined &&
      lease.queue === engine.name &&
      lease.generation === engine.entry.generation &&
      lease.partition < engine.partitions.length
    if (!ours) {
      results[index] = failed(token, invalid('leaseToken', 'accepted are lease tokens of this queue'))
      return
    }
    const settlement = settlementOf(engine, lease, request)
    if ('type' in settlement) {
      results[index] = failed(token, settlement)
      return
    }
    const share = shares.get(lease.partition) ?? { indexes: [], settlements: [] }
    share.indexes.push(index)
    share.settlements.push(settlement)
    shares.set(lease.partition, share)
  })
  for (const [partition, { indexes, settlements }] of shares) {
    const reply = await engine.settle(partition, settlements)
    if (isLeft(reply)) {
      const error = errorOfFailure(reply.left)
      // What another partition has recorded already must not be told as a failure of the call.
      if (shares.size === 1) throw error
      for (const index of indexes) {
        const { code, message } = error
        results[index] = { leaseToken: requests[index]?.leaseToken ?? '', ok: false, code, message }
      }
      continue
    }
    const cancelled = await cancelRequestedOf(engine, partition, settlements)
    indexes.forEach((index, i) => {
      const result = reply.right.value[i]
      const token = requests[index]?.leaseToken ?? ''
      if (result !== undefined && isLeft(result)) results[index] = failed(token, result.left)
      else if (cancelled.has(settlements[i]?.ordinal ?? -1))
        results[index] = { leaseToken: token, ok: true, cancelRequested: true }
      else results[index] = { leaseToken: token, ok: true }
    })
  }
  return results
}

const NONE: ReadonlySet<number> = new Set()

/** Heartbeats bring back which of the messages somebody wants cancelled (A11). */
const cancelRequestedOf = async (
  engine: QueueEngine,
  partition: number,
  settlements: ReadonlyArray<Settlement>,
): Promise<ReadonlySet<number>> => {
  const extended = settlements.filter(({ outcome }) => outcome === 'extend')
  if (extended.length === 0) return NONE
  const seen = await engine.look(partition, (state) =>
    extended.flatMap(({ ordinal, fence }) => {
      const message = state.messageAt(ordinal)
      const isWanted =
        message.tag === 'Leased' && message.fence === fence && message.cancelRequested !== undefined
      return isWanted ? [ordinal] : []
    }),
  )
  return isLeft(seen) ? NONE : new Set(seen.right.value)
}

const failed = (leaseToken: string, refusal: Refusal): SettlementResult => ({
  leaseToken,
  ok: false,
  ...describeRefusal(refusal),
})

const settlementOf = (
  engine: QueueEngine,
  lease: { ordinal: number; fence: number },
  request: SettlementRequest,
): Settlement | Refusal => {
  const { ordinal, fence } = lease
  switch (request.outcome) {
    case 'ack': {
      const followUps = acceptFollowUps(request.followUps)
      if (isLeft(followUps)) return followUps.left
      const more = {
        ...(request.reconciled === true ? { reconciled: true as const } : {}),
        ...(followUps.right === undefined ? {} : { followUps: followUps.right }),
      }
      if (request.result === undefined) return { ordinal, fence, outcome: 'ack', result: undefined, ...more }
      const text = acceptJson(request.result, { ...DEFAULT_PAYLOAD_LIMITS, bytesMax: RESULT_CHARS_MAX })
      if (isLeft(text)) return invalid('result', describePayloadRefusal(text.left))
      return { ordinal, fence, outcome: 'ack', result: text.right, ...more }
    }
    case 'fail': {
      const { failure = {}, retryable = true, delayMs } = request
      const failureType = failure.type ?? 'UNKNOWN'
      if (!isFailureType(failureType)) return invalid('failure.type', `accepted is ${FAILURE_TYPE_RULE}`)
      if (delayMs !== undefined && !isWhole(delayMs, 0, DURATION_MS_MAX)) return delayProblem
      const { message: said = '' } = failure
      const message = said === '' ? '' : failureMessage(said)
      return { ordinal, fence, outcome: 'fail', failureType, message, retryable, delayMs }
    }
    case 'release': {
      const { delayMs = 0 } = request
      if (!isWhole(delayMs, 0, DURATION_MS_MAX)) return delayProblem
      return { ordinal, fence, outcome: 'release', delayMs }
    }
    case 'extend': {
      const leaseMs = request.leaseMs ?? engine.control.config.leaseMs
      if (!isWhole(leaseMs, LEASE_MS_MIN, LEASE_MS_MAX)) {
        return invalid('leaseMs', `accepted is a whole number from ${LEASE_MS_MIN} to ${LEASE_MS_MAX}`)
      }
      return { ordinal, fence, outcome: 'extend', leaseMs }
    }
    default:
      return invalid('outcome', 'accepted is one of ack, fail, release, extend')
  }
}

const delayProblem = invalid(
  'delayMs',
  `accepted is a whole number of milliseconds from 0 to ${DURATION_MS_MAX}`,
)
