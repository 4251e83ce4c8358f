// Random histories of one partition: each step is decided as the writer would decide it, and what comes out is applied to
// the state under test and to the naive model alike, which are compared as they go.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { type CircuitSettings, DEFAULT_CIRCUIT } from '../../domain/circuit/index.js'
import { DEFAULT_FAILURE_RULES } from '../../domain/failure/index.js'
import { decideMessage, type MessageAttributes, type MessageCommand } from '../../domain/message/index.js'
import type { PartitionEvent } from '../../domain/partition/events.js'
import { DEFAULT_QUEUE_CONFIG, type Switches } from '../../domain/queue/index.js'
import { fixed } from '../../domain/retry/index.js'
import { COUNT_NAMES, PartitionState } from '../../projections/partition/index.js'
import { inOneOrder } from './modelMeasures.js'
import { PartitionModel } from './partitionModel.js'

export type Recorded = Readonly<{ event: PartitionEvent; at: number }>

type Settling = 'ack' | 'fail' | 'failForGood' | 'workerLost' | 'leaseExpired' | 'release' | 'extend'
type Operation =
  | 'cancel'
  | 'stop'
  | 'redrive'
  | 'discard'
  | 'purge'
  | 'overflow'
  | 'giveUp'
  | 'edit'
  | 'replace'
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
      type: string | undefined
      wishes: MessageAttributes
    }>
  | Readonly<{ do: 'claim'; count: number; inDoubt: boolean; worker: string; claimId: string | undefined }>
  | Readonly<{ do: 'settle'; how: Settling; pick: number; delayMs: number }>
  | Readonly<{ do: 'operate'; what: Operation; pick: number; priority: number; group: string | undefined }>
  | Readonly<{ do: 'pass'; ms: number; promoteMax: number }>
  | Readonly<{ do: 'open' }>
  | Readonly<{
      do: 'adopt'
      windowMs: number
      maxSize: number
      circuit: CircuitSettings | null
      deadLetters: boolean
      switches: Switches
    }>

/** Opens soon, and closes again within one history. */
const CIRCUIT: CircuitSettings = {
  ...DEFAULT_CIRCUIT,
  failureThreshold: 2,
  windowMs: 400,
  openMs: 30,
  probesMax: 1,
  successThreshold: 1,
  failureTypes: ['*'],
}

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
  type: few('t'),
  wishes: fc.constantFrom<MessageAttributes>(
    ...Array.from({ length: 12 }, () => ({})),
    { retryable: false },
    { guarantee: 'fireAndForget' },
    { cancelable: false },
    { leaseMs: 70, onFailure: { queue: 'failed' } },
    { tenant: 'acme' },
    { zone: 'z1' },
    { zone: 'z1' },
    { zone: 'z1', fallbackZones: ['z2'] },
    { gate: 'g' },
    { tenant: 'acme', zone: 'z2', gate: 'g' },
  ),
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
  what: fc.constantFrom<Operation>(
    'cancel',
    'stop',
    'redrive',
    'redrive',
    'discard',
    'purge',
    'overflow',
    'giveUp',
    'edit',
    'edit',
    'replace',
  ),
  pick,
  priority: fc.constantFrom(0, 0, 10, 3),
  group: few('a', 'b'),
})
const adopt: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('adopt' as const),
  windowMs: fc.constantFrom(50, 400, 0),
  maxSize: fc.constantFrom(3, 6, 20),
  circuit: fc.constantFrom(
    null,
    CIRCUIT,
    { ...CIRCUIT, failureThreshold: 1 },
    { ...CIRCUIT, failureThreshold: 3, probesMax: 2, adaptive: true },
  ),
  deadLetters: fc.constantFrom(true, true, false),
  switches: fc.record({
    pausedGroups: fc.constantFrom([], [], ['a']),
    closedGates: fc.constantFrom([], ['g']),
    forcedCircuits: fc.constantFrom<Switches['forcedCircuits']>(
      {},
      {},
      {},
      { z1: 'open' },
      { default: 'closed', z2: 'open' },
    ),
  }),
})
const pass: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('pass' as const),
  ms: fc.constantFrom(1, 1, 5, 5, 30, 30, 300, 300, 12_000),
  promoteMax: fc.constantFrom(1, 2, 1_000),
})

/** A place fails, is left alone, is tried again, and is well: too long a way to come about by chance. */
const outage: fc.Arbitrary<ReadonlyArray<Step>> = fc
  .tuple(enqueue, adopt, claim, fc.constantFrom<Settling>('ack', 'ack', 'fail'))
  .map(([message, settings, wish, how]) => [
    { ...settings, circuit: { ...CIRCUIT, failureThreshold: 1 } } as Step,
    { ...message, delayMs: 0, ttlMs: 0 } as Step,
    { ...wish, count: 2 } as Step,
    { do: 'settle', how: 'fail', pick: 0, delayMs: 0 },
    { do: 'pass', ms: 30, promoteMax: 1_000 },
    wish,
    { do: 'settle', how, pick: 0, delayMs: 0 },
  ])

export const steps = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc
    .array(
      fc.oneof<fc.MaybeWeightedArbitrary<Step | ReadonlyArray<Step>>[]>(
        { weight: 8, arbitrary: enqueue },
        { weight: 6, arbitrary: claim },
        { weight: 8, arbitrary: settle },
        { weight: 6, arbitrary: operate },
        { weight: 4, arbitrary: pass },
        { weight: 1, arbitrary: fc.constant<Step>({ do: 'open' }) },
        { weight: 2, arbitrary: adopt },
        { weight: 1, arbitrary: outage },
      ),
      { minLength: Math.floor(maxLength / 2), maxLength, size: 'max' },
    )
    .map((parts) => parts.flat() as Step[])

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
        this.adopt(step)
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

  private adopt(step: Extract<Step, { do: 'adopt' }>): void {
    const { windowMs: dedupWindowMs, maxSize, circuit, deadLetters, switches } = step
    this.add({
      type: 'ConfigAdopted',
      switches,
      controlRevision: this.recorded.length,
      config: { ...DEFAULT_QUEUE_CONFIG, dedupWindowMs, maxSize, circuit, deadLetters, failures: RULES },
      paused: false,
    })
  }

  private decide(command: MessageCommand, ordinal: number): void {
    const decision = decideMessage(command, this.model.message(ordinal))
    if (decision._tag === 'Right') for (const event of decision.right) this.add(event)
  }

  /** As the writer does in the batch of an outcome, and when time has passed. */
  private changeCircuits(): void {
    const { state, model, at } = this
    const events = state.circuits.due(at)
    assert.deepStrictEqual(byCircuit(events), byCircuit(model.circuits.due(at)), 'changes of circuits')
    for (const event of events) this.add(event)
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
      ...step.wishes,
      ...(step.type === undefined ? {} : { type: step.type }),
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
    const { maxSize } = state.config
    if (!model.toldFull && model.size >= maxSize) {
      this.add({ type: 'CapacityReached', size: model.size, maxSize })
    }
  }

  private claimOne({ inDoubt, worker, claimId }: Extract<Step, { do: 'claim' }>): boolean {
    const { state, model, at } = this
    const ordinal = nextOrdinal(state, inDoubt)
    oneOf(ordinal, model.candidates(at, inDoubt), 'which message is next')
    const message = model.message(ordinal)
    if (message.tag !== 'Waiting') return false
    assert.equal(state.nextFence, model.nextFence)
    const zone = state.effectiveZone(state.table.slotOf(ordinal))
    assert.equal(zone, model.effectiveZone(message), 'where it runs')
    this.decide(
      {
        type: 'StartAttempt',
        zone,
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
          const failureType = ended === 'reported' ? (FAILURES[n % FAILURES.length] ?? '') : 'CRASH'
          const failed = { failureType, message: '', ended, retryable: how !== 'failForGood' } as const
          return {
            type: 'FailAttempt',
            waitFor: { NETWORK: 'g' },
            deadLetters: this.model.config.deadLetters,
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
    this.changeCircuits()
  }

  private operate(step: Extract<Step, { do: 'operate' }>): void {
    const among = this.model.withTag(TAG_OF[step.what])
    const message = among[step.pick % among.length]
    if (message !== undefined) this.decide(this.operation(step, message.wishes), message.ordinal)
  }

  private operation(
    { what, priority, group, pick: n }: Extract<Step, { do: 'operate' }>,
    wishes: MessageAttributes,
  ): MessageCommand {
    const { at } = this
    const by = undefined
    switch (what) {
      case 'cancel':
      case 'stop':
        return { type: 'CancelMessage', by: { who: 'op' }, at }
      case 'redrive':
        return { type: 'RedriveMessage', by, at }
      case 'discard':
        return { type: 'PurgeMessage', by, cause: 'operator', meant: 'dead', at }
      case 'purge':
      case 'overflow':
        return { type: 'PurgeMessage', by, cause: what === 'purge' ? 'operator' : what, meant: 'either', at }
      case 'giveUp': {
        const { deadLetters } = this.model.config
        return { type: 'GiveUpWaiting', deadLetters, operation: { id: 'order-7', queue: 'orders' }, at }
      }
      case 'edit':
      case 'replace': {
        const { group: _, ...others } = wishes
        const attributes = {
          ...(n % 3 === 0 ? {} : others),
          ...(group === undefined ? {} : { group }),
          ...(n % 2 === 0 ? {} : { type: 'u' }),
          ...(what === 'edit' ? {} : { dedupKey: 'k' }),
        }
        return {
          type: 'EditMessage',
          payload: '1',
          priority,
          notBefore: n % 4 === 0 ? at + 40 : 0,
          expiresAt: n % 5 === 0 ? at + 60 : 0,
          attributes,
          cause: what === 'edit' ? 'operator' : 'replaced',
          by,
          at,
        }
      }
    }
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
    this.changeCircuits()
  }
}

const FAILURES = ['NETWORK', 'BUSINESS', 'DATABASE', 'SYSTEM', 'DATABASE']
const TAG_OF = {
  cancel: 'Waiting',
  stop: 'Leased',
  redrive: 'Dead',
  discard: 'Dead',
  purge: 'Waiting',
  overflow: 'Waiting',
  giveUp: 'Waiting',
  edit: 'Waiting',
  replace: 'Waiting',
} as const

const byCircuit = <E extends { circuit: string }>(events: ReadonlyArray<E>): ReadonlyArray<E> =>
  [...events].sort((a, b) => (a.circuit < b.circuit ? -1 : 1))

export const oneOf = (ordinal: number, candidates: ReadonlyArray<number>, what: string): void =>
  assert.ok(
    candidates.length === 0 ? ordinal === -1 : candidates.includes(ordinal),
    `${what}: ${ordinal}, and it should be one of [${candidates.join(', ')}]`,
  )

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
  oneOf(nextOrdinal(state, false), model.candidates(at, false), 'which message is next')
  oneOf(nextOrdinal(state, true), model.candidates(at, true), 'which message in doubt is next')
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
  assert.equal(state.toldFull, model.toldFull, 'whether it was told that it is full')
  assert.equal(state.size, model.size)
  assert.deepStrictEqual(
    [...state.circuits.snapshot()].sort(([a], [b]) => (a < b ? -1 : 1)),
    model.circuits.list(),
  )
  sameMeasures(state, model)
}

const sameMeasures = ({ measures, lastAt }: PartitionState, model: PartitionModel): void => {
  assert.deepStrictEqual(inOneOrder(measures.kinds.list()), model.measures.kinds(model.live()))
  for (const windowMs of [10_000, 60_000, 600_000]) {
    assert.deepStrictEqual(measures.rates.view(lastAt, windowMs), model.measures.rates(lastAt, windowMs))
  }
  for (const [seen, all] of [
    [measures.durations.view(), model.measures.durations],
    [measures.waits.view(), model.measures.waits],
  ] as const) {
    const sum = all.reduce((total, ms) => total + ms, 0)
    const averageMs = all.length === 0 ? 0 : sum / all.length
    const { count, maxMs } = seen
    assert.deepStrictEqual([count, seen.averageMs, maxMs], [all.length, averageMs, Math.max(0, ...all)])
  }
}

export const countsOf = (state: PartitionState): Record<string, number> =>
  Object.fromEntries(COUNT_NAMES.map((name) => [name, state.counts[name]]))
