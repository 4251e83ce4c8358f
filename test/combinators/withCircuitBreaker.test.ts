import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CircuitEvent, CircuitSettingsError } from '../../domain/circuit/index.js'
import { classify } from '../../domain/failure/index.js'
import { fixed } from '../../domain/retry/index.js'
import { CircuitBreakers, processBreakers } from '../../src/combinators/circuitBreakers.js'
import { CircuitOpenError, TimeoutError } from '../../src/combinators/errors.js'
import { withCircuitBreaker, withCircuitBreakerSync } from '../../src/combinators/withCircuitBreaker.js'
import { withRetry } from '../../src/combinators/withRetry.js'
import { withTimeout } from '../../src/combinators/withTimeout.js'
import { quickCircuit } from '../domain/circuit/arbitraries.js'
import { ManualClock } from '../support/manualClock.js'

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (answer) => answer,
    (error: unknown) => error,
  )

/** A registry on a clock that stands still, and a service that is up or down. */
const place = () => {
  const clock = new ManualClock()
  const events: CircuitEvent[] = []
  const registry = new CircuitBreakers({ clock, onEvent: (event) => events.push(event) })
  const service = { isUp: false, calls: 0 }
  const call = withCircuitBreaker(
    async (id: number) => {
      service.calls++
      if (!service.isUp) throw new Error('down')
      return id
    },
    { name: 'orders', registry },
  )
  const callTimes = async (times: number): Promise<unknown> => {
    let last: unknown
    for (let n = 0; n < times; n++) last = await errorOf(call(n))
    return last
  }
  return { clock, events, registry, service, call, callTimes }
}

describe('C8: withCircuitBreaker', () => {
  it('A14: after 5 failures within a minute it no longer calls, and says when it will', async () => {
    const { clock, service, call, callTimes } = place()
    expect(await callTimes(5)).toEqual(new Error('down'))
    await clock.advance(10_000)
    const refused = await callTimes(3)
    expect(refused).toBeInstanceOf(CircuitOpenError)
    expect(refused).toMatchObject({ code: 'circuit_open', circuit: 'orders', retryInMs: 20_000 })
    expect(classify(refused)).toBe('RESOURCE')
    expect(service.calls).toBe(5)
    expect(call.breaker.state()).toEqual({ state: 'open', forced: false, failures: 0, retryInMs: 20_000 })
  })

  it('C8: failures that are a minute apart do not add up', async () => {
    const { clock, call, callTimes } = place()
    await callTimes(4)
    await clock.advance(60_000)
    await callTimes(1)
    expect(call.breaker.state()).toEqual({ state: 'closed', forced: false, failures: 1 })
  })

  it('A14: after 30 s it lets three through, and closes when three have succeeded', async () => {
    const { clock, events, service, call, callTimes } = place()
    await callTimes(5)
    const openedAt = clock.wallMs()
    await clock.advance(30_000)
    expect(call.breaker.state()).toEqual({ state: 'halfOpen', forced: false, failures: 0 })
    service.isUp = true
    const four = [1, 2, 3, 4].map((id) => errorOf(call(id)))
    const [one, two, three, fourth] = await Promise.all(four)
    expect([one, two, three]).toEqual([1, 2, 3])
    expect(fourth).toMatchObject({ code: 'circuit_open', retryInMs: undefined })
    expect(call.breaker.state()).toEqual({ state: 'closed', forced: false, failures: 0 })
    expect(events).toEqual([
      { type: 'CircuitOpened', circuit: 'orders', reason: 'failureThreshold', retryAt: openedAt + 30_000 },
      { type: 'CircuitHalfOpened', circuit: 'orders' },
      { type: 'CircuitClosed', circuit: 'orders', reason: 'probesSucceeded' },
    ])
  })

  it('C8: opens again when a probe fails, for as long as before', async () => {
    const { clock, events, call, callTimes } = place()
    await callTimes(5)
    await clock.advance(30_000)
    await callTimes(1)
    expect(call.breaker.state()).toMatchObject({ state: 'open', retryInMs: 30_000 })
    expect(events.at(-1)).toMatchObject({ type: 'CircuitOpened', reason: 'probeFailed' })
  })

  it('C8: a wall clock that jumps neither opens nor closes it', async () => {
    const { clock, call, callTimes } = place()
    await callTimes(5)
    clock.jumpWall(3_600_000)
    expect(call.breaker.state()).toMatchObject({ state: 'open', retryInMs: 30_000 })
  })

  it('C8: what the business or a validation refuses says nothing about the place', async () => {
    const registry = new CircuitBreakers({ clock: new ManualClock() })
    const refusal = Object.assign(new Error('no'), { failureType: 'BUSINESS' })
    const call = withCircuitBreaker(() => Promise.reject(refusal), { name: 'orders', registry })
    for (let n = 0; n < 9; n++) expect(await errorOf(call())).toBe(refusal)
    expect(call.breaker.state().failures).toBe(0)
  })

  it("C8: the caller's classifier decides what counts, and one that throws leaves that to ours", async () => {
    const registry = new CircuitBreakers({ clock: new ManualClock() })
    const down = (name: string, classify: () => string) =>
      withCircuitBreaker(() => Promise.reject(new Error('down')), { name, registry, classify })
    const harmless = down('harmless', () => 'VALIDATION')
    const broken = down('broken', () => {
      throw new Error('a mistake in the classifier')
    })
    for (let n = 0; n < 4; n++) await Promise.all([errorOf(harmless()), errorOf(broken())])
    expect([harmless.breaker.state().failures, broken.breaker.state().failures]).toEqual([0, 4])
  })

  it('C8: same name, same breaker, for all functions of a registry, and of no other', async () => {
    const { registry, callTimes } = place()
    await callTimes(5)
    const read = withCircuitBreaker(async () => 'read', { name: 'orders', registry })
    expect(await errorOf(read())).toBeInstanceOf(CircuitOpenError)
    expect(read.breaker).toBe(registry.breaker('orders'))
    expect(registry.list().map(({ name }) => name)).toEqual(['orders'])
    const elsewhere = withCircuitBreaker(async () => 'read', { name: 'orders' })
    expect(elsewhere.breaker).toBe(processBreakers.breaker('orders'))
    expect(await elsewhere()).toBe('read')
  })

  it('C8: a second breaker of the same name with other settings is refused', () => {
    const registry = new CircuitBreakers({ clock: new ManualClock() })
    const made = registry.breaker('orders', { openMs: 5_000 })
    expect(registry.breaker('orders')).toBe(made)
    expect(registry.breaker('orders', { openMs: 5_000 })).toBe(made)
    expect(() => registry.breaker('orders', { openMs: 6_000 })).toThrow(
      expect.objectContaining({ code: 'breaker_exists', details: { name: 'orders', field: 'openMs' } }),
    )
    expect(() => registry.breaker('other', { openMs: -1 })).toThrow(CircuitSettingsError)
  })

  it('C8: forced open or closed it stays, whatever happens, until it may judge for itself again', async () => {
    const { service, call, callTimes } = place()
    call.breaker.force('open')
    expect(await callTimes(1)).toMatchObject({ code: 'circuit_open', retryInMs: undefined })
    call.breaker.force('closed')
    await callTimes(7)
    expect(service.calls).toBe(7)
    expect(call.breaker.state()).toMatchObject({ state: 'closed', forced: true })
    call.breaker.force('auto')
    expect(call.breaker.state()).toMatchObject({ state: 'open', forced: false })
  })

  it('C8: a listener that throws does not fail the call, and others are still told', async () => {
    const { clock, call, callTimes } = place()
    const told: string[] = []
    call.breaker.onEvent(() => {
      throw new Error('a mistake in the listener')
    })
    const stop = call.breaker.onEvent(({ type }) => told.push(type))
    expect(await callTimes(5)).toEqual(new Error('down'))
    await expect(clock.settle()).rejects.toThrow('a mistake in the listener')
    expect(told).toEqual(['CircuitOpened'])
    stop()
    call.breaker.force('auto')
    await clock.advance(30_000)
    expect(call.breaker.state().state).toBe('halfOpen')
    expect(told).toEqual(['CircuitOpened'])
  })

  it('C8: around a retry around a time limit, each does its part', async () => {
    const clock = new ManualClock()
    const registry = new CircuitBreakers({ clock, settings: { failureThreshold: 1 } })
    let calls = 0
    const hanging = (): Promise<never> => {
      calls++
      return new Promise(() => undefined)
    }
    const call = withCircuitBreaker(
      withRetry(withTimeout(hanging, { timeoutMs: 10, clock }), {
        clock,
        policy: fixed({ delayMs: 5, retriesMax: 1 }),
      }),
      { name: 'orders', registry },
    )
    const error = errorOf(call())
    await clock.advance(25)
    expect(await clock.settled(error)).toMatchObject({
      code: 'retries_exhausted',
      cause: expect.any(TimeoutError),
    })
    expect(await errorOf(call())).toBeInstanceOf(CircuitOpenError)
    expect(calls).toBe(2)
  })
})

describe('C8: withCircuitBreakerSync', () => {
  it('C8: a synchronous function stays synchronous behind its breaker', () => {
    const registry = new CircuitBreakers({ clock: new ManualClock(), settings: { failureThreshold: 2 } })
    const parse = withCircuitBreakerSync((text: string): unknown => JSON.parse(text), {
      name: 'parser',
      registry,
      classify: () => 'MY_OWN',
    })
    expect(parse('[1]')).toEqual([1])
    for (let n = 0; n < 2; n++) expect(() => parse('[')).toThrow(SyntaxError)
    expect(() => parse('[1]')).toThrow(CircuitOpenError)
  })

  it('C8: a promise from a function that was said to be synchronous is refused, and frees its place', () => {
    const registry = new CircuitBreakers({ clock: new ManualClock() })
    const call = withCircuitBreakerSync(async () => 1, { name: 'async', registry })
    expect(() => call()).toThrow('use withCircuitBreaker')
    expect(call.breaker.state()).toEqual({ state: 'closed', forced: false, failures: 0 })
  })
})

describe('C8: laws of circuit breakers', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('call' as const) }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat({ max: 9 }), ok: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 20 }) }) },
  )

  it('C8: no call is made while it is open, and no more than probesMax at once while it is half-open', async () => {
    const refusedWhile = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        quickCircuit,
        fc.array(step, { minLength: 40, maxLength: 80 }),
        async (settings, steps) => {
          const clock = new ManualClock()
          let probes = new Set<object>()
          const startsAnew = (): void => {
            probes = new Set()
          }
          const registry = new CircuitBreakers({
            clock,
            settings: { ...settings, failureTypes: ['*'] },
            onEvent: startsAnew,
          })
          const running: Array<{ end: (ok: boolean) => void }> = []
          let calls = 0
          const call = withCircuitBreaker(
            () =>
              new Promise<void>((resolve, reject) => {
                calls++
                const mine = { end: (ok: boolean) => (ok ? resolve() : reject(new Error('down'))) }
                running.push(mine)
                if (call.breaker.state().state === 'halfOpen') probes.add(mine)
              }),
            { name: 'orders', registry },
          )
          for (const one of steps) {
            if (one.do === 'wait') clock.block(one.ms)
            else if (one.do === 'end') {
              const [ended] = running.splice(one.which % Math.max(1, running.length), 1)
              if (ended !== undefined) probes.delete(ended)
              ended?.end(one.ok)
            } else {
              const { state } = call.breaker.state()
              const before = calls
              void errorOf(call())
              const admitted = state === 'closed' || (state === 'halfOpen' && calls > before)
              if (!admitted) refusedWhile.add(state)
              expect(calls - before).toBe(admitted ? 1 : 0)
              expect(probes.size).toBeLessThanOrEqual(settings.probesMax)
            }
            // What was answered is noted in microtasks only.
            for (let turn = 0; turn < 5; turn++) await Promise.resolve()
          }
        },
      ),
      { numRuns: 100 },
    )
    expect([...refusedWhile].sort()).toEqual(['halfOpen', 'open'])
  })
})
