// R61: a server that is told to end, and is held up while it does. What was sent to it meanwhile is read before its connections are
// cut.
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectLedger } from '../../src/client/connectLedger.js'
import { toldOf } from '../support/chaosLoad.js'
import { freePort, moment, SERVER, start } from '../support/chaosProcesses.js'

/** Far longer than the server waits for a last request. */
const HELD_UP_MS = 400

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ledgerq-told-to-end-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

test('R61 a request that reached a server while it was held up in its end is answered', async () => {
  const port = await freePort()
  const server = start([SERVER, directory, String(port)], () => undefined)
  await server.ready
  const ledger = connectLedger({ url: `http://127.0.0.1:${port}` })
  // Leaves a connection behind that stays open.
  const queue = await ledger.createQueue('last')
  server.signal('SIGTERM')
  while (await isListening(port));
  server.signal('SIGSTOP')
  const answered = queue.enqueue({ n: 1 }).then(
    () => 'ok',
    (error: unknown) => toldOf(error),
  )
  await moment(HELD_UP_MS)
  server.signal('SIGCONT')
  // Definite only where this process was held up itself, and came when all was over.
  expect(['ok', 'definite']).toContain(await answered)
  expect(await server.ended).toBe(0)
  await ledger.close()
})

test('R61 so is one whose connection nobody had accepted yet', async () => {
  const port = await freePort()
  const server = start([SERVER, directory, String(port)], () => undefined)
  await server.ready
  server.signal('SIGSTOP')
  const ledger = connectLedger({ url: `http://127.0.0.1:${port}` })
  const answered = ledger.knownQueue('last').enqueue({ n: 2 })
  // The system lets it in for the server, which learns of its end at the same time.
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve()
    })
  })
  server.signal('SIGTERM')
  server.signal('SIGCONT')
  expect(await answered).toMatchObject({ duplicate: false })
  expect(await server.ended).toBe(0)
  await ledger.close()
})

test('R61 so are many whose connections nobody had accepted yet, though a turn of the server accepts few', async () => {
  const port = await freePort()
  const server = start([SERVER, directory, String(port)], () => undefined)
  await server.ready
  server.signal('SIGSTOP')
  const ledger = connectLedger({ url: `http://127.0.0.1:${port}` })
  const queue = ledger.knownQueue('last')
  // Enqueues would travel together; each claim has a connection of its own.
  const answered = Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      queue.claim({ worker: `claimer-${n}` }).then(
        () => 'ok',
        (error: unknown) => toldOf(error),
      ),
    ),
  )
  // The last of them to be let in.
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve()
    })
  })
  server.signal('SIGTERM')
  server.signal('SIGCONT')
  expect(new Set(await answered)).toEqual(new Set(['ok']))
  expect(await server.ended).toBe(0)
  await ledger.close()
})
