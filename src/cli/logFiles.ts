// The files of a log, looked at without a server.
import { resolve } from 'node:path'
import cliProgress from 'cli-progress'
import { isLeft } from 'fp-ts/lib/Either.js'
import { encodeEvent } from '../../domain/codecs.js'
import { identify } from '../adapters/embedded/directory.js'
import { openEmbeddedLog } from '../adapters/embedded/eventLog.js'
import { type Verified, verify } from '../adapters/embedded/verify.js'
import type { EventLog } from '../ports/eventLog.js'
import type { Context } from './context.js'
import { CommandFailed, EXIT } from './exitCode.js'
import { facts, grouped, table } from './table.js'
import { printable } from './terminal.js'

export type DataOptions = Readonly<{ data?: string }>
export type TailOptions = DataOptions & Readonly<{ limit: number; stream?: string }>

const directoryOf = (context: Context, options: DataOptions): string =>
  resolve(options.data ?? context.config.dataDirectory)

type Fault = Readonly<{
  type: string
  reason?: string
  file?: string
  offset?: number
  revision?: number | undefined
  stream?: string | undefined
}>

const failed = (fault: Fault, directory: string): CommandFailed => {
  if (fault.type === 'LogCorrupt') {
    const of =
      fault.stream === undefined ? '' : `, stream ${fault.stream}, revision ${fault.revision ?? 'unknown'}`
    return new CommandFailed(
      EXIT.failed,
      `Damaged: ${fault.file} at byte ${fault.offset}${of}: ${fault.reason}.`,
    )
  }
  if (fault.type === 'DirectoryLocked') {
    return new CommandFailed(EXIT.conflict, `The directory ${directory} is in use by another process.`)
  }
  const code = fault.type === 'ForeignDirectory' ? EXIT.notFound : EXIT.failed
  return new CommandFailed(code, `${directory}: ${fault.reason ?? fault.type}.`)
}

const MIB = 1_048_576
const inMib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`

export const verifyLog = async (context: Context, options: DataOptions): Promise<void> => {
  const directory = directoryOf(context, options)
  const { terminal } = context
  const bar = terminal.isWatched
    ? new cliProgress.SingleBar(
        {
          stream: terminal.stderr as NodeJS.WriteStream,
          format: '{bar} {percentage}% | {done} of {all} | {duration_formatted}',
          clearOnComplete: true,
          hideCursor: true,
          gracefulExit: false,
        },
        cliProgress.Presets.shades_classic,
      )
    : undefined
  bar?.start(1, 0, { done: inMib(0), all: '?' })
  const verified = await verify(directory, (bytesDone, bytesTotal) => {
    bar?.setTotal(bytesTotal)
    bar?.update(bytesDone, { done: inMib(bytesDone), all: inMib(bytesTotal) })
  })
  bar?.stop()
  if (isLeft(verified)) throw failed(verified.left, directory)
  context.show(verified.right, () => described(directory, verified.right))
}

const described = (directory: string, verified: Verified): string => {
  const { segments, frames, batches, events, bytes, streams, unfinishedBytes } = verified
  const summary = facts([
    ['sound', directory],
    ['events', events],
    ['batches', batches],
    ['commits', frames],
    ['segments', segments],
    ['bytes', bytes],
    [
      'unfinished',
      unfinishedBytes === 0 ? undefined : `${grouped(unfinishedBytes)} bytes of a commit nobody was told of`,
    ],
  ])
  if (streams.length === 0) return summary
  const heads = table(streams, [
    { title: 'stream', cell: ({ stream }) => stream },
    { title: 'head', cell: ({ head }) => head, align: 'right' },
    { title: 'hash chain', cell: ({ digest }) => digest },
  ])
  return `${summary}\n\n${heads}`
}

const PAGE_BYTES = 1_048_576

export const tailLog = async (context: Context, options: TailOptions): Promise<void> => {
  const directory = directoryOf(context, options)
  // Opening would make a new log of an empty directory.
  const identity = await identify(directory)
  if (isLeft(identity)) throw failed(identity.left, directory)
  if (identity.right === 'new')
    throw new CommandFailed(EXIT.notFound, `${directory}: there is no ledger in it.`)
  const opened = await openEmbeddedLog({ directory })
  if (isLeft(opened)) throw failed(opened.left, directory)
  const log = opened.right
  try {
    await printLast(context, log, options)
  } finally {
    await log.close()
  }
}

const printLast = async (context: Context, log: EventLog, { limit, stream }: TailOptions): Promise<void> => {
  const { nextPosition } = log.condition()
  let from = Math.max(0, nextPosition - limit)
  const first = from
  while (from < nextPosition) {
    const page = await log.readAll(from, PAGE_BYTES)()
    if (isLeft(page)) throw failed(page.left, 'The log')
    for (const batch of page.right.batches) {
      for (const [index, event] of batch.events.entries()) {
        const position = batch.position + index
        if (position < first || (stream !== undefined && batch.stream !== stream)) continue
        const { type, data } = encodeEvent(event)
        const entry = {
          position,
          at: new Date(batch.at).toISOString(),
          stream: batch.stream,
          revision: batch.firstRevision + index,
          type,
          data,
        }
        await context.terminal.outSlowly(context.json ? JSON.stringify(entry) : lineOf(entry))
      }
    }
    if (page.right.atEnd || page.right.next <= from) break
    from = page.right.next
  }
}

type Entry = Readonly<{
  position: number
  at: string
  stream: string
  revision: number
  type: string
  data: unknown
}>

const lineOf = ({ position, at, stream, revision, type, data }: Entry): string =>
  printable(`${position}  ${at}  ${stream}@${revision}  ${type}  ${JSON.stringify(data)}`)
