// Whether a ledger can live on this EventStoreDB: asked once, when it is opened, so that it refuses to start with a clear reason
// instead of failing later. Version, limits, the rights of the user, and whose data lies under the prefix.
import { randomUUID } from 'node:crypto'
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import { NO_REVISION } from '../../../domain/batch.js'
import { isFields } from '../../../domain/storedFields.js'
import type { StoreCalls } from './connection.js'
import {
  callFaultOf,
  type LogUnusable,
  type NoLedger,
  type OpenFault,
  unavailable,
  unusable,
} from './errors.js'
import { type FoundEvent, JSON_CONTENT } from './storedEvents.js'

/** Stream reads tell positions from here on. */
const OLDEST_VERSION: readonly [number, number] = [22, 10]
const FORMAT = 1
const LEDGER_TYPE = 'LedgerCreated'
/** A revision that no stream has: an append that expects it is checked in every respect and writes nothing. */
const IMPOSSIBLE_REVISION = 2 ** 50
const EMPTY = new Uint8Array(0)

export type Place = Readonly<{
  /** The stream that says whose ledger this is. */
  identityStream: string
  appendBytesMax: number
}>

const tooOld = (version: string): LogUnusable | undefined => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor, oldestMinor] = OLDEST_VERSION
  const isOld = major < oldestMajor || (major === oldestMajor && minor < oldestMinor)
  // What calls itself 0.0 is a build of somebody's own.
  if (!isOld || major === 0 || Number.isNaN(major)) return undefined
  return unusable(`EventStoreDB ${version} is too old: needed is ${OLDEST_VERSION.join('.')} or later`)
}

/** Resolves with the fault, or with the ledger's id. */
export const checkPlace = async (
  connection: StoreCalls,
  place: Place,
): Promise<Either<OpenFault, string>> => {
  try {
    const version = await connection.serverVersion()
    const fault =
      (version === undefined ? undefined : tooOld(version)) ?? (await checkLimit(connection, place))
    return fault === undefined ? await checkIdentity(connection, place) : left(fault)
  } catch (error) {
    return left(unreachable(error))
  }
}

export const RIGHTS = 'the user needs the rights to read $all and to read and write streams'

type Append = Parameters<StoreCalls['append']>

/** An append that the server looks at as at any other, and refuses for its revision. */
export const impossibleAppend = (id: string, bytes: number): [expected: Append[1], events: Append[2]] => [
  IMPOSSIBLE_REVISION,
  [
    {
      id,
      type: 'LimitProbe',
      contentType: 'application/octet-stream',
      data: Buffer.alloc(bytes),
      metadata: EMPTY,
    },
  ],
]

const checkLimit = async (
  connection: StoreCalls,
  { identityStream, appendBytesMax }: Place,
): Promise<LogUnusable | undefined> => {
  try {
    await connection.append(identityStream, ...impossibleAppend(randomUUID(), appendBytesMax))
    return undefined
  } catch (error) {
    const { kind, reason } = callFaultOf(error)
    if (kind !== 'tooLarge') throw error
    return unusable(
      `the server takes less than ${appendBytesMax} bytes in one append (${reason}): raise MaxAppendSize to its default of 1 MiB, or lower appendBytesMax`,
    )
  }
}

/** The event that says whose ledger lies there; undefined = none does. */
const identityIn = async (connection: StoreCalls, stream: string): Promise<FoundEvent | undefined> => {
  let first: FoundEvent | undefined
  await connection.read({ stream, from: 0, count: 1 }, (event) => {
    first = event
    return true
  })
  return first
}

/** For those who only look: there must be a ledger, and nothing is written. */
export const checkLedgerIsThere = async (
  connection: StoreCalls,
  identityStream: string,
): Promise<OpenFault | NoLedger | undefined> => {
  try {
    const first = await identityIn(connection, identityStream)
    if (first === undefined)
      return { type: 'NoLedger', reason: `no ledger lies there: there is no stream ${identityStream}` }
    const id = ledgerIdIn(identityStream, first)
    return isLeft(id) ? id.left : undefined
  } catch (error) {
    return unreachable(error)
  }
}

const unreachable = (error: unknown): OpenFault => {
  const { kind, reason } = callFaultOf(error)
  return kind === 'denied' ? unusable(`${reason}: ${RIGHTS}`) : unavailable(error)
}

const checkIdentity = async (
  connection: StoreCalls,
  { identityStream }: Place,
): Promise<Either<LogUnusable, string>> => {
  for (;;) {
    const first = await identityIn(connection, identityStream)
    if (first !== undefined) return ledgerIdIn(identityStream, first)
    const data = Buffer.from(JSON.stringify({ format: FORMAT, ledgerId: randomUUID() }))
    // If somebody else is quicker, it is his.
    await connection.append(identityStream, NO_REVISION, [
      { id: randomUUID(), type: LEDGER_TYPE, contentType: JSON_CONTENT, data, metadata: EMPTY },
    ])
  }
}

const LEDGER_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const ledgerIdIn = (stream: string, { type, data }: FoundEvent): Either<LogUnusable, string> => {
  const refuse = (reason: string): Either<LogUnusable, never> => left(unusable(reason))
  if (type !== LEDGER_TYPE)
    return refuse(`the stream ${stream} is not a ledger's: it begins with an event of type ${type}`)
  let stored: unknown
  try {
    stored = JSON.parse(Buffer.from(data).toString('utf8'))
  } catch {
    stored = undefined
  }
  const { format, ledgerId } = isFields(stored) ? stored : {}
  if (format !== FORMAT)
    return refuse(
      `the ledger in ${stream} has format ${String(format)}; this version knows format ${FORMAT} only. Nothing was changed`,
    )
  if (typeof ledgerId !== 'string' || !LEDGER_ID.test(ledgerId))
    return refuse(`the ledger in ${stream} has no id: its first event was changed`)
  return right(ledgerId)
}
