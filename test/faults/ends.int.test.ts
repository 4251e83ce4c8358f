// R16: the process that holds the ledger ends of something else: it is as if it had been killed.
import { describe, expect, it } from 'vitest'
import { withDirectory } from '../support/embedded/ledgerDirectory.js'
import { FaultClient, judge, NOTHING_WRONG } from '../support/faultClient.js'
import { type Misfortune, startFaultServer } from '../support/faultServer.js'

const CALLERS = 8
const ACKED_BEFORE = 40

const loadUntilGone = async (client: FaultClient, onBusy: () => void): Promise<void> => {
  const call = async (): Promise<void> => {
    for (;;) {
      const answer = await client.enqueue()
      if (answer === undefined) return
      if (client.ok.size === ACKED_BEFORE) onBusy()
      const [leased] = await client.claim()
      if (leased !== undefined) await client.ack(leased)
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, call))
}

const ENDS: ReadonlyArray<readonly [string, Misfortune, ReadonlyArray<string>]> = [
  ['an exception that nobody catches', { what: 'throw' }, []],
  ['a rejection that nobody handles', { what: 'reject' }, []],
  ['a heap that is exhausted', { what: 'fillHeap' }, ['--max-old-space-size=80']],
]

describe('R16: the end of the process by something beside the ledger', () => {
  it.each(ENDS)('R16: %s under load loses nothing that was acknowledged', (_, misfortune, nodeFlags) =>
    withDirectory(async (directory) => {
      const client = new FaultClient()
      const server = await startFaultServer(
        { directory },
        { nodeFlags, cwd: directory.replace(/[^/]+$/, '') },
      )
      client.url = server.url
      await client.create()
      await loadUntilGone(client, () => server.inflict(misfortune))
      expect(await server.ended).not.toBe(0)
      expect(client.acked.size).toBeGreaterThan(0)
      const again = await startFaultServer({ directory })
      client.url = again.url
      expect(await client.enqueue()).toMatchObject({ status: 201 })
      again.kill('SIGKILL')
      await again.ended
      expect(await judge(directory, client)).toEqual(NOTHING_WRONG)
    }),
  )
})
