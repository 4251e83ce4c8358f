// The files of a log, looked at without a server.
import { resolve } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { identify } from '../adapters/embedded/directory.js'
import { openEmbeddedLog } from '../adapters/embedded/eventLog.js'
import { type Verified, verify } from '../adapters/embedded/verify.js'
import { readEvents } from '../api/logEvents.js'
import { LogFault } from '../engine/recovery.js'
import type { Context } from './context.js'
import { CommandFailed, EXIT } from './exitCode.js'
import type { EventSource } from './logTail.js'
import { facts, grouped } from './table.js'
import { byteBar, chainHeads } from './verified.js'

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

export const verifyLog = async (context: Context, place: string): Promise<void> => {
  const directory = resolve(place)
  const bar = byteBar(context.terminal)
  const verified = await verify(directory, bar.onProgress)
  bar.stop()
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
  return streams.length === 0 ? summary : `${summary}\n\n${chainHeads(streams)}`
}

/** The events of a directory, for as long as `use` runs. */
export const withLogOf = async (data: string, use: (events: EventSource) => Promise<void>): Promise<void> => {
  const directory = resolve(data)
  // Opening would make a new log of an empty directory.
  const identity = await identify(directory)
  if (isLeft(identity)) throw failed(identity.left, directory)
  if (identity.right === 'new')
    throw new CommandFailed(EXIT.notFound, `${directory}: there is no ledger in it.`)
  const opened = await openEmbeddedLog({ directory })
  if (isLeft(opened)) throw failed(opened.left, directory)
  const log = opened.right
  try {
    await use({
      end: async () => log.condition().nextPosition,
      page: async (from, limit) => {
        try {
          return await readEvents(log, { from, limit })
        } catch (error) {
          throw error instanceof LogFault ? failed(error.fault, directory) : error
        }
      },
    })
  } finally {
    await log.close()
  }
}
