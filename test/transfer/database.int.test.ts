// F5: a move out of EventStoreDB and into it, where somebody has changed what lies there, and where the server misbehaves.
import { rm } from 'node:fs/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { verifyEventStore } from '../../src/adapters/eventstoredb/verify.js'
import { Emulator } from '../support/eventstoredb/emulator.js'
import type { FaultKind } from '../support/eventstoredb/faults.js'
import { batchesIn, type End, goldenDirectory, moveBetween, temporary } from './moving.js'

const open: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const folder = async (): Promise<string> => {
  const path = await temporary()
  open.push(() => rm(path, { recursive: true, force: true }))
  return path
}
const golden = async (name: string): Promise<string> => {
  const directory = await goldenDirectory(name)
  open.push(() => rm(directory, { recursive: true, force: true }))
  return directory
}
const started = async (): Promise<Emulator> => {
  const emulator = await Emulator.start()
  open.push(() => emulator.stop())
  return emulator
}

const database = ({ connectionString }: Emulator, prefix = 'ledgerq'): End => ({
  where: connectionString,
  prefix,
})
const withoutBlobs = true

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

describe('F5: a ledger that an older version wrote, in EventStoreDB', () => {
  it('is proved by the bytes that were recorded, and tells when they or the events beside them were changed', async () => {
    const emulator = await started()
    await moveBetween(await golden('0.1.0-everything'), database(emulator), { withoutBlobs })
    expect(await verifyEventStore({ connectionString: emulator.connectionString })).toMatchObject({
      _tag: 'Right',
    })
    const old = emulator.store.all.filter(({ metadata }) => textOf(metadata).includes('"recorded":"'))
    expect(old.length).toBeGreaterThan(10)
    const away = await folder()
    const changed = async (stream: string, revision: number, from: RegExp, to: string): Promise<void> => {
      const kept = old.find((event) => event.stream === stream && event.revision === revision)
      if (kept === undefined) throw new Error('it was there')
      const [data, metadata] = [textOf(kept.data), textOf(kept.metadata)]
      for (const change of [
        { data: data.replace(from, to) },
        { metadata: metadata.replace(/"recorded":"..../, '"recorded":"AAAA') },
      ]) {
        const bytes = Object.fromEntries(
          Object.entries(change).map(([field, text]) => [field, Buffer.from(text)]),
        )
        emulator.store.tamper(stream, revision, bytes)
        const moving = moveBetween(database(emulator), `${away}/data`, { withoutBlobs })
        await expect(moving).rejects.toMatchObject({
          kind: 'damaged',
          message: /recorded bytes beside the events|digest/,
        })
        expect(await verifyEventStore({ connectionString: emulator.connectionString })).toMatchObject({
          _tag: 'Left',
        })
        emulator.store.tamper(stream, revision, { data: Buffer.from(data), metadata: Buffer.from(metadata) })
      }
    }
    const enqueue = old.find(
      ({ type, data }) => type === 'MessageEnqueued' && textOf(data).includes('"priority":0'),
    )
    if (enqueue === undefined) throw new Error('an enqueue of before was expected')
    await changed(enqueue.stream, enqueue.revision, /"priority":0/, '"priority":9')
    await moveBetween(database(emulator), `${away}/data`, { withoutBlobs })
  })
})

describe('F5: a source in EventStoreDB', () => {
  it('is refused when an event, a digest or a time was changed, or one is missing, with stream and revision', async () => {
    const emulator = await started()
    await moveBetween(await golden('0.1.0-2-killed'), database(emulator))
    const stream = 'ledgerq.partition-jobs~1.0'
    const kept = emulator.store.all.find(
      (event) => event.stream === stream && textOf(event.metadata).includes('"digest"'),
    )
    if (kept === undefined) throw new Error('it was there')
    const away = await folder()
    const { revision } = kept
    const metadata = textOf(kept.metadata)
    for (const [from, to] of [
      [/"digest":"./, '"digest":"z'],
      [/"at":\d/, '"at":2'],
      [/"epoch":\d+/, '"epoch":77'],
    ] as const) {
      emulator.store.tamper(stream, revision, { metadata: Buffer.from(metadata.replace(from, to)) })
      const moving = moveBetween(database(emulator), `${away}/data`)
      await expect(moving, String(from)).rejects.toMatchObject({
        kind: 'damaged',
        message: /partition-jobs~1\.0, revision \d/,
      })
      emulator.store.tamper(stream, revision, { metadata: Buffer.from(metadata) })
    }
    await moveBetween(database(emulator), `${away}/data`)
  })
})

describe('F5: a move into EventStoreDB', () => {
  it('is told as failed when what is read back is not what was written', async () => {
    const emulator = await started()
    const moving = moveBetween(await golden('0.1.0-2-killed'), database(emulator), {
      through: (target) => ({
        ...target,
        finish: async (ending) => {
          const stream = 'ledgerq.partition-jobs~1.0'
          const kept = emulator.store.all.find(
            (event) => event.stream === stream && event.type === 'MessageEnqueued',
          )
          const data = Buffer.from(textOf(kept?.data ?? Buffer.alloc(0)).replace(/"n":\d/, '"n":8'))
          emulator.store.tamper(stream, kept?.revision ?? 0, { data })
          return target.finish(ending)
        },
      }),
    })
    await expect(moving).rejects.toMatchObject({ kind: 'damaged' })
  })

  it.each(['loseReply', 'refuse', 'forgotten', 'killAfter', 'killBefore', 'timeout'] satisfies FaultKind[])(
    'R34: comes through where an append ends with %s, and everything is there once',
    async (kind) => {
      const emulator = await started()
      const home = await golden('0.1.0-2-killed')
      emulator.faults.add({ on: 'append', do: kind, stream: 'ledgerq.', after: 1, times: 1 })
      await moveBetween(home, database(emulator))
      expect(emulator.faults.met.get(kind)).toBe(1)
      const away = `${await folder()}/data`
      await moveBetween(database(emulator), away)
      expect(await batchesIn(away)).toEqual(await batchesIn(home))
    },
  )
})
