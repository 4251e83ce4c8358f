// Where a ledger in this process keeps its log and the register of finished messages, and why it cannot be opened.
import { join } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { isFields } from '../../domain/storedFields.js'
import { openEmbeddedLog } from '../adapters/embedded/eventLog.js'
import { openFinishedRegister } from '../adapters/embedded/finishedRegister.js'
import { clientAddress, isDatabaseAddress } from '../adapters/eventstoredb/address.js'
import { openMemoryLog } from '../adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../adapters/memory/finishedRegister.js'
import type { EventLog } from '../ports/eventLog.js'
import type { FinishedRegister } from '../ports/finishedRegister.js'
import { UnavailableError } from './errors.js'
import { openLocalViews } from './localViews.js'
import { errorOf } from './refusals.js'

export type LogOptions =
  /** In memory, gone with the process: for tests and for work that may be lost. */
  | Readonly<{ kind: 'memory' }>
  /** In one directory, durable before each answer. `strict` also syncs the head mark (see docs/operations.md). */
  | Readonly<{ kind: 'embedded'; path: string; strict?: boolean; segmentBytes?: number }>
  /**
   * In EventStoreDB 22.10 or later, or KurrentDB, durable as it is configured there (docs/eventstoredb.md). `prefix` begins the
   * names of this ledger's streams; default `ledgerq`. `viewsDirectory`: where this process keeps what it can make anew from the
   * log, so that a start does not read the whole of it; none = in memory.
   */
  | Readonly<{
      kind: 'eventstoredb'
      connectionString: string
      prefix?: string
      appendBytesMax?: number
      viewsDirectory?: string
    }>

const isPath = (value: unknown): value is string => typeof value === 'string' && value !== ''

const acceptedLog = (asked: unknown): LogOptions => {
  if (isFields(asked)) {
    const { kind, path } = asked
    if (kind === 'memory' || (kind === 'embedded' && isPath(path))) return asked as LogOptions
    const { viewsDirectory = './' } = asked
    const hasPlaces = isDatabaseAddress(asked.connectionString) && isPath(viewsDirectory)
    if (kind === 'eventstoredb' && hasPlaces) return asked as LogOptions
  }
  const problem =
    "accepted are { kind: 'memory' }, { kind: 'embedded', path: 'a directory' } and { kind: 'eventstoredb', connectionString: 'esdb://…' }"
  throw errorOf({ type: 'Invalid', field: 'log', problem })
}

type DatabaseOptions = Extract<LogOptions, { kind: 'eventstoredb' }>

/** The package behind it is loaded only here: nobody else pays for it. */
const openDatabase = async ({
  kind: _kind,
  viewsDirectory,
  ...options
}: DatabaseOptions): Promise<Stores> => {
  const { openEventStoreLog } = await import('../adapters/eventstoredb/eventLog.js')
  const connectionString = clientAddress(options.connectionString)
  const opened = await openEventStoreLog({ ...options, connectionString })
  if (isLeft(opened)) throw new UnavailableError(opened.left.reason, { fault: opened.left.type })
  const log = opened.right
  if (viewsDirectory === undefined) return { log, register: memoryFinishedRegister() }
  try {
    const { register, coveredTo } = await openLocalViews(join(viewsDirectory, log.ledgerId))
    for (const [stream, revision] of coveredTo) log.mustReach(stream, revision)
    return { log, register }
  } catch (error) {
    await log.close()
    throw error
  }
}

type Stores = Readonly<{ log: EventLog; register: FinishedRegister }>

export const openStores = async (asked: unknown): Promise<Stores> => {
  const options = acceptedLog(asked)
  if (options.kind === 'eventstoredb') return await openDatabase(options)
  if (options.kind === 'memory') return { log: openMemoryLog(), register: memoryFinishedRegister() }
  const { path: directory, kind: _kind, ...rest } = options
  const opened = await openEmbeddedLog({ directory, ...rest })
  if (isLeft(opened)) {
    throw new UnavailableError(describeOpenFault(opened.left, directory), { fault: opened.left.type })
  }
  return { log: opened.right, register: await openFinishedRegister(join(directory, 'views')) }
}

const describeOpenFault = (
  fault: Readonly<{
    type: string
    reason?: string
    file?: string
    offset?: number
    revision?: number | undefined
  }>,
  directory: string,
): string => {
  switch (fault.type) {
    case 'DirectoryLocked':
      return `the directory ${directory} is in use by another process`
    case 'LogCorrupt':
      return `the log is damaged: ${fault.file} at byte ${fault.offset}, revision ${fault.revision ?? 'unknown'}: ${fault.reason}. It was not opened, and nothing was changed.`
    default:
      return `the directory ${directory} cannot be opened: ${fault.reason ?? fault.type}`
  }
}
