// Everything that can be asked of a queue, as commands for fast-check: each asks the model and the real one the same, and the
// answers have to be the same words. Afterwards every message has to stand where the model has it.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import type {
  Edit,
  Lease,
  ModelMessage,
  NewMessage,
  Operation,
  Outcome,
  QueueModel,
  Wish,
} from './queueModel.js'
import { type QueueUnderTest, seenOfMessage, seenOfModel } from './queueUnderTest.js'

export type Model = {
  readonly queue: QueueModel
  /** Every lease that was ever handed out: late and repeated settlements name old ones. */
  readonly leases: Lease[]
  /** Of ends before the last crash it may be forgotten how they came about. */
  crashedAt: number
}
type Command = fc.AsyncCommand<Model, QueueUnderTest>

/** How often each answer was given: says whether the runs are worth something. */
export const answers = new Map<string, number>()
const count = (what: string): void => void answers.set(what, (answers.get(what) ?? 0) + 1)

const same = (model: Model, real: QueueUnderTest): void => {
  assert.equal(real.now(), model.queue.now, 'the time')
  for (const message of model.queue.messages)
    assert.deepEqual(
      seenOfMessage(real.message(message.ordinal)),
      seenOfModel(message),
      `message ${message.ordinal}`,
    )
}

/** `told` = by the real one. A message that ended before a crash may be unknown: nobody promised to remember. */
const sameAnswer = (
  model: Model,
  ordinal: number,
  told: string,
  expected: string,
  forgotten: string,
): void => {
  const { finishedAt } = model.queue.find(ordinal)
  const mayBeForgotten = finishedAt > 0 && finishedAt <= model.crashedAt
  if (mayBeForgotten && told === forgotten) return
  assert.equal(told, expected)
}

const command = (
  words: string,
  run: (model: Model, real: QueueUnderTest) => Promise<void>,
  check: (model: Model) => boolean = () => true,
): Command => ({
  check,
  run: async (model, real) => {
    await run(model, real)
    same(model, real)
  },
  toString: () => words,
})

const enqueue = (messages: ReadonlyArray<NewMessage>): Command =>
  command(`enqueue(${JSON.stringify(messages)})`, async ({ queue }, real) => {
    const placed = await real.enqueue(messages)
    count(
      placed === 'QueueFull' ? placed : placed.some(({ duplicate }) => duplicate) ? 'duplicate' : 'enqueued',
    )
    assert.deepEqual(placed, queue.enqueue(messages))
  })

const claim = (wish: Wish): Command =>
  command(`claim(${JSON.stringify(wish)})`, async ({ queue, leases }, real) => {
    const started = await real.claim(wish)
    count(started.length === 0 ? 'claimed nothing' : 'claimed')
    assert.deepEqual(started, queue.claim(wish))
    for (const { ordinal, fence } of started) leases.push({ ordinal, fence })
  })

const settle = (pick: number, outcome: Outcome): Command =>
  command(
    `settle(${pick}, ${JSON.stringify(outcome)})`,
    async (model, real) => {
      const { queue, leases } = model
      // Mostly the last ones, which are live more often; any other is late.
      const lease = leases[leases.length - 1 - (pick % leases.length)]
      if (lease === undefined) return
      const told = await real.settle(lease, outcome)
      count(`${outcome.outcome}: ${told}`)
      sameAnswer(model, lease.ordinal, told, queue.settle(lease, outcome), 'LeaseNotHeld')
    },
    ({ leases }) => leases.length > 0,
  )

/** Half of them meet a message that stands where the operation is meant for, if there is one. */
const targetOf = ({ messages }: QueueModel, pick: number, state: ModelMessage['state']): number => {
  const meant = messages.filter((message) => message.state === state)
  const among = pick % 2 === 0 && meant.length > 0 ? meant : messages
  return among[(pick >> 1) % among.length]?.ordinal ?? 1
}

const onMessage = (
  words: string,
  pick: number,
  meantFor: ModelMessage['state'],
  run: (
    real: QueueUnderTest,
    model: QueueModel,
    ordinal: number,
  ) => Promise<readonly [told: string, expected: string]>,
): Command =>
  command(
    `${words} of message ${pick}`,
    async (model, real) => {
      const ordinal = targetOf(model.queue, pick, meantFor)
      const [told, expected] = await run(real, model.queue, ordinal)
      count(`${words.split('(')[0]}: ${told}`)
      sameAnswer(model, ordinal, told, expected, 'MessageNotFound')
    },
    ({ queue }) => queue.messages.length > 0,
  )

const operate = (what: Operation, pick: number): Command =>
  onMessage(
    what,
    pick,
    what === 'redrive' || what === 'discard' ? 'dead' : 'waiting',
    async (real, model, ordinal) => [await real.operate(what, ordinal), model.operate(what, ordinal)],
  )

const edit = (changes: Edit, pick: number): Command =>
  onMessage(`edit(${JSON.stringify(changes)})`, pick, 'waiting', async (real, model, ordinal) => [
    await real.edit(ordinal, changes),
    model.edit(ordinal, changes),
  ])

const pause = (paused: boolean): Command =>
  command(paused ? 'pause' : 'resume', async ({ queue }, real) => {
    await real.pause(paused)
    queue.paused = paused
  })

const pass = (ms: number): Command =>
  command(`pass(${ms} ms)`, async ({ queue }, real) => {
    await real.pass(ms)
    queue.pass(ms)
  })

const crash = (): Command =>
  command('crash', async (model, real) => {
    await real.crash()
    count('crash')
    model.queue.crash()
    model.crashedAt = model.queue.now
    await real.checkReplay()
  })

const few = <A>(...values: A[]): fc.Arbitrary<A | undefined> =>
  fc.constantFrom(undefined, undefined, ...values)
const delay = fc.constantFrom(0, 0, 0, 10, 60)
const ttl = fc.constantFrom(0, 0, 0, 40, 150)
const payload = fc.nat({ max: 99 })
const priority = fc.constantFrom(0, 0, 5, -5)
const pick = fc.nat({ max: 30 })

const newMessage: fc.Arbitrary<NewMessage> = fc
  .record({
    group: few('g', 'h'),
    dedupKey: few('k', 'l'),
    callerId: fc.constantFrom(undefined, undefined, undefined, 'x', 'y'),
    payload,
    priority,
    delayMs: delay,
    ttlMs: ttl,
  })
  // A message is named in one way: what it is called when both are known is no matter of this model.
  .map((one) => (one.callerId === undefined ? one : { ...one, dedupKey: undefined }))

const outcome: fc.Arbitrary<Outcome> = fc.oneof<fc.MaybeWeightedArbitrary<Outcome>[]>(
  { weight: 3, arbitrary: fc.constant({ outcome: 'ack' }) },
  { weight: 3, arbitrary: fc.constant({ outcome: 'fail', failureType: 'NETWORK' }) },
  { weight: 3, arbitrary: fc.constant({ outcome: 'fail', failureType: 'BUSINESS' }) },
  { weight: 1, arbitrary: fc.record({ outcome: fc.constant('release' as const), delayMs: delay }) },
  {
    weight: 1,
    arbitrary: fc.record({ outcome: fc.constant('extend' as const), leaseMs: fc.constantFrom(50, 200) }),
  },
)

export const COMMANDS: fc.Arbitrary<Command>[] = [
  ...Array.from({ length: 3 }, () => fc.array(newMessage, { minLength: 1, maxLength: 3 }).map(enqueue)),
  ...Array.from({ length: 3 }, () =>
    fc
      .record({
        max: fc.integer({ min: 1, max: 3 }),
        isLocal: fc.boolean(),
        claimId: fc.constantFrom(undefined, undefined, 'c1', 'c2', 'c3'),
      })
      .map(claim),
  ),
  ...Array.from({ length: 4 }, () =>
    fc.tuple(fc.constantFrom(0, 0, 0, 1, 1, 2, 5, 9), outcome).map(([n, how]) => settle(n, how)),
  ),
  ...Array.from({ length: 2 }, () => fc.constantFrom(1, 10, 20, 50, 100, 350).map(pass)),
  ...Array.from({ length: 3 }, () =>
    fc
      .tuple(fc.constantFrom<Operation>('cancel', 'redrive', 'redrive', 'discard', 'discard', 'purge'), pick)
      .map(([what, n]) => operate(what, n)),
  ),
  fc
    .tuple(fc.record({ payload, priority, delayMs: delay, ttlMs: ttl }), pick)
    .map(([changes, n]) => edit(changes, n)),
  fc.constantFrom(true, false, false).map(pause),
  fc.constant(undefined).map(crash),
]
