// R08: a sync that fails under a real server: whoever was waiting is told that nobody knows, everybody else that it is over,
// and the next start finds all that was acknowledged.
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openLog, withDirectory } from '../support/embedded/ledgerDirectory.js'
import { FaultClient, judge, NOTHING_WRONG } from '../support/faultClient.js'
import { startFaultServer } from '../support/faultServer.js'

const CALLERS = 16
/** Some commits in, with everybody busy. */
const FAIL_AT = 30

it('R08: EIO at a sync is unknown to those in flight, a definite failure to all others, and loses no ack', () =>
  withDirectory(async (directory) => {
    await (await openLog(directory)).close()
    await writeFile(join(directory, 'fail-at'), String(FAIL_AT))
    const client = new FaultClient()
    const server = await startFaultServer({ directory, disk: 'failingSync' })
    client.url = server.url
    await client.create()
    const call = async (): Promise<void> => {
      for (;;) {
        const answer = await client.enqueue()
        if (answer?.status !== 201) return
      }
    }
    await Promise.all(Array.from({ length: CALLERS }, call))
    expect(client.unknown.size).toBeGreaterThan(0)
    // The process stays, says that it is over, and takes nothing any more.
    for (let n = 0; n < 5; n++)
      expect(await client.enqueue()).toMatchObject({ status: 503, json: { code: 'unavailable' } })
    expect(await client.ask('GET', '/livez')).toMatchObject({ status: 200 })
    expect(await client.ask('GET', '/readyz')).toMatchObject({ status: 503 })
    expect(await client.ask('GET', '/api/v1/health')).toMatchObject({
      json: {
        status: 'unhealthy',
        reasons: expect.arrayContaining([expect.objectContaining({ code: 'log_stopped' })]),
      },
    })
    expect(existsSync(join(directory, 'synced-again'))).toBe(false)
    server.kill('SIGTERM')
    expect(await server.ended).toBe(0)
    expect(existsSync(join(directory, 'synced-again'))).toBe(false)
    const again = await startFaultServer({ directory })
    client.url = again.url
    expect(await client.enqueue()).toMatchObject({ status: 201 })
    again.kill('SIGKILL')
    await again.ended
    expect(await judge(directory, client)).toEqual(NOTHING_WRONG)
  }))
