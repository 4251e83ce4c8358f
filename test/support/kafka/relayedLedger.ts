// A ledger whose events are passed on to a fan-out in memory: everything of a server but the brokers.
import { memoryFinishedRegister } from '../../../src/adapters/memory/finishedRegister.js'
import { type LedgerOptions, openLedgerOn } from '../../../src/api/openLedger.js'
import { relayedLog } from '../../../src/api/relayedLog.js'
import type { Ledger } from '../../../src/api/types/index.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import type { FanOut } from '../../../src/ports/fanOut.js'

export type RelayedLedger = Readonly<{ ledger: Ledger; log: EventLog; troubles: ReadonlyArray<string> }>

export const openRelayedLedger = async (
  stored: EventLog,
  fanOut: FanOut,
  options: Omit<LedgerOptions, 'log' | 'kafka'> = {},
): Promise<RelayedLedger> => {
  const troubles: string[] = []
  const kafka = { brokers: ['127.0.0.1:1'], topic: 'events' }
  const tell = (message: string): void => void troubles.push(message)
  const relayed = relayedLog(stored, { ...options, kafka }, tell, () => Promise.resolve(fanOut))
  const ledger = await openLedgerOn(relayed.log, memoryFinishedRegister(), { logging: false, ...options })
  relayed.start(ledger.cluster)
  return { ledger, log: relayed.log, troubles }
}
