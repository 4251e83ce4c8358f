// Emulators and logs on them for one file of tests: all that was opened is closed after each test.
import { isLeft } from 'fp-ts/lib/Either.js'
import { afterEach } from 'vitest'
import {
  type EventStoreLedgerLog,
  type EventStoreLogOptions,
  openEventStoreLog,
} from '../../../src/adapters/eventstoredb/eventLog.js'
import { Emulator, type EmulatorOptions } from '../../support/eventstoredb/emulator.js'

/** Nothing ends by a timer. */
const LONG = { callTimeoutMs: 60_000, readTimeoutMs: 60_000 }
/** Of tests that wait for our own timer. A machine that is busy may need longer for what nobody holds up: then it is asked again. */
export const SHORT = { callTimeoutMs: 400, readTimeoutMs: 2_000 }

export type LogOptions = Partial<EventStoreLogOptions>

export type Emulated = Readonly<{
  start: (options?: EmulatorOptions) => Promise<Emulator>
  opening: (emulator: Emulator, options?: LogOptions) => ReturnType<typeof openEventStoreLog>
  logOn: (emulator: Emulator, options?: LogOptions) => Promise<EventStoreLedgerLog>
  atEnd: (close: () => Promise<unknown>) => void
}>

export const emulated = (): Emulated => {
  const open: Array<() => Promise<unknown>> = []
  const atEnd = (close: () => Promise<unknown>): void => void open.push(close)
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close()
  })
  const opening: Emulated['opening'] = async ({ connectionString }, options = {}) => {
    const opened = await openEventStoreLog({ connectionString, ...LONG, ...options })
    if (!isLeft(opened)) atEnd(() => opened.right.close())
    return opened
  }
  return {
    atEnd,
    opening,
    start: async (options = {}) => {
      const emulator = await Emulator.start(options)
      atEnd(() => emulator.stop())
      return emulator
    },
    logOn: async (emulator, options = {}) => {
      let opened = await opening(emulator, options)
      while (isLeft(opened) && opened.left.type === 'LogUnavailable')
        opened = await opening(emulator, options)
      if (isLeft(opened)) throw new Error(opened.left.reason)
      return opened.right
    },
  }
}

/** Looks again and again until it is so; the test's own limit ends what never comes. */
export const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}
