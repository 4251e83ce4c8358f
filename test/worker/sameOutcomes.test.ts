// A handler may end in many ways, and its failure handlers may have a say: workers in process and workers over the wire
// record the same of it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import type { Handlers, ProcessOptions } from '../../src/api/types/index.js'
import { RemoteWorker } from '../../src/client/remoteWorker.js'
import { complete, fail, release } from '../../src/worker/attempt.js'
import { open } from '../support/handRun.js'

const thrown = (fields: object) => (): never => {
  throw Object.assign(new Error('it broke'), fields)
}

/** Named, so that a counterexample can be read. */
const ENDS: Readonly<Record<string, () => unknown>> = {
  nothing: () => undefined,
  value: () => ({ total: 7 }),
  null: () => null,
  'no JSON': () => 10n,
  false: () => false,
  'promise of false': async () => false,
  'thrown error': thrown({}),
  'thrown undefined': () => Promise.reject(undefined),
  'thrown network error': thrown({ code: 'ECONNRESET' }),
  'not retryable': thrown({ retryable: false }),
  'fail with a type': () => fail({ type: 'RESOURCE', message: 'no seats', delayMs: 5_000 }),
  'fail for good': () => fail({ type: 'BUSINESS', retryable: false }),
  'release later': () => release({ delayMs: 9_000 }),
  complete: () => complete({ done: true }),
  'complete and go on': () => complete(1, { followUps: [{ queue: 'next', payload: { n: 1 } }] }),
}
const HANDLERS: Readonly<Record<string, (end: () => unknown) => Handlers<unknown>>> = {
  'one function': (end) => end,
  'by type': (end) => ({ known: end }),
  'for the rest': (end) => ({ other: () => 'wrong one', '*': end }),
  'no handler': () => ({ other: () => 'wrong one' }),
}
const ON_FAILURE: Readonly<Record<string, ProcessOptions['onFailure']>> = {
  none: undefined,
  'of the type': { NETWORK: () => release({ delayMs: 1_000 }) },
  'of the rest': { '*': () => fail({ type: 'BUSINESS', message: 'no way' }) },
  'of system errors': { SYSTEM: () => complete('mended') },
  'without an answer': { '*': () => undefined },
  'that fails itself': { '*': thrown({}) },
}

let claims = 0
type Case = Readonly<{ end: string; handlers: string; onFailure: string }>

const recordedBy = async (kind: 'local' | 'remote', { end, handlers, onFailure }: Case) => {
  const rules = { retriesMax: 3, delayMs: 60_000 }
  const { test, queue } = await open({
    failures: { UNKNOWN: fixed(rules), NETWORK: fixed(rules), RESOURCE: fixed(rules) },
  })
  await test.done(queue.enqueue('x', { type: 'known' }))
  const asked = HANDLERS[handlers]?.(ENDS[end] ?? (() => undefined)) ?? {}
  const table = ON_FAILURE[onFailure]
  const options = { concurrency: 1, ...(table === undefined ? {} : { onFailure: table }) }
  const worker =
    kind === 'local'
      ? queue.process(asked, options)
      : new RemoteWorker<unknown>(
          {
            claim: ({ signal: _, ...claim }) => queue.claim(claim),
            settle: queue.settle,
            concurrency: async () => 1,
            setZoneHealth: async () => undefined,
            clock: test.clock,
            uniqueId: () => `claim-${++claims}`,
            name: 'remote',
            queue: 'orders',
          },
          asked,
          undefined,
          options,
        )
  await test.clock.settle()
  const events = await test.events('orders')
  const { succeeded, failed, released } = worker.status()
  void worker.stop()
  return {
    events: events.slice(events.findIndex(({ type }) => type === 'AttemptStarted') + 1),
    counted: { succeeded, failed, released },
  }
}

const oneOf = (names: object) => fc.constantFrom(...Object.keys(names))

describe('both kinds of workers', () => {
  it('D10, C11: record the same of every way in which a handler can end', async () => {
    const cases = fc.record({ end: oneOf(ENDS), handlers: oneOf(HANDLERS), onFailure: oneOf(ON_FAILURE) })
    await fc.assert(
      fc.asyncProperty(cases, async (one) => {
        const local = await recordedBy('local', one)
        expect(await recordedBy('remote', one)).toEqual(local)
        expect(local.events.length).toBeGreaterThan(0)
        const { succeeded, failed, released } = local.counted
        expect(succeeded + failed + released).toBe(1)
      }),
      { numRuns: 80 },
    )
  })
})
