// F4, E4: the archive of a topic holds every event once, in order, under a chain of hashes, and any change of it is found and named.
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { StoredEvent } from '../../domain/codecs.js'
import { Archive } from '../../src/consumers/audit/archive.js'
import { describeDamage } from '../../src/consumers/audit/archiveErrors.js'
import { type ArchiveQuery, archiveFacts, queryArchive } from '../../src/consumers/audit/exportArchive.js'
import { type ArchivableEvent, type ArchivedLine, sha256 } from '../../src/consumers/audit/lines.js'
import { type VerifiedArchive, verifyArchive } from '../../src/consumers/audit/verifyArchive.js'
import { unpack } from '../support/golden/goldenFiles.js'
import { HandWrittenLog, today } from '../support/golden/handWrittenLog.js'
import { LEDGER, type MadeTopic, makeTopic, TOPIC_PARTITIONS, temporaryFolder, topicOf } from './madeTopic.js'

const TOPIC = 'events'
const DAY_MS = 86_400_000
const START = Date.parse('2026-03-01T06:00:00Z')

let topic: MadeTopic
/** The same, its batches over about four days. */
let days: MadeTopic
beforeAll(async () => {
  topic = await makeTopic()
  days = await makeTopic({ over: { startAt: START, ms: 4 * DAY_MS } })
})

const GOLDEN_FOLDER = fileURLToPath(new URL('../golden/logs', import.meta.url))
/** Those whose rows this version would write alike (docs/audit.md). */
const GOLDEN = ['0.1.0-2-killed', '0.1.0-torn', '0.1.0-unmarked']
const FIRST_VERSIONS = ['QueueCreated', 'QueueConfigured', 'ConfigAdopted', 'MessagePurged']
const withoutOlder = (event: ArchivableEvent): ArchivableEvent =>
  event.logged?.older === undefined ? event : { ...event, logged: undefined }

/** A ledger of events as they once were written: the golden ones, and one of today behind them. */
const writtenByFirstVersions = async (): Promise<string> => {
  const { path, remove } = temporaryFolder()
  folders.push(remove)
  const log = new HandWrittenLog()
  for (const type of FIRST_VERSIONS) {
    const file = new URL(`../golden/${type}.v1.json`, import.meta.url)
    const stored = JSON.parse(readFileSync(file, 'utf8')) as ReadonlyArray<StoredEvent>
    log.append('partition-orders~1.0', ...stored.map((event) => ({ stored: event })))
  }
  log.append(
    'partition-orders~1.0',
    today({ type: 'PartitionOpened', epoch: 1, node: 'n', incarnation: 'i' }),
  )
  await log.write(path)
  return path
}

const folders: Array<() => void> = []
afterEach(() => {
  for (const remove of folders.splice(0)) remove()
})
const newFolder = (): string => {
  const { path, remove } = temporaryFolder()
  folders.push(remove)
  return join(path, 'archive')
}

const open = (folder: string, partitions = TOPIC_PARTITIONS): Promise<Archive> =>
  Archive.open({ folder, topic: TOPIC, partitions, beginsAnywhere: false })

/** What is not in it yet, in pieces. */
const fill = async (
  archive: Archive,
  made: Pick<MadeTopic, 'partitions'>,
  piece = 5,
  most = Number.POSITIVE_INFINITY,
): Promise<void> => {
  for (const [partition, events] of made.partitions.entries()) {
    const next = archive.nextOffset(partition) ?? 0
    const due = events.filter(({ offset }) => offset >= next).slice(0, most)
    for (let from = 0; from < due.length; from += piece)
      await archive.append(LEDGER, partition, due.slice(from, from + piece))
  }
}
const archived = async (made: Pick<MadeTopic, 'partitions'>, piece?: number): Promise<string> => {
  const folder = newFolder()
  const archive = await open(folder)
  await fill(archive, made, piece)
  await archive.close()
  return folder
}
const verified = async (folder: string, anchors: ReadonlyArray<string> = []): Promise<VerifiedArchive> => {
  const found = await verifyArchive(folder, { anchors })
  if (found === undefined) throw new Error('no archive')
  return found
}
const damagesOf = async (folder: string): Promise<ReadonlyArray<string>> =>
  (await verified(folder)).damages.map(describeDamage)
const filesOf = (folder: string): ReadonlyArray<string> =>
  (existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [])
    .filter((name) => statSync(join(folder, name)).isFile() && name !== 'lock')
    .sort()
const textOf = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(filesOf(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
const filled = (folder: string): number =>
  dataFiles(folder).reduce(
    (sum, name) => sum + readFileSync(join(folder, name), 'utf8').split('\n').length - 1,
    0,
  )
const dataFiles = (folder: string): ReadonlyArray<string> =>
  filesOf(folder).filter((name) => name.endsWith('.ndjson'))
const query = async (folder: string, asked: ArchiveQuery): Promise<ReadonlyArray<ArchivedLine>> => {
  const facts = await archiveFacts(folder)
  if (facts === undefined) throw new Error('no archive')
  const lines: ArchivedLine[] = []
  for await (const line of queryArchive(folder, facts, asked)) lines.push(line)
  return lines
}

describe('the archive of a topic (F4, E4)', () => {
  it('holds every event once and in order, byte for byte, with the ledger’s own digests', async () => {
    const found = await verified(await archived(topic))
    expect(found.damages).toEqual([])
    expect(found.lines).toBe(topic.partitions.flat().length)
    expect(new Map(found.streams.map(({ stream, head, digest }) => [stream, { head, digest }]))).toEqual(
      topic.streams,
    )
  })

  it('is the same, byte for byte, whatever the pieces and however often it was opened', async () => {
    const whole = textOf(await archived(days, 1_000))
    const folder = newFolder()
    for (let round = 0; filled(folder) < days.partitions.flat().length; round++) {
      const archive = await open(folder)
      await fill(archive, days, 1 + (round % 4), 3 + (round % 5))
      await archive.close()
    }
    expect(textOf(folder)).toEqual(whole)
    expect(await damagesOf(folder)).toEqual([])
  })

  it('seals past days, and makes them read-only', async () => {
    const folder = await archived(days)
    const sealed = filesOf(folder).filter((name) => name.endsWith('.manifest.json'))
    expect(sealed.length).toBeGreaterThan(2)
    for (const name of sealed)
      expect(statSync(join(folder, name.replace('.manifest.json', '.ndjson'))).mode & 0o222).toBe(0)
    expect((await verified(folder)).days).toBeGreaterThanOrEqual(4)
  })

  it('stops at a gap, a repeat and what is out of order, and names stream and revision', async () => {
    const events = topic.partitions.find((all) => all.length > 20) ?? []
    const partition = topic.partitions.indexOf(events)
    const [gone, after] = [events[9], events[10]]
    if (gone === undefined || after === undefined) throw new Error('too few events')
    const tries = [
      [...events.slice(0, 9), ...events.slice(10)],
      [...events.slice(0, 10), { ...gone, offset: gone.offset + 1 }],
    ]
    for (const given of tries) {
      const folder = newFolder()
      const archive = await open(folder)
      await expect(archive.append(LEDGER, partition, given)).rejects.toThrow(/ALARM: .*revision \d+.* is due/)
      await archive.close()
      // What came before is kept, and the archive goes on with what is right.
      const again = await open(folder)
      expect(again.nextOffset(partition)).toBeLessThanOrEqual(gone.offset + 1)
      await fill(again, topic)
      await again.close()
      expect(await damagesOf(folder)).toEqual([])
    }
  })

  it('is of one ledger, one topic and one writer', async () => {
    const folder = newFolder()
    const archive = await open(folder)
    await fill(archive, topic, 5, 5)
    await expect(open(folder)).rejects.toThrow(/in use by another process/)
    await expect(archive.append('other', 0, topic.partitions[0] ?? [])).rejects.toThrow(
      /event of the ledger other/,
    )
    await archive.close()
    await expect(
      Archive.open({ folder, topic: 'else', partitions: TOPIC_PARTITIONS, beginsAnywhere: false }),
    ).rejects.toThrow(/archive of the topic events, not of else/)
    await expect(open(folder, 1)).rejects.toThrow(/another topic of that name/)
    await (await open(folder, TOPIC_PARTITIONS + 2)).close()
    expect(await damagesOf(folder)).toEqual([])
  })

  it('has the digests of a log that older versions have recorded, over their own words (R63)', async () => {
    const made = await topicOf(await writtenByFirstVersions())
    const told = new Set(made.partitions.flat().map(({ type, version }) => `${type} ${version}`))
    for (const type of FIRST_VERSIONS) expect(told).toContain(`${type} 1`)
    const found = await verified(await archived(made))
    expect(found.damages).toEqual([])
    expect(new Map(found.streams.map(({ stream, head, digest }) => [stream, { head, digest }]))).toEqual(
      made.streams,
    )
  })

  it('of an archive that an earlier version began, without the digests it could not tell, nothing is damage (R63)', async () => {
    const made = await topicOf(await writtenByFirstVersions())
    const untold = { partitions: made.partitions.map((events) => events.map(withoutOlder)) }
    const folder = await archived(untold)
    const found = await verified(folder)
    expect(found.damages).toEqual([])
    expect(found.streams.map(({ digest }) => digest)).toEqual(found.streams.map(() => undefined))
    // Nor when it is opened again, and gone on with.
    const archive = await open(folder)
    await archive.close()
    expect((await verified(folder)).damages).toEqual([])
  })

  it.each(GOLDEN)('has the digests of the log %s (R63)', async (name) => {
    const { path, remove } = temporaryFolder()
    folders.push(remove)
    await unpack(GOLDEN_FOLDER, name, path)
    const made = await topicOf(path)
    const found = await verified(await archived(made))
    expect(new Map(found.streams.map(({ stream, head, digest }) => [stream, { head, digest }]))).toEqual(
      made.streams,
    )
  })

  it('has no digests of what was redacted, and is proved by its own chain', async () => {
    const made = await makeTopic({
      messages: 6,
      redact: (data) =>
        'payload' in (data as object) ? { ...(data as object), payload: '[redacted]' } : data,
    })
    const folder = await archived(made)
    const found = await verified(folder)
    expect(found.damages).toEqual([])
    const redacted = found.streams.filter(({ digest }) => digest === undefined).map(({ stream }) => stream)
    expect(redacted.every((stream) => stream.startsWith('partition-'))).toBe(true)
    expect(redacted.length).toBeGreaterThan(0)
  })
})

describe('after a crash the archive (F4)', () => {
  it('cuts off what was not synced, wherever the file ends, and goes on to the same bytes', async () => {
    const whole = textOf(await archived(topic))
    const folder = newFolder()
    const archive = await open(folder)
    await fill(archive, topic, 4, 8)
    await archive.close()
    const [name] = dataFiles(folder)
    if (name === undefined) throw new Error('no file')
    const next = (whole[name] ?? '').slice(readFileSync(join(folder, name), 'utf8').length)
    const line = next.slice(0, next.indexOf('\n') + 1)
    const torn = [1, 2, Math.floor(line.length / 2), line.length - 1].map((n) => line.slice(0, n))
    for (const rest of [
      ...torn,
      line,
      `${line}{"offset":`,
      '\0'.repeat(300),
      'x'.repeat(1_000_000),
      `${line.replace('"at"', '"xx"')}`,
    ]) {
      const copy = newFolder()
      const synced = await open(copy)
      await fill(synced, topic, 4, 8)
      await synced.close()
      appendFileSync(join(copy, name), rest)
      const again = await open(copy)
      await fill(again, topic)
      await again.close()
      expect(textOf(copy)).toEqual(whole)
    }
  })

  it('refuses to go on when synced lines are missing or changed', async () => {
    const folder = await archived(topic)
    const [name] = dataFiles(folder)
    if (name === undefined) throw new Error('no file')
    const path = join(folder, name)
    const text = readFileSync(path)
    truncateSync(path, text.length - 10)
    await expect(open(folder)).rejects.toThrow(/archive is damaged/)
    writeFileSync(path, text)
    await (await open(folder)).close()
    text[200] = (text[200] ?? 0) ^ 1
    writeFileSync(path, text)
    await expect(open(folder)).rejects.toThrow(/archive is damaged/)
  })
})

describe('damage of the archive (E4)', () => {
  /** Each is done to an archive of several days. */
  const change = async (
    harm: (path: (name: string) => string, files: ReadonlyArray<string>) => void,
  ): Promise<ReadonlyArray<string>> => {
    const folder = await archived(days)
    const files = dataFiles(folder)
    for (const name of filesOf(folder)) chmodSync(join(folder, name), 0o640)
    harm((name) => join(folder, name), files)
    return damagesOf(folder)
  }

  it('is found for one changed byte anywhere: file and line are named', async () => {
    const folder = await archived(days)
    const files = filesOf(folder)
    for (const name of files) {
      chmodSync(join(folder, name), 0o640)
      const text = readFileSync(join(folder, name))
      const step = name.endsWith('.ndjson')
        ? Math.max(1, Math.floor(text.length / 12))
        : 1 + Math.floor(text.length / 6)
      for (let at = 0; at < text.length; at += step) {
        const changed = Buffer.from(text)
        changed[at] = (changed[at] ?? 0) ^ 0x01
        writeFileSync(join(folder, name), changed)
        const line = text.subarray(0, at).toString('utf8').split('\n').length
        const found = await damagesOf(folder)
        expect([name, at, found.length > 0]).toEqual([name, at, true])
        if (name.endsWith('.ndjson')) expect(found[0]).toContain(`${name}, line ${line}`)
      }
      writeFileSync(join(folder, name), text)
    }
    expect(await damagesOf(folder)).toEqual([])
  })

  it('is found for any line that was removed, also the last one', async () => {
    const folder = await archived(days)
    for (const name of dataFiles(folder)) {
      const path = join(folder, name)
      chmodSync(path, 0o640)
      const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
      for (const gone of new Set([0, Math.floor(lines.length / 2), lines.length - 1])) {
        writeFileSync(
          path,
          lines
            .filter((_, n) => n !== gone)
            .map((line) => `${line}\n`)
            .join(''),
        )
        expect((await damagesOf(folder)).join('\n')).toContain(name)
      }
      writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
    }
    expect(await damagesOf(folder)).toEqual([])
  })

  it('is found for any file that was removed, and for a whole day', async () => {
    const folder = await archived(days)
    for (const name of filesOf(folder).filter((file) => file !== 'archive.json')) {
      const text = readFileSync(join(folder, name))
      rmSync(join(folder, name))
      expect([name, (await damagesOf(folder)).length > 0]).toEqual([name, true])
      writeFileSync(join(folder, name), text)
    }
    const all = new Set(dataFiles(folder).map((name) => name.slice(0, 10)))
    for (const day of all) {
      renameSync(join(folder, day), `${folder}-aside`)
      expect([day, (await damagesOf(folder)).length > 0]).toEqual([day, true])
      renameSync(`${folder}-aside`, join(folder, day))
    }
    expect(await damagesOf(folder)).toEqual([])
  })

  it('is found for files that were swapped, with their seals or without', async () => {
    const swap = (path: (name: string) => string, a: string, b: string): void => {
      renameSync(path(a), `${path(a)}.aside`)
      renameSync(path(b), path(a))
      renameSync(`${path(a)}.aside`, path(b))
    }
    const seal = (name: string): string => name.replace('.ndjson', '.manifest.json')
    const files = dataFiles(await archived(days))
    const [first = '', second = ''] = files.filter((name) => name.endsWith('/0.ndjson'))
    const other = files.find((name) => !name.endsWith('/0.ndjson')) ?? ''
    expect(await change((path) => swap(path, first, second))).not.toEqual([])
    const both = await change((path) => {
      swap(path, first, second)
      swap(path, seal(first), seal(second))
    })
    expect(both.join('\n')).toContain('another file')
    expect(await change((path) => swap(path, first, other))).not.toEqual([])
  })

  it('is found for seals that were forged, with their checksums', async () => {
    const folder = await archived(days)
    const forge = (content: Record<string, unknown>): ReadonlyArray<Record<string, unknown>> => {
      const after = content.after as { heads: Record<string, number>; digests: Record<string, string> }
      const [stream = ''] = Object.keys(after.heads)
      return [
        { ...content, lines: Number(content.lines) + 1 },
        { ...content, earliestAt: 0 },
        { ...content, firstOffset: Number(content.firstOffset) + 1 },
        {
          ...content,
          after: { ...after, heads: { ...after.heads, [stream]: (after.heads[stream] ?? 0) + 1 } },
        },
        { ...content, after: { ...after, digests: { ...after.digests, [stream]: null } } },
        { ...content, after: { ...after, heads: { ...after.heads, other: 7 } } },
        { ...content, before: '0'.repeat(64) },
        { ...content, previous: { day: '2020-01-01', sha256: '0'.repeat(64) } },
      ]
    }
    for (const name of filesOf(folder).filter((file) => file.endsWith('.manifest.json'))) {
      const path = join(folder, name)
      chmodSync(path, 0o640)
      const text = readFileSync(path, 'utf8')
      const { content } = JSON.parse(text) as { content: Record<string, unknown> }
      for (const forged of forge(content)) {
        writeFileSync(
          path,
          `{"content":${JSON.stringify(forged)},"sha256":"${sha256(JSON.stringify(forged))}"}\n`,
        )
        expect([name, forged, (await damagesOf(folder)).length > 0]).toEqual([name, forged, true])
      }
      writeFileSync(path, text)
    }
    expect(await damagesOf(folder)).toEqual([])
  })

  it('is found for a file that nobody of us put there', async () => {
    const found = await change((path, [first = '']) => copyFileSync(path(first), `${path(first)}.bak`))
    expect(found.join('\n')).toContain('an archive puts no such file there')
  })

  it('is found for an archive that was made anew from its middle on, by a hash that was noted', async () => {
    const folder = await archived(days)
    const { head } = (await verified(folder)).partitions[0] ?? { head: '' }
    expect((await verified(folder, [head])).damages).toEqual([])
    expect((await verified(folder, ['0'.repeat(64)])).damages).toHaveLength(1)
  })
})

describe('looking events up in the archive (E4)', () => {
  it('answers by queue, message and time what the topic holds, in the order of the log', async () => {
    const folder = await archived(days)
    const all = days.partitions.flat().toSorted((a, b) => a.position - b.position)
    const message = all.find(({ id }) => id !== undefined)?.id ?? ''
    const noon = START + 1.3 * DAY_MS
    const asked: ReadonlyArray<readonly [ArchiveQuery, (event: (typeof all)[number]) => boolean]> = [
      [{}, () => true],
      [{ queue: 'orders' }, ({ queue }) => queue === 'orders'],
      [{ message }, ({ id }) => id === message],
      [{ from: noon }, ({ at }) => at >= noon],
      [{ to: noon }, ({ at }) => at < noon],
      [
        { from: noon, to: noon + DAY_MS, queue: 'mails' },
        ({ at, queue }) => at >= noon && at < noon + DAY_MS && queue === 'mails',
      ],
    ]
    for (const [given, isIn] of asked) {
      const found = await query(folder, given)
      expect(found.map(({ stream, revision }) => `${stream}/${revision}`)).toEqual(
        all.filter(isIn).map(({ stream, revision }) => `${stream}/${revision}`),
      )
    }
    const [one] = await query(folder, { message })
    expect(JSON.stringify(one?.data)).toBe(all.find(({ id }) => id === message)?.data)
  })

  it('does not pass a line that does not hold', async () => {
    const folder = await archived(topic)
    const [name = ''] = dataFiles(folder)
    const text = readFileSync(join(folder, name), 'utf8')
    writeFileSync(join(folder, name), text.replace('"revision":3', '"revision":4'))
    await expect(query(folder, {})).rejects.toThrow(/damaged/)
  })
})
