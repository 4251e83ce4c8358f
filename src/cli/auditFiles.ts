// ledgerq audit verify | export: an archive looked at from its files alone, also while a process writes it.
import { resolve } from 'node:path'
import cliProgress from 'cli-progress'
import { describeDamage } from '../consumers/audit/archiveErrors.js'
import { type ArchiveQuery, archiveFacts, queryArchive } from '../consumers/audit/exportArchive.js'
import type { ArchivedLine } from '../consumers/audit/lines.js'
import { type VerifiedArchive, verifyArchive } from '../consumers/audit/verifyArchive.js'
import type { AuditExportOptions, AuditVerifyOptions } from './auditCommand.js'
import type { Context } from './context.js'
import { CommandFailed, EXIT, UsageError } from './exitCode.js'
import { facts, table } from './table.js'
import { failureOf } from './topicConsumers.js'

const MIB = 1_048_576
const HASH = /^[0-9a-f]{64}$/

const folderOf = (dir: string | undefined): string => {
  if (dir === undefined) throw new UsageError('--dir: where the archive is')
  return resolve(dir)
}
const noArchive = (folder: string): CommandFailed =>
  new CommandFailed(EXIT.notFound, `${folder}: there is no archive in it.`)

const progressOf = ({ terminal }: Context) => {
  if (!terminal.isWatched) return undefined
  const bar = new cliProgress.SingleBar(
    {
      stream: terminal.stderr as NodeJS.WriteStream,
      format: '{bar} {percentage}% | {done} MiB | {duration_formatted}',
      clearOnComplete: true,
      hideCursor: true,
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  )
  bar.start(1, 0, { done: '0' })
  return bar
}

const described = (folder: string, verified: VerifiedArchive): string => {
  const { topic, ledger, days, lines, partitions } = verified
  const summary = facts([
    ['sound', folder],
    ['topic', topic],
    ['ledger', ledger],
    ['days', days],
    ['events', lines],
  ])
  const heads = table(partitions, [
    { title: 'partition', cell: ({ partition }) => partition, align: 'right' },
    { title: 'events', cell: ({ lines: count }) => count, align: 'right' },
    { title: 'next offset', cell: ({ nextOffset }) => nextOffset, align: 'right' },
    { title: 'last hash', cell: ({ head }) => head },
  ])
  return `${summary}\n\n${heads}`
}

export const verifyArchiveFiles = async (
  context: Context,
  { dir, anchor }: AuditVerifyOptions,
): Promise<void> => {
  const folder = folderOf(dir)
  const wrong = anchor.find((hash) => !HASH.test(hash))
  if (wrong !== undefined)
    throw new UsageError(`--anchor: accepted are 64 hexadecimal digits: found "${wrong}"`)
  const bar = progressOf(context)
  const verified = await verifyArchive(folder, {
    anchors: anchor,
    onProgress: (bytesDone, bytesTotal) => {
      bar?.setTotal(bytesTotal)
      bar?.update(bytesDone, { done: (bytesDone / MIB).toFixed(1) })
    },
  }).finally(() => bar?.stop())
  if (verified === undefined) throw noArchive(folder)
  const { damages } = verified
  if (damages.length === 0) {
    context.show(verified, () => described(folder, verified))
    return
  }
  if (context.json) context.terminal.out(JSON.stringify(verified))
  throw new CommandFailed(
    EXIT.failed,
    damages.map((damage) => `Damaged: ${describeDamage(damage)}.`).join('\n'),
  )
}

const instant = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const at = /^\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  if (Number.isNaN(at))
    throw new UsageError(`${name}: accepted is a day or an instant, 2026-01-31 or 2026-01-31T12:00:00Z`)
  return at
}

const COLUMNS = [
  'at',
  'queue',
  'id',
  'type',
  'version',
  'stream',
  'revision',
  'position',
  'epoch',
  'data',
  'hash',
] as const

const cell = (value: unknown): string => {
  const text = value === undefined ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
const csvLine = (line: ArchivedLine): string => COLUMNS.map((column) => cell(line[column])).join(',')

export const exportArchiveFiles = async (context: Context, options: AuditExportOptions): Promise<void> => {
  const folder = folderOf(options.dir)
  const { queue, message, format } = options
  const from = instant('--from', options.from)
  const to = instant('--to', options.to)
  const query: ArchiveQuery = {
    ...(queue === undefined ? {} : { queue }),
    ...(message === undefined ? {} : { message }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  }
  const { terminal } = context
  try {
    const known = await archiveFacts(folder)
    if (known === undefined) throw noArchive(folder)
    if (format === 'csv') await terminal.outSlowly(COLUMNS.join(','))
    for await (const line of queryArchive(folder, known, query))
      await terminal.outSlowly(format === 'csv' ? csvLine(line) : JSON.stringify(line))
  } catch (cause) {
    throw failureOf(cause)
  }
}
