// Which handler takes a message: by its type, by a processor's own word, or none; and what becomes of what nobody takes.
import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import type {
  Handlers,
  Message,
  ProcessOptions,
  Processor,
  ProcessorStatus,
} from '../../src/api/types/index.js'
import { fail, release } from '../../src/worker/attempt.js'
import { open } from '../support/handRun.js'

const ONE_SECOND_MS = 1_000

/** Enqueues one message of each type, runs them, and answers who saw which. */
const seenBy = async (
  types: ReadonlyArray<string | undefined>,
  handlers: (see: (name: string) => (message: Message<unknown>) => unknown) => Handlers<unknown>,
  options: ProcessOptions = {},
) => {
  const opened = await open()
  const seen: string[] = []
  const see =
    (name: string) =>
    ({ payload }: Message<unknown>): undefined => {
      seen.push(`${name}: ${String(payload)}`)
      return undefined
    }
  for (const type of types)
    await opened.test.done(
      opened.queue.enqueue(type ?? 'untyped', { priority: -seen.length, ...(type && { type }) }),
    )
  const worker = opened.queue.process(handlers(see), { concurrency: 1, ...options })
  await opened.test.clock.settle()
  return { ...opened, seen, worker }
}

const deadLetters = async ({ test, queue }: Awaited<ReturnType<typeof seenBy>>) =>
  (await test.done(queue.deadLetters())).messages.map(({ payload, reason, failure }) => ({
    payload,
    reason,
    failure,
  }))

describe('handlers by type (D10)', () => {
  it('D10: each type goes to its handler, what has none to "*", and a message without a type as well', async () => {
    const { seen } = await seenBy(['created', 'paid', 'lost', undefined], (see) => ({
      created: see('one'),
      paid: see('two'),
      '*': see('rest'),
    }))
    expect(seen).toEqual(['one: created', 'two: paid', 'rest: lost', 'rest: untyped'])
  })

  it('D10 C3: a type without a handler is a system error, dead-lettered at once and kept apart', async () => {
    const run = await seenBy(['created', 'unknown', undefined], (see) => ({ created: see('one') }))
    expect(run.seen).toEqual(['one: created'])
    const [untyped, unknown] = await deadLetters(run)
    expect(unknown).toMatchObject({ payload: 'unknown', reason: 'systemError', failure: { type: 'SYSTEM' } })
    expect(unknown?.failure?.message).toContain('no handler for the type "unknown"')
    expect(untyped).toMatchObject({ payload: 'untyped', reason: 'systemError' })
    expect((await run.types()).filter((type) => type === 'RetryScheduled')).toEqual([])
  })

  it('D10: what every object inherits is no handler', async () => {
    const run = await seenBy(['constructor', 'toString', '__proto__'], () => ({}))
    expect((await deadLetters(run)).map(({ reason }) => reason)).toEqual(Array(3).fill('systemError'))
  })

  it('C3: a payload that does not fit the codec is a system error, whatever the classifier says', async () => {
    const { test } = await open()
    await test.done((await test.done(test.ledger.queue('typed'))).enqueue('no number'))
    const queue = await test.done(test.ledger.queue('typed', { payload: t.number }))
    queue.process(({ payload }) => payload, { classify: () => 'NETWORK' })
    await test.clock.settle()
    const { messages } = await test.done(queue.deadLetters())
    expect(messages).toMatchObject([{ reason: 'systemError', failure: { type: 'SYSTEM' } }])
  })

  it('D10: false is a failure of type UNKNOWN, and fail() takes the time another service asked for', async () => {
    const run = await seenBy(['refused', 'later'], () => ({
      refused: () => false,
      later: () => fail({ type: 'RESOURCE', retryAfterMs: 7_000 }),
    }))
    const events = await run.test.events('orders')
    expect(events.filter(({ type }) => type === 'AttemptFailed')).toMatchObject([
      { failureType: 'UNKNOWN', message: 'the handler returned false' },
      { failureType: 'RESOURCE' },
    ])
    expect(events.filter(({ type }) => type === 'RetryScheduled')).toMatchObject([{}, { delayMs: 7_000 }])
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['text', 'created'],
    ['an object with something else', { created: 1 }],
  ])('D10: %s is refused as handlers', async (_, handlers) => {
    const { queue } = await open()
    expect(() => queue.process(handlers as Handlers<unknown>)).toThrow(TypeError)
  })
})

const processor = (
  name: string,
  takes: (payload: unknown) => boolean,
  handle: Processor<unknown>['handle'],
  more: Partial<Processor<unknown>> = {},
): Processor<unknown> => ({ name, canProcess: ({ payload }) => takes(payload), handle, ...more })

describe('processors (D11)', () => {
  it('D11: the first that can takes the message, in their order; the handlers take the rest', async () => {
    const named: string[] = []
    const say = (name: string) => () => void named.push(name)
    const holds = (letter: string) => (payload: unknown) => String(payload).includes(letter)
    await seenBy(['ab', 'b', 'c'], () => ({ '*': say('rest') }), {
      processors: [
        processor('first', holds('a'), say('first')),
        processor('second', holds('b'), say('second')),
      ],
    })
    expect(named).toEqual(['first', 'second', 'rest'])
  })

  it('D11: they come and go while the worker runs; two of one name are refused', async () => {
    const run = await seenBy([], () => ({}))
    const { worker, queue, test } = run
    const named: string[] = []
    const one = processor(
      'one',
      () => true,
      () => void named.push('one'),
    )
    worker.addProcessor(one)
    expect(() => worker.addProcessor(one)).toThrow(RangeError)
    await test.done(queue.enqueue(1))
    expect(worker.removeProcessor('one')).toBe(true)
    expect(worker.removeProcessor('one')).toBe(false)
    await test.done(queue.enqueue(2))
    expect(named).toEqual(['one'])
    expect(await deadLetters(run)).toMatchObject([{ payload: 2, reason: 'systemError' }])
  })

  it('D11: with whenNone "release" what nobody takes is handed back uncounted, with growing pauses, and not for ever', async () => {
    const run = await seenBy(['odd'], () => ({}), { whenNone: 'release' })
    const { test, types } = run
    const released = async () => (await types()).filter((type) => type === 'AttemptReleased').length
    expect(await released()).toBe(1)
    await test.clock.advance(ONE_SECOND_MS)
    expect(await released()).toBe(2)
    await test.clock.advance(ONE_SECOND_MS)
    expect(await released()).toBe(2)
    await test.clock.advance(ONE_SECOND_MS)
    expect(await released()).toBe(3)
    await test.clock.advance(60 * 60_000)
    expect(await released()).toBe(60)
    expect(await deadLetters(run)).toMatchObject([{ reason: 'systemError' }])
  })

  it('D11: a sick processor is passed over, its messages wait uncounted, and it is told who is sick and why', async () => {
    let isSick = true
    const told: ProcessorStatus[] = []
    const named: string[] = []
    const run = await seenBy(['x'], () => ({}), {
      onHealth: (status) => told.push(status),
      processors: [
        processor(
          'db',
          () => true,
          ({ payload }) => void named.push(String(payload)),
          {
            health: {
              check: () => {
                if (isSick) throw new Error('no connection')
              },
              everyMs: 5_000,
            },
          },
        ),
      ],
    })
    const { test, worker, queue } = run
    // The first message may come before the first check has answered.
    await test.done(queue.enqueue('y'))
    expect(named).not.toContain('y')
    expect(worker.status().processors).toMatchObject([{ name: 'db', healthy: false, why: 'no connection' }])
    isSick = false
    await test.clock.advance(10_000)
    expect(named).toContain('y')
    expect(told.map(({ healthy }) => healthy)).toEqual([false, true])
    expect(await deadLetters(run)).toEqual([])
  })

  it('D11: a check that does not answer in time is sick, its signal fires, and its late answer counts no more', async () => {
    const signals: AbortSignal[] = []
    let answer: (value: unknown) => void = () => undefined
    const { test, worker } = await seenBy([], () => ({}), {
      processors: [
        processor(
          'slow',
          () => true,
          () => undefined,
          {
            health: {
              check: (signal) => {
                signals.push(signal)
                return new Promise((resolve) => {
                  answer = resolve
                })
              },
              everyMs: 10_000,
              timeoutMs: 2_000,
            },
          },
        ),
      ],
    })
    expect(worker.status().processors).toMatchObject([{ healthy: true, checkedAt: undefined }])
    await test.clock.advance(2_000)
    answer(true)
    await test.clock.settle()
    expect(signals[0]?.aborted).toBe(true)
    expect(worker.status().processors).toMatchObject([
      { healthy: false, why: expect.stringContaining('no answer within 2000 ms') },
    ])
    await test.clock.advance(10_000)
    expect(signals).toHaveLength(2)
  })

  it('D11 C7: a sick processor forces the circuit of its zone open, and leaves it to itself when it is well or gone', async () => {
    let isSick = true
    const run = await seenBy([], () => ({}), {
      processors: [
        processor(
          'eu',
          () => true,
          () => undefined,
          {
            zone: 'eu',
            health: { check: () => !isSick, everyMs: 1_000 },
          },
        ),
      ],
    })
    const { test, worker } = run
    const forced = async () =>
      (await test.done(test.ledger.events({ limit: 500 }))).events
        .filter(({ type }) => type === 'CircuitForced')
        .map(({ data }) => data)
    expect(await forced()).toMatchObject([{ circuit: 'eu', to: 'open', by: { who: 'processor health' } }])
    isSick = false
    await test.clock.advance(1_000)
    expect(await forced()).toMatchObject([{ to: 'open' }, { to: 'auto' }])
    isSick = true
    await test.clock.advance(1_000)
    await test.done(worker.stop())
    expect((await forced()).map((data) => (data as { to: string }).to)).toEqual([
      'open',
      'auto',
      'open',
      'auto',
    ])
  })

  it('D11 C7: what a process that died had forced open, the next one leaves to itself; an operator’s word stays', async () => {
    const run = await seenBy([], () => ({}), {
      processors: [
        processor(
          'eu',
          () => true,
          () => undefined,
          { zone: 'eu', health: { check: () => false } },
        ),
      ],
    })
    const { test } = run
    await test.restart()
    const queue = await test.done(test.ledger.queue('orders'))
    queue.process(
      {},
      {
        processors: [
          processor(
            'eu',
            () => true,
            () => undefined,
            { zone: 'eu', health: { check: () => true } },
          ),
        ],
      },
    )
    await test.clock.settle()
    const { events } = await test.done(test.ledger.events({ limit: 500 }))
    expect(events.filter(({ type }) => type === 'CircuitForced').map(({ data }) => data)).toMatchObject([
      { to: 'open' },
      { to: 'auto' },
    ])
  })

  it('D11: a canProcess that answers with a promise is a mistake, and not a yes', async () => {
    const asked = {
      ...processor(
        'async',
        () => true,
        () => 1,
      ),
      canProcess: (async () => false) as never,
    }
    const run = await seenBy(['x'], () => ({ '*': () => 2 }), { processors: [asked] })
    expect((await run.test.events('orders')).at(-2)).toMatchObject({
      type: 'AttemptFailed',
      message: expect.stringContaining('canProcess answers at once'),
    })
  })

  it('D11: outcomes of processors are those of handlers', async () => {
    const run = await seenBy(['x'], () => ({}), {
      processors: [
        processor(
          'p',
          () => true,
          () => release({ delayMs: 5_000 }),
        ),
      ],
    })
    expect((await run.types()).at(-1)).toBe('AttemptReleased')
  })
})
