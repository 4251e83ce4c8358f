// Invariant 13 (I8): whatever is asked of whatever has come about, a decision answers with events or with a named refusal, and
// never throws; what it answered can be folded in, and can be stored and read back. Commands are as odd as types allow.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import type { Either } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import type { LedgerEvent } from '../../domain/batch.js'
import {
  CIRCUIT_CLOSED,
  type CircuitState,
  decideCircuit,
  evolveCircuit,
  noteAttemptStarted,
  noteFailure,
  noteNeutral,
  noteSuccess,
} from '../../domain/circuit/index.js'
import { decodeEvent, encodeEvent } from '../../domain/codecs.js'
import { DEFAULT_FAILURE_RULES } from '../../domain/failure/index.js'
import {
  ABSENT,
  decideMessage,
  evolveMessage,
  type Message,
  type MessageCommand,
} from '../../domain/message/index.js'
import {
  type Catalog,
  closeGate,
  configureQueue,
  controlAtCreation,
  createQueue,
  DEFAULT_QUEUE_CONFIG,
  deleteQueue,
  EMPTY_CATALOG,
  evolveControl,
  foldCatalog,
  forceCircuit,
  openGate,
  pauseGroup,
  pauseQueue,
  type QueueControl,
  type QueueSettings,
  resumeGroup,
  resumeQueue,
} from '../../domain/queue/index.js'
import { recordTicks, removeSchedule, setSchedule } from '../../domain/schedule/index.js'
import { quickCircuit } from '../domain/circuit/arbitraries.js'
import { attributes, instant, jsonText, natural, retryPolicy, text } from '../support/arbitraries.js'
import { schedule } from '../support/schedules.js'

const actor = fc.constantFrom(undefined, { who: 'ada' }, { who: '', why: 'x'.repeat(50) })
const optional = <A>(some: fc.Arbitrary<A>): fc.Arbitrary<A | undefined> =>
  fc.option(some, { nil: undefined })

/** What was decided comes back from the log as it was. */
const isStorable = (event: LedgerEvent): void => {
  const { type, version, data } = encodeEvent(event)
  const read = decodeEvent(type, version, JSON.parse(JSON.stringify(data)))
  assert.deepEqual(read, { _tag: 'Right', right: event })
}

/** Answers the events; of a refusal, none. */
const eventsOf = <Event extends LedgerEvent>(
  decision: Either<Readonly<{ type: string }>, ReadonlyArray<Event>>,
  refusals: Set<string>,
): ReadonlyArray<Event> => {
  if (decision._tag === 'Left') {
    assert.equal(typeof decision.left.type, 'string')
    refusals.add(decision.left.type)
    return []
  }
  for (const event of decision.right) isStorable(event)
  return decision.right
}

// One message: times are given as steps from the time before, so that they go on as recorded times do.

const delayMs = fc.oneof(
  fc.constantFrom(0, 1, 50),
  natural.map((n) => n % 2 ** 40),
)
const leaseMs = fc.integer({ min: 1, max: 86_400_000 })
const operation = fc.record({ id: text, queue: fc.constantFrom('orders', 'mail') })
const mostlyNone = fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: instant })
const contents = {
  payload: jsonText,
  priority: fc.integer({ min: -1_000, max: 1_000 }),
  notBefore: mostlyNone,
  expiresAt: mostlyNone,
  attributes: optional(attributes),
}
const rules = retryPolicy.map((NETWORK) => ({ ...DEFAULT_FAILURE_RULES, NETWORK }))
const followUps = optional(
  fc.array(
    fc.constantFrom('mail', 'sms').chain((queue) => jsonText.map((payload) => ({ queue, payload }))),
    { maxLength: 3 },
  ),
)

type Asked = MessageCommand extends infer Command
  ? Command extends MessageCommand
    ? Omit<Command, 'at'>
    : never
  : never
type Of<Type> = Omit<Extract<MessageCommand, Readonly<{ type: Type }>>, 'at' | 'type'>

/** The compiler holds this list complete. */
const asked: { readonly [Type in MessageCommand['type']]: fc.Arbitrary<Of<Type>> } = {
  EnqueueMessage: fc.record({ ordinal: fc.constant(1), callerId: optional(text), ...contents }),
  EditMessage: fc.record({
    ...contents,
    cause: fc.constantFrom('operator', 'replaced', 'debounced'),
    by: actor,
  }),
  StartAttempt: fc.record({
    fence: fc.integer({ min: 1, max: 9 }),
    leaseMs,
    worker: text,
    claimId: optional(text),
    zone: optional(text),
  }),
  SucceedAttempt: fc.record({
    fence: fc.integer({ min: 0, max: 9 }),
    result: optional(jsonText),
    followUps,
    reconciled: fc.constantFrom(undefined, true as const),
    operation,
  }),
  FailAttempt: fc.record({
    fence: fc.integer({ min: 0, max: 9 }),
    failureType: fc.constantFrom('NETWORK', 'CRASH', 'SYSTEM', 'BUSINESS', 'OWN', '__proto__', 'constructor'),
    message: text,
    ended: fc.constantFrom('reported', 'leaseExpired', 'workerLost'),
    retryable: fc.boolean(),
    delayMs: optional(delayMs),
    rules,
    waitFor: fc.constantFrom({}, { NETWORK: 'disk' }),
    deadLetters: fc.boolean(),
    operation,
    random: fc.constantFrom(0, 0.5, 1 - Number.EPSILON),
  }),
  ReleaseAttempt: fc.record({ fence: fc.integer({ min: 0, max: 9 }), delayMs }),
  ExtendLease: fc.record({
    fence: fc.integer({ min: 0, max: 9 }),
    leaseMs,
    messageTimeoutMs: fc.integer({ min: 1, max: 600_000 }),
  }),
  GiveUpWaiting: fc.record({ deadLetters: fc.boolean(), operation }),
  CancelMessage: fc.record({ by: actor }),
  ExpireMessage: fc.record({}),
  RedriveMessage: fc.record({ by: actor }),
  PurgeMessage: fc.record({
    by: actor,
    cause: fc.constantFrom('operator', 'overflow', 'noDeadLetters'),
    meant: fc.constantFrom('waiting', 'dead', 'either'),
  }),
}

/** What ends a message for good comes seldom, or there would be little to ask afterwards. */
const WEIGHTS: Partial<Record<MessageCommand['type'], number>> = {
  StartAttempt: 8,
  FailAttempt: 8,
  RedriveMessage: 4,
  EditMessage: 2,
  ReleaseAttempt: 2,
}
const asksFor = (type: string, fields: fc.Arbitrary<object>): fc.Arbitrary<Asked> =>
  fields.map((rest) => ({ type, ...rest }) as Asked)
const command: fc.Arbitrary<Asked> = fc.oneof(
  ...Object.entries(asked).map(([type, fields]) => ({
    weight: WEIGHTS[type as MessageCommand['type']] ?? 1,
    arbitrary: asksFor(type, fields),
  })),
)
/** Most fences that settle are those of the live lease: otherwise little would ever end. */
const ofLiveLease = (one: Asked, message: Message, isLive: boolean): Asked =>
  isLive && message.tag === 'Leased' && 'fence' in one ? { ...one, fence: message.fence } : one

describe('a decision answers everything', () => {
  it('I8 13 about a message, in any situation', () => {
    const refusals = new Set<string>()
    const seen = new Map<string, number>()
    const step = fc.tuple(command, fc.nat({ max: 100_000 }), fc.constantFrom(true, true, true, false))
    const first = fc.tuple(
      asksFor('EnqueueMessage', asked.EnqueueMessage),
      fc.constant(0),
      fc.constant(false),
    )
    const steps = fc.array(step, { minLength: 5, maxLength: 40, size: 'max' })
    fc.assert(
      fc.property(first, steps, (one, others) => {
        let message: Message = ABSENT
        let at = 1_790_000_000_000
        for (const [asks, passMs, isLive] of [one, ...others]) {
          at += passMs
          const decided = decideMessage(
            { ...ofLiveLease(asks, message, isLive), at } as MessageCommand,
            message,
          )
          for (const event of eventsOf(decided, refusals)) {
            message = evolveMessage(message, event, at)
            seen.set(event.type, (seen.get(event.type) ?? 0) + 1)
          }
        }
      }),
      { numRuns: 800 },
    )
    const rare = EVENT_TYPES_OF_MESSAGES.filter((type) => (seen.get(type) ?? 0) < 5)
    expect(rare).toEqual([])
    expect(refusals.size).toBeGreaterThan(8)
  }, 60_000)

  it('I8 13 about which queues there are', () => {
    const refusals = new Set<string>()
    const name = fc.constantFrom('a', 'b', '__proto__')
    const create = fc.record({ name, settings: oddSettings, by: actor })
    const remove = fc.record({ name, messages: fc.nat({ max: 2 }), force: fc.boolean(), by: actor })
    fc.assert(
      fc.property(fc.array(fc.oneof(create, remove), { maxLength: 30, size: 'max' }), (steps) => {
        let catalog: Catalog = EMPTY_CATALOG
        for (const step of steps) {
          const decided =
            'settings' in step
              ? createQueue(catalog, step.name, step.settings, step.by)
              : deleteQueue(catalog, step.name, step.messages, step.force, step.by)
          catalog = foldCatalog(catalog, eventsOf(decided, refusals))
        }
      }),
      { numRuns: 500 },
    )
    for (const type of ['QueueExists', 'QueueNotFound', 'QueueNotEmpty']) expect(refusals).toContain(type)
  })

  it('I8 13 about the settings, switches and schedules of a queue', () => {
    const refusals = new Set<string>()
    fc.assert(
      fc.property(fc.array(controlChange, { maxLength: 40, size: 'max' }), (steps) => {
        let control: QueueControl = controlAtCreation(DEFAULT_QUEUE_CONFIG)
        for (const decide of steps)
          for (const event of eventsOf(decide(control), refusals)) control = evolveControl(control, event)
      }),
      { numRuns: 500 },
    )
    expect(refusals).toContain('ScheduleNotFound')
    expect(refusals.size).toBeGreaterThan(1)
  })

  it('I8 13 about a circuit, whatever its settings become', () => {
    const seen = new Set<string>()
    const kinds = ['start', 'succeed', 'fail', 'fail', 'neutral', 'nothing'] as const
    const step = fc.tuple(
      fc.constantFrom(...kinds),
      fc.integer({ min: 1, max: 6 }),
      fc.nat({ max: 40 }),
      quickCircuit,
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        let circuit: CircuitState = CIRCUIT_CLOSED
        let at = 1_790_000_000_000
        for (const [kind, fence, passMs, settings] of steps) {
          at += passMs
          circuit = noted(kind, circuit, fence, at, settings)
          const event = decideCircuit('z', circuit, at, settings)
          if (event === undefined) continue
          isStorable(event)
          seen.add(event.type)
          circuit = evolveCircuit(circuit, event, at)
        }
      }),
      { numRuns: 500 },
    )
    expect([...seen].sort()).toEqual(['CircuitClosed', 'CircuitHalfOpened', 'CircuitOpened'])
  })
})

const EVENT_TYPES_OF_MESSAGES = [
  'MessageEnqueued',
  'MessageEdited',
  'AttemptStarted',
  'LeaseExtended',
  'AttemptSucceeded',
  'AttemptFailed',
  'RetryScheduled',
  'MessageDeadLettered',
  'AttemptReleased',
  'MessageRedriven',
  'MessageCancelled',
  'CancelRequested',
  'MessageExpired',
  'MessagePurged',
]

const noted = (
  kind: 'start' | 'succeed' | 'fail' | 'neutral' | 'nothing',
  circuit: CircuitState,
  fence: number,
  at: number,
  settings: Parameters<typeof noteSuccess>[3],
): CircuitState => {
  switch (kind) {
    case 'start':
      return noteAttemptStarted(circuit, fence, settings)
    case 'succeed':
      return noteSuccess(circuit, fence, at, settings)
    case 'fail':
      return noteFailure(circuit, fence, at, settings)
    case 'neutral':
      return noteNeutral(circuit, fence)
    case 'nothing':
      return circuit
  }
}

/** Good ones, and what somebody may write all the same: the door sees types only. */
const oddNumber = fc.oneof(
  natural,
  fc.constantFrom(-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 100, 1_000, 30_000),
)
const oddSettings: fc.Arbitrary<QueueSettings> = fc.oneof(
  fc.constantFrom<QueueSettings>({}, { maxSize: 5 }, { order: 'fifo' }),
  fc.record(
    {
      partitions: fc.oneof(fc.constantFrom(1, 2), oddNumber),
      maxSize: oddNumber,
      dedupWindowMs: oddNumber,
      leaseMs: oddNumber,
      handlerTimeoutMs: oddNumber,
      order: fc.constantFrom('fifo', 'adaptive', 'weighted', 'lifo'),
      // Settings come from JSON or a literal: no object without a prototype, which no record would give back.
      bandShares: fc.record(
        { high: oddNumber, normal: oddNumber, low: oddNumber },
        { noNullPrototype: true },
      ),
      limits: fc.constantFrom({}, { concurrencyMax: 0 }, { rate: { count: 1, perMs: 1_000 } }),
      waitFor: fc.constantFrom({}, { RESOURCE: 'disk' }, { nothing: '' }),
      circuit: fc.oneof(fc.constant(null), quickCircuit, fc.constant({ openMs: -1 })),
      failures: fc.oneof(
        fc.constant({}),
        retryPolicy.map((OWN) => ({ OWN })),
      ),
      completionObjective: fc.constantFrom(0.5, -1, 2, Number.NaN),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<QueueSettings>,
)

type ControlDecision = (control: QueueControl) => ReturnType<typeof pauseGroup>
const certain =
  (decide: (control: QueueControl) => ReturnType<typeof pauseQueue>): ControlDecision =>
  (control) => ({ _tag: 'Right', right: decide(control) })

const switchName = fc.constantFrom('a', 'b', '', '__proto__')
const controlChange: fc.Arbitrary<ControlDecision> = fc.oneof(
  fc.tuple(oddSettings, actor).map(
    ([settings, by]): ControlDecision =>
      (control) =>
        configureQueue(control, settings, by),
  ),
  actor.map((by) => certain((control) => pauseQueue(control, by))),
  actor.map((by) => certain((control) => resumeQueue(control, by))),
  fc.tuple(fc.constantFrom(pauseGroup, resumeGroup, closeGate, openGate), switchName, actor).map(
    ([decide, name, by]): ControlDecision =>
      (control) =>
        decide(control, name, by),
  ),
  fc.tuple(switchName, fc.constantFrom('open' as const, 'closed' as const, 'auto' as const), actor).map(
    ([name, to, by]): ControlDecision =>
      (control) =>
        forceCircuit(control, name, to, by),
  ),
  fc.tuple(schedule, switchName, instant, actor).map(
    ([one, name, at, by]): ControlDecision =>
      ({ schedules }) =>
        setSchedule(schedules, { ...one, name: name || 's' }, at, by),
  ),
  fc.tuple(switchName, actor).map(
    ([name, by]): ControlDecision =>
      ({ schedules }) =>
        removeSchedule(schedules, name, by),
  ),
  fc
    .tuple(switchName, instant, fc.nat({ max: 5 }))
    .map(([name, upTo, missed]) =>
      certain(({ schedules }) => recordTicks(schedules, name, { upTo, enqueue: [upTo], missed })),
    ),
)
