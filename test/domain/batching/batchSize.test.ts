// The size of the next batch (B6): bounds, convergence and recovery, for every history.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  afterBatch,
  type BatchRun,
  type BatchSizeRule,
  type BatchSizeState,
  initialBatchSize,
} from '../../../domain/batching/batchSize.js'

const RULE: BatchSizeRule = { sizeMax: 100, targetMs: 200 }
const sized = (size: number): BatchSizeState => ({ ...initialBatchSize, size })
const good = (messages: number): BatchRun => ({ messages, failed: 0, durationMs: 0 })

const rules = fc.record({
  sizeMax: fc.integer({ min: 1, max: 1_000 }),
  targetMs: fc.integer({ min: 1, max: 60_000 }),
})
const runs = fc.array(
  fc
    .record({
      messages: fc.integer({ min: 0, max: 1_000 }),
      failedShare: fc.double({ min: 0, max: 1, noNaN: true }),
      durationMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
    })
    .map(({ messages, failedShare, durationMs }) => ({
      messages,
      failed: Math.floor(messages * failedShare),
      durationMs,
    })),
  { maxLength: 200 },
)

describe('B6 the size of the next batch', () => {
  it.each<[string, BatchSizeState, BatchRun, number]>([
    ['a full batch within the target: one more', sized(8), good(8), 9],
    ['at the bound it stays there', sized(100), good(100), 100],
    ['a batch that was not full tells nothing about a larger one', sized(8), good(7), 8],
    ['slower than the target: half', sized(8), { ...good(8), durationMs: 201 }, 4],
    ['just the target is not slower', sized(8), { ...good(8), durationMs: 200 }, 9],
    ['half of the messages failed: half', sized(8), { ...good(8), failed: 4 }, 4],
    ['fewer failed: neither more nor less', sized(8), { ...good(8), failed: 3 }, 8],
    ['1 cannot be halved', sized(1), { ...good(1), failed: 1 }, 1],
    ['no messages: nothing was seen', sized(8), { ...good(0), durationMs: 999 }, 8],
  ])('B6: %s', (_, state, run, size) => {
    expect(afterBatch(state, run, RULE).size).toBe(size)
  })

  it('B6: the size never leaves its bounds, whatever was seen, and a rule that got smaller holds at once', () => {
    fc.assert(
      fc.property(rules, rules, runs, (first, second, seen) => {
        let state = initialBatchSize
        seen.forEach((run, index) => {
          const rule = index % 2 === 0 ? first : second
          const next = afterBatch(state, run, rule)
          if (run.messages > 0) {
            expect(next.size).toBeGreaterThanOrEqual(1)
            expect(next.size).toBeLessThanOrEqual(rule.sizeMax)
          }
          expect(Number.isInteger(next.size)).toBe(true)
          expect(next.halved).toBeLessThanOrEqual(next.observed)
          state = next
        })
      }),
    )
  })

  it('B6: the state is plain JSON: written down and read back, it goes on the same', () => {
    fc.assert(
      fc.property(rules, runs, (rule, seen) => {
        let kept = initialBatchSize
        let written = initialBatchSize
        for (const run of seen) {
          kept = afterBatch(kept, run, rule)
          written = afterBatch(JSON.parse(JSON.stringify(written)) as BatchSizeState, run, rule)
        }
        expect(written).toEqual(kept)
      }),
    )
  })

  it('B6: with batches that always are full, the size settles between half of the best size and one above it', () => {
    const costs = fc.record({
      startMs: fc.integer({ min: 0, max: 50 }),
      perMessageMs: fc.double({ min: 0.5, max: 40, noNaN: true }),
      perPairMs: fc.double({ min: 0, max: 0.05, noNaN: true }),
    })
    fc.assert(
      fc.property(costs, rules, fc.integer({ min: 1, max: 1_000 }), (cost, rule, start) => {
        const durationMs = (n: number): number =>
          cost.startMs + cost.perMessageMs * n + cost.perPairMs * n * n
        const takes = (n: number): boolean => durationMs(n) <= rule.targetMs
        let best = 1
        while (best < rule.sizeMax && takes(best + 1)) best++
        let state = afterBatch(sized(start), good(0), rule)
        const sizes: number[] = []
        for (let n = 0; n < 2_100; n++) {
          const run = { messages: state.size, failed: 0, durationMs: durationMs(state.size) }
          state = afterBatch(state, run, rule)
          sizes.push(state.size)
        }
        for (const size of sizes.slice(1_100)) {
          expect(size).toBeLessThanOrEqual(best + 1)
          expect(size).toBeGreaterThanOrEqual(Math.max(1, Math.floor((best + 1) / 2)))
        }
      }),
      { numRuns: 20 },
    )
  })

  it('B6: one bad batch never sticks: as many good ones as it took away bring the size back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), rules, (start, rule) => {
        const size = Math.min(start, rule.sizeMax)
        let state = afterBatch(sized(size), { messages: size, failed: size, durationMs: 0 }, rule)
        for (let n = state.size; n < size; n++) state = afterBatch(state, good(state.size), rule)
        expect(state.size).toBe(size)
      }),
    )
  })
})
