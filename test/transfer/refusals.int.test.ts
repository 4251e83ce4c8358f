// F5: what a move refuses, and that it has written nothing then. Each sentence names the place of what is wrong.
import { appendFile, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isRight } from 'fp-ts/lib/Either.js'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ChainedSegments } from '../../src/adapters/embedded/chainedSegments.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { openLedger } from '../../src/index.js'
import { type ExportRecord, readRecords } from '../../src/transfer/exportReader.js'
import { encodeRecord, KIND } from '../../src/transfer/fileFormat.js'
import { type EmulatorProcess, startEmulatorProcess } from '../support/eventstoredb/emulatorProcess.js'
import { batchesIn, directoryOf, moveBetween, temporary, type Written } from './moving.js'

let emulator: EmulatorProcess
beforeAll(async () => {
  emulator = await startEmulatorProcess()
})
afterAll(() => emulator.stop())

const folders: string[] = []
afterEach(async () => {
  for (const path of folders.splice(0)) await rm(path, { recursive: true, force: true })
})
const folder = async (): Promise<string> => {
  const path = await temporary()
  folders.push(path)
  return path
}

const opened = (n: number, node = 'n'): Written => ({
  stream: 'partition-jobs~1.0',
  batch: {
    batchId: `${node}-${n}`,
    at: 1_000 + n,
    epoch: n,
    events: [{ type: 'PartitionOpened', epoch: n, node, incarnation: `${node}${n}` }],
    previous: [-1],
  },
})

const home = async (...written: ReadonlyArray<Written>): Promise<string> => {
  const directory = await directoryOf(written)
  folders.push(directory)
  return directory
}

const exported = async (...written: ReadonlyArray<Written>): Promise<string> => {
  const file = join(await folder(), 'ledger.lqx')
  await moveBetween(await home(...written), file)
  return file
}

describe('F5: a target that does not go with the source', () => {
  it('is refused when it holds another ledger, and stays as it is', async () => {
    const target = await home(opened(1, 'other'))
    const before = await batchesIn(target)
    const moving = moveBetween(await home(opened(1), opened(2)), target)
    await expect(moving).rejects.toMatchObject({
      kind: 'conflict',
      message: /another ledger.*Nothing was written/,
    })
    expect(await batchesIn(target)).toEqual(before)
  })

  it('is refused when it has moved on by itself, by a batch of its own or by more than the source has', async () => {
    const source = await home(opened(1), opened(2))
    const longer = await home(opened(1), opened(2), opened(3))
    await expect(moveBetween(source, longer)).rejects.toMatchObject({
      kind: 'conflict',
      message: /moved on by itself/,
    })
    const forked = await home(opened(1), opened(2, 'own'))
    await expect(moveBetween(await home(opened(1), opened(2), opened(3)), forked)).rejects.toMatchObject({
      kind: 'conflict',
      message: /up to revision 1 of partition-jobs~1\.0/,
    })
    const database = { where: emulator.connectionString, prefix: 'ahead' }
    await moveBetween(longer, database)
    await expect(moveBetween(source, database)).rejects.toMatchObject({
      kind: 'conflict',
      message: /moved on by itself/,
    })
  })

  it('is refused when it has a stream that the source does not have', async () => {
    const stranger: Written = { ...opened(1), stream: 'partition-others~1.0' }
    const moving = moveBetween(await home(opened(1)), await home(stranger))
    await expect(moving).rejects.toMatchObject({ kind: 'conflict', message: /partition-others/ })
  })

  it('is refused while somebody else has the directory open, and the source may be in use', async () => {
    const [source, target] = [await home(opened(1)), await home(opened(1))]
    const [reading, writing] = [
      await openEmbeddedLog({ directory: source }),
      await openEmbeddedLog({ directory: target }),
    ]
    if (!isRight(reading) || !isRight(writing)) throw new Error('they were to open')
    await expect(moveBetween(source, target)).rejects.toMatchObject({
      kind: 'conflict',
      message: /has it open \(a server/,
    })
    await writing.right.close()
    await expect(moveBetween(source, target)).resolves.toMatchObject({ written: 0, verified: 'full' })
    await reading.right.close()
  })

  it('is refused when a stream in the database is nobody’s, and when it was written by somebody else meanwhile', async () => {
    const database = { where: emulator.connectionString, prefix: 'fork' }
    await moveBetween(await home(opened(1)), database)
    const source = await home(opened(1), opened(2), opened(3))
    const moving = moveBetween(source, database, {
      through: (target) => ({
        ...target,
        write: async (page) => {
          await moveBetween(await home(opened(1), opened(2, 'own')), database)
          await target.write(page)
        },
      }),
    })
    await expect(moving).rejects.toMatchObject({ kind: 'conflict', message: /somebody else writes to it/ })
  })
})

describe('F5: a source that cannot be moved', () => {
  it('is refused when the beginning of a history was truncated', async () => {
    const directory = await home(opened(1), opened(2), opened(3))
    const log = await openEmbeddedLog({ directory })
    if (!isRight(log)) throw new Error('it was to open')
    await log.right.truncateBefore('partition-jobs~1.0', 2)()
    await log.right.close()
    await expect(moveBetween(directory, join(await folder(), 'data'))).rejects.toMatchObject({
      kind: 'refused',
      message: /partition-jobs~1\.0 begins at revision 2.*truncated/,
    })
  })

  it('is refused without its large payloads, unless they are to be left behind', async () => {
    const directory = await folder()
    const ledger = await openLedger({
      log: { kind: 'embedded', path: directory },
      blobs: 'files',
      claimCheckAboveBytes: 10,
      logging: false,
    })
    await (await ledger.queue('reports')).enqueue({ text: 'x'.repeat(100) })
    await ledger.close()
    const database = { where: emulator.connectionString, prefix: 'blobs' }
    await expect(moveBetween(directory, database)).rejects.toMatchObject({
      message: /1 large payloads cannot be moved: the database/,
    })
    await expect(moveBetween(directory, database, { withoutBlobs: true })).resolves.toMatchObject({
      blobsLeftBehind: 1,
    })
    const file = join(await folder(), 'ledger.lqx')
    await moveBetween(directory, file)
    const away = join(await folder(), 'data')
    await expect(moveBetween(file, away)).resolves.toMatchObject({ blobs: 1, blobsLeftBehind: 0 })
    const again = await openLedger({ log: { kind: 'embedded', path: away }, logging: false })
    const [message] = await (await again.openQueue('reports')).claim({ worker: 'w' })
    expect(message?.payload).toEqual({ text: 'x'.repeat(100) })
    await again.close()
    await rm(join(directory, 'blobs'), { recursive: true })
    await expect(moveBetween(directory, join(await folder(), 'other'))).rejects.toMatchObject({
      message: /large payload/,
    })
  })

  it('is refused when a byte of it was changed, with the file and the place', async () => {
    const directory = await home(opened(1), opened(2), opened(3))
    const segment = join(directory, 'segments', '0000000001.seg')
    const bytes = await readFile(segment)
    const at = bytes.indexOf('n2')
    bytes[at] = 0x6d
    await writeFile(segment, bytes)
    const away = join(await folder(), 'data')
    await expect(moveBetween(directory, away)).rejects.toMatchObject({
      kind: 'damaged',
      message: /0000000001\.seg at byte \d+/,
    })
    // Opened, and left empty.
    expect(await batchesIn(away)).toEqual({})
  })

  it('is not found where nothing is, and is no ledger where something else is', async () => {
    const empty = await folder()
    await expect(moveBetween(empty, join(await folder(), 'data'))).rejects.toMatchObject({ kind: 'notFound' })
    await expect(moveBetween(join(empty, 'nowhere'), join(await folder(), 'data'))).rejects.toMatchObject({
      kind: 'notFound',
    })
    const database = { where: emulator.connectionString, prefix: 'nobody' }
    await expect(moveBetween(database, join(await folder(), 'data'))).rejects.toMatchObject({
      kind: 'notFound',
    })
    const short = join(empty, 'note.lqx')
    await writeFile(short, 'short')
    await expect(moveBetween(await home(opened(1)), short)).rejects.toMatchObject({
      message: /not an export of a ledger/,
    })
    expect(await readFile(short, 'utf8')).toBe('short')
    const text = join(empty, 'notes.txt')
    await writeFile(text, 'anything that is longer than the preamble of an export')
    await expect(moveBetween(text, join(await folder(), 'data'))).rejects.toMatchObject({
      message: /not an export of a ledger/,
    })
  })
})

describe('F5: an export file', () => {
  it('is refused wherever it ends too early, and wherever a byte of it was changed, with the place', async () => {
    const file = await exported(opened(1), opened(2), opened(3))
    const whole = await readFile(file)
    const away = join(await folder(), 'data')
    for (let size = 0; size < whole.length; size += 37) {
      await writeFile(file, whole.subarray(0, size))
      const refused = moveBetween(file, away)
      await expect(refused, `cut at ${size}`).rejects.toMatchObject({
        message: /not an export|ends in the middle of the record that begins at byte|has no end/,
      })
    }
    for (let at = 0; at < whole.length; at += 23) {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] ?? 0) ^ 0x10
      await writeFile(file, changed)
      await expect(moveBetween(file, away), `changed at ${at}`).rejects.toMatchObject({
        name: 'ChainFault',
        message: /ledger\.lqx/,
      })
    }
    await expect(stat(away)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is refused when a record was left out, or put behind its end', async () => {
    const file = await exported(opened(1))
    const before = await readFile(file)
    await moveBetween(await home(opened(1), opened(2)), file)
    const after = await readFile(file)
    // The begin record, then the batches of the second run: those of the first are gone.
    const endOfBegin = 16 + 48 + before.readUInt32LE(16 + 8)
    const sizeOfFirst = 48 + before.readUInt32LE(endOfBegin + 8)
    await writeFile(
      file,
      Buffer.concat([after.subarray(0, endOfBegin), after.subarray(endOfBegin + sizeOfFirst)]),
    )
    const away = join(await folder(), 'data')
    await expect(moveBetween(file, away)).rejects.toMatchObject({
      kind: 'damaged',
      message: new RegExp(`at byte ${endOfBegin}`),
    })
    await writeFile(file, after)
    await appendFile(file, after.subarray(16, endOfBegin))
    await expect(moveBetween(file, away)).rejects.toMatchObject({ kind: 'damaged' })
  })

  it('is refused when it holds something else than what was found when it was written', async () => {
    const file = await exported(opened(1), opened(2))
    const whole = await readFile(file)
    const records: ExportRecord[] = []
    for await (const record of readRecords(file)) records.push(record)
    const [before, end] = records.slice(-2)
    if (before === undefined || end === undefined) throw new Error('an export has a beginning and an end')
    for (const [from, to] of [
      [/"states":\{"([^"]+)":"\w+"/, '"states":{"$1":"0000000000000000"'],
      [/"head":1/, '"head":0'],
      [/"streams":\[.*?\]/, '"streams":[]'],
    ] as const) {
      const body = Buffer.from(end.body.toString('utf8').replace(from, to))
      const { bytes } = encodeRecord(KIND.end, body, before.hash, false)
      await writeFile(file, Buffer.concat([whole.subarray(0, end.offset), bytes]))
      await expect(moveBetween(file, join(await folder(), 'data')), String(from)).rejects.toMatchObject({
        kind: 'damaged',
        message: /replayed to 0000|that is not what it holds|more streams than it says/,
      })
    }
  })

  it('goes on when the ledger has grown, and holds what an export of all at once holds', async () => {
    const file = await exported(opened(1), opened(2))
    const grown = await home(opened(1), opened(2), opened(3))
    await expect(moveBetween(grown, file)).resolves.toMatchObject({ events: 3, written: 1, verified: 'full' })
    await expect(moveBetween(grown, file)).resolves.toMatchObject({ events: 3, written: 0, verified: 'full' })
    const away = join(await folder(), 'data')
    await moveBetween(file, away)
    expect(await batchesIn(away)).toEqual(await batchesIn(grown))
  })

  it('of another ledger is not gone on with, nor one of a longer history', async () => {
    const file = await exported(opened(1), opened(2))
    const before = await readFile(file)
    await expect(moveBetween(await home(opened(1, 'other')), file)).rejects.toMatchObject({
      kind: 'conflict',
    })
    await truncate(file, before.length - 1)
    await expect(moveBetween(await home(opened(1)), file)).rejects.toMatchObject({ kind: 'conflict' })
  })
})

describe('F5: a target that did not keep what was written', () => {
  it.each(['full', 'heads'] as const)('is told as what it is, whoever looks (%s)', async (verify) => {
    const source = await home(opened(1), opened(2), opened(3))
    const moving = moveBetween(source, join(await folder(), 'data'), {
      verify,
      through: (target) => ({ ...target, write: (page) => target.write(page.slice(0, -1)) }),
    })
    await expect(moving).rejects.toMatchObject({
      kind: 'damaged',
      message: /partition-jobs~1\.0 ends.*Do not use the target/,
    })
  })
})

describe('F5: a move that is stopped', () => {
  it('ends behind the page it was in, and the same move again writes the rest', async () => {
    const source = await home(opened(1), opened(2), opened(3), opened(4))
    const away = join(await folder(), 'data')
    const stop = new AbortController()
    const stopped = moveBetween(source, away, {
      signal: stop.signal,
      pageBytes: 1,
      through: (target) => ({
        ...target,
        write: async (page) => {
          await target.write(page)
          stop.abort()
        },
      }),
    })
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
    await expect(moveBetween(source, away)).resolves.toMatchObject({
      events: 4,
      written: 3,
      verified: 'full',
    })
    expect(await batchesIn(away)).toEqual(await batchesIn(source))
  })
})

describe('F5: a dry run', () => {
  it('says what would be written, and makes nothing: no directory, no stream', async () => {
    const { openSource, openTargetToLook } = await import('../../src/transfer/places.js')
    const { move } = await import('../../src/transfer/move.js')
    const directory = await home(opened(1), opened(2))
    const away = join(await folder(), 'data')
    const before = await emulator.state()
    for (const where of [away, emulator.connectionString]) {
      const source = await openSource({ where: directory, spoken: directory })
      const target = await openTargetToLook({ where, spoken: 'there', prefix: 'dry' })
      const moved = await move(source, target, { signal: new AbortController().signal, dryRun: true })
      expect(moved).toMatchObject({ events: 2, written: 2, verified: 'no' })
      await target.close()
    }
    expect((await emulator.state()).events).toBe(before.events)
    await expect(stat(away)).rejects.toMatchObject({ code: 'ENOENT' })
    const grown = await home(opened(1), opened(2), opened(3))
    const source = await openSource({ where: grown, spoken: grown })
    const target = await openTargetToLook({ where: directory, spoken: 'there' })
    const moved = await move(source, target, { signal: new AbortController().signal, dryRun: true })
    expect(moved).toMatchObject({ events: 3, written: 1 })
  })
})

describe('reading the segments of a ledger', () => {
  it('goes on where it ended, up to the head mark, while the log is in use', async () => {
    const directory = await home(opened(1))
    const segments = await ChainedSegments.open(directory)
    const revisions = async (): Promise<number[]> => {
      const found: number[] = []
      for await (const { firstRevision } of segments.batches()) found.push(firstRevision)
      return found
    }
    expect(await revisions()).toEqual([0])
    expect(await segments.hasGrown()).toBe(false)
    const log = await openEmbeddedLog({ directory, segmentBytes: 65_536 })
    if (!isRight(log)) throw new Error('it was to open')
    for (let n = 1; n < 40; n++) {
      const { batch } = opened(n + 1)
      // Many of them fill several segments.
      const events = Array.from(
        { length: 40 },
        () => ({ type: 'PartitionOpened', epoch: n + 1, node: 'x'.repeat(100), incarnation: 'i' }) as const,
      )
      const appended = await log.right.append('control-a~1', (n - 1) * 40 - 1, {
        ...batch,
        events,
        previous: events.map(() => -1),
      })()
      expect(isRight(appended)).toBe(true)
      expect(await segments.hasGrown()).toBe(true)
      expect(await revisions()).toEqual([(n - 1) * 40])
    }
    await log.right.close()
    expect(await revisions()).toEqual([])
  })
})
