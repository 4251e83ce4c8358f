// What HTTP costs: calls per second, and CPU per call on both sides, of a client against a server in a process of its own
// on the memory log, so that no disk is in the figures. Run: node dist/bench/micro/httpFrontDoor.js [--json]; RUN_MS sets the
// length of a case, ONLY picks cases by a part of their name; SERVER_ARGS="--cpu-prof" profiles the server, too.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { connectLedger, openLedger, type Queue, startServer } from '../../src/index.js'

const RUN_MS = Number(process.env.RUN_MS ?? 3_000)
const WARM_MS = Math.min(1_000, RUN_MS / 2)
const BATCH = 500
const CONCURRENCY = 100
const payload = { text: 'x'.repeat(107) }

type Figures = Readonly<{
  name: string
  /** A call is what a caller awaits; a job, in the case of a worker. */
  callsPerSecond: number
  serverCpuUsPerCall: number
  clientCpuUsPerCall: number
}>

const serve = async (): Promise<void> => {
  const ledger = await openLedger({ log: { kind: 'memory' } })
  const { url, close } = await startServer(ledger)
  process.on('message', (what) => {
    if (what === 'cpu') process.send?.(process.cpuUsage())
    else void close().then(() => process.exit(0))
  })
  process.send?.({ url })
}

const answerOf = async <A>(server: ChildProcess): Promise<A> => {
  const [answer] = await once(server, 'message')
  return answer as A
}

const cpuOf = async (server: ChildProcess): Promise<number> => {
  const answer = answerOf<NodeJS.CpuUsage>(server)
  server.send('cpu')
  const { user, system } = await answer
  return user + system
}

type Load = Readonly<{ calls: () => number; stop: () => Promise<void> }>

const measure = async (name: string, server: ChildProcess, load: Load): Promise<Figures> => {
  await after(WARM_MS)
  const serverBefore = await cpuOf(server)
  const clientBefore = process.cpuUsage()
  const callsBefore = load.calls()
  const began = performance.now()
  await after(RUN_MS)
  const calls = load.calls() - callsBefore
  const seconds = (performance.now() - began) / 1_000
  const { user, system } = process.cpuUsage(clientBefore)
  const serverCpuUs = (await cpuOf(server)) - serverBefore
  await load.stop()
  return {
    name,
    callsPerSecond: Math.round(calls / seconds),
    serverCpuUsPerCall: Number((serverCpuUs / calls).toFixed(1)),
    clientCpuUsPerCall: Number(((user + system) / calls).toFixed(1)),
  }
}

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const repeated = (callers: number, call: (caller: number) => Promise<unknown>): Load => {
  let calls = 0
  let running = true
  const all = Array.from({ length: callers }, async (_, caller) => {
    while (running) {
      await call(caller)
      calls += 1
    }
  })
  return {
    calls: () => calls,
    stop: async () => {
      running = false
      await Promise.all(all)
    },
  }
}

const enqueueing =
  (callers: number) =>
  async (queue: Queue<unknown>): Promise<Load> =>
    repeated(callers, () => queue.enqueue(payload))

/** As programs do that each have one thing to send: nothing can go together. */
const enqueueingApart =
  (clients: number) =>
  async (queue: Queue<unknown>, url: string): Promise<Load> => {
    const queues = Array.from({ length: clients }, () => connectLedger({ url }).knownQueue(queue.name))
    return repeated(clients, (caller) => (queues[caller] as Queue<unknown>).enqueue(payload))
  }

const batching = async (queue: Queue<unknown>): Promise<Load> => {
  const items = Array.from({ length: BATCH }, () => ({ payload }))
  return repeated(1, () => queue.enqueueBatch(items))
}

/** Filled beforehand with more than it can run in the time. */
const working = async (queue: Queue<unknown>): Promise<Load> => {
  const items = Array.from({ length: 2_000 }, () => ({ payload }))
  for (let n = 0; n < (RUN_MS + WARM_MS) / 50; n++) await queue.enqueueBatch(items)
  let jobs = 0
  const worker = queue.process(
    () => {
      jobs += 1
    },
    { concurrency: CONCURRENCY },
  )
  return { calls: () => jobs, stop: () => worker.stop() }
}

const CASES: ReadonlyArray<readonly [string, (queue: Queue<unknown>, url: string) => Promise<Load>]> = [
  ['enqueue, 1 caller', enqueueing(1)],
  ['enqueue, 50 callers', enqueueing(50)],
  ['enqueue, 50 clients', enqueueingApart(50)],
  [`batch of ${BATCH}, 1 caller`, batching],
  [`worker of ${CONCURRENCY}`, working],
]

const main = async (): Promise<void> => {
  const server = fork(fileURLToPath(import.meta.url), ['server'], {
    execArgv: (process.env.SERVER_ARGS ?? '').split(' ').filter((argument) => argument !== ''),
  })
  const { url } = await answerOf<{ url: string }>(server)
  const remote = connectLedger({ url })
  const figures: Figures[] = []
  for (const [index, [name, start]] of CASES.entries()) {
    if (!name.includes(process.env.ONLY ?? '')) continue
    const queueName = `bench-${index}`
    const queue = await remote.queue(queueName, { maxSize: 10_000_000 })
    figures.push(await measure(name, server, await start(queue, url)))
    await remote.deleteQueue(queueName, { evenIfNotEmpty: true })
  }
  server.send('stop')
  await once(server, 'exit')
  if (process.argv.includes('--json')) console.log(JSON.stringify(figures))
  else console.table(figures)
}

await (process.argv[2] === 'server' ? serve() : main())
