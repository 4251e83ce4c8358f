// Queues of the configuration file when a server starts: created, changed, and otherwise left alone.
import { describe, expect, it } from 'vitest'
import { DEFAULT_QUEUE_CONFIG } from '../../domain/queue/index.js'
import { openLedger } from '../../src/api/openLedger.js'
import { openDeclaredQueues } from '../../src/cli/declaredQueues.js'
import type { DeclaredQueue } from '../../src/config/index.js'

const BY = { who: 'tester', why: 'ledgerq.json' }
const declared = (queue: string, settings: DeclaredQueue['settings']): DeclaredQueue => ({
  queue,
  preset: undefined,
  stated: settings,
  settings,
  config: { ...DEFAULT_QUEUE_CONFIG, ...settings } as DeclaredQueue['config'],
})

describe('E19: declared queues', () => {
  it('are created, changed where they differ, and keep what the file does not state', async () => {
    const ledger = await openLedger({ log: { kind: 'memory' } })
    const configOf = async (name: string): Promise<unknown> =>
      (await ledger.queues()).find(({ queue }) => queue === name)?.config
    await ledger.queue('orders', { maxSize: 5, leaseMs: 7_000 })
    await ledger.queue('old', { maxSize: 9 })
    await openDeclaredQueues(
      ledger,
      [declared('orders', { maxSize: 6 }), declared('mail', { leaseMs: 900 })],
      BY,
    )
    expect(await configOf('orders')).toMatchObject({ maxSize: 6, leaseMs: 7_000 })
    expect(await configOf('mail')).toMatchObject({ leaseMs: 900 })
    expect(await configOf('old')).toMatchObject({ maxSize: 9 })

    const { events } = await ledger.events({ from: 0, limit: 100 })
    const configured = events.filter(({ type }) => type === 'QueueConfigured')
    expect(configured.map(({ data }) => data)).toEqual([expect.objectContaining({ by: BY })])
    // A second start finds everything as it should be, and records nothing.
    const before = events.length
    await openDeclaredQueues(ledger, [declared('orders', { maxSize: 6 })], BY)
    expect((await ledger.events({ from: 0, limit: 100 })).events).toHaveLength(before)
    await ledger.close()
  })

  it('with another number of partitions than the queue has refuse the start', async () => {
    const ledger = await openLedger({ log: { kind: 'memory' } })
    await ledger.queue('orders')
    await expect(openDeclaredQueues(ledger, [declared('orders', { partitions: 4 })], BY)).rejects.toThrow(
      /^partitions: accepted is 1, as it is; another number is a resize: ledgerq queue resize NAME --partitions 4/,
    )
    await ledger.close()
  })
})
