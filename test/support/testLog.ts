// The log under the tests of the engine and the library, chosen by LEDGERQ_TEST_LOG: in memory unless it says `store` (the adapter of
// EventStoreDB on an emulated server in the same process, without a wire) or `wire` (the same over gRPC: an emulator, or the server
// that EVENTSTORE_URL names). Each log begins empty. How to run them: docs/eventstoredb.md.
import { randomUUID } from 'node:crypto'
import { isLeft } from 'fp-ts/lib/Either.js'
import type { StoreCalls } from '../../src/adapters/eventstoredb/connection.js'
import { EventStoreLog } from '../../src/adapters/eventstoredb/eventLog.js'
import { connectTo } from '../../src/adapters/eventstoredb/way.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { DirectCalls } from './eventstoredb/direct.js'
import { EmulatedStore } from './eventstoredb/store.js'

const KIND = process.env.LEDGERQ_TEST_LOG ?? 'memory'
const MIB = 1_048_576

/** What goes over a wire takes time that no virtual clock knows of: whoever settles waits for it. */
let underWay = 0
const wake: Array<() => void> = []

export const isLogBusy = (): boolean => underWay > 0
export const logAnswers = (): Promise<void> => new Promise((resolve) => wake.push(resolve))

const counted = async <A>(call: () => Promise<A>): Promise<A> => {
  underWay++
  try {
    return await call()
  } finally {
    underWay--
    for (const go of wake.splice(0)) go()
  }
}

const overWire = (calls: StoreCalls): StoreCalls => ({
  append: (...append) => counted(() => calls.append(...append)),
  read: (wish, show) => counted(() => calls.read(wish, show)),
  subscribe: (...wish) => calls.subscribe(...wish),
  delete: (stream) => counted(() => calls.delete(stream)),
  serverVersion: () => calls.serverVersion(),
  // All logs of a test file share the connection.
  close: async () => undefined,
})

let connection: Promise<StoreCalls> | undefined
const connected = async (): Promise<StoreCalls> => {
  // With the packages of gRPC, which no other test needs.
  const { startServer } = await import('./eventstoredb/server.js')
  const { connectionString } = await startServer()
  const way = await connectTo({ connectionString, callTimeoutMs: 60_000, readTimeoutMs: 60_000 })
  if (isLeft(way)) throw new Error(way.left.reason)
  return overWire(way.right.connection)
}

/** It does not listen to what others append: nobody else does. */
const logOn = (calls: StoreCalls): EventLog =>
  new EventStoreLog(calls, `t${randomUUID().slice(0, 8)}.`, { connectionString: '' }, 0).asPort()

export const openTestLog = async (): Promise<EventLog> => {
  switch (KIND) {
    case 'memory':
      return openMemoryLog()
    case 'store': {
      const store = new EmulatedStore({ maxAppendBytes: MIB, sizeCounts: 'all', nowMs: Date.now })
      return logOn(new DirectCalls(store, '').calls)
    }
    case 'wire': {
      connection ??= connected()
      return logOn(await connection)
    }
    default:
      throw new Error(`LEDGERQ_TEST_LOG is memory, store or wire, not ${KIND}`)
  }
}
