// The way to a ledger in EventStoreDB: what is asked for, what is accepted, and what its streams are called.
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import { Connection, connectionProblem } from './connection.js'
import { type LogUnusable, unusable } from './errors.js'
import { loadPackage } from './wire.js'

export type EventStoreLogOptions = Readonly<{
  /** `esdb://user:password@host:2113?tls=true`, `esdb+discover://…`, as the client takes it. */
  connectionString: string
  /** What the names of this ledger's streams begin with, before a dot. Default `ledgerq`. */
  prefix?: string
  /** Bytes of one append at most. Default 1,000,000: the server's own default limit is 1 MiB. */
  appendBytesMax?: number
  /** A call without an answer within this is of unknown outcome. Default 4,000 ms. */
  callTimeoutMs?: number
  /** A read that brings nothing for so long has failed. Default 5,000 ms. */
  readTimeoutMs?: number
  /** A subscription that brings nothing for so long is compared with the log. Default 10,000 ms. */
  stallMs?: number
  onTrouble?: (message: string) => void
  /** Calls back after so long, unless it is taken back. Default: the timers of the process, which do not keep it alive. */
  after?: (ms: number, callback: () => void) => () => void
}>

const DEFAULT_PREFIX = 'ledgerq'
const PREFIX = /^[A-Za-z0-9_-]{1,32}$/
const PREFIX_RULE = 'letters, digits, "_" and "-", 1 to 32 of them'
export const APPEND_BYTES_MAX = 1_000_000
const CALL_TIMEOUT_MS = 4_000
const READ_TIMEOUT_MS = 5_000

/** `~` stands in no prefix: these streams are not among those that are read as the ledger's. */
export const snapshotPrefix = (prefix: string): string => `${prefix.slice(0, -1)}~`

type Way = Readonly<{
  connection: Connection
  /** What the names of the ledger's streams begin with. */
  names: string
  identityStream: string
}>

/** The way to the server; nothing is asked of it yet. */
export const connectTo = async (options: EventStoreLogOptions): Promise<Either<LogUnusable, Way>> => {
  const { connectionString, prefix = DEFAULT_PREFIX, callTimeoutMs = CALL_TIMEOUT_MS } = options
  if (!PREFIX.test(prefix)) return left(unusable(`the prefix is not accepted: ${PREFIX_RULE}`))
  const loaded = await loadPackage()
  const problem = connectionProblem(loaded, connectionString)
  if (problem !== undefined) return left(unusable(`the connection string is not accepted: ${problem}`))
  const times = { callTimeoutMs, idleTimeoutMs: options.readTimeoutMs ?? READ_TIMEOUT_MS }
  const names = `${prefix}.`
  const identityStream = `${snapshotPrefix(names)}ledger`
  return right({ connection: new Connection(loaded, connectionString, times), names, identityStream })
}
