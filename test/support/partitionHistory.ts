// Random histories of one partition: each step is decided as the writer would decide it, and what comes out is applied to
// the state under test and to the naive model alike, which are compared as they go.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { DEFAULT_FAILURE_RULES } from '../../domain/failure/index.js'
import { decideMessage, type MessageCommand } from '../../domain/message/index.js'
import type { PartitionEvent } from '../../domain/partition/events.js'
import { DEFAULT_QUEUE_CONFIG, NO_SWITCHES } from '../../domain/queue/index.js'
import { fixed } from '../../domain/retry/index.js'
import { COUNT_NAMES, PartitionState } from '../../projections/partition/index.js'
import { PartitionModel } from './partitionModel.js'

export type Recorded = Readonly<{ event: PartitionEvent; at: number }>

type Settling = 'ack' | 'fail' | 'failForGood' | 'workerLost' | 'leaseExpired' | 'release' | 'extend'
export type Step =
  | Readonly<{
      do: 'enqueue'
      priority: number
      group: string | undefined
      delayMs: number
      ttlMs: number
      callerId: string | undefined
      dedupKey: string | undefined
      ownRules: boolean
    }>
  | Readonly<{ do: 'claim'; count: number; inDoubt: boolean; worker: string; claimId: string | undefined }>
  | Readonly<{ do: 'settle'; how: Settling; pick: number; delayMs: number }>
  | Readonly<{ do: 'operate'; what: 'cancel' | 'redrive' | 'purge'; pick: number }>
  | Readonly<{ do: 'pass'; ms: number; promoteMax: number }>
  | Readonly<{ do: 'open' }>
  | Readonly<{ do: 'adopt'; windowMs: number }>

const pick = fc.nat({ max: 1_000 })
const delayMs = fc.constantFrom(0, 0, 0, 1, 30, 400)
const few = (...names: string[]): fc.Arbitrary<string | undefined> =>
  fc.constantFrom(undefined, undefined, ...names)

const enqueue: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('enqueue' as const),
  priority: fc.constantFrom(0, 0, 0, 10, -10),
  group: few('a', 'b'),
  delayMs,
  ttlMs: fc.constantFrom(0, 0, 0, 20, 200),
  callerId: few('x', 'y'),
  dedupKey: few('k', 'l'),
  ownRules: fc.boolean(),
})
const claim: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('claim' as const),
  count: fc.integer({ min: 1, max: 4 }),
  inDoubt: fc.boolean(),
  worker: fc.constantFrom('w1', 'w2', 'w3'),
  claimId: few('c1', 'c2', 'c3'),
})
const settle: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('settle' as const),
  how: fc.constantFrom<Settling>(
    'ack',
    'fail',
    'fail',
    'failForGood',
    'workerLost',
    'workerLost',
    'leaseExpired',
    'release',
    'extend',
  ),
  pick,
  delayMs,
})
const operate: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('operate' as const),
  what: fc.constantFrom('cancel', 'redrive', 'redrive', 'purge'),
  pick,
})
const pass: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('pass' as const),
  ms: fc.constantFrom(1, 5, 30, 300),
  promoteMax: fc.constantFrom(1, 2, 1_000),
})

export const steps = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 8, arbitrary: enqueue },
      { weight: 6, arbitrary: claim },
      { weight: 8, arbitrary: settle },
      { weight: 3, arbitrary: operate },
      { weight: 4, arbitrary: pass },
      { weight: 1, arbitrary: fc.constant<Step>({ do: 'open' }) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(50, 400, 0).map((windowMs): Step => ({ do: 'adopt', windowMs })),
      },
    ),
    { minLength: Math.floor(maxLength / 2), maxLength, size: 'max' },
  )

const RULES = {
  ...DEFAULT_FAILURE_RULES,
  NETWORK: fixed({ delayMs: 30, retriesMax: 2 }),
  CRASH: fixed({ delayMs: 0, retriesMax: 2 }),
}
const LEASE_MS = 100

/** A state and a model side by side, and every event that was applied to both. */
export class PartitionHistory {
  readonly recorded: Recorded[] = []
  at = 1_000
  /** How many events of each type there were: says whether the histories are worth something. */
  readonly seen = new Map<string, number>()

  constructor(
    readonly state: PartitionState = new PartitionState(),
    readonly model: PartitionModel = new PartitionModel(),
  ) {}

  run(steps: ReadonlyArray<Step>, check: (history: PartitionHistory) => void = agree): void {
    for (const step of steps) {
      this.take(step)
      check(this)
    }
  }

  take(step: Step): void {
    switch (step.do) {
      case 'enqueue':
        this.enqueue(step)
        break
      case 'claim':
        for (let n = 0; n < step.count && this.claimOne(step); n++);
        break
      case 'settle':
        this.settle(step)
        break
      case 'operate':
        this.operate(step)
        break
      case 'pass':
        this.at += step.ms
        this.promote(step.promoteMax)
        break
      case 'open': {
        const epoch = this.model.epoch + 1
        this.add({ type: 'PartitionOpened', epoch, node: 'n', incarnation: `n${epoch}` })
        break
      }
      case 'adopt': {
        const config = { ...DEFAULT_QUEUE_CONFIG, dedupWindowMs: step.windowMs, failures: RULES }
        this.add({
          type: 'ConfigAdopted',
          switches: NO_SWITCHES,
          controlRevision: this.recorded.length,
          config,
          paused: false,
        })
        break
      }
    }
  }

  add(event: PartitionEvent): void {
    const previous = this.state.apply(event, this.at, this.at)
    assert.equal(previous, this.model.apply(event, this.at, this.at), 'the revision of the event before')
    this.recorded.push({ event, at: this.at })
    this.seen.set(event.type, (this.seen.get(event.type) ?? 0) + 1)
    if ('ordinal' in event) sameMessage(this, event.ordinal)
  }

  private decide(command: MessageCommand, ordinal: number): void {
    const decision = decideMessage(command, this.model.message(ordinal))
    if (decision._tag === 'Right') for (const event of decision.right) this.add(event)
  }

  private enqueue(step: Extract<Step, { do: 'enqueue' }>): void {
    const { state, model, at } = this
    const { callerId, group, dedupKey, ownRules } = step
    const { dedupWindowMs } = state.config
    if (callerId !== undefined) {
      const known = state.callerIds.get(callerId)
      assert.equal(known, model.ordinalOfCallerId(callerId), 'the live message of a caller id')
      if ((known ?? state.dedup.find('id', callerId, at, dedupWindowMs)) !== undefined) return
    }
    if (dedupKey !== undefined && state.dedup.find('dedup', dedupKey, at, dedupWindowMs) !== undefined) return
    const attributes = {
      ...(group === undefined ? {} : { group }),
      ...(dedupKey === undefined ? {} : { dedupKey }),
      ...(ownRules ? { retry: fixed({ delayMs: 7, retriesMax: 1 }), timeoutMs: 50 } : {}),
    }
    this.add({
      type: 'MessageEnqueued',
      ordinal: state.nextOrdinal,
      callerId,
      payload: 'null',
      priority: step.priority,
      notBefore: step.delayMs === 0 ? 0 : at + step.delayMs,
      expiresAt: step.ttlMs === 0 ? 0 : at + step.ttlMs,
      attributes: Object.keys(attributes).length === 0 ? undefined : attributes,
    })
  }

  private claimOne({ inDoubt, worker, claimId }: Extract<Step, { do: 'claim' }>): boolean {
    const { state, model, at } = this
    const ordinal = nextOrdinal(state, inDoubt)
    assert.equal(ordinal, model.next(at, inDoubt), 'which message is next')
    if (ordinal < 0) return false
    assert.equal(state.nextFence, model.nextFence)
    this.decide(
      {
        type: 'StartAttempt',
        zone: undefined,
        fence: state.nextFence,
        leaseMs: LEASE_MS,
        worker,
        claimId,
        at,
      },
      ordinal,
    )
    return true
  }

  private settle({ how, pick: n, delayMs: wishMs }: Extract<Step, { do: 'settle' }>): void {
    const leased = this.model.withTag('Leased')
    const message = leased[n % leased.length]
    if (message?.tag !== 'Leased') return
    const { at } = this
    const { fence } = message
    const command = ((): MessageCommand => {
      switch (how) {
        case 'ack':
          return {
            type: 'SucceedAttempt',
            followUps: undefined,
            reconciled: undefined,
            operation: { id: 'order-7', queue: 'orders' },
            fence,
            result: undefined,
            at,
          }
        case 'release':
          return { type: 'ReleaseAttempt', fence, delayMs: wishMs, at }
        case 'extend':
          return { type: 'ExtendLease', messageTimeoutMs: 300_000, fence, leaseMs: LEASE_MS + wishMs, at }
        default: {
          const ended = how === 'workerLost' || how === 'leaseExpired' ? how : 'reported'
          const failureType = ended === 'reported' ? (n % 2 === 0 ? 'NETWORK' : 'BUSINESS') : 'CRASH'
          const failed = { failureType, message: '', ended, retryable: how !== 'failForGood' } as const
          return {
            type: 'FailAttempt',
            waitFor: {},
            deadLetters: true,
            operation: { id: 'order-7', queue: 'orders' },
            fence,
            ...failed,
            delayMs: undefined,
            rules: RULES,
            random: 0,
            at,
          }
        }
      }
    })()
    this.decide(command, message.ordinal)
  }

  private operate({ what, pick: n }: Extract<Step, { do: 'operate' }>): void {
    const among = this.model.withTag(what === 'cancel' ? 'Waiting' : 'Dead')
    const message = among[n % among.length]
    if (message === undefined) return
    const type = ({ cancel: 'CancelMessage', redrive: 'RedriveMessage', purge: 'PurgeMessage' } as const)[
      what
    ]
    const { at } = this
    const command: MessageCommand =
      type === 'PurgeMessage'
        ? { type, by: undefined, cause: 'operator', deadOnly: true, at }
        : { type, by: undefined, at }
    this.decide(command, message.ordinal)
  }

  /** As the writer does when time has passed: due messages become ready, and those past their time to live end. */
  promote(max: number): void {
    const { state, at } = this
    while (state.due.nextAt() <= at) {
      for (const slot of state.promote(at, max)) {
        const message = state.table.read(slot)
        assert.ok(message.tag === 'Waiting' && message.expiresAt <= at && message.expiresAt !== 0)
        this.decide({ type: 'ExpireMessage', at }, message.ordinal)
      }
    }
  }
}

export const nextOrdinal = (state: PartitionState, inDoubt: boolean, at = state.lastAt): number => {
  const slot = state.nextReady(at, inDoubt ? state.readyInDoubt : state.ready)
  return slot < 0 ? -1 : state.table.read(slot).ordinal
}

export const sameMessage = ({ state, model }: PartitionHistory, ordinal: number): void => {
  const message = model.message(ordinal)
  const slot = state.table.slotOf(ordinal)
  assert.equal(slot >= 0, message.tag !== 'Finished' && message.tag !== 'Absent')
  if (slot >= 0) assert.deepStrictEqual(state.table.read(slot), message)
  assert.deepStrictEqual(state.messageAt(ordinal), message)
}

/** Everything that can be asked of the state is what the model answers. */
export const agree = (history: PartitionHistory): void => {
  const { state, model, at } = history
  sameSituations(state, model)
  assert.deepStrictEqual(countsOf(state), model.counts(at))
  assert.equal(nextOrdinal(state, false), model.next(at, false), 'which message is next')
  assert.equal(nextOrdinal(state, true), model.next(at, true), 'which message in doubt is next')
  assert.equal(state.due.nextAt(), model.nextDueAt(at), 'when something is due')
  assert.equal(
    state.leases.nextAt(),
    Math.min(...model.leaseUntil.values(), Number.POSITIVE_INFINITY),
    'when the first lease ends',
  )
}

/** The part that no promotion and no clock has a say in. */
export const sameSituations = (state: PartitionState, model: PartitionModel): void => {
  const live = model.live()
  assert.equal(state.table.size, live.length)
  for (const message of live) {
    const slot = state.table.slotOf(message.ordinal)
    assert.ok(slot >= 0, `message ${message.ordinal} is in the table`)
    assert.deepStrictEqual(state.table.read(slot), message)
  }
  const dead = model.withTag('Dead').map(({ ordinal }) => ordinal)
  assert.deepStrictEqual(
    [...state.deadLetters].sort((a, b) => a - b),
    dead,
  )
  const named = live.filter(({ callerId }) => callerId !== undefined)
  assert.equal(state.callerIds.size, named.length)
  for (const { callerId, ordinal } of named) assert.equal(state.callerIds.get(callerId ?? ''), ordinal)
  for (const { kind, key } of model.remembered()) {
    assert.equal(state.dedup.find(kind, key, model.lastAt, model.windowMs), model.find(kind, key))
  }
  for (const [claimId, leases] of model.claims) assert.deepStrictEqual(state.claimIds.find(claimId), leases)
  const groups = new Set(live.filter(({ tag }) => tag !== 'Dead').flatMap(({ wishes }) => wishes.group ?? []))
  assert.equal(state.groups.size, groups.size, 'groups that have members')
  assert.deepStrictEqual(Object.fromEntries(state.counts.failuresByType), model.failuresByType)
  assert.equal(state.nextRevision, model.revision + 1)
  assert.equal(state.nextFence, model.nextFence)
  assert.equal(state.epoch, model.epoch)
}

export const countsOf = (state: PartitionState): Record<string, number> =>
  Object.fromEntries(COUNT_NAMES.map((name) => [name, state.counts[name]]))
