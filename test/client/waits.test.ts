// Calls that wait go on over a restart of the server: as long as their wait lasts, and no longer.
import { expect, it } from 'vitest'
import { RefusedError, UnavailableError, UnknownOutcomeError } from '../../src/api/errors.js'
import { remoteQueue } from '../../src/client/remoteQueue.js'
import type { CallOptions } from '../../src/client/transport.js'
import { ManualClock, watch } from '../support/manualClock.js'

type Asked = Readonly<{ path: string; options: CallOptions }>

/** A server that answers each call with what `reply` says, at the time of the clock. */
const opened = (reply: (tries: number) => unknown) => {
  const clock = new ManualClock()
  const asked: Asked[] = []
  let ids = 0
  const queue = remoteQueue<unknown>(
    {
      transport: {
        call: async (_method, path, options = {}) => {
          asked.push({ path, options })
          return reply(asked.length)
        },
        closeIdle: () => undefined,
      },
      worker: { clock, uniqueId: () => `claim-${++ids}` },
      nextWorkerName: () => 'remote-1',
      started: () => undefined,
      ended: () => undefined,
    },
    'orders',
    undefined,
  )
  return { clock, asked, queue }
}
const gone = (): never => {
  throw new UnavailableError('no server answers')
}
const cutOff = (): never => {
  throw new UnknownOutcomeError('the connection was lost before the answer came')
}

it('A10: a wait for the end of a message goes on over a restart of the server', async () => {
  const end = { id: 'a', ended: true, state: 'succeeded', attempts: 1 }
  const { clock, asked, queue } = opened((tries) => (tries < 4 ? gone() : end))
  const result = watch(queue.result('a', { waitMs: 10_000 }))
  await clock.settle()
  expect(asked).toHaveLength(1)
  await clock.advance(1_000)
  expect(asked).toHaveLength(4)
  expect(result).toEqual({ isOpen: false, value: end })
  // What is left of the wait is what the server is asked for.
  expect(asked.map(({ options }) => options.waitMs)).toEqual([10_000, 9_900, 9_700, 9_300])
})

it('A10: a wait rejects when it is over and no server has come back, and a refusal ends it at once', async () => {
  const { clock, asked, queue } = opened(gone)
  const result = queue.result('a', { waitMs: 60_000 }).catch((error: unknown) => error)
  await clock.advance(60_000)
  expect(await result).toBeInstanceOf(UnavailableError)
  // Pauses grow up to two seconds: no flood.
  expect(asked.length).toBeGreaterThan(20)
  expect(asked.length).toBeLessThan(40)
  expect(clock.timerCount).toBe(0)

  const once = opened(gone)
  await expect(once.queue.result('a', { waitMs: 0 })).rejects.toBeInstanceOf(UnavailableError)
  expect(once.asked).toHaveLength(1)

  const refused = opened(() => {
    throw new RefusedError('message_not_found', 'there is no such message')
  })
  await expect(refused.queue.result('a')).rejects.toMatchObject({ code: 'message_not_found' })
  expect(refused.asked).toHaveLength(1)
})

it('D3: a waiting claim is sent again under one claim id until its wait is over; one that does not wait is not', async () => {
  const { clock, asked, queue } = opened((tries) =>
    tries === 1 ? cutOff() : tries === 2 ? gone() : { messages: [{ id: 'a' }] },
  )
  const claim = watch(queue.claim({ worker: 'w', waitMs: 5_000 }))
  await clock.advance(400)
  expect(claim).toEqual({ isOpen: false, value: [{ id: 'a' }] })
  const bodies = asked.map(({ options }) => options.body)
  expect(bodies).toEqual([
    { worker: 'w', claimId: 'claim-1', waitMs: 5_000 },
    { worker: 'w', claimId: 'claim-1', waitMs: 4_900 },
    { worker: 'w', claimId: 'claim-1', waitMs: 4_700 },
  ])

  const lost = opened(gone)
  const late = lost.queue
    .claim({ worker: 'w', waitMs: 5_000, claimId: 'mine' })
    .catch((error: unknown) => error)
  await lost.clock.advance(5_000)
  expect(await late).toBeInstanceOf(UnavailableError)
  expect(lost.asked.at(-1)?.options.body).toMatchObject({ claimId: 'mine', waitMs: 0 })

  // A server that stops answers early, with nothing.
  const early = opened((tries) => ({ messages: tries < 2 ? [] : [{ id: 'a' }] }))
  const claimed = watch(early.queue.claim({ worker: 'w', waitMs: 5_000 }))
  await early.clock.advance(100)
  expect(claimed).toEqual({ isOpen: false, value: [{ id: 'a' }] })

  const once = opened(gone)
  await expect(once.queue.claim({ worker: 'w' })).rejects.toBeInstanceOf(UnavailableError)
  expect(once.asked).toHaveLength(1)
})
