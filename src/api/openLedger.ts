import { isFields } from '../../domain/storedFields.js'
import type { ClusterOptions } from '../cluster/options.js'
import type { Blobs } from '../engine/blobPayloads.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import type { FinishedRegister } from '../ports/finishedRegister.js'
import type { Ids } from '../ports/ids.js'
import { accepted } from './acceptedOptions.js'
import { openBlobs } from './blobs.js'
import { LocalLedger } from './localLedger.js'
import { type GuardOptions, withLogGuard } from './logGuard.js'
import { type LoggedOptions, loggedLedger } from './loggedLedger.js'
import { type RelayOptions, relayedLog } from './relayedLog.js'
import { type LogOptions, openStores } from './stores.js'
import { blobDirectory, withStreamPrefix } from './streamPrefix.js'
import type { BlobOptions } from './types/blobs.js'
import type { Ledger } from './types/index.js'
import type { LifecycleOptions } from './types/lifecycle.js'

export type { LogOptions }

export type LedgerOptions = BlobOptions &
  GuardOptions &
  LifecycleOptions &
  LoggedOptions &
  RelayOptions &
  OwnOptions

type OwnOptions = Readonly<{
  log: LogOptions
  /** Name of this node in the log. Default: the host's name. */
  node?: string
  /** A snapshot per partition after this many events. Default 500,000. */
  snapshotEveryEvents?: number
  /** Payloads of waiting messages kept in memory, per partition. Default 64 MiB; beyond it they are read from the log. */
  payloadCacheBytes?: number
  /** Troubles beside calls: a partition that stopped or was opened anew. They are logged, too (see `logging`). */
  onTrouble?: (trouble: Trouble) => void
  /** This process is one of several on the log, which is EventStoreDB then; `node` names it among them (docs/cluster.md). */
  cluster?: ClusterOptions
  clock?: Clock
  ids?: Ids
}>

/** `partition` -1 = the queue as a whole: one of its schedules. */
export type Trouble = Readonly<{ queue: string; partition: number; message: string; final: boolean }>

/** All there are: the compiler asks for each. */
const OPTIONS: Readonly<Record<keyof LedgerOptions, true>> = {
  log: true,
  node: true,
  snapshotEveryEvents: true,
  payloadCacheBytes: true,
  onTrouble: true,
  cluster: true,
  kafka: true,
  clock: true,
  ids: true,
  logging: true,
  logGuard: true,
  blobs: true,
  claimCheckAboveBytes: true,
  blobBytesMax: true,
  autoCreateQueues: true,
  streamPrefix: true,
}

/** Rejects with an `UnavailableError` that names the cause: directory in use, damage with file and offset, no permission. */
export const openLedger = async (options: LedgerOptions): Promise<Ledger> => {
  if (isFields(options)) accepted('options', options, Object.keys(OPTIONS))
  const { log, register } = await openStores((options as LedgerOptions | undefined)?.log)
  try {
    const directory = options.log.kind === 'embedded' ? blobDirectory(options.log.path, options) : undefined
    const blobs = await openBlobs(options, directory)
    return await openOn(log, register, options, blobs)
  } catch (error) {
    await register.close()
    await log.close()
    throw error
  }
}

/** The same on stores that are open already; closing the ledger closes them. */
export const openLedgerOn = async (
  log: EventLog,
  register: FinishedRegister,
  options: Omit<LedgerOptions, 'log'>,
): Promise<Ledger> => openOn(log, register, options, await openBlobs(options, undefined))

const openOn = async (
  log: EventLog,
  register: FinishedRegister,
  options: Omit<LedgerOptions, 'log'>,
  blobs: Blobs | undefined,
): Promise<Ledger> => {
  const named = withStreamPrefix({ log: withLogGuard(log, options), register }, options)
  // The cluster looks at the log itself: a guard that lets nobody through for seconds would make a node seem dead.
  const bare = withStreamPrefix({ log, register }, options).log
  const seat = options.cluster === undefined ? undefined : { log: bare, options: options.cluster }
  return loggedLedger(named.log, options, async (watched, onTrouble) => {
    const tell = (message: string): void => onTrouble({ queue: '', partition: -1, message, final: false })
    watched.onTrouble?.(tell)
    const relayed = relayedLog(watched, options, tell)
    const ledger = await LocalLedger.open(relayed.log, named.register, { ...options, onTrouble }, blobs, seat)
    relayed.start(ledger.cluster)
    return ledger
  })
}
