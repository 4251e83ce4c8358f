// R12, R13: a disk that takes seconds for a sync, and a pool of the runtime without a free thread, under a real server. Neither
// may be felt by anybody but who waits for an answer that has to be durable.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { withDirectory } from '../support/embedded/ledgerDirectory.js'
import { batchesOfDirectory, FaultClient, judge, NOTHING_WRONG } from '../support/faultClient.js'
import { startFaultServer } from '../support/faultServer.js'
import { figure } from '../support/figure.js'

/** One sync takes longer than a lease. */
const SYNC_MS = 1_500
/** One that ends when the test says so. */
const HELD_MS = 3_600_000
const LEASE_MS = 1_000
const BATCH = 1_000
/** More messages than may wait to be decided. */
const BATCHES = 130

describe('R12: a sync that takes seconds', () => {
  it('R12: nobody loses a lease, the loop turns, batches grow, and what is too much is refused for good', () =>
    withDirectory(async (directory) => {
      const client = new FaultClient()
      const server = await startFaultServer({ directory, disk: 'slowSync' })
      client.url = server.url
      await client.create({ maxSize: 1_000_000, leaseMs: LEASE_MS })
      await client.enqueue()
      await client.enqueue()
      await server.suffer({ what: 'watchLoop' })
      writeFileSync(join(directory, 'sync-ms'), String(SYNC_MS))
      // Durable when it is answered, and its lease is still whole then; so is it after a heartbeat that takes as long.
      const [first] = await client.claim({ worker: 'a' })
      if (first === undefined) throw new Error('nothing was claimed')
      const beat = { settlements: [{ leaseToken: first.leaseToken, outcome: 'extend', leaseMs: LEASE_MS }] }
      const beating = client.ask('POST', `${client.path}/settlements`, beat)
      const alive = await Promise.all(Array.from({ length: 20 }, () => client.ask('GET', '/livez')))
      expect(alive.map((answer) => answer?.status)).toEqual(alive.map(() => 200))
      expect(await beating).toMatchObject({ json: { results: [{ ok: true }] } })
      expect(await client.ack(first)).toBe(true)
      const [second] = await client.claim({ worker: 'b', leaseMs: 60_000 })
      // While one append is on its way everything else waits for the next flight, until no more may wait.
      writeFileSync(join(directory, 'sync-ms'), String(HELD_MS))
      const alone = client.enqueue()
      expect(await client.ask('GET', '/livez')).toMatchObject({ status: 200 })
      const flood = Array.from({ length: BATCHES }, () => client.enqueueMany(BATCH))
      await vi.waitUntil(() => client.refused.size > 0, { timeout: 100_000 })
      await rm(join(directory, 'sync-ms'))
      const answers = await Promise.all(flood)
      expect(await alone).toMatchObject({ status: 201 })
      if (second === undefined) throw new Error('nothing was claimed')
      expect(await client.ack(second)).toBe(true)
      const { p99Ms, maxMs } = (await server.suffer({ what: 'loopDelays' })) as {
        p99Ms: number
        maxMs: number
      }
      figure('R12 loop delay p99 ms', p99Ms)
      figure('R12 loop delay max ms', maxMs)
      expect(client.refused.size).toBeGreaterThan(0)
      expect(JSON.stringify(answers)).toContain('overloaded')
      expect(client.unknown.size).toBe(0)
      server.kill('SIGTERM')
      expect(await server.ended).toBe(0)
      expect(await judge(directory, client)).toEqual(NOTHING_WRONG)
      const batches = await batchesOfDirectory(directory)
      expect(Math.max(...batches.map(({ events }) => events.length))).toBeGreaterThan(4 * BATCH)
      const events = batches.flatMap((batch) => batch.events)
      expect(events.filter(({ type }) => type === 'AttemptFailed')).toEqual([])
      expect(events.filter(({ type }) => type === 'AttemptSucceeded')).toHaveLength(2)
    }))
})

describe('R13: every thread of the pool is taken', () => {
  it('R13: commits go on as if nothing were, while other file calls of the process wait', () =>
    withDirectory(async (directory) => {
      const client = new FaultClient()
      const server = await startFaultServer({ directory })
      client.url = server.url
      await client.create({ maxSize: 10_000 })
      const commits = async (count: number): Promise<number> => {
        const from = performance.now()
        for (let n = 0; n < count; n++) expect(await client.enqueue()).toMatchObject({ status: 201 })
        return (performance.now() - from) / count
      }
      figure('R13 ms a commit before', await commits(100))
      const pipes = ['one', 'two', 'three', 'four'].map((name) =>
        join(directory, '..', `${name}-${process.pid}.pipe`),
      )
      for (const pipe of pipes) expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
      try {
        await server.suffer({ what: 'blockPool', pipes })
        figure('R13 ms a commit with no free thread', await commits(100))
        // None of the four has come back: the pool is what it was said to be.
        for (const pipe of pipes) expect((await stat(pipe)).isFIFO()).toBe(true)
        expect(server.freedCount()).toBe(0)
        for (const pipe of pipes) writeFileSync(pipe, '')
        await server.freed(pipes)
      } finally {
        await Promise.all(pipes.map((pipe) => rm(pipe, { force: true })))
      }
      server.kill('SIGTERM')
      expect(await server.ended).toBe(0)
      expect(await judge(directory, client)).toEqual(NOTHING_WRONG)
    }))
})
