// What is enqueued side by side goes together, and every message still stands or falls alone.
import { describe, expect, it } from 'vitest'
import { NotFoundError, RefusedError, UnavailableError, UnknownOutcomeError } from '../../src/api/errors.js'
import type { Enqueued } from '../../src/api/types/index.js'
import { CALL_MESSAGES_MAX, EnqueueOutbox } from '../../src/client/enqueueOutbox.js'

type Call = Readonly<{
  texts: ReadonlyArray<string>
  answer: (results: ReadonlyArray<unknown>) => void
  fail: (error: Error) => void
}>

const enqueued = (text: string): Enqueued => ({ id: text, position: 1, duplicate: false })
const problem = (status: number, code: string) => ({ problem: { status, code, detail: `it is ${code}` } })

const openOutbox = () => {
  const calls: Call[] = []
  const called = (texts: ReadonlyArray<string>): Promise<ReadonlyArray<unknown>> =>
    new Promise((answer, fail) => {
      calls.push({ texts, answer, fail })
    })
  const outbox = new EnqueueOutbox({
    one: async (text) => (await called([text]))[0] as Enqueued,
    each: called,
  })
  return { outbox, calls }
}

/** Callers and calls have had their turns. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

const callAt = (calls: ReadonlyArray<Call>, index: number): Call => {
  const call = calls[index]
  if (call === undefined) throw new Error(`there was no call ${index}`)
  return call
}
const answerAll = ({ texts, answer }: Call): void => answer(texts.map(enqueued))

describe('messages of one client on their way', () => {
  it('leave at once when none is on its way, without a turn of the event loop', async () => {
    const { outbox, calls } = openOutbox()
    const first = outbox.add('a')
    await Promise.resolve()
    expect(calls.map(({ texts }) => texts)).toEqual([['a']])
    answerAll(callAt(calls, 0))
    expect(await first).toEqual(enqueued('a'))
  })

  it('gather while a call is in flight, and go together in their order, each with its own answer', async () => {
    const { outbox, calls } = openOutbox()
    const first = outbox.add('a')
    await settled()
    const others = ['b', 'c', 'd'].map((text) => outbox.add(text))
    await settled()
    expect(calls).toHaveLength(1)
    answerAll(callAt(calls, 0))
    await settled()
    expect(callAt(calls, 1).texts).toEqual(['b', 'c', 'd'])
    answerAll(callAt(calls, 1))
    expect(await Promise.all([first, ...others])).toEqual(['a', 'b', 'c', 'd'].map(enqueued))
  })

  it('are bounded by count and by size in one call, and a full call does not wait for the one in flight', async () => {
    const { outbox, calls } = openOutbox()
    const large = 'x'.repeat(300 * 1_024)
    const all = [outbox.add('a')]
    await settled()
    for (let n = 0; n < CALL_MESSAGES_MAX + 1; n++) all.push(outbox.add(String(n)))
    expect(calls.map(({ texts }) => texts.length)).toEqual([1, CALL_MESSAGES_MAX])
    all.push(outbox.add(large), outbox.add(large))
    for (let n = 0; n < calls.length; n++) {
      answerAll(callAt(calls, n))
      await settled()
    }
    expect(calls.map(({ texts }) => texts.length)).toEqual([1, CALL_MESSAGES_MAX, 2, 1])
    expect(await Promise.all(all)).toHaveLength(CALL_MESSAGES_MAX + 4)
  })

  it('are refused one by one, with the class and code of a call of their own', async () => {
    const { outbox, calls } = openOutbox()
    const all = ['a', 'b', 'c', 'd', 'e'].map((text) => outbox.add(text))
    const outcomes = Promise.allSettled(all)
    await settled()
    const problems = [
      problem(429, 'queue_full'),
      problem(503, 'unavailable'),
      problem(504, 'unknown_outcome'),
    ]
    callAt(calls, 0).answer([enqueued('a'), ...problems])
    const [a, ...failures] = await outcomes
    expect(a).toMatchObject({ value: { id: 'a' } })
    const reasons = failures.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : undefined))
    expect(reasons[0]).toMatchObject({ name: 'RefusedError', code: 'queue_full' })
    expect(reasons[1]).toBeInstanceOf(UnavailableError)
    expect(reasons[2]).toBeInstanceOf(UnknownOutcomeError)
    // The answer was too short: nobody is told that a message was taken.
    expect(reasons[3]).toBeInstanceOf(UnknownOutcomeError)
  })

  it('are sent again in halves when a call is refused whole, until the one that spoils it stands alone', async () => {
    const { outbox, calls } = openOutbox()
    const outcomes = Promise.allSettled(['a', 'bad', 'c', 'd'].map((text) => outbox.add(text)))
    await settled()
    for (let n = 0; n < calls.length; n++) {
      const call = callAt(calls, n)
      if (call.texts.includes('bad')) call.fail(new RefusedError('invalid_request', 'not understood'))
      else answerAll(call)
      await settled()
    }
    expect((await outcomes).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ])
    expect(calls.map(({ texts }) => texts.join())).toEqual(['a,bad,c,d', 'a,bad', 'a', 'bad', 'c,d'])
  })

  it.each([
    ['an unknown outcome', new UnknownOutcomeError('lost')],
    ['a server that is not there', new UnavailableError('none')],
    ['a queue that is not there', new NotFoundError('queue_not_found', 'none')],
    ['a refusal of a gateway', new RefusedError('unexpected_reply', 'status 429')],
  ])('are not sent again after %s: all of them are told', async (_name, error) => {
    const { outbox, calls } = openOutbox()
    const outcomes = Promise.allSettled(['a', 'b'].map((text) => outbox.add(text)))
    await settled()
    callAt(calls, 0).fail(error)
    expect(await outcomes).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ])
    expect(calls).toHaveLength(1)
  })
})
