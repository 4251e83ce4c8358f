// R14, R15: directories that are copied, put back, and opened twice, with a real server on them.
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { verify } from '../../src/adapters/embedded/verify.js'
import { withDirectory } from '../support/embedded/ledgerDirectory.js'
import { FaultClient, judge, NOTHING_WRONG } from '../support/faultClient.js'
import { type FaultServer, startFaultServer } from '../support/faultServer.js'

const SEGMENT_BYTES = 256 * 1024
const FILLER = 'x'.repeat(3_000)
const COPIES = 5
/** On a slow machine each copy may take files of too many moments: then there are more. */
const COPIES_MAX = 50

const begun = async (directory: string, client: FaultClient): Promise<FaultServer> => {
  const server = await startFaultServer({ directory, segmentBytes: SEGMENT_BYTES })
  client.url = server.url
  return server
}
const ended = async (server: FaultServer, signal: NodeJS.Signals): Promise<void> => {
  server.kill(signal)
  await server.ended
}

describe('R15: copies', () => {
  it('R15: a copy taken under load opens with a sound beginning of the log, or is refused as a whole', () =>
    withDirectory(async (root) => {
      const directory = join(root, 'ledger')
      const client = new FaultClient()
      const server = await begun(directory, client)
      await client.create({ maxSize: 100_000 })
      let isOver = false
      const load = async (): Promise<void> => {
        while (!isOver) await client.enqueue({}, FILLER)
      }
      const loads = Array.from({ length: 8 }, load)
      const opened: Array<Readonly<{ copy: string; before: ReadonlyArray<number> }>> = []
      for (let n = 0; n < COPIES_MAX && (n < COPIES || opened.length === 0); n++) {
        const before = [...client.ok]
        const copy = join(root, `copy-${n}`)
        // File by file, each at another moment, as any program copies; a file may go while it runs.
        await cp(directory, copy, { recursive: true, force: true }).catch(() => undefined)
        const first = await openEmbeddedLog({ directory: copy, segmentBytes: SEGMENT_BYTES })
        if (isLeft(first)) {
          expect(first.left).toMatchObject({ reason: expect.any(String) })
          continue
        }
        await first.right.close()
        opened.push({ copy, before })
      }
      isOver = true
      await Promise.all(loads)
      await ended(server, 'SIGKILL')
      for (const { copy, before } of opened) {
        expect(isLeft(await verify(copy))).toBe(false)
        // What was acknowledged before the copy began is in it.
        const known = new FaultClient()
        for (const message of before) known.ok.add(message)
        expect(await judge(copy, known, { segmentBytes: SEGMENT_BYTES })).toEqual(NOTHING_WRONG)
      }
      expect(opened.length).toBeGreaterThan(0)
    }))

  it('R15: an older copy of the log under newer snapshots is refused, and goes on without them', () =>
    withDirectory(async (root) => {
      const directory = join(root, 'ledger')
      const client = new FaultClient()
      const first = await begun(directory, client)
      await client.create()
      for (let n = 0; n < 5; n++) await client.enqueue()
      await ended(first, 'SIGTERM')
      await cp(directory, join(root, 'backup'), { recursive: true })
      const second = await begun(directory, client)
      for (let n = 0; n < 20; n++) await client.enqueue()
      await ended(second, 'SIGTERM')
      // The log of the backup, the snapshots of today.
      for (const name of ['segments', 'head']) {
        await rm(join(directory, name), { recursive: true })
        await cp(join(root, 'backup', name), join(directory, name), { recursive: true })
      }
      await expect(begun(directory, client)).rejects.toThrow(
        /a snapshot holds revision \d+, but the log ends at \d+: an older copy of the log was put back/,
      )
      await rm(join(directory, 'snapshots'), { recursive: true })
      const meant = new FaultClient()
      const third = await begun(directory, meant)
      expect(await meant.ask('GET', meant.path)).toMatchObject({ json: { stats: { enqueued: 5 } } })
      await ended(third, 'SIGTERM')
    }))
})

describe('R14: two servers', () => {
  it('R14: the second ends at once and takes nothing from the first; the place of one that was killed is free', () =>
    withDirectory(async (directory) => {
      const client = new FaultClient()
      const first = await begun(directory, client)
      await client.create()
      await client.enqueue()
      await expect(startFaultServer({ directory })).rejects.toThrow('DirectoryLocked')
      expect(await client.enqueue()).toMatchObject({ status: 201 })
      await ended(first, 'SIGKILL')
      const next = await begun(directory, client)
      expect(await client.enqueue()).toMatchObject({ status: 201 })
      await ended(next, 'SIGKILL')
      expect(await judge(directory, client, { segmentBytes: SEGMENT_BYTES })).toEqual(NOTHING_WRONG)
    }))
})
