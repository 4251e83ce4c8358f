// F4: the command lines of docker-compose.yml, run as processes beside the emulator of EventStoreDB and a real Kafka instead of in
// containers: a message goes in at one node, is worked on at the other, and ends in the counts and in the archive; also when a node is killed.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { verifyArchive } from '../src/consumers/audit/verifyArchive.js'
import { connectLedger, UnavailableError, UnknownOutcomeError } from '../src/index.js'
import { type Program, start } from './cli/ledgerq.js'
import { type ComposeService, composeFile } from './support/composeFile.js'
import { startEmulatorProcess } from './support/eventstoredb/emulatorProcess.js'
import { anyBroker } from './support/kafka/broker.js'

const FILE = fileURLToPath(new URL('../docker-compose.yml', import.meta.url))
const services = composeFile(readFileSync(FILE, 'utf8'))
const TOKEN = 'a-token-of-this-test-alone-00000'
const LOOK_EVERY_MS = 100
/** A guard against what never ends: a dozen programs are started, on a machine that may be busy. */
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

const volumes = mkdtempSync(join(tmpdir(), 'ledgerq-compose-'))
const endings: Array<() => unknown> = [() => rmSync(volumes, { recursive: true, force: true })]
const addresses = new Map<string, string>()
const running = new Map<string, Program>()

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
const serviceOf = (name: string): ComposeService => {
  const service = services.get(name)
  if (service === undefined) throw new Error(`docker-compose.yml has no ${name}`)
  return service
}
/** What a container would see: names of others as their addresses, volumes as folders. */
const asHere = (service: ComposeService, text: string): string => {
  let here = text.replace(/^\$\{LEDGERQ_TOKEN:.*\}$/, TOKEN)
  for (const mount of service.volumes) {
    const [volume = '', path = ''] = mount.split(':')
    mkdirSync(join(volumes, volume), { recursive: true })
    here = here.replaceAll(path, join(volumes, volume))
  }
  for (const [there, address] of addresses) here = here.replaceAll(there, address)
  return here
}
const portOf = (name: string): string =>
  (addresses.get(`${name}:7654`) ?? addresses.get(`${name}:9464`) ?? '').split(':')[1] ?? ''
const until = async (what: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await what())) await pause(LOOK_EVERY_MS)
}
const isHealthy = (name: string): Promise<boolean> =>
  fetch(`http://127.0.0.1:${portOf(name)}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  )

/** As compose would: it is waited for before what depends on it is started. */
const up = async (name: string): Promise<void> => {
  const service = serviceOf(name)
  const environment = Object.fromEntries(
    Object.entries(service.environment).map(([variable, value]) => [variable, asHere(service, value)]),
  )
  const command = service.command.map((argument) => {
    if (argument.startsWith('--port=')) return `--port=${portOf(name)}`
    return argument === '--host=0.0.0.0' ? '--host=127.0.0.1' : asHere(service, argument)
  })
  // A node of a busy machine may be silent for longer than the two seconds that are usual.
  const program = start(command, { ...environment, LEDGERQ_DEAD_AFTER_MS: '10000' })
  running.set(name, program)
  endings.push(() => program.process.kill('SIGKILL'))
  let isOver = false
  void program.ended.then(() => {
    isOver = true
  })
  await until(async () => isOver || (await isHealthy(name)))
  if (isOver) throw new Error(`${name} ended: ${JSON.stringify(await program.ended)}`)
}

/** While a queue moves from node to node, calls are refused, or nobody knows what became of them: with a key they are asked again. */
const again = async <A>(call: () => Promise<A>): Promise<A> => {
  for (;;) {
    try {
      return await call()
    } catch (cause) {
      if (!(cause instanceof UnavailableError || cause instanceof UnknownOutcomeError)) throw cause
      await pause(LOOK_EVERY_MS)
    }
  }
}

const linesIn = (folder: string): string =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ndjson'))
        .map((name) => readFileSync(join(folder, name), 'utf8'))
        .join('')
    : ''
const shown = async (): Promise<string> =>
  (
    await fetch(`http://127.0.0.1:${portOf('metrics')}/metrics`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    })
  ).text()

beforeAll(async () => {
  const broker = await anyBroker()
  endings.push(() => broker.stop())
  const emulator = await startEmulatorProcess()
  endings.push(() => emulator.stop())
  addresses.set('kafka:9092', broker.brokers)
  addresses.set('eventstore:2113', /127\.0\.0\.1:\d+/.exec(emulator.connectionString)?.[0] ?? '')
  for (const node of ['node-a', 'node-b']) addresses.set(`${node}:7654`, `127.0.0.1:${await freePort()}`)
  for (const reader of ['metrics', 'audit']) addresses.set(`${reader}:9464`, `127.0.0.1:${await freePort()}`)
})
afterAll(async () => {
  for (const end of endings.toReversed()) await end()
})

describe('what docker compose up starts', () => {
  it('takes a message at one node, works on it at the other, counts and archives it; also after a node was killed', async () => {
    const secret = serviceOf('cluster-secret')
    const [script = ''] = secret.command
    // Twice, as with a second `docker compose up`: the nodes keep what they know each other by.
    execFileSync(process.execPath, ['-e', asHere(secret, script)])
    const made = readFileSync(join(volumes, 'cluster-secret', 'secret'), 'utf8')
    execFileSync(process.execPath, ['-e', asHere(secret, script)])
    expect(readFileSync(join(volumes, 'cluster-secret', 'secret'), 'utf8')).toBe(made)

    for (const name of ['node-a', 'node-b', 'metrics', 'audit']) await up(name)
    const [a, b] = ['node-a', 'node-b'].map((node) =>
      connectLedger({ url: `http://127.0.0.1:${portOf(node)}`, token: TOKEN }),
    )
    if (a === undefined || b === undefined) throw new Error('no clients')
    const orders = await again(() => b.queue('orders'))
    const worker = orders.process(async () => 'done')
    const sent = await again(async () =>
      (await a.queue('orders')).enqueue({ order: 1 }, { idempotencyKey: 'first' }),
    )
    expect((await again(() => orders.result(sent.id))).state).toBe('succeeded')
    const archive = join(volumes, 'audit', 'archive')
    await until(async () => (await shown()).includes('ledgerq_attempts_succeeded_total{queue="orders"} 1'))
    await until(() =>
      linesIn(archive)
        .split('\n')
        .some((line) => line.includes(sent.id) && line.includes('AttemptSucceeded')),
    )

    // One of them ran the relay: whichever is gone, what is left goes on with everything.
    running.get('node-a')?.process.kill('SIGKILL')
    const after = await again(() => orders.enqueue({ order: 2 }, { idempotencyKey: 'second' }))
    await until(() =>
      linesIn(archive)
        .split('\n')
        .some((line) => line.includes(after.id) && line.includes('AttemptSucceeded')),
    )
    await until(async () => (await shown()).includes('ledgerq_attempts_succeeded_total{queue="orders"} 2'))
    await worker.stop()
    await a.close()
    await b.close()
    for (const name of ['audit', 'metrics', 'node-b']) {
      running.get(name)?.process.kill('SIGTERM')
      expect([name, (await running.get(name)?.ended)?.code]).toEqual([name, 0])
    }
    expect((await verifyArchive(archive))?.damages).toEqual([])
  })
})
