// A ledger in one line.
import { describe, expect, it } from 'vitest'
import { QUEUE_PRESETS, quickLedger, RefusedError, UnavailableError } from '../../src/index.js'

describe('E11: quickLedger', () => {
  it('in memory works at once, with a queue of any preset', async () => {
    const ledger = await quickLedger('memory')
    const orders = await ledger.queue('orders', QUEUE_PRESETS.highThroughput)
    const { id } = await orders.enqueue({ n: 1 })
    expect(await orders.message(id)).toMatchObject({ state: 'pending' })
    expect((await ledger.stats()).log.kind).toBe('memory')
    await ledger.close()
  })

  it.each([
    ['http://127.0.0.1:7654', /connectLedger/],
    ['memroy', /^log: accepted are "memory", a path/],
    ['', /^log: accepted are/],
  ])('%s is refused with what is accepted, and without a word of a password', async (where, sentence) => {
    const refusal = await quickLedger(where).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(RefusedError)
    expect(refusal).toMatchObject({ code: 'invalid', message: expect.stringMatching(sentence) })
    expect(String(refusal)).not.toContain('changeit')
  })

  it.each(['esdb', 'kurrentdb', 'kdb'])(
    'an address of %s is a log in EventStoreDB, and one that cannot be reached is told without its password',
    async (scheme) => {
      const problem = await quickLedger(`${scheme}://admin:changeit@127.0.0.1:1?tls=false`).catch(
        (error: unknown) => error,
      )
      expect(problem).toBeInstanceOf(UnavailableError)
      expect(problem).toMatchObject({ code: 'unavailable', message: expect.stringContaining('EventStoreDB') })
      expect(String(problem)).not.toContain('changeit')
    },
  )
})
