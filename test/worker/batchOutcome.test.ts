// What the answer of a batch handler means (B6), for every answer there is.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { classify } from '../../domain/failure/index.js'
import { fail, release } from '../../src/worker/attempt.js'
import { batchResults, batchSettlements } from '../../src/worker/batchOutcome.js'

const batchOf = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ id: `m${n}`, lease: { ordinal: n, fence: n + 1 } }))

const failure = fc.oneof(
  fc.string().map((message) => ({ error: new Error(message) })),
  fc.anything().map((error) => ({ error })),
  fc.constant({ outcome: fail({ type: 'NETWORK' }) }),
  fc.constant({ outcome: release() }),
  fc.anything().map((outcome) => ({ outcome })),
)

describe('B6 the meaning of a batch handler’s answer', () => {
  it('B6: whatever is answered, each message has one settlement of its own lease', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.anything(), async (count, answer) => {
        const settlements = await batchSettlements(batchOf(count), answer, classify)
        expect(settlements.map(({ ordinal, fence }) => [ordinal, fence])).toEqual(
          batchOf(count).map(({ lease }) => [lease.ordinal, lease.fence]),
        )
      }),
    )
  })

  it('B6: a message that is named as failed is never acked, and one that is not is acked unless a foreign id is named', async () => {
    const named = fc.array(fc.record({ at: fc.nat(14), failure }), { maxLength: 14 })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 12 }), named, async (count, failures) => {
        const failed = failures.map(({ at, failure: why }) => ({ id: `m${at}`, ...why }))
        const settlements = await batchSettlements(batchOf(count), batchResults({ failed }), classify)
        const isForeign = failures.some(({ at }) => at >= count)
        settlements.forEach(({ outcome }, n) => {
          const isNamed = failures.some(({ at }) => at === n)
          expect(outcome === 'ack').toBe(!isNamed && !isForeign)
        })
      }),
    )
  })

  it('B6: in a list, a rejection and an error fail their own message, and nothing beyond the list is acked', async () => {
    const entry = fc.constantFrom('value', 'error', 'rejects', 'resolves', 'settled', 'unsettled')
    const made = (kind: string): unknown => {
      switch (kind) {
        case 'value':
          return { done: true }
        case 'error':
          return new Error('no')
        case 'rejects':
          return Promise.reject(new Error('no'))
        case 'resolves':
          return Promise.resolve(1)
        case 'settled':
          return { status: 'fulfilled', value: 1 }
        default:
          return { status: 'rejected', reason: new Error('no') }
      }
    }
    const good = new Set(['value', 'resolves', 'settled'])
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 12 }),
        fc.array(entry, { maxLength: 14 }),
        async (count, kinds) => {
          const settlements = await batchSettlements(batchOf(count), kinds.map(made), classify)
          settlements.forEach(({ outcome }, n) => {
            const isGood = kinds.length <= count && good.has(kinds[n] ?? 'none')
            expect(outcome).toBe(isGood ? 'ack' : 'fail')
          })
        },
      ),
    )
  })
})
