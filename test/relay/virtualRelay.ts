// A relay on a fan-out that does as it is told, under a virtual clock.
import { keepAll, recordEncoder } from '../../src/adapters/kafka/records.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { Relay } from '../../src/relay/relay.js'
import type { VirtualClock } from '../../src/testing/virtualClock.js'
import type { FaultyFanOut } from '../support/kafka/faultyFanOut.js'

const TURNS_MAX = 5_000

export const relayOn = (log: EventLog, fanOut: FaultyFanOut, clock: VirtualClock) => {
  const troubles: string[] = []
  const encode = recordEncoder('main', keepAll)
  const onTrouble = (message: string): void => void troubles.push(message)
  const relay = new Relay({ topic: 'events', log, fanOut, clock, encode, onTrouble })
  return { relay, troubles }
}

/** Lets time pass until it is so. */
export const until = async (clock: VirtualClock, is: () => boolean): Promise<void> => {
  for (let turn = 0; !is(); turn++) {
    if (turn === TURNS_MAX) throw new Error('it never came so')
    await clock.advance(1_000)
  }
}
export const hasToldAll = (relay: Relay): boolean => relay.status().shards.every(({ lag }) => lag === 0)
