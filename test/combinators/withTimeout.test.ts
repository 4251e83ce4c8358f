import { describe, expect, it } from 'vitest'
import { classify } from '../../domain/failure/index.js'
import { TimeoutError } from '../../src/combinators/errors.js'
import { withTimeout } from '../../src/combinators/withTimeout.js'
import { TIMER_MS_MAX } from '../../src/ports/clock.js'
import { ManualClock, watch } from '../support/manualClock.js'

const never = (): Promise<never> => new Promise(() => undefined)

/** What a promise rejected with. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'it was fulfilled',
    (error: unknown) => error,
  )

describe('C8: withTimeout', () => {
  it('C8: hands over the answer that comes in time, and leaves no timer and no listener behind', async () => {
    const clock = new ManualClock()
    const later = withTimeout(
      (_signal, id: number) => new Promise((resolve) => clock.after(99, () => resolve(`order ${id}`))),
      { timeoutMs: 100, clock },
    )
    const answer = later(7)
    await clock.advance(99)
    expect(await clock.settled(answer)).toBe('order 7')
    expect(clock.timerCount).toBe(0)
  })

  it('C8: gives up at the limit, and not before, with an error that has a code and a failure type', async () => {
    const clock = new ManualClock()
    const error = errorOf(withTimeout(never, { timeoutMs: 100, clock })())
    const seen = watch(error)
    await clock.advance(99)
    expect(seen.isOpen).toBe(true)
    await clock.advance(1)
    const found = await clock.settled(error)
    expect(found).toBeInstanceOf(TimeoutError)
    expect(found).toMatchObject({ code: 'timeout', timeoutMs: 100, name: 'TimeoutError' })
    expect(classify(found)).toBe('TIMEOUT')
  })

  it('A14: takes 60 s where nothing is said', async () => {
    const clock = new ManualClock()
    const seen = watch(errorOf(withTimeout(never, { clock })()))
    await clock.advance(59_999)
    expect(seen.isOpen).toBe(true)
    await clock.advance(1)
    expect(seen.value).toBeInstanceOf(TimeoutError)
  })

  it('C8: tells the function to stop, and drops what it still answers', async () => {
    const clock = new ManualClock()
    let signalled: unknown
    const stubborn = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          signalled = signal.reason
          clock.after(10, () => reject(new Error('late, and nobody listens')))
        })
      })
    const error = errorOf(withTimeout(stubborn, { timeoutMs: 5, clock })())
    await clock.advance(20)
    expect(await error).toBeInstanceOf(TimeoutError)
    expect(signalled).toBe(await error)
  })

  it('C8: counts the time that the function blocked before it gave its promise', async () => {
    const clock = new ManualClock()
    const slow = (): Promise<never> => {
      clock.block(80)
      return never()
    }
    const seen = watch(errorOf(withTimeout(slow, { timeoutMs: 100, clock })()))
    await clock.advance(20)
    expect(seen.value).toBeInstanceOf(TimeoutError)
  })

  it('C8: a synchronous function stays synchronous; its answer must not come too late either', () => {
    const clock = new ManualClock()
    const blocking = withTimeout(
      (_signal, ms: number) => {
        clock.block(ms)
        return ms
      },
      { timeoutMs: 100, clock },
    )
    const answer: number = blocking(100)
    expect(answer).toBe(100)
    expect(() => blocking(101)).toThrow(TimeoutError)
    expect(clock.timerCount).toBe(0)
  })

  it('C8: what the function throws or rejects with passes through', async () => {
    const clock = new ManualClock()
    const wrong = new Error('wrong')
    const throwing = withTimeout(
      () => {
        throw wrong
      },
      { clock },
    )
    expect(throwing).toThrow(wrong)
    expect(await errorOf(withTimeout(() => Promise.reject(wrong), { clock })())).toBe(wrong)
    expect(clock.timerCount).toBe(0)
  })

  it("C8: the caller's own signal ends the wait with its reason, also when it was aborted before", async () => {
    const clock = new ManualClock()
    const caller = new AbortController()
    const passedOn: boolean[] = []
    const call = withTimeout(
      (signal) => {
        passedOn.push(signal.aborted)
        return never()
      },
      { clock, signal: caller.signal },
    )
    const first = errorOf(call())
    caller.abort('shutting down')
    expect(await clock.settled(first)).toBe('shutting down')
    expect(await clock.settled(errorOf(call()))).toBe('shutting down')
    expect(passedOn).toEqual([false, true])
    expect(clock.timerCount).toBe(0)
  })

  it.each([0, -1, 1.5, Number.NaN, TIMER_MS_MAX + 1])(
    'C8: a limit of %s ms is refused where it is written',
    (timeoutMs) => {
      expect(() => withTimeout(never, { timeoutMs })).toThrow(
        `timeoutMs: found ${timeoutMs}, accepted is a whole number from 1 to ${TIMER_MS_MAX}.`,
      )
    },
  )

  it('C8: works on the real clock', async () => {
    expect(await withTimeout(async (_signal, n: number) => n + 1)(1)).toBe(2)
    expect(await errorOf(withTimeout(never, { timeoutMs: 1 })())).toBeInstanceOf(TimeoutError)
  })
})
