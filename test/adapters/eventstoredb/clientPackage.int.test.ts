// What @eventstore/db-client 6.2.1 does that the log has to go round (docs/adr/0010-eventstoredb.md): its own calls against an emulator
// that misbehaves. When one of these fails after an update of the package, the way round may be taken out.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import { afterEach, describe, expect, it } from 'vitest'
import { Emulator, type EmulatorOptions } from '../../support/eventstoredb/emulator.js'

const open: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const start = async (options: EmulatorOptions = {}): Promise<Emulator> => {
  const emulator = await Emulator.start(options)
  open.push(() => emulator.stop())
  return emulator
}
const connect = (emulator: Emulator, more = ''): EventStoreDBClient => {
  const client = EventStoreDBClient.connectionString(`${emulator.connectionString}${more}`)
  // Not waited for: after a clean end of its stream it never resolves.
  open.push(async () => void client.dispose())
  return client
}
const event = (n = 0): ReturnType<typeof jsonEvent> => jsonEvent({ type: 'Counted', data: { n } })
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )
/** Whether it is still open when other calls have run into their own deadline. */
const isPending = async (work: Promise<unknown>, emulator: Emulator): Promise<boolean> => {
  emulator.faults.add({ on: 'append', do: 'silence', times: 1, stream: 'clock' })
  const credentials = { username: 'a', password: 'b' }
  let isOver = false
  const over = (): void => {
    isOver = true
  }
  work.then(over, over)
  await failure(connect(emulator).appendToStream('clock', event(), { credentials, deadline: 300 }))
  return !isOver
}

describe('R41: the batch append of the package', () => {
  it('R41: is taken without credentials of the call, and the unary append with them', async () => {
    const emulator = await start()
    const client = connect(emulator)
    await client.appendToStream('s', event())
    expect(emulator.calls.get('batchAppend')).toBe(1)
    await client.appendToStream('s', event(), { credentials: { username: 'a', password: 'b' } })
    expect(emulator.calls.get('append')).toBe(1)
  })

  it.each(['silence', 'cleanEnd'] as const)(
    'R41: never ends when the server answers with %s, whatever its deadline',
    async (kind) => {
      const emulator = await start()
      emulator.faults.add({ on: 'batchAppend', do: kind, times: 1 })
      const hanging = connect(emulator).appendToStream('s', event(), { deadline: 50 })
      // It is rejected in the end, when the whole process's table is emptied.
      hanging.catch(() => undefined)
      expect(await isPending(hanging, emulator)).toBe(true)
    },
  )

  it('R41: of one client fails because of the connection of another', async () => {
    const [one, two] = [await start(), await start()]
    const [client, stranger] = [connect(one), connect(two)]
    await client.appendToStream('warm', event())
    one.faults.add({ on: 'batchAppend', do: 'silence', stream: 'mine' })
    two.faults.add({ on: 'batchAppend', do: 'loseReply', stream: 'theirs' })
    const mine = failure(client.appendToStream('mine', event()))
    await failure(stranger.appendToStream('theirs', event()))
    expect(await mine).toMatchObject({ type: 'unavailable' })
  })

  it('R41: tells a wrong revision as revision 1 when it is not to throw', async () => {
    const client = connect(await start(), '&throwOnAppendFailure=false')
    await client.appendToStream('s', [event(), event(), event(), event()])
    const refused = await client.appendToStream('s', event(), { expectedRevision: 'no_stream' })
    expect(refused).toMatchObject({ success: false, nextExpectedRevision: 1n })
  })

  it('R41: ends the process when an answer comes that nobody waits for', async () => {
    const emulator = await start()
    emulator.faults.add({ on: 'batchAppend', do: 'foreignReply', after: 1, times: 1 })
    const { code, errors } = await child(emulator, 1)
    expect(code).toBe(1)
    expect(errors).toMatch(/undefined is not iterable/)
  })

  it('R41: leaves rejections unhandled when a connection breaks under more than sixteen calls', async () => {
    const emulator = await start()
    emulator.faults.add({ on: 'batchAppend', do: 'killBefore', after: 1, times: 1 })
    const { code, output } = await child(emulator, 60, 'count')
    expect(code).toBe(0)
    expect(output.unhandled).toBeGreaterThan(0)
  })

  it('R41: keeps a failed look at what the server can, for ever', async () => {
    const emulator = await start()
    emulator.faults.add({ on: 'features', do: 'refuse', times: 1 })
    const client = connect(emulator)
    for (let tries = 0; tries < 3; tries++)
      expect(await failure(client.appendToStream('s', event()))).toMatchObject({ code: 13 })
  })
})

describe('R41: reads and subscriptions of the package', () => {
  it('R41: a read that is left early stays open at the server until it is cancelled', async () => {
    const emulator = await start()
    const client = connect(emulator)
    await client.appendToStream(
      's',
      Array.from({ length: 2_000 }, (_, n) => event(n)),
    )
    const reading = client.readStream('s')
    for await (const _ of reading) break
    await client.appendToStream('s', event())
    expect(emulator.openReads).toBe(1)
    await reading.cancel()
  })

  it('R41: a read of a silent server never ends, whatever its deadline', async () => {
    const emulator = await start()
    emulator.faults.add({ on: 'read', do: 'silence', times: 1 })
    const reading = connect(emulator).readStream('s', { deadline: 50 })
    const first = reading[Symbol.asyncIterator]().next()
    first.catch(() => undefined)
    expect(await isPending(first, emulator)).toBe(true)
    await reading.cancel()
  })

  it('R41: a subscription that dropped says so once, and does not go on', async () => {
    const emulator = await start()
    const client = connect(emulator)
    emulator.faults.add({ on: 'subscribe', do: 'drop', events: 1, times: 1 })
    await client.appendToStream('s', [event(), event()])
    const subscription = client.subscribeToStream('s', { fromRevision: 'start' })
    const errors: unknown[] = []
    let shown = 0
    const dropped = new Promise<void>((resolve) => {
      subscription.on('error', (error) => {
        errors.push(error)
        resolve()
      })
    })
    subscription.on('data', () => {
      shown++
    })
    await dropped
    await client.appendToStream('s', event())
    expect([errors.length, shown, subscription.destroyed]).toEqual([1, 1, false])
    expect(emulator.calls.get('subscribe')).toBe(1)
  })

  it('R41: the revision of metadata is no revision, and a bigint is refused', async () => {
    const emulator = await start()
    const client = connect(emulator)
    await client.appendToStream('s', event())
    await client.setStreamMetadata('s', { maxCount: 5 })
    const [kept] = emulator.store.readStream('$$s') as ReadonlyArray<{ commit: number; revision: number }>
    expect((await client.getStreamMetadata('s')).metastreamRevision).toBe(BigInt(kept?.commit ?? -1))
    expect(kept?.revision).toBe(0)
    const wrong = { truncateBefore: 1n } as unknown as { truncateBefore: number }
    expect(await failure(client.setStreamMetadata('s', wrong))).toBeInstanceOf(Error)
  })
})

type Ended = Readonly<{ code: number | null; errors: string; output: { done: number; unhandled: number } }>

const child = (emulator: Emulator, appends: number, ...more: string[]): Promise<Ended> => {
  const program = fileURLToPath(new URL('../../support/eventstoredb/clientChild.js', import.meta.url))
  const running = spawn(process.execPath, [program, emulator.connectionString, String(appends), ...more])
  let output = ''
  let errors = ''
  running.stdout.on('data', (bytes) => {
    output += String(bytes)
  })
  running.stderr.on('data', (bytes) => {
    errors += String(bytes)
  })
  return new Promise((resolve) => {
    running.once('close', (code) => {
      const found = output === '' ? { done: 0, unhandled: 0 } : JSON.parse(output)
      resolve({ code, errors, output: found as Ended['output'] })
    })
  })
}
