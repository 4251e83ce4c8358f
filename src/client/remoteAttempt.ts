// One run of a handler for a claimed message, and its outcome as it goes over the wire.
import { isLeft } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { PathReporter } from 'io-ts/lib/PathReporter.js'
import type { FollowUp } from '../../domain/message/index.js'
import type { FollowUpRequest } from '../api/types/followUps.js'
import type { AttemptContext, ClaimedMessage, Message, SettlementRequest } from '../api/types/index.js'
import type { Settlement } from '../engine/requests.js'
import { type LeaseName, UndecodablePayload } from '../worker/attempt.js'

const PROBLEMS_MAX = 3

export class RemoteAttempt implements AttemptContext {
  private readonly controller = new AbortController()
  /** Lease tokens stand for it on the wire; the rules that turn an outcome into a settlement carry it through. */
  readonly lease: LeaseName = { ordinal: 0, fence: 0 }
  readonly leaseToken: string
  readonly leaseMs: number
  readonly attempt: number
  readonly messageId: string
  readonly inDoubt: boolean
  /** The outcome is decided already (time limit, lost lease, hand-back): what the handler still answers is ignored. */
  settled = false

  constructor(
    claimed: ClaimedMessage,
    readonly extend: (leaseMs: number) => Promise<void>,
  ) {
    this.leaseToken = claimed.leaseToken
    this.leaseMs = claimed.leaseMs
    this.attempt = claimed.attempt
    this.messageId = claimed.id
    // A server of an earlier version does not say.
    this.inDoubt = claimed.inDoubt === true
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  abort(reason: Error): void {
    this.controller.abort(reason)
  }
}

/** The payload is decoded by the queue's codec when the handler first reads it. */
export const remoteMessage = <A>(
  claimed: ClaimedMessage,
  codec: t.Type<A, unknown> | undefined,
): Message<A> => ({
  id: claimed.id,
  get payload(): A {
    if (codec === undefined) return claimed.payload as A
    const decoded = codec.decode(claimed.payload)
    if (!isLeft(decoded)) return decoded.right
    const problems = PathReporter.report(decoded).slice(0, PROBLEMS_MAX).join('; ')
    throw new UndecodablePayload(`the payload does not fit the queue's codec: ${problems}`)
  },
  type: claimed.type,
  topic: claimed.topic,
  headers: claimed.headers,
  correlationId: claimed.correlationId,
  causationId: claimed.causationId,
  group: claimed.group,
  enqueuedAt: new Date(claimed.enqueuedAt),
  priority: claimed.priority,
})

const requested = ({ payload, ...followUp }: FollowUp): FollowUpRequest => ({
  ...followUp,
  payload: JSON.parse(payload) as unknown,
})

export const settlementRequest = (leaseToken: string, settlement: Settlement): SettlementRequest => {
  switch (settlement.outcome) {
    case 'ack': {
      const { result, reconciled, followUps } = settlement
      return {
        leaseToken,
        outcome: 'ack',
        ...(result === undefined ? {} : { result: JSON.parse(result) as unknown }),
        ...(reconciled === undefined ? {} : { reconciled }),
        ...(followUps === undefined ? {} : { followUps: followUps.map(requested) }),
      }
    }
    case 'fail': {
      const { failureType, message, retryable, delayMs } = settlement
      const delay = delayMs === undefined ? {} : { delayMs }
      return { leaseToken, outcome: 'fail', failure: { type: failureType, message }, retryable, ...delay }
    }
    case 'release':
      return { leaseToken, outcome: 'release', delayMs: settlement.delayMs }
    case 'extend':
      return { leaseToken, outcome: 'extend', leaseMs: settlement.leaseMs }
  }
}
