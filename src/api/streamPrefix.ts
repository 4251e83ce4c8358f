// The stores of a ledger whose streams carry a prefix in the log.
import { join } from 'node:path'
import { prefixedEventLog } from '../adapters/prefixed/eventLog.js'
import { prefixedFinishedRegister } from '../adapters/prefixed/finishedRegister.js'
import { isStreamPrefix, STREAM_PREFIX_RULE, streamNamePrefix } from '../adapters/prefixed/names.js'
import type { EventLog } from '../ports/eventLog.js'
import type { FinishedRegister } from '../ports/finishedRegister.js'
import { errorOf } from './refusals.js'
import type { LifecycleOptions } from './types/lifecycle.js'

type Stores = Readonly<{ log: EventLog; register: FinishedRegister }>

/** @throws RefusedError when it is no prefix */
export const withStreamPrefix = (stores: Stores, { streamPrefix }: LifecycleOptions): Stores => {
  if (streamPrefix === undefined) return stores
  if (!isStreamPrefix(streamPrefix)) {
    throw errorOf({ type: 'Invalid', field: 'streamPrefix', problem: `accepted are ${STREAM_PREFIX_RULE}` })
  }
  const prefix = streamNamePrefix(streamPrefix)
  const { log, register } = stores
  return { log: prefixedEventLog(log, prefix), register: prefixedFinishedRegister(register, prefix) }
}

/** Blobs of each prefix lie apart: the collection of one ledger must not take what another one's events name. */
export const blobDirectory = (directory: string, { streamPrefix }: LifecycleOptions): string =>
  isStreamPrefix(streamPrefix) ? join(directory, `of-${streamPrefix}`) : directory
