// The embedded log on real files: failing syncs, two processes, kills, no room, foreign directories.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it, vi } from 'vitest'
import { NO_REVISION } from '../../../domain/batch.js'
import { openEmbeddedLog } from '../../../src/adapters/embedded/eventLog.js'
import { verify } from '../../../src/adapters/embedded/verify.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import { batchOf, enqueued, run } from '../../contract/eventLog.contract.js'
import { acked, openLog, SMALL_SEGMENTS, withDirectory } from '../../support/embedded/ledgerDirectory.js'

const STREAM = 'partition-orders~1.0'
const PAGE_BYTES = 1024 * 1024

const holder = new URL('../../support/embedded/holdLog.js', import.meta.url)
const failingThread = new URL('../../support/embedded/failingSyncLogThread.js', import.meta.url)

/** A ledger that was opened and closed once, on a disk that fails as `fail-at` tells. */
const openedOnFailingDisk = async (directory: string): ReturnType<typeof openEmbeddedLog> =>
  openEmbeddedLog({ directory, segmentBytes: SMALL_SEGMENTS, logThreadProgram: failingThread })

const failSync = (directory: string, n: number): Promise<void> =>
  writeFile(join(directory, 'fail-at'), String(n))

/** The n-th sync after the opening fails. */
const failingLog = async (directory: string, n: number): Promise<EventLog> => {
  await (await openLog(directory)).close()
  const opened = await openedOnFailingDisk(directory)
  if (E.isLeft(opened)) throw new Error(JSON.stringify(opened.left))
  await failSync(directory, n)
  return opened.right
}

const started = (
  ...args: ReadonlyArray<string>
): Readonly<{ child: ChildProcess; lines: AsyncIterator<string> }> => {
  const child = spawn(process.execPath, [holder.pathname, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.stdout === null) throw new Error('no output')
  return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() }
}

const nextLine = async (lines: AsyncIterator<string>): Promise<unknown> =>
  JSON.parse((await lines.next()).value)

/** Everything in the directory, with times: equal before and after means that nothing was written. */
const fingerprint = async (directory: string): Promise<ReadonlyArray<string>> => {
  const names = (await readdir(directory, { recursive: true })).sort()
  return Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(directory, name))
      return `${name} ${size} ${mtimeMs}`
    }),
  )
}

describe('R08: a sync fails', () => {
  it('what was in flight is unknown, what was not is refused for good, nothing is synced again, and no ack is lost', () =>
    withDirectory(async (directory) => {
      const log = await failingLog(directory, 5)
      let head = NO_REVISION
      let fault: unknown
      const other = { answer: Promise.resolve<unknown>(undefined) }
      while (fault === undefined) {
        const batch = batchOf([enqueued(head + 1)])
        const inFlight = log.append(STREAM, head, batch)()
        const answer = await inFlight
        if (E.isRight(answer)) head = answer.right.lastRevision
        else {
          fault = answer.left
          other.answer = log.append(STREAM, head, batch)()
        }
      }
      expect(fault).toMatchObject({ type: 'OutcomeUnknown', reason: expect.stringContaining('EIO') })
      // The same batch is still unknown; any other never left.
      expect(await other.answer).toMatchObject({ left: { type: 'OutcomeUnknown' } })
      const definite = { left: { type: 'LogStopped' } }
      expect(await log.append(STREAM, head, batchOf([enqueued(9)]))()).toMatchObject(definite)
      expect(await log.append('other', NO_REVISION, batchOf([enqueued(9)]))()).toMatchObject(definite)
      expect(log.condition()).toMatchObject({ state: 'stopped', reason: expect.stringContaining('EIO') })
      // What was durable can still be read.
      expect(await run(log.head(STREAM))).toBe(head)
      expect((await run(log.read(STREAM, 0, PAGE_BYTES))).batches).toHaveLength(head + 1)
      await log.close()
      expect(existsSync(join(directory, 'synced-again'))).toBe(false)
      const again = await openLog(directory)
      expect(await run(again.head(STREAM))).toBeGreaterThanOrEqual(head)
      expect(await run(again.head(STREAM))).toBeLessThanOrEqual(head + 1)
      await again.close()
    }))

  it('appends that were only waiting for the failed commit are definite failures', () =>
    withDirectory(async (directory) => {
      const log = await failingLog(directory, 1)
      const first = log.append('a', NO_REVISION, batchOf([enqueued(0)]))()
      // By the next turn of the loop the first one has left; these are gathered behind it.
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
      const behind = ['b', 'c'].map((stream) => log.append(stream, NO_REVISION, batchOf([enqueued(0)]))())
      const answers = await Promise.all([first, ...behind])
      await log.close()
      const again = await openLog(directory)
      for (const [n, stream] of ['a', 'b', 'c'].entries()) {
        const answer = answers[n]
        if (answer === undefined) throw new Error('no answer')
        const head = await run(again.head(stream))
        if (E.isRight(answer)) expect(head).toBe(0)
        else if (answer.left.type !== 'OutcomeUnknown') expect(head).toBe(NO_REVISION)
      }
      await again.close()
    }))

  it('a log whose tail cannot be synced at the start does not open', () =>
    withDirectory(async (directory) => {
      await (await openLog(directory)).close()
      await failSync(directory, 1)
      const answer = await openedOnFailingDisk(directory)
      expect(answer).toMatchObject({
        left: { type: 'LogUnavailable', reason: expect.stringContaining('EIO') },
      })
    }))
})

describe('R14: two processes on one directory', () => {
  it('the second one is refused and writes nothing; the lock of a killed holder is free at once', () =>
    withDirectory(async (directory) => {
      const first = started(directory)
      expect(await nextLine(first.lines)).toEqual({ type: 'Opened' })
      await vi.waitFor(async () => {
        expect(await readdir(join(directory, 'segments'))).toContain('0000000002.seg')
      })
      const before = await fingerprint(directory)
      const second = started(directory)
      expect(await nextLine(second.lines)).toMatchObject({ type: 'DirectoryLocked', directory })
      expect(await once(second.child, 'exit')).toEqual([1, null])
      expect(await openEmbeddedLog({ directory, segmentBytes: SMALL_SEGMENTS })).toMatchObject({
        left: { type: 'DirectoryLocked' },
      })
      expect(await fingerprint(directory)).toEqual(before)
      first.child.kill('SIGKILL')
      await once(first.child, 'exit')
      const log = await openLog(directory)
      await log.close()
    }))

  it('a second log in the same process is refused, until the first is closed', () =>
    withDirectory(async (directory) => {
      const log = await openLog(directory)
      expect(await openEmbeddedLog({ directory })).toMatchObject({ left: { type: 'DirectoryLocked' } })
      await log.close()
      await (await openLog(directory)).close()
    }))
})

describe('R01: killed while it appends', () => {
  it('nothing that was answered is lost, and the ledger is sound, ten times in a row', () =>
    withDirectory(async (directory) => {
      let acknowledged = NO_REVISION
      for (let round = 0; round < 10; round++) {
        const { child, lines } = started(directory, STREAM)
        await nextLine(lines)
        for (let n = 0; n <= round * 15; n++)
          acknowledged = ((await nextLine(lines)) as { acked: number }).acked
        child.kill('SIGKILL')
        for (let rest = await lines.next(); !rest.done; rest = await lines.next())
          if (rest.value.endsWith('}')) acknowledged = JSON.parse(rest.value).acked
        const proved = await verify(directory)
        if (E.isLeft(proved)) throw new Error(JSON.stringify(proved.left))
        const log = await openLog(directory, { segmentBytes: 64 * 1024 })
        expect(await run(log.head(STREAM))).toBeGreaterThanOrEqual(acknowledged)
        acknowledged = await run(log.head(STREAM))
        await log.close()
      }
      expect(acknowledged).toBeGreaterThan(100)
    }))
})

describe('R07: no room for another segment', () => {
  it('enqueues are refused while acks go on, and all is well again once there is room, without a restart', () =>
    withDirectory(async (directory) => {
      await (await openLog(directory)).close()
      const log = await openLog(directory, { reserveBytes: 4096 })
      // A folder in its place keeps the segment after the prepared one from being made, as a full disk would.
      const obstacle = join(directory, 'segments', '0000000003.seg.tmp')
      await mkdir(obstacle)
      const payload = `"${'x'.repeat(500)}"`
      let head = NO_REVISION
      let refusal: unknown
      while (refusal === undefined) {
        const answer = await log.append(STREAM, head, batchOf([enqueued(head + 1, payload)]))()
        if (E.isRight(answer)) head = answer.right.lastRevision
        else refusal = answer.left
      }
      expect(refusal).toMatchObject({ type: 'LogFull' })
      expect(log.condition()).toMatchObject({ state: 'open', reason: expect.stringContaining('no room') })
      for (let n = 0; n < 5; n++)
        head = (await run(log.append(STREAM, head, batchOf([acked(n)])))).lastRevision
      // In the end there is no room for acks either; that is definite too.
      let last: unknown
      while (last === undefined) {
        const answer = await log.append(STREAM, head, batchOf([acked(head)]))()
        if (E.isRight(answer)) head = answer.right.lastRevision
        else last = answer.left
      }
      expect(last).toMatchObject({ type: 'LogFull' })
      expect(await run(log.head(STREAM))).toBe(head)
      await rm(obstacle, { recursive: true })
      await vi.waitFor(
        async () => {
          head = (await run(log.append(STREAM, head, batchOf([enqueued(head + 1, payload)])))).lastRevision
        },
        { timeout: 20_000, interval: 50 },
      )
      expect(log.condition()).toMatchObject({ state: 'open', reason: undefined })
      await log.close()
      expect(E.isRight(await verify(directory))).toBe(true)
    }))
})

describe('directories that are no ledger of this version', () => {
  it('refuses one with other files, and leaves it as it is', () =>
    withDirectory(async (directory) => {
      await writeFile(join(directory, 'notes.txt'), 'mine')
      const before = await fingerprint(directory)
      const answer = await openEmbeddedLog({ directory })
      expect(answer).toMatchObject({
        left: { type: 'ForeignDirectory', reason: expect.stringContaining('notes.txt') },
      })
      expect(await fingerprint(directory)).toEqual(before)
    }))

  it('refuses segments without the file that says whose they are', () =>
    withDirectory(async (directory) => {
      await (await openLog(directory)).close()
      await rm(join(directory, 'meta.json'))
      expect(await openEmbeddedLog({ directory })).toMatchObject({ left: { type: 'ForeignDirectory' } })
    }))

  it('R05: refuses meta.json with a bit flipped at any byte', () =>
    withDirectory(async (directory) => {
      await (await openLog(directory)).close()
      const path = join(directory, 'meta.json')
      const bytes = await readFile(path)
      for (let at = 0; at < bytes.length - 1; at++) {
        const damaged = Buffer.from(bytes)
        damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 7))
        await writeFile(path, damaged)
        expect(await openEmbeddedLog({ directory })).toMatchObject({
          left: { type: 'LogCorrupt', file: path },
        })
      }
      await writeFile(path, bytes)
      await (await openLog(directory)).close()
    }))

  it('refuses a file where the directory should be', () =>
    withDirectory(async (directory) => {
      const path = join(directory, 'file')
      await writeFile(path, '')
      expect(await openEmbeddedLog({ directory: path })).toMatchObject({ left: { type: 'LogUnavailable' } })
    }))
})
