// Where a ledger in this process keeps its log and the register of finished messages, and why it cannot be opened.
import { join } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { isFields } from '../../domain/storedFields.js'
import { openEmbeddedLog } from '../adapters/embedded/eventLog.js'
import { openFinishedRegister } from '../adapters/embedded/finishedRegister.js'
import { openMemoryLog } from '../adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../adapters/memory/finishedRegister.js'
import type { EventLog } from '../ports/eventLog.js'
import type { FinishedRegister } from '../ports/finishedRegister.js'
import { UnavailableError } from './errors.js'
import { errorOf } from './refusals.js'

export type LogOptions =
  /** In memory, gone with the process: for tests and for work that may be lost. */
  | Readonly<{ kind: 'memory' }>
  /** In one directory, durable before each answer. `strict` also syncs the head mark (see docs/operations.md). */
  | Readonly<{ kind: 'embedded'; path: string; strict?: boolean; segmentBytes?: number }>

const acceptedLog = (asked: unknown): LogOptions => {
  if (isFields(asked)) {
    const { kind, path } = asked
    if (kind === 'memory' || (kind === 'embedded' && typeof path === 'string' && path !== ''))
      return asked as LogOptions
  }
  const problem = "accepted are { kind: 'memory' } and { kind: 'embedded', path: 'a directory' }"
  throw errorOf({ type: 'Invalid', field: 'log', problem })
}

export const openStores = async (asked: unknown): Promise<{ log: EventLog; register: FinishedRegister }> => {
  const options = acceptedLog(asked)
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
