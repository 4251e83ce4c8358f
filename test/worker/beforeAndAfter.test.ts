// What is asked before a handler and after it failed (C5, C11), and what happens when somebody cancels what runs (A11).
import { describe, expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import type { ProcessOptions } from '../../src/api/types/index.js'
import { CancelledError, fail, release } from '../../src/worker/attempt.js'
import { enqueueAll, handRun, open } from '../support/handRun.js'

const NEVER = new Promise<never>(() => undefined)
const settings = {
  failures: {
    CRASH: fixed({ delayMs: 100, retriesMax: 3 }),
    NETWORK: fixed({ delayMs: 1_000, retriesMax: 3 }),
    UNKNOWN: fixed({ delayMs: 1_000, retriesMax: 3 }),
  },
}

/** A process dies in the handler of one message; the next one runs with these options. */
const afterCrash = async (options: ProcessOptions) => {
  const opened = await open(settings)
  const { test, queue } = opened
  await enqueueAll(test, queue, 'order')
  queue.process(() => NEVER)
  await test.clock.settle()
  await test.restart()
  const again = await test.done(test.ledger.queue('orders'))
  const runs: unknown[] = []
  again.process(({ payload }, { inDoubt }) => {
    runs.push([payload, inDoubt])
    return 'done again'
  }, options)
  await test.clock.advance(100)
  return { ...opened, queue: again, runs }
}

describe('reconcile (C5)', () => {
  it('C5: "done" ends a message in doubt without its handler, and the log says so', async () => {
    const asked: unknown[] = []
    const { test, runs } = await afterCrash({
      reconcile: async ({ payload }, { attempt }) => {
        asked.push([payload, attempt])
        return { done: true, result: { shipped: 7 } }
      },
    })
    expect(asked).toEqual([['order', 2]])
    expect(runs).toEqual([])
    expect((await test.events('orders')).at(-1)).toMatchObject({
      type: 'AttemptSucceeded',
      reconciled: true,
      result: '{"shipped":7}',
    })
  })

  it('C5: undefined runs the handler, which hears that an earlier attempt is in doubt', async () => {
    const { test, runs } = await afterCrash({ reconcile: () => undefined })
    expect(runs).toEqual([['order', true]])
    const last = (await test.events('orders')).at(-1)
    expect(last).toMatchObject({ type: 'AttemptSucceeded', result: '"done again"' })
    expect(last).not.toMatchObject({ reconciled: true })
  })

  it('C5: one that fails fails the attempt, and the handler does not run', async () => {
    const { test, runs } = await afterCrash({ reconcile: () => Promise.reject(new Error('cannot ask')) })
    expect(runs).toEqual([])
    expect((await test.events('orders')).slice(-2)).toMatchObject([
      { type: 'AttemptFailed', message: 'cannot ask' },
      { type: 'RetryScheduled' },
    ])
  })

  it('C5: is asked after a lost lease, too: its worker may have done the work and not said so', async () => {
    const { test, queue } = await open(settings)
    await enqueueAll(test, queue, 1)
    await test.done(queue.claim({ worker: 'dies', leaseMs: 1_000 }))
    await test.clock.advance(2_000)
    let runs = 0
    queue.process(() => runs++, { reconcile: () => ({ done: true }) })
    await test.clock.settle()
    expect(runs).toBe(0)
    expect((await test.events('orders')).at(-1)).toMatchObject({ type: 'AttemptSucceeded', reconciled: true })
  })

  it('C5: is not asked for messages that nobody died with', async () => {
    const { test, queue } = await open(settings)
    await enqueueAll(test, queue, 1)
    let asked = 0
    const seen: boolean[] = []
    queue.process((_, { inDoubt }) => void seen.push(inDoubt), {
      reconcile: () => {
        asked++
        return undefined
      },
    })
    await test.clock.settle()
    expect([asked, seen]).toEqual([0, [false]])
  })
})

describe('failure handlers (C11)', () => {
  /** The events after the start of the one attempt. */
  const outcomeOf = async (handler: () => unknown, options: ProcessOptions) => {
    const { test, queue } = await open(settings)
    await enqueueAll(test, queue, 1)
    queue.process(handler, options)
    await test.clock.settle()
    const events = await test.events('orders')
    return events.slice(events.findIndex(({ type }) => type === 'AttemptStarted') + 1)
  }
  const unreachable = (): never => {
    throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
  }

  it('C11: the one of the type is asked, inside the same attempt, and what it returns is the outcome', async () => {
    const heard: unknown[] = []
    const events = await outcomeOf(unreachable, {
      onFailure: {
        NETWORK: ({ payload }, error, { attempt }) => {
          heard.push([payload, (error as Error).message, attempt])
          return release({ delayMs: 60_000 })
        },
        '*': () => fail({ type: 'BUSINESS' }),
      },
    })
    expect(heard).toEqual([[1, 'refused', 1]])
    expect(events).toMatchObject([{ type: 'AttemptReleased' }])
  })

  it('C11: "*" takes the types without one of their own, failures that were returned included', async () => {
    const options = {
      onFailure: { '*': () => fail({ type: 'BUSINESS', message: 'given up', retryable: false }) },
    }
    for (const handler of [() => false, () => fail({ type: 'RESOURCE' }), unreachable]) {
      expect(await outcomeOf(handler, options)).toMatchObject([
        { type: 'AttemptFailed', failureType: 'BUSINESS', message: 'given up' },
        { type: 'MessageDeadLettered' },
      ])
    }
  })

  it('C11: a failure that was returned keeps its own type, whatever the classifier makes of errors', async () => {
    const asked: string[] = []
    await outcomeOf(() => fail({ type: 'RESOURCE' }), {
      classify: () => 'NETWORK',
      onFailure: { RESOURCE: () => void asked.push('RESOURCE'), NETWORK: () => void asked.push('NETWORK') },
    })
    expect(asked).toEqual(['RESOURCE'])
  })

  it('C11: undefined, or what is no outcome, leaves the failure as it was', async () => {
    for (const answer of [undefined, 'ignored', true]) {
      expect(await outcomeOf(unreachable, { onFailure: { NETWORK: () => answer } })).toMatchObject([
        { type: 'AttemptFailed', failureType: 'NETWORK', message: 'refused' },
        { type: 'RetryScheduled' },
      ])
    }
  })

  it('C11: when it fails itself the failure stays what it was, and onError hears of it', async () => {
    const errors: Error[] = []
    const mistake = new Error('a mistake in it')
    const events = await outcomeOf(unreachable, {
      onFailure: { NETWORK: () => Promise.reject(mistake) },
      onError: (error) => errors.push(error),
    })
    expect(events).toMatchObject([{ failureType: 'NETWORK', message: 'refused' }, { type: 'RetryScheduled' }])
    expect(errors).toMatchObject([{ message: expect.stringContaining('NETWORK'), cause: mistake }])
  })

  it('C11 C3: "*" does not mean system errors; an entry of their own does', async () => {
    const asked: string[] = []
    const system = await open(settings)
    await enqueueAll(system.test, system.queue, 1)
    system.queue.process({}, { onFailure: { '*': () => void asked.push('*') } })
    await system.test.clock.settle()
    expect(asked).toEqual([])
    expect(await system.types()).toContain('MessageDeadLettered')
    const own = await open(settings)
    await enqueueAll(own.test, own.queue, 1)
    own.queue.process({}, { onFailure: { SYSTEM: () => release({ delayMs: 1_000 }) } })
    await own.test.clock.settle()
    expect((await own.types()).at(-1)).toBe('AttemptReleased')
  })

  it('C11: works under the attempt’s own time limit', async () => {
    const { test, queue } = await open({ ...settings, handlerTimeoutMs: 5_000 })
    await enqueueAll(test, queue, 1)
    queue.process(unreachable, { onFailure: { NETWORK: () => NEVER } })
    await test.clock.advance(5_000)
    expect((await test.events('orders')).slice(-2)).toMatchObject([
      { type: 'AttemptFailed', failureType: 'TIMEOUT' },
      {},
    ])
  })

  it('C11: is not asked any more once the attempt was ended by its time limit', async () => {
    const { test, queue } = await open({ ...settings, handlerTimeoutMs: 5_000 })
    await enqueueAll(test, queue, 1)
    const asked: unknown[] = []
    const { runs, handler } = handRun()
    queue.process(handler, { onFailure: { '*': (_, error) => void asked.push(error) } })
    await test.clock.advance(5_000)
    runs[0]?.throw(new Error('at last'))
    await test.clock.settle()
    expect(asked).toEqual([])
  })

  it('C11: what is no function is refused', async () => {
    const { queue } = await open()
    const options = { onFailure: { NETWORK: 'no function' } } as unknown as ProcessOptions
    expect(() => queue.process(() => 1, options)).toThrow(TypeError)
  })
})

describe('cancelling what runs (A11)', () => {
  it('A11: its signal fires with a CancelledError, and what it throws then ends the message as cancelled', async () => {
    const { test, queue, types } = await open(settings)
    const { id } = await test.done(queue.enqueue(1))
    const { runs, handler } = handRun()
    queue.process(handler)
    await test.clock.settle()
    await test.done(queue.cancel(id, { who: 'ann' }))
    const { signal } = runs[0]?.context ?? {}
    expect(signal?.reason).toBeInstanceOf(CancelledError)
    runs[0]?.throw(signal?.reason)
    await test.clock.settle()
    expect((await types()).slice(-3)).toEqual(['CancelRequested', 'AttemptFailed', 'MessageCancelled'])
    expect(await test.done(queue.stats())).toMatchObject({ cancelled: 1, processing: 0, retrying: 0 })
  })

  it('A11: a handler that succeeds all the same has succeeded', async () => {
    const { test, queue, types } = await open(settings)
    const { id } = await test.done(queue.enqueue(1))
    const { runs, handler } = handRun()
    queue.process(handler)
    await test.clock.settle()
    await test.done(queue.cancel(id))
    runs[0]?.end('done before I looked')
    await test.clock.settle()
    expect((await types()).at(-1)).toBe('AttemptSucceeded')
  })

  it('A11: nobody else is disturbed, and no failure handler turns the cancellation into a retry', async () => {
    const { test, queue, types } = await open(settings)
    const { id } = await test.done(queue.enqueue('cancelled'))
    await test.done(queue.enqueue('other'))
    const { runs, handler } = handRun()
    queue.process(handler, { onFailure: { '*': () => release() } })
    await test.clock.settle()
    await test.done(queue.cancel(id))
    expect(runs.map(({ context }) => context.signal.aborted)).toEqual([true, false])
    runs[0]?.throw(new Error('stopped'))
    await test.clock.settle()
    expect((await types()).at(-1)).toBe('MessageCancelled')
  })
})
