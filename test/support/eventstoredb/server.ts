// The server that the tests of the EventStoreDB log talk to: an emulator of their own, or the one that EVENTSTORE_URL names. Tests
// that need faults take an `Emulator` themselves, and say so by that.
import { Emulator, type EmulatorOptions } from './emulator.js'

export type TestServer = Readonly<{
  connectionString: string
  /** undefined for a real server. */
  emulator: Emulator | undefined
  stop: () => Promise<void>
}>

export const REAL_SERVER = process.env.EVENTSTORE_URL

export const startServer = async (options: EmulatorOptions = {}): Promise<TestServer> => {
  if (REAL_SERVER !== undefined && REAL_SERVER !== '') {
    return { connectionString: REAL_SERVER, emulator: undefined, stop: async () => undefined }
  }
  const emulator = await Emulator.start(options)
  return { connectionString: emulator.connectionString, emulator, stop: () => emulator.stop() }
}
