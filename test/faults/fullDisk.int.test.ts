// R07: a disk that is full, for a real server: a small file system whose last bytes somebody else has taken.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { FaultClient, judge, NOTHING_WRONG } from '../support/faultClient.js'
import { type FaultServerOptions, startFaultServer } from '../support/faultServer.js'
import { figure } from '../support/figure.js'
import { openSmallDisk, type SmallDisk } from '../support/smallDisk.js'

const MIB = 1024 * 1024
const DISK_BYTES = 12 * MIB
const SEGMENT_BYTES = MIB
const FILLER = 'x'.repeat(8_000)
/** Far more than the tries a second that the log makes. */
const AGAIN_MS = 20_000

const small = await openSmallDisk(DISK_BYTES)

/** Each test has a folder of its own on the one small disk. */
const onDisk = (disk: SmallDisk, name: string): { directory: string; options: FaultServerOptions } => ({
  directory: join(disk.path, name),
  options: { directory: join(disk.pathInside, name), segmentBytes: SEGMENT_BYTES },
})

/** Until there is no more room; answers the refusal. */
const enqueueUntilRefused = async (client: FaultClient): Promise<unknown> => {
  for (;;) {
    const answer = await client.enqueue({}, FILLER)
    if (answer === undefined || answer.status >= 300) return answer
  }
}

const servesAgain = async (client: FaultClient): Promise<void> => {
  const from = performance.now()
  await vi.waitFor(async () => expect(await client.enqueue({}, FILLER)).toMatchObject({ status: 201 }), {
    timeout: AGAIN_MS,
    interval: 50,
  })
  figure('R07 serving again after ms', performance.now() - from)
}

describe.skipIf(small.disk === undefined)(
  `R07: a full disk ${small.disk === undefined ? small.reason : ''}`,
  () => {
    let disk: SmallDisk
    beforeAll(() => {
      if (small.disk !== undefined) disk = small.disk
    })
    afterEach(async () => {
      const names = await readdir(disk.path)
      await Promise.all(names.map((name) => rm(join(disk.path, name), { recursive: true })))
    })
    afterAll(() => small.disk?.close())

    it('R07: enqueues fail for good while acks go on, and are taken again when there is room, without a restart', async () => {
      const { directory, options } = onDisk(disk, 'append')
      const client = new FaultClient()
      const server = await startFaultServer(options, { prefix: disk.prefix })
      client.url = server.url
      await client.create({ maxSize: 100_000 })
      await client.enqueue({}, FILLER)
      const ballast = await disk.fill(0)
      expect(await enqueueUntilRefused(client)).toMatchObject({ status: 503, json: { code: 'unavailable' } })
      expect(client.ok.size).toBeGreaterThan(20)
      expect(client.unknown.size).toBe(0)
      // What runs down the backlog is served out of the reserve.
      for (let n = 0; n < 10; n++) {
        const [leased] = await client.claim()
        expect(leased).toBeDefined()
        if (leased !== undefined) expect(await client.ack(leased)).toBe(true)
      }
      expect(await client.enqueue({}, FILLER)).toMatchObject({ status: 503 })
      expect(await client.ask('GET', '/livez')).toMatchObject({ status: 200 })
      expect(await client.ask('GET', '/api/v1/health')).toMatchObject({
        json: { status: 'degraded', reasons: [{ code: 'log_no_room' }] },
      })
      await rm(ballast)
      await servesAgain(client)
      server.kill('SIGKILL')
      await server.ended
      expect(await judge(directory, client, { segmentBytes: SEGMENT_BYTES })).toEqual(NOTHING_WRONG)
    })

    it('R07: a snapshot and a register that find no room cost nothing but a longer start', async () => {
      const { directory, options } = onDisk(disk, 'snapshot')
      const client = new FaultClient()
      const all = { ...options, segmentBytes: 4 * MIB, snapshotEveryEvents: 50 }
      const server = await startFaultServer(all, { prefix: disk.prefix })
      client.url = server.url
      await client.create({ maxSize: 100_000 })
      const ballast = await disk.fill(0)
      for (let n = 0; n < 80; n++) {
        expect(await client.enqueue()).toMatchObject({ status: 201 })
        const [leased] = await client.claim()
        if (leased !== undefined && n % 2 === 0) await client.ack(leased)
      }
      expect(server.said()).toContain('no snapshot')
      await rm(ballast)
      for (let n = 0; n < 60; n++) expect(await client.enqueue()).toMatchObject({ status: 201 })
      server.kill('SIGKILL')
      await server.ended
      const again = await startFaultServer(all, { prefix: disk.prefix })
      client.url = again.url
      expect(await client.ask('GET', client.path)).toMatchObject({
        json: { stats: { enqueued: client.ok.size, succeeded: client.acked.size } },
      })
      again.kill('SIGKILL')
      await again.ended
      expect(await judge(directory, client, { segmentBytes: SEGMENT_BYTES })).toEqual(NOTHING_WRONG)
    })

    it('R07: killed while the disk is full, it starts, hands out and acks on the full disk', async () => {
      const { directory, options } = onDisk(disk, 'restart')
      const client = new FaultClient()
      const server = await startFaultServer(options, { prefix: disk.prefix })
      client.url = server.url
      await client.create({ maxSize: 100_000 })
      const ballast = await disk.fill(0)
      await enqueueUntilRefused(client)
      server.kill('SIGKILL')
      await server.ended
      const again = await startFaultServer(options, { prefix: disk.prefix })
      client.url = again.url
      const [leased] = await client.claim({ waitMs: 5_000 })
      expect(leased).toBeDefined()
      if (leased !== undefined) expect(await client.ack(leased)).toBe(true)
      expect(await client.enqueue({}, FILLER)).toMatchObject({ status: 503 })
      await rm(ballast)
      await servesAgain(client)
      again.kill('SIGTERM')
      expect(await again.ended).toBe(0)
      expect(await judge(directory, client, { segmentBytes: SEGMENT_BYTES })).toEqual(NOTHING_WRONG)
    })
  },
)
