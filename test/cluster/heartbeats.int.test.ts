// Signs of life, in memory and in EventStoreDB (the emulator): the last one of a node counts, with whom it cannot reach.
import { isLeft, right } from 'fp-ts/lib/Either.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEventStoreLog } from '../../src/adapters/eventstoredb/eventLog.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import type { Heartbeats } from '../../src/ports/heartbeats.js'
import { type EmulatorProcess, startEmulatorProcess } from '../support/eventstoredb/emulatorProcess.js'

let emulator: EmulatorProcess
const logs: EventLog[] = []
beforeAll(async () => {
  emulator = await startEmulatorProcess()
}, 120_000)
afterAll(async () => {
  for (const log of logs) await log.close()
  await emulator.stop()
})

const inStore = async (): Promise<EventLog> => {
  const opened = await openEventStoreLog({ connectionString: emulator.connectionString })
  if (isLeft(opened)) throw new Error('the emulator answers')
  return opened.right
}

const beatsOf = async (open: () => Promise<EventLog>): Promise<Heartbeats> => {
  const log = await open()
  logs.push(log)
  if (log.heartbeats === undefined) throw new Error('this log carries signs of life')
  return log.heartbeats
}

describe.each([
  { where: 'memory', open: async () => openMemoryLog() },
  { where: 'EventStoreDB', open: inStore },
])('F2: signs of life in $where', ({ open }) => {
  it('F2: are those of each node, the last one of it', async () => {
    const beats = await beatsOf(open)
    expect(await beats.last('a')()).toEqual(right(undefined))
    for (let count = 1; count <= 5; count++) await beats.beat('a', { incarnation: 'a1', count })()
    await beats.beat('b', { incarnation: 'b1', count: 7 })()
    expect(await beats.last('a')()).toEqual(right({ incarnation: 'a1', count: 5 }))
    expect(await beats.last('b')()).toEqual(right({ incarnation: 'b1', count: 7 }))
  })

  it('F2: say which of the others the node cannot reach, while it cannot', async () => {
    const beats = await beatsOf(open)
    await beats.beat('c', { incarnation: 'c1', count: 1, unreached: ['a', 'b'] })()
    expect(await beats.last('c')()).toEqual(right({ incarnation: 'c1', count: 1, unreached: ['a', 'b'] }))
    await beats.beat('c', { incarnation: 'c1', count: 2 })()
    expect(await beats.last('c')()).toEqual(right({ incarnation: 'c1', count: 2 }))
  })
})
