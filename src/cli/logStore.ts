// A log in EventStoreDB or KurrentDB, looked at without a server of ours.
import { isLeft } from 'fp-ts/lib/Either.js'
import { clientAddress } from '../adapters/eventstoredb/address.js'
import { type VerifiedStore, verifyEventStore } from '../adapters/eventstoredb/verify.js'
import { maskedAddress } from '../config/index.js'
import type { Context } from './context.js'
import { CommandFailed, EXIT } from './exitCode.js'
import { facts } from './table.js'
import { byteBar, chainHeads } from './verified.js'

export const verifyStore = async (
  context: Context,
  address: string,
  prefix: string | undefined,
): Promise<void> => {
  const bar = byteBar(context.terminal)
  const store = { connectionString: clientAddress(address), ...(prefix === undefined ? {} : { prefix }) }
  const verified = await verifyEventStore(store, bar.onProgress)
  bar.stop()
  const where = maskedAddress(address)
  if (isLeft(verified)) throw failed(verified.left, where)
  context.show(verified.right, () => described(where, verified.right))
}

type Fault = Readonly<{
  type: string
  reason: string
  stream?: string | undefined
  revision?: number | undefined
  offset?: number
}>

const failed = ({ type, reason, stream, revision, offset }: Fault, where: string): CommandFailed => {
  if (type === 'LogCorrupt') {
    const of = `stream ${stream}, revision ${revision ?? 'unknown'}, commit position ${offset}`
    return new CommandFailed(EXIT.failed, `Damaged: ${where}, ${of}: ${reason}.`)
  }
  return new CommandFailed(type === 'NoLedger' ? EXIT.notFound : EXIT.failed, `${where}: ${reason}.`)
}

const described = (where: string, verified: VerifiedStore): string => {
  const { batches, events, bytes, streams, unprovedBeginnings } = verified
  const summary = facts([
    ['sound', where],
    ['events', events],
    ['batches', batches],
    ['bytes', bytes],
    ['unproved', unprovedBeginnings === 0 ? undefined : `the first batch of ${unprovedBeginnings} streams`],
  ])
  return streams.length === 0 ? summary : `${summary}\n\n${chainHeads(streams)}`
}
