// The register on disk keeps the contract, survives a crash at any point between two operations, and is rebuilt from the
// log when it is damaged, foreign or gone (§4.9).
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import Database from 'libsql'
import { describe, expect, it } from 'vitest'
import { type LedgerEvent, NO_REVISION } from '../../../domain/batch.js'
import type { Outcome } from '../../../domain/message/index.js'
import {
  type FinishedRegisterOptions,
  openFinishedRegister,
} from '../../../src/adapters/embedded/finishedRegister.js'
import { openMemoryLog } from '../../../src/adapters/memory/eventLog.js'
import { catchUp, noteBatch } from '../../../src/engine/registerFeed.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import type { FinishedRegister } from '../../../src/ports/finishedRegister.js'
import { batchOf, run } from '../../contract/eventLog.contract.js'
import {
  describeFinishedRegister,
  expectSame,
  finished,
  note,
  OTHER,
  RegisterModel,
  STREAM,
} from '../../contract/finishedRegister.contract.js'

const newDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), 'ledgerq-register-'))
const remove = (directory: string): Promise<void> => rm(directory, { recursive: true, force: true })
const PATIENT = new AbortController().signal

const contractOn = (name: string, options?: FinishedRegisterOptions): void =>
  describeFinishedRegister(name, async () => {
    const directory = await newDirectory()
    const register = await openFinishedRegister(directory, options)
    return { register, dispose: () => remove(directory) }
  })

contractOn('the register on disk')
contractOn('the register on disk that may keep next to nothing in memory', { dirtyBytesMax: 1 })

const endEvent = (ordinal: number, callerId: string | undefined, outcome: Outcome): LedgerEvent => {
  switch (outcome) {
    case 'succeeded':
      return {
        type: 'AttemptSucceeded',
        followUps: undefined,
        reconciled: undefined,
        ordinal,
        callerId,
        fence: 1,
        result: undefined,
      }
    case 'cancelled':
      return { type: 'MessageCancelled', ordinal, callerId, by: undefined }
    case 'expired':
      return { type: 'MessageExpired', ordinal, callerId }
    case 'purged':
      return { type: 'MessagePurged', cause: 'operator', ordinal, callerId, by: undefined }
  }
}

const FILE = join('finished', `${STREAM}.reg`)

describe('the register on disk after a restart', () => {
  const inDirectory = async (body: (directory: string) => Promise<void>): Promise<void> => {
    const directory = await newDirectory()
    try {
      await body(directory)
    } finally {
      await remove(directory)
    }
  }
  const using = async <A>(
    directory: string,
    body: (register: FinishedRegister) => Promise<A>,
  ): Promise<A> => {
    const register = await openFinishedRegister(directory)
    try {
      return await body(register)
    } finally {
      await register.close()
    }
  }
  const fill = (directory: string): Promise<void> =>
    using(directory, async (register) => {
      for (let of = 1; of <= 20_000; of++) register.note(STREAM, finished(of), undefined)
      register.note(OTHER, finished(1), 'order-1')
      await register.flush(STREAM, 60_000)
      await register.flush(OTHER, 3)
    })

  it('still has and covers what was flushed', () =>
    inDirectory(async (directory) => {
      await fill(directory)
      await using(directory, async (register) => {
        expect([register.coveredTo(STREAM), register.coveredTo(OTHER)]).toEqual([60_000, 3])
        for (const of of [1, 8_192, 20_000]) expect(await register.find(STREAM, of)).toEqual(finished(of))
        expect(await register.page(STREAM, { before: 3, limit: 5 })).toEqual([finished(2), finished(1)])
        expect(await register.findCallerId(OTHER, 'order-1')).toBe(1)
      })
    }))

  it("makes no database of callers' ids before there is one", () =>
    inDirectory(async (directory) => {
      await using(directory, async (register) => {
        register.note(STREAM, finished(1), undefined)
        await register.flush(STREAM, 3)
        expect(await register.findCallerId(STREAM, 'order-1')).toBeUndefined()
        await register.drop(STREAM)
      })
      expect(await readdir(directory)).toEqual(['finished'])
    }))

  it('has no trace of a dropped stream', () =>
    inDirectory(async (directory) => {
      await fill(directory)
      await using(directory, async (register) => {
        await register.drop(STREAM)
        await register.drop(OTHER)
      })
      expect(await readdir(join(directory, 'finished'))).toEqual([])
      await using(directory, async (register) => {
        expect(register.coveredTo(OTHER)).toBe(-1)
        expect(await register.findCallerId(OTHER, 'order-1')).toBeUndefined()
      })
    }))

  it('tells streams apart whose names differ in capital letters only, and takes long names', () =>
    inDirectory(async (directory) => {
      const streams = ['partition-A~1.0', 'partition-a~1.0', '..', `partition-${'Q'.repeat(128)}~99.15`]
      await using(directory, async (register) => {
        for (const [index, stream] of streams.entries()) {
          register.note(stream, finished(index + 1), undefined)
          await register.flush(stream, index)
        }
      })
      const names = await readdir(join(directory, 'finished'))
      expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(streams.length)
      await using(directory, async (register) => {
        for (const [index, stream] of streams.entries()) {
          expect(register.coveredTo(stream)).toBe(index)
          expect(await register.page(stream, { limit: 9 })).toEqual([finished(index + 1)])
        }
      })
    }))

  const headerDamage: ReadonlyArray<readonly [string, (path: string) => Promise<void>]> = [
    ['empty', (path) => truncate(path, 0)],
    ['cut in its header', (path) => truncate(path, 4_000)],
    ['cut in its last page', (path) => truncate(path, 4_096 + 2 * 65_536 + 100)],
    ['not a register', (path) => writeFile(path, 'hello '.repeat(100_000))],
    ...[0, 32, 36, 40, 48, 56, 64, 70, 4_095].map(
      (at) =>
        [
          `flipped at byte ${at}`,
          async (path: string) => {
            const bytes = await readFile(path)
            bytes[at] = (bytes[at] ?? 0) ^ 1
            await writeFile(path, bytes)
          },
        ] as const,
    ),
    [
      "another stream's",
      async (path) => cp(path, join(path, '..', 'partition-else~1.0.reg')).then(() => rm(path)),
    ],
  ]
  it.each(headerDamage)('removes a file that is %s, and covers nothing of its stream', (_, damage) =>
    inDirectory(async (directory) => {
      await fill(directory)
      await damage(join(directory, FILE))
      await using(directory, async (register) => {
        expect(register.coveredTo(STREAM)).toBe(-1)
        expect(register.coveredTo('partition-else~1.0')).toBe(-1)
        expect(await register.page(STREAM, { limit: 1 })).toEqual([])
        expect(register.coveredTo(OTHER)).toBe(3)
      })
      expect(await readdir(join(directory, 'finished'))).toHaveLength(1)
    }),
  )

  // Files are replaced, not written over: this process has been their reader until now, and the next one has not.
  const replace = async (path: string, bytes: Uint8Array | string): Promise<void> => {
    for (const suffix of ['', '-wal', '-shm']) await rm(path + suffix, { force: true })
    await writeFile(path, bytes)
  }
  const databaseDamage: ReadonlyArray<readonly [string, (path: string) => Promise<void>]> = [
    ['gone', (path) => rm(path)],
    ['empty', (path) => replace(path, '')],
    ['no database', (path) => replace(path, 'hello '.repeat(10_000))],
    [
      'overwritten behind its first page',
      async (path) => replace(path, (await readFile(path)).fill(7, 4_096)),
    ],
  ]
  it.each(databaseDamage)(
    "covers nothing of a stream with callers' ids when their database is %s",
    (_, damage) =>
      inDirectory(async (directory) => {
        await fill(directory)
        for (const suffix of ['-wal', '-shm'])
          await rm(join(directory, `callerIds.db${suffix}`), { force: true })
        await damage(join(directory, 'callerIds.db'))
        await using(directory, async (register) => {
          await register.findCallerId(OTHER, 'order-1')
          expect(register.coveredTo(OTHER)).toBe(-1)
          expect(register.coveredTo(STREAM)).toBe(60_000)
          await register.drop(OTHER)
          register.note(OTHER, finished(1), 'order-1')
          await register.flush(OTHER, 3)
        })
        await using(directory, async (register) => {
          expect(register.coveredTo(OTHER)).toBe(3)
          expect(await register.findCallerId(OTHER, 'order-1')).toBe(1)
        })
      }),
  )

  it("does not cover a stream again by a flush alone after callers' ids were lost while it was open", () =>
    inDirectory(async (directory) => {
      await using(directory, async (register) => {
        for (let of = 1; of <= 50_000; of++) register.note(STREAM, finished(of), `order-${of}`)
        await register.flush(STREAM, 150_000)
      })
      const path = join(directory, 'callerIds.db')
      // The head of the database and its table of streams stay readable; the ids are gone.
      await replace(path, (await readFile(path)).fill(7, 6 * 4_096))
      await using(directory, async (register) => {
        expect(register.coveredTo(STREAM)).toBe(150_000)
        for (const of of [1, 500, 50_000]) await register.findCallerId(STREAM, `order-${of}`)
        expect(register.coveredTo(STREAM)).toBe(-1)
        register.note(STREAM, finished(50_001), 'order-50001')
        await register.flush(STREAM, 150_003)
        expect(register.coveredTo(STREAM)).toBe(-1)
        expect(await register.findCallerId(STREAM, 'order-50001')).toBe(50_001)
      })
      await using(directory, async (register) => expect(register.coveredTo(STREAM)).toBe(-1))
    }))

  it('reports a flush that failed, loses nothing of it, and covers no more than before', () =>
    inDirectory(async (directory) => {
      await using(directory, async (register) => {
        const folder = join(directory, 'finished')
        await rm(folder, { recursive: true })
        for (let of = 1; of <= 10_000; of++) register.note(STREAM, finished(of), undefined)
        await expect(register.flush(STREAM, 30_000)).rejects.toThrow(/ENOENT/)
        expect(register.coveredTo(STREAM)).toBe(-1)
        await mkdir(folder)
        await register.flush(STREAM, 30_000)
      })
      await using(directory, async (register) => {
        expect(register.coveredTo(STREAM)).toBe(30_000)
        for (const of of [1, 8_191, 8_192, 10_000])
          expect(await register.find(STREAM, of)).toEqual(finished(of))
      })
    }))

  it("removes the callers' ids of a dropped stream from the disk, also after a restart", () =>
    inDirectory(async (directory) => {
      const idsLeft = (): number => {
        const db = new Database(join(directory, 'callerIds.db'))
        const rows = db.prepare('select stream from caller_ids').all()
        db.close()
        return rows.length
      }
      await using(directory, async (register) => {
        for (let of = 1; of <= 2_000; of++) register.note(STREAM, finished(of), `order-${of}`)
        register.note(OTHER, finished(1), 'order-1')
        await register.flush(STREAM, 6_000)
        await register.flush(OTHER, 3)
        await register.drop(STREAM)
      })
      expect(idsLeft()).toBeGreaterThan(1)
      await using(directory, async (register) => {
        for (let turns = 0; turns < 20; turns++) await register.flush(OTHER, 3)
      })
      expect(idsLeft()).toBe(1)
    }))

  /** One event for each note, in one log of both streams, and the register fed as the writer feeds it. */
  const appendAndNote = async (
    log: EventLog,
    register: FinishedRegister,
    heads: Map<string, number>,
    model: RegisterModel,
    of: Readonly<{
      stream: string
      entry: { ordinal: number; outcome: Outcome }
      callerId: string | undefined
    }>,
  ): Promise<void> => {
    const { stream, entry, callerId } = of
    const batch = batchOf([endEvent(entry.ordinal, callerId, entry.outcome)])
    const { firstRevision } = await run(log.append(stream, heads.get(stream) ?? NO_REVISION, batch))
    heads.set(stream, firstRevision)
    noteBatch(register, stream, { firstRevision, events: batch.events })
    model.note({ stream, entry: { ...entry, revision: firstRevision }, callerId })
  }

  it('answers the same after a crash between any two operations, once it has caught up with the log', async () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: note.map((of) => ({ kind: 'note' as const, of })) },
      {
        weight: 2,
        arbitrary: fc.constantFrom(STREAM, OTHER).map((stream) => ({ kind: 'flush' as const, stream })),
      },
      { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'look' as const }) },
    )
    const property = async (steps: ReadonlyArray<typeof step extends fc.Arbitrary<infer S> ? S : never>) => {
      const directories = [await newDirectory()]
      const log = openMemoryLog()
      const model = new RegisterModel()
      const heads = new Map<string, number>()
      let register = await openFinishedRegister(directories[0] ?? '', { dirtyBytesMax: 100_000 })
      try {
        for (const taken of [...steps, { kind: 'crash' as const }]) {
          if (taken.kind === 'note') await appendAndNote(log, register, heads, model, taken.of)
          else if (taken.kind === 'flush')
            await register.flush(taken.stream, heads.get(taken.stream) ?? NO_REVISION)
          else if (taken.kind === 'look') await expectSame(register, model)
          else {
            // What the disk held at this moment is all that the next process sees.
            const copy = await newDirectory()
            await cp(directories.at(-1) ?? '', copy, { recursive: true })
            directories.push(copy)
            await register.close()
            register = await openFinishedRegister(copy, { dirtyBytesMax: 100_000 })
            for (const stream of [STREAM, OTHER]) {
              expect(register.coveredTo(stream)).toBeLessThanOrEqual(heads.get(stream) ?? NO_REVISION)
              expect(await catchUp(log, register, stream, PATIENT)).toBe(true)
              expect(register.coveredTo(stream)).toBe(heads.get(stream) ?? NO_REVISION)
            }
            await expectSame(register, model)
          }
        }
      } finally {
        await register.close()
        for (const directory of directories) await remove(directory)
      }
    }
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 30 }), property), { numRuns: 25 })
  }, 60_000)

  it.each(['finished', 'callerIds.db', '.'])('is rebuilt from the log after %s was deleted', (deleted) =>
    inDirectory(async (directory) => {
      const log = openMemoryLog()
      const model = new RegisterModel()
      const heads = new Map<string, number>()
      await using(directory, async (register) => {
        for (let of = 1; of <= 600; of++)
          await appendAndNote(log, register, heads, model, {
            stream: of % 3 === 0 ? OTHER : STREAM,
            entry: { ordinal: of * 40, outcome: 'succeeded' },
            callerId: of % 5 === 0 ? `order-${of}` : undefined,
          })
        for (const [stream, head] of heads) await register.flush(stream, head)
      })
      for (const suffix of deleted === '.' ? [''] : ['', '-wal', '-shm'])
        await rm(join(directory, deleted + suffix), { recursive: true, force: true })
      await using(directory, async (register) => {
        for (const stream of [STREAM, OTHER]) {
          expect(register.coveredTo(stream)).toBe(-1)
          expect(await catchUp(log, register, stream, PATIENT)).toBe(true)
        }
        await expectSame(register, model)
      })
      await using(directory, async (register) => {
        for (const [stream, head] of heads) expect(register.coveredTo(stream)).toBe(head)
        await expectSame(register, model)
      })
    }),
  )
})
