// Delivery is at least once, so a handler meets messages that it has seen. This law runs one against the real engine twice:
// once as it should be, and once so that the first outcome is lost after the work was done.
import { isDeepStrictEqual } from 'node:util'
import fc, { type Arbitrary, type Parameters } from 'fast-check'
import { fixed } from '../../../domain/retry/index.js'
import type { Handler } from '../../api/types/index.js'
import { testLedger } from '../testLedger.js'
import type { Law } from './laws.js'

export type HandlerUnderTest<World, A> = Readonly<{
  payloads: Arbitrary<A>
  /** A fresh one for every run: fakes of what the handler works on. */
  world: () => World
  handler: (world: World) => Handler<A>
  /** What of the world counts: compared by value. */
  effects: (world: World) => unknown
}>

const RUNS = 25
const HOUR_MS = 3_600_000

/** How often its work is done before an outcome of it arrives. */
const effectsAfter = async <World, A>(
  { world, handler, effects }: HandlerUnderTest<World, A>,
  payload: A,
  losses: number,
): Promise<unknown> => {
  const own = world()
  const handle = handler(own)
  const test = await testLedger()
  try {
    const lost = fixed({ delayMs: 1_000, retriesMax: losses })
    const queue = await test.queue<A>('under-test', { failures: { OUTCOME_LOST: lost } })
    let left = losses
    let failure: unknown
    queue.process(async (message, context) => {
      try {
        await handle(message, context)
      } catch (error) {
        failure = error
      }
      if (left-- > 0) throw Object.assign(new Error('the outcome was lost'), { failureType: 'OUTCOME_LOST' })
      return undefined
    })
    await queue.enqueue(payload)
    await test.drain({ forMs: HOUR_MS })
    // Also a handler that refuses its message must do so every time.
    return { effects: await effects(own), refused: failure !== undefined }
  } finally {
    await test.close()
  }
}

/** Two runs of a handler for one message leave what one run leaves. */
export const handlerIdempotenceLaw = <World, A>(under: HandlerUnderTest<World, A>): Law => ({
  name: 'a message that is delivered twice has the effects of one delivery',
  check: (parameters) =>
    fc.assert(
      fc.asyncProperty(under.payloads, fc.integer({ min: 1, max: 2 }), async (payload, losses) => {
        const [once, again] = [
          await effectsAfter(under, payload, 0),
          await effectsAfter(under, payload, losses),
        ]
        return isDeepStrictEqual(once, again)
      }),
      { numRuns: RUNS, ...(parameters as Parameters<[A, number]> | undefined) },
    ),
})
