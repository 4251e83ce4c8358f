// The EventStoreDB log over the wire: against the emulator, and against a real server where EVENTSTORE_URL names one.
import { randomUUID } from 'node:crypto'
import { isLeft } from 'fp-ts/lib/Either.js'
import { openEventStoreLog } from '../../../src/adapters/eventstoredb/eventLog.js'
import { describeEventLog, type OpenedLog } from '../../contract/eventLog.contract.js'
import { startServer } from '../../support/eventstoredb/server.js'

const open = async (): Promise<OpenedLog> => {
  const server = await startServer()
  const prefix = `t${randomUUID().slice(0, 8)}`
  const opened = await openEventStoreLog({ connectionString: server.connectionString, prefix })
  if (isLeft(opened)) throw new Error(opened.left.reason)
  return { log: opened.right, dispose: server.stop }
}

describeEventLog('EventStoreDB log', open, 'ascending')
