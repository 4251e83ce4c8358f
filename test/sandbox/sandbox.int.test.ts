// Sandboxed handlers in real threads (D12): what a run does to its thread never reaches the process or another message.
import { afterEach, describe, expect, it } from 'vitest'
import { classify } from '../../domain/failure/index.js'
import { fixed } from '../../domain/retry/index.js'
import { openLedger } from '../../src/api/openLedger.js'
import type { AttemptContext, Ledger, Message } from '../../src/api/types/index.js'
import { type SandboxHandler, type SandboxOptions, sandbox } from '../../src/sandbox/sandbox.js'
import { throughSandboxes, withSandboxes } from '../../src/sandbox/sandboxedWorker.js'
import { complete, fail, release, settlementOfValue } from '../../src/worker/attempt.js'
import { ManualClock } from '../support/manualClock.js'

const WORK = new URL('../support/sandbox/work.mjs', import.meta.url)
const THROWS = new URL('../support/sandbox/throwsOnLoad.mjs', import.meta.url)
const EXITS = new URL('../support/sandbox/exitsOnLoad.mjs', import.meta.url)
const NO_HANDLER = new URL('../support/sandbox/noHandler.mjs', import.meta.url)
const NEVER_LOADS = new URL('../support/sandbox/neverLoads.mjs', import.meta.url)

/** Node has it; the library that types are taken from does not yet. */
const { waitAsync } = Atomics as unknown as {
  waitAsync: (words: Int32Array, index: number, value: number) => { value: unknown }
}

const closing: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** A worker that claims nothing: it only holds the threads open, as a real one does from its start to its stop. */
const opened = (options: SandboxOptions = {}, clock?: ManualClock) => {
  const handler = sandbox(WORK, options, clock)
  const bare = { name: 'w', id: 'w', running: () => 0, isRunning: () => true, start: () => undefined }
  const worker = withSandboxes(handler, {}, () => ({ ...bare, stop: async () => undefined }))
  closing.push(() => worker.stop())
  return { handler, worker }
}

const message = (payload: unknown): Message<unknown> => ({
  id: 'orders.0.1',
  payload,
  type: 'thumbnail',
  topic: undefined,
  headers: { a: 'b' },
  correlationId: 'c',
  causationId: undefined,
  group: undefined,
  enqueuedAt: new Date('2026-11-22T00:00:00Z'),
  priority: 10,
})

const run = (
  handler: SandboxHandler,
  payload: unknown,
  signal = new AbortController().signal,
): Promise<unknown> => {
  const context: AttemptContext = {
    signal,
    attempt: 2,
    leaseToken: 'orders.0.1:7',
    inDoubt: false,
    extend: async () => undefined,
  }
  return handler(message(payload), context) as Promise<unknown>
}

const errorOf = (answer: Promise<unknown>): Promise<Error & Record<string, unknown>> =>
  answer.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: Error & Record<string, unknown>) => error,
  )

/** Memory that a thread marks when it is at work. */
const flag = (): { shared: SharedArrayBuffer; marked: () => Promise<unknown>; set: () => void } => {
  const shared = new SharedArrayBuffer(4)
  const words = new Int32Array(shared)
  return {
    shared,
    marked: async () => waitAsync(words, 0, 0).value,
    set: () => {
      Atomics.store(words, 0, 1)
      Atomics.notify(words, 0)
    },
  }
}

describe('D12 what goes into a thread and comes back', () => {
  it('D12: the message and its attempt go in, the value comes back', async () => {
    const { handler } = opened()
    expect(await run(handler, { do: 'seen' })).toEqual({
      ...message({ do: 'seen' }),
      topic: undefined,
      enqueuedAt: '2026-11-22T00:00:00.000Z',
      context: { attempt: 2, leaseToken: 'orders.0.1:7', inDoubt: false },
    })
    expect(await run(handler, { do: 'answer', value: undefined })).toBeUndefined()
    expect(await run(handler, { do: 'noJson' })).toBeUndefined()
    expect(await run(handler, { do: 'answer', value: 'x'.repeat(20_000) })).toBeUndefined()
  })

  it('D12: it runs in another thread', async () => {
    const { handler } = opened()
    expect(await run(handler, { do: 'thread' })).toBeGreaterThan(0)
  })

  it.each<[object, object, string]>([
    [{ message: 'plain' }, { name: 'Error', message: 'plain' }, 'UNKNOWN'],
    [{ message: 'refused', code: 'ECONNREFUSED' }, { code: 'ECONNREFUSED' }, 'NETWORK'],
    [{ message: 'bad', failureType: 'VALIDATION', retryable: false }, { retryable: false }, 'VALIDATION'],
    [{ message: 'late', name: 'TimeoutError' }, { name: 'TimeoutError' }, 'TIMEOUT'],
    [{ message: 'outer', cause: { code: 'ER_LOCK_DEADLOCK' } }, { message: 'outer' }, 'DATABASE'],
  ])(
    'D12: an error keeps its name, code, failure type and whether it can be retried: %j',
    async (thrown, fields, type) => {
      const { handler } = opened()
      const error = await errorOf(run(handler, { do: 'throw', ...thrown }))
      expect(error).toBeInstanceOf(Error)
      expect(error).toMatchObject(fields)
      expect(classify(error)).toBe(type)
    },
  )

  it('D12: what is thrown need not be an error, and payloads that no thread can take fail their message only', async () => {
    const { handler } = opened()
    expect(await errorOf(run(handler, { do: 'throwText' }))).toMatchObject({ message: 'only a text' })
    expect(await errorOf(run(handler, { do: 'answer', value: () => 1 }))).toMatchObject({
      name: 'DataCloneError',
    })
    expect(await run(handler, { do: 'answer', value: 1 })).toBe(1)
  })

  it('D12: release(), fail() and complete() mean the same as without a thread', async () => {
    const { handler } = opened()
    const lease = { ordinal: 1, fence: 1 }
    const large = [{ queue: 'mails', payload: 'x'.repeat(100_000) }]
    const wishes = [
      release({ delayMs: 500 }),
      fail({ type: 'NETWORK', message: 'down', retryable: false }),
      complete({ total: 7 }, { followUps: large }),
    ]
    for (const wish of wishes) {
      const answer = await run(handler, { do: 'wish', wish: { ...(wish as object) } })
      expect(settlementOfValue(lease, answer)).toEqual(settlementOfValue(lease, wish))
    }
  })

  it('D12: as many messages run at once as there are threads; the others wait for one', async () => {
    const { handler } = opened({ threads: 2 })
    const go = flag()
    const [first, second] = [flag(), flag()]
    const held = [first, second].map(({ shared }) => run(handler, { do: 'hold', shared, go: go.shared }))
    await Promise.all([first.marked(), second.marked()])
    const third = run(handler, { do: 'thread' })
    expect(handler.sandboxStatus()).toMatchObject({ threads: 2, busy: 2, waiting: 1 })
    go.set()
    const [one, two] = await Promise.all(held)
    expect(one).not.toBe(two)
    expect([one, two]).toContain(await third)
  })
})

describe('D12 threads that end', () => {
  it('D12: a busy loop is ended when its signal fires, and its thread is replaced', async () => {
    const { handler } = opened()
    const { shared, marked } = flag()
    const stop = new AbortController()
    const looping = errorOf(run(handler, { do: 'loop', shared }, stop.signal))
    await marked()
    stop.abort(new DOMException('the handler exceeded its time limit', 'TimeoutError'))
    expect(await looping).toMatchObject({ name: 'TimeoutError' })
    expect(await run(handler, { do: 'answer', value: 'alive' })).toBe('alive')
    expect(handler.sandboxStatus()).toMatchObject({ ended: 1, crashed: 0 })
  })

  it('D12: a message that still waits for a thread gives up without ending one', async () => {
    const { handler } = opened()
    const go = flag()
    const first = flag()
    const held = run(handler, { do: 'hold', shared: first.shared, go: go.shared })
    await first.marked()
    const stop = new AbortController()
    const waiting = errorOf(run(handler, { do: 'thread' }, stop.signal))
    stop.abort(new Error('lost'))
    expect(await waiting).toMatchObject({ message: 'lost' })
    go.set()
    expect(await held).toBeGreaterThan(0)
    expect(handler.sandboxStatus()).toMatchObject({ ended: 0, waiting: 0 })
  })

  it.each<[string, object, string, SandboxOptions]>([
    ['process.exit', { do: 'exit', code: 7 }, 'exit code 7', {}],
    ['an error that nobody caught', { do: 'uncaught' }, 'nobody caught this', {}],
    [
      'no memory left',
      { do: 'fill' },
      'memory',
      { resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 } },
    ],
  ])(
    'D12: %s ends the thread, fails its own message as CRASH, and the next runs in a new one',
    async (_, deed, why, options) => {
      const { handler } = opened({ threads: 2, ...options })
      const go = flag()
      const neighbour = flag()
      const held = run(handler, { do: 'hold', shared: neighbour.shared, go: go.shared })
      await neighbour.marked()
      const error = await errorOf(run(handler, deed))
      expect(error).toMatchObject({ name: 'SandboxCrash', message: expect.stringContaining(why) })
      expect(classify(error)).toBe('CRASH')
      expect(await run(handler, { do: 'answer', value: 'next' })).toBe('next')
      go.set()
      expect(await held).toBeGreaterThan(0)
      expect(handler.sandboxStatus()).toMatchObject({ crashed: 1 })
    },
  )

  it('D12: what keeps dying is replaced ever more slowly, and at once again after an answer', async () => {
    const clock = new ManualClock()
    const { handler } = opened({}, clock)
    const pauses: number[] = []
    const crash = async (): Promise<void> => {
      await errorOf(run(handler, { do: 'exit', code: 1 }))
      const next = run(handler, { do: 'answer', value: 1 })
      for (let waited = 0; handler.sandboxStatus().threads === 0; waited += 50) {
        await clock.advance(50)
        pauses[pauses.length - 1] = waited + 50
      }
      await next
    }
    pauses.push(0)
    await crash()
    pauses.push(0)
    await crash()
    expect(pauses).toEqual([100, 100])
    for (let n = 0; n < 3; n++) {
      pauses.push(0)
      await errorOf(run(handler, { do: 'exit', code: 1 }))
      while (handler.sandboxStatus().threads === 0) {
        await clock.advance(50)
        pauses[pauses.length - 1] = (pauses.at(-1) ?? 0) + 50
      }
    }
    expect(pauses.slice(2)).toEqual([100, 200, 400])
  })

  it('D12: when the worker has stopped there is no thread left, and it opens anew with it', async () => {
    const { handler, worker } = opened({ threads: 2 })
    await run(handler, { do: 'thread' })
    await worker.stop()
    expect(handler.sandboxStatus().threads).toBe(0)
    await expect(run(handler, { do: 'thread' })).rejects.toThrow('the sandbox is closed')
    worker.start()
    expect(await run(handler, { do: 'thread' })).toBeGreaterThan(0)
  })
})

describe('D12 a module that cannot be used is refused at the start', () => {
  const claimsNothing = (): never => {
    throw new Error('a worker was made')
  }

  it.each([
    ['throwsOnLoad.mjs', THROWS, 'Error: no such table'],
    ['exitsOnLoad.mjs', EXITS, 'the thread died while it loaded it'],
    ['noHandler.mjs', NO_HANDLER, 'accepted is a function as default export or as "handler"'],
  ])('D12: %s: no worker is made, and the error names the file and why', (name, module, why) => {
    const start = (): unknown => withSandboxes(sandbox(module), {}, claimsNothing)
    expect(start).toThrow(name)
    expect(start).toThrow(why)
  })

  it('D12: one that never finishes loading is given up', () => {
    const never = sandbox(NEVER_LOADS, { loadTimeoutMs: 300 })
    expect(() => withSandboxes(never, {}, claimsNothing)).toThrow('not loaded within 300 ms')
  })

  it('D12: a file that is not there, an export that is none, options that are not accepted', () => {
    expect(() => sandbox(new URL('none.mjs', WORK))).toThrow('there is no file')
    expect(() => sandbox('https://example.com/work.mjs')).toThrow(
      'accepted are a file: URL and an absolute path',
    )
    expect(() => sandbox(WORK, { threads: 0 })).toThrow('threads: accepted is a whole number from 1 to 64')
    const misnamed = sandbox(WORK, { exportName: 'nothing' })
    expect(() => withSandboxes(misnamed, {}, claimsNothing)).toThrow('it exports no function "nothing"')
  })

  it('D12: a single run opens the threads and closes them', async () => {
    const handler = sandbox(WORK, { exportName: 'byAnotherName' })
    expect(await throughSandboxes(handler, () => run(handler, {}))).toBe('another')
    expect(handler.sandboxStatus().threads).toBe(0)
  })
})

describe('D12 with a ledger', () => {
  const LATER = fixed({ delayMs: 60_000, retriesMax: 3 })
  const until = async (isSo: () => Promise<boolean>): Promise<void> => {
    while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
  }
  const withQueue = async () => {
    const ledger: Ledger = await openLedger({ log: { kind: 'memory' } })
    closing.push(() => ledger.close())
    return { ledger, queue: await ledger.queue('images', { failures: { TIMEOUT: LATER, CRASH: LATER } }) }
  }

  it('D12: results are kept, a busy loop ends as TIMEOUT and a dead thread as CRASH, and the rest is done', async () => {
    const { ledger, queue } = await withQueue()
    await queue.enqueueBatch([
      { id: 'loop', payload: { do: 'loop' }, timeoutMs: 300 },
      { id: 'exit', payload: { do: 'exit', code: 1 } },
      ...Array.from({ length: 6 }, (_, value) => ({ id: `ok-${value}`, payload: { do: 'answer', value } })),
    ])
    const handler = sandbox(WORK, { threads: 2 })
    const worker = queue.process(handler)
    expect(worker.status().concurrency).toBe(2)
    await until(async () => {
      const { succeeded, retrying } = await queue.stats()
      return succeeded === 6 && retrying === 2
    })
    expect(await queue.message('ok-3')).toMatchObject({ state: 'succeeded', result: 3 })
    expect(await queue.message('loop')).toMatchObject({ failureType: 'TIMEOUT' })
    expect(await queue.message('exit')).toMatchObject({ failureType: 'CRASH' })
    await ledger.close()
    expect(handler.sandboxStatus().threads).toBe(0)
  })

  it('D12: a queue whose module cannot be loaded loses no attempt', async () => {
    const { queue } = await withQueue()
    await queue.enqueue({})
    expect(() => queue.process(sandbox(THROWS))).toThrow('no such table')
    expect(await queue.stats()).toMatchObject({ pending: 1, processing: 0 })
  })
})
