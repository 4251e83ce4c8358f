// Servers as nodes of a cluster: real processes, one EventStoreDB (emulated, a process of its own). F2: any node answers any request,
// and ownership moves by itself; R39: killed and frozen nodes lose nothing that was acknowledged. Nothing here depends on how long a
// thing takes: a node that is slow may be taken for dead, which changes no answer.

import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Ledger } from '../../src/api/types/index.js'
import { connectLedger, UnavailableError, UnknownOutcomeError } from '../../src/index.js'
import { type Program, start as startProgram } from '../cli/ledgerq.js'
import { type EmulatorProcess, startEmulatorProcess } from '../support/eventstoredb/emulatorProcess.js'

const SECRET = 'what only the nodes know'
const TOKEN = 'a-token-of-users'
/** A guard against what never ends; each test starts a process or two on a machine that may have other things to do. */
const GUARD_MS = 300_000

type Node = Readonly<{ url: string; program: Program }>

const closing: Array<() => Promise<unknown>> = []
let emulator: EmulatorProcess
const nodes = new Map<string, Node>()

const freePort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Under the name and at the address that it had before. */
const startNode = async (name: string): Promise<Node> => {
  const url = nodes.get(name)?.url ?? `http://127.0.0.1:${await freePort()}`
  const log = ['--log', emulator.connectionString, '--port', new URL(url).port, '--token', TOKEN]
  const program = startProgram(['serve', ...log, '--cluster', '--node', name, '--advertise', url], {
    LEDGERQ_CLUSTER_SECRET: SECRET,
    LEDGERQ_TENURE_MS: '1000',
  })
  const node = { url, program }
  nodes.set(name, node)
  await program.says(/ledgerq +http/)
  return node
}

const nodeOf = (name: string): Node => {
  const node = nodes.get(name)
  if (node === undefined) throw new Error(`there is no node ${name}`)
  return node
}

beforeAll(async () => {
  emulator = await startEmulatorProcess()
  await Promise.all(['a', 'b'].map(startNode))
}, GUARD_MS)

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

afterAll(async () => {
  for (const { program } of nodes.values()) program.process.kill('SIGKILL')
  await Promise.all([...nodes.values()].map(({ program }) => program.ended))
  await emulator.stop()
})

const connect = (...names: ReadonlyArray<string>): ReturnType<typeof connectLedger> => {
  const urls = names.map((name) => nodeOf(name).url)
  const ledger = connectLedger({ urls, token: TOKEN, timeoutMs: 15_000 })
  closing.push(() => ledger.close())
  return ledger
}

const mayComeBack = (error: unknown): boolean =>
  error instanceof UnavailableError || error instanceof UnknownOutcomeError

/** The same call, under the same key, until its answer is definite. */
const untilDone = async <A>(call: () => Promise<A>): Promise<A> => {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!mayComeBack(error)) throw error
    }
  }
}

/** What was enqueued into queues whose names begin so, as the log tells it. */
const payloadsIn = async (ledger: Ledger, prefix: string): Promise<ReadonlyArray<string>> => {
  const found: string[] = []
  for (let from = 0; ; ) {
    const page = await untilDone(() => ledger.events({ from, limit: 500 }))
    for (const { type, queue = '', data } of page.events)
      if (type === 'MessageEnqueued' && queue.startsWith(prefix))
        found.push(`${queue} ${JSON.stringify((data as { payload: unknown }).payload)}`)
    if (page.atEnd) return found.sort()
    from = page.next
  }
}

const ownerOf = async (ledger: ReturnType<typeof connectLedger>, queue: string): Promise<string> => {
  const { units } = await untilDone(() => ledger.clusterReport())
  return units.find(({ unit }) => unit === `queue/${queue}`)?.node ?? 'nobody'
}

const queuesOf = (prefix: string): ReadonlyArray<string> =>
  ['v', 'w', 'x', 'y'].map((name) => `${prefix}-${name}`)

describe('servers on one EventStoreDB', () => {
  it(
    'F2: each queue has one owner, and every node answers for all of them',
    async () => {
      const [viaA, viaB] = [connect('a'), connect('b')]
      const names = queuesOf('any')
      for (const name of names) await untilDone(() => viaA.queue(name, { leaseMs: 60_000 }))
      for (const name of names) {
        const { id } = await untilDone(() => viaA.knownQueue(name).enqueue({ name }, { id: `one-${name}` }))
        expect(id).toBe(`one-${name}`)
        // The same id over the other node is the same message.
        expect(await untilDone(() => viaB.knownQueue(name).enqueue({ name }, { id }))).toMatchObject({
          duplicate: true,
        })
        const claim = { worker: 'w', claimId: `claim-${name}`, waitMs: 5_000 }
        const [claimed] = await untilDone(() => viaB.knownQueue(name).claim(claim))
        expect(claimed?.payload).toEqual({ name })
        const ack = [{ leaseToken: claimed?.leaseToken ?? '', outcome: 'ack' as const, result: name }]
        expect(await untilDone(() => viaA.knownQueue(name).settle(ack))).toMatchObject([{ ok: true }])
        expect(await untilDone(() => viaB.knownQueue(name).message(id))).toMatchObject({ state: 'succeeded' })
        expect((await untilDone(() => viaA.history(id))).length).toBe(3)
      }
      for (const ledger of [viaA, viaB]) {
        expect((await untilDone(() => ledger.queues())).map(({ queue }) => queue)).toEqual(names)
        const { queues } = await untilDone(() => ledger.stats())
        expect(queues.map(({ succeeded }) => succeeded)).toEqual([1, 1, 1, 1])
        expect((await untilDone(() => ledger.health())).status).toBe('healthy')
        expect((await untilDone(() => ledger.recovery())).partitions).toHaveLength(4)
      }
      await expect(viaB.openQueue('none')).rejects.toMatchObject({ code: 'queue_not_found' })
    },
    GUARD_MS,
  )

  it(
    'C9: follow-ups reach queues of other nodes, once each',
    async () => {
      const ledger = connect('a', 'b')
      const names = queuesOf('then')
      for (const name of names) await untilDone(() => ledger.queue(name))
      const expected: string[] = []
      for (const from of names) {
        const source = ledger.knownQueue(from)
        await untilDone(() => source.enqueue({ from }, { id: `from-${from}` }))
        expected.push(`${from} ${JSON.stringify({ from })}`)
        const [claimed] = await untilDone(() =>
          source.claim({ worker: 'w', id: `from-${from}`, claimId: from }),
        )
        const followUps = [...names, 'then-created'].map((to) => ({ queue: to, payload: { from, to } }))
        const ack = [{ leaseToken: claimed?.leaseToken ?? '', outcome: 'ack' as const, followUps }]
        expect(await untilDone(() => source.settle(ack))).toMatchObject([{ ok: true }])
        for (const { queue, payload } of followUps) expected.push(`${queue} ${JSON.stringify(payload)}`)
      }
      let found: ReadonlyArray<string> = []
      while (found.length < expected.length) found = await payloadsIn(ledger, 'then')
      expect(found).toEqual(expected.sort())
    },
    GUARD_MS,
  )

  it(
    'F2: nobody but a node is believed to be one, and a token is asked for as before',
    async () => {
      const { url } = nodeOf('a')
      const statusOf = async (headers: Readonly<Record<string, string>>): Promise<number> =>
        (await fetch(`${url}/api/v1/cluster`, { headers })).status
      const bearer = { authorization: `Bearer ${TOKEN}` }
      expect(await statusOf({})).toBe(401)
      expect(await statusOf({ 'ledgerq-node': 'b' })).toBe(401)
      expect(await statusOf({ 'ledgerq-node': 'b', 'ledgerq-node-secret': 'a guess' })).toBe(401)
      expect(await statusOf({ ...bearer, 'ledgerq-node': 'b', 'ledgerq-node-secret': 'a guess' })).toBe(401)
      expect(await statusOf(bearer)).toBe(200)
      expect(await statusOf({ 'ledgerq-node': 'b', 'ledgerq-node-secret': SECRET })).toBe(200)
      // What only nodes ask is not there for others.
      const headers = { ...bearer, 'content-type': 'application/json' }
      const followUps = { method: 'POST', body: '{"followUps":[]}', headers }
      expect((await fetch(`${url}/api/v1/queues/x/follow-ups`, followUps)).status).toBe(404)
    },
    GUARD_MS,
  )

  it(
    'F2: a request that was passed on is not passed on again, and says for whom it is asked',
    async () => {
      const ledger = connect('a', 'b')
      await untilDone(() => ledger.queue('hop'))
      const asNode = { 'ledgerq-node': 'c', 'ledgerq-node-secret': SECRET, 'ledgerq-client': '192.0.2.7' }
      const statuses = async (): Promise<ReadonlyArray<number>> =>
        Promise.all(
          ['a', 'b'].map(async (name) => {
            const asked = await fetch(`${nodeOf(name).url}/api/v1/queues/hop:pause`, {
              method: 'POST',
              headers: asNode,
            })
            await asked.text()
            return asked.status
          }),
        )
      // While it moves there may be none that leads it, and never two.
      let seen = await statuses()
      while (!seen.includes(204)) seen = await statuses()
      expect([...seen].sort()).toEqual([204, 421])
      const { events } = await untilDone(() => ledger.events({ limit: 500 }))
      expect(events.find(({ type, queue }) => type === 'QueuePaused' && queue === 'hop')?.data).toMatchObject(
        {
          by: { from: '192.0.2.7' },
        },
      )
    },
    GUARD_MS,
  )

  it(
    '§4.12: workers go on over any node while their queue moves, and handle each message',
    async () => {
      const ledger = connect('a', 'b')
      const queue = await untilDone(() => ledger.queue<{ n: number }>('work'))
      const seen = new Set<number>()
      const worker = queue.process(async ({ payload }) => void seen.add(payload.n), { concurrency: 4 })
      const enqueue = async (from: number): Promise<void> => {
        for (let n = from; n < from + 5; n++) await untilDone(() => queue.enqueue({ n }, { id: `job-${n}` }))
      }
      await enqueue(0)
      const owner = await ownerOf(ledger, 'work')
      nodeOf(owner).program.process.kill('SIGTERM')
      await enqueue(5)
      for (let n = 0; n < 10; n++) await untilDone(() => queue.result(`job-${n}`, { waitMs: 60_000 }))
      await worker.stop()
      expect([...seen].sort((x, y) => x - y)).toEqual(Array.from({ length: 10 }, (_, n) => n))
      expect((await nodeOf(owner).program.ended).code).toBe(0)
      await startNode(owner)
    },
    GUARD_MS,
  )

  it(
    'R39: what is acknowledged stays, once, while nodes are killed, frozen and started again',
    async () => {
      const ledger = connect('a', 'b')
      const names = queuesOf('stay')
      for (const name of names) await untilDone(() => ledger.queue(name))
      const acknowledged: string[] = []
      let n = 0
      const load = async (): Promise<void> => {
        for (const name of names) {
          const payload = { n: n++ }
          await untilDone(() => ledger.knownQueue(name).enqueue(payload, { id: `m${payload.n}` }))
          acknowledged.push(`${name} ${JSON.stringify(payload)}`)
        }
      }
      await load()
      nodeOf('a').program.process.kill('SIGKILL')
      await load()
      await startNode('a')
      const frozen = nodeOf('b').program.process
      frozen.kill('SIGSTOP')
      await load()
      frozen.kill('SIGCONT')
      await load()
      expect(await payloadsIn(ledger, 'stay')).toEqual(acknowledged.sort())
    },
    GUARD_MS,
  )

  it(
    'R44: a node without what it needs does not start, and says what is missing',
    async () => {
      const cluster = ['serve', '--cluster', '--node', 'a']
      const without = startProgram(cluster)
      expect(await without.ended).toMatchObject({ code: 2, err: expect.stringContaining('--log esdb://') })
      const log = ['--log', 'esdb://127.0.0.1:1?tls=false', '--advertise', 'http://127.0.0.1:7654']
      const alone = startProgram([...cluster, ...log])
      expect(await alone.ended).toMatchObject({
        code: 2,
        err: expect.stringContaining('LEDGERQ_CLUSTER_SECRET'),
      })
    },
    GUARD_MS,
  )
})
