// The pure core as a queue: decisions of domain/ on the state of projections/, one event after the other, and nothing else
// (no writer, no log, no timers). A crash is a replay of what was recorded.
import { strict as assert } from 'node:assert'
import { generatedIdPrefix } from '../../domain/ids.js'
import { decideMessage, type MessageCommand } from '../../domain/message/index.js'
import type { PartitionEvent } from '../../domain/partition/events.js'
import { NO_SWITCHES, type QueueConfig } from '../../domain/queue/index.js'
import { PartitionState, stateHash } from '../../projections/partition/index.js'
import type {
  Answer,
  Edit,
  Lease,
  NewMessage,
  Operation,
  Outcome,
  Placed,
  Started,
  Wish,
} from './queueModel.js'
import type { QueueUnderTest } from './queueUnderTest.js'

const START_MS = 1_790_000_000_000
const ID_PREFIX = generatedIdPrefix({ queue: 'orders', generation: 1, partition: 0 })
const OPERATION = { id: '', queue: 'orders' }

type Recorded = Readonly<{ event: PartitionEvent; at: number }>

export class CoreQueue {
  private state = new PartitionState()
  private readonly recorded: Recorded[] = []
  /** What claims are told of their messages; the writer reads it from the log. */
  private readonly payloads = new Map<number, number>()
  private at = START_MS

  constructor(private readonly config: QueueConfig) {
    this.adopt(false)
  }

  asPort(): QueueUnderTest {
    return {
      now: () => this.at,
      enqueue: async (messages) => messages.map((one) => this.enqueue(one)),
      claim: async (wish) => this.claim(wish),
      settle: async (lease, outcome) => {
        const answer = this.decide(lease.ordinal, this.settlement(lease, outcome))
        this.endWhatIsDue()
        return answer
      },
      operate: async (what, ordinal) => this.decide(ordinal, this.operation(what)),
      edit: async (ordinal, edit) => this.edit(ordinal, edit),
      pause: async (paused) => this.adopt(paused),
      pass: async (ms) => this.pass(ms),
      crash: async () => this.crash(),
      message: (ordinal) => this.state.messageAt(ordinal),
      checkReplay: async () =>
        assert.equal(stateHash(this.replayed()), stateHash(this.state), 'replay = live'),
    }
  }

  private add(event: PartitionEvent): void {
    this.state.apply(event, this.at, this.at)
    this.recorded.push({ event, at: this.at })
  }

  private adopt(paused: boolean): void {
    const controlRevision = this.recorded.length
    this.add({ type: 'ConfigAdopted', controlRevision, config: this.config, paused, switches: NO_SWITCHES })
  }

  private decide(ordinal: number, command: MessageCommand): Answer {
    const decision = decideMessage(command, this.state.messageAt(ordinal))
    if (decision._tag === 'Left') return decision.left.type
    for (const event of decision.right) this.add(event)
    return 'ok'
  }

  private enqueue({ callerId, group, dedupKey, payload, priority, delayMs, ttlMs }: NewMessage): Placed {
    const { state, at } = this
    const { dedup, callerIds, nextOrdinal } = state
    const windowMs = this.config.dedupWindowMs
    const known =
      callerId === undefined
        ? undefined
        : (callerIds.get(callerId) ?? dedup.find('id', callerId, at, windowMs))
    const first = known ?? (dedupKey === undefined ? undefined : dedup.find('dedup', dedupKey, at, windowMs))
    const id = callerId ?? ID_PREFIX + (first ?? nextOrdinal).toString(36)
    if (first !== undefined) return { id, duplicate: true }
    const notBefore = delayMs === 0 ? 0 : at + delayMs
    const expiresAt = ttlMs === 0 ? 0 : at + ttlMs
    const named = {
      ...(group === undefined ? {} : { group }),
      ...(dedupKey === undefined ? {} : { dedupKey }),
    }
    const attributes = Object.keys(named).length === 0 ? undefined : named
    const contents = { payload: String(payload), priority, notBefore, expiresAt, attributes }
    this.payloads.set(nextOrdinal, payload)
    this.decide(nextOrdinal, { type: 'EnqueueMessage', ordinal: nextOrdinal, callerId, ...contents, at })
    return { id, duplicate: false }
  }

  private claim({ max, isLocal, claimId }: Wish): ReadonlyArray<Started> {
    const { state } = this
    if (state.paused) return []
    const again = claimId === undefined ? undefined : state.claimIds.find(claimId)
    if (again !== undefined) return again.flatMap((lease) => this.started(lease))
    const started: Started[] = []
    const worker = isLocal ? 'local:lost:1' : 'remote'
    const start = (slot: number): void => {
      const message = state.table.read(slot)
      assert.ok(message.tag === 'Waiting', 'what is ready waits')
      const { ordinal } = message
      const { nextFence: fence, config } = state
      const own = { fence, leaseMs: config.leaseMs, worker, claimId, zone: undefined }
      this.decide(ordinal, { type: 'StartAttempt', ...own, at: this.at })
      started.push(...this.started({ ordinal, fence }))
    }
    const inDoubt = state.nextReady(this.at, state.readyInDoubt)
    if (inDoubt >= 0) start(inDoubt)
    for (let slot = -1; inDoubt < 0 && started.length < max; start(slot)) {
      slot = state.nextReady(this.at)
      if (slot < 0) break
    }
    return started
  }

  private started({ ordinal, fence }: Lease): ReadonlyArray<Started> {
    const message = this.state.messageAt(ordinal)
    if (message.tag !== 'Leased' || message.fence !== fence) return []
    return [{ ordinal, fence, attempt: message.attempts, payload: this.payloads.get(ordinal) ?? -1 }]
  }

  private settlement({ fence }: Lease, outcome: Outcome): MessageCommand {
    const { at, config } = this
    const { messageTimeoutMs } = config
    switch (outcome.outcome) {
      case 'ack': {
        const nothing = {
          result: undefined,
          followUps: undefined,
          reconciled: undefined,
          operation: OPERATION,
        }
        return { type: 'SucceedAttempt', fence, ...nothing, at }
      }
      case 'fail':
        return this.failure(fence, outcome.failureType, 'reported')
      case 'release':
        return { type: 'ReleaseAttempt', fence, delayMs: outcome.delayMs, at }
      case 'extend':
        return { type: 'ExtendLease', fence, leaseMs: outcome.leaseMs, messageTimeoutMs, at }
    }
  }

  private failure(
    fence: number,
    failureType: string,
    ended: 'reported' | 'leaseExpired' | 'workerLost',
  ): MessageCommand {
    const { failures: rules, waitFor, deadLetters } = this.config
    const rest = { message: '', retryable: true, delayMs: undefined, operation: OPERATION, random: 0.5 }
    return {
      type: 'FailAttempt',
      fence,
      failureType,
      ended,
      rules,
      waitFor,
      deadLetters,
      ...rest,
      at: this.at,
    }
  }

  private operation(what: Operation): MessageCommand {
    const { at } = this
    const by = undefined
    switch (what) {
      case 'cancel':
        return { type: 'CancelMessage', by, at }
      case 'redrive':
        return { type: 'RedriveMessage', by, at }
      default:
        return {
          type: 'PurgeMessage',
          by,
          cause: 'operator',
          meant: what === 'discard' ? 'dead' : 'either',
          at,
        }
    }
  }

  private edit(ordinal: number, { payload, priority, delayMs, ttlMs }: Edit): Answer {
    const { at, state } = this
    const slot = state.table.slotOf(ordinal)
    const { group } = slot < 0 ? {} : state.table.cold(slot).wishes
    const answer = this.decide(ordinal, {
      type: 'EditMessage',
      payload: String(payload),
      priority,
      notBefore: delayMs === 0 ? 0 : at + delayMs,
      expiresAt: ttlMs === 0 ? 0 : at + ttlMs,
      attributes: group === undefined ? undefined : { group },
      cause: 'operator',
      by: undefined,
      at,
    })
    if (answer === 'ok') this.payloads.set(ordinal, payload)
    return answer
  }

  private pass(ms: number): void {
    for (const until = this.at + ms; ; ) {
      const next = Math.min(this.state.leases.nextAt(), this.state.nextDueAt())
      this.at = Math.min(until, Math.max(this.at, next))
      this.endWhatIsDue()
      if (this.at === until) return
    }
  }

  private endWhatIsDue(): void {
    const { state, at } = this
    while (state.leases.nextAt() <= at) this.lose(state.leases.peek(), 'leaseExpired')
    for (const slot of state.promote(at, 1_000)) {
      const message = state.table.read(slot)
      assert.ok(message.tag === 'Waiting', 'what expires waits')
      this.decide(message.ordinal, { type: 'ExpireMessage', at })
    }
  }

  private lose(slot: number, ended: 'leaseExpired' | 'workerLost'): void {
    const message = this.state.table.read(slot)
    assert.ok(message.tag === 'Leased', 'what has a lease is leased')
    this.decide(message.ordinal, this.failure(message.fence, 'CRASH', ended))
  }

  private replayed(): PartitionState {
    const state = new PartitionState()
    for (const { event, at } of this.recorded) state.apply(event, at, 0)
    return state
  }

  private crash(): void {
    this.state = this.replayed()
    const { state, at } = this
    state.regrantLeases(at)
    const epoch = state.epoch + 1
    this.add({ type: 'PartitionOpened', epoch, node: 'core', incarnation: `core-${epoch}` })
    for (const slot of [...state.leases.members()]) {
      const message = state.table.read(slot)
      if (message.tag === 'Leased' && message.worker !== 'remote') this.lose(slot, 'workerLost')
    }
    this.endWhatIsDue()
  }
}
