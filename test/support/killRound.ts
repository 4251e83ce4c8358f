// One round of the kill test (R01): clients and workers load a real server over HTTP and write down every answer; the server
// is killed at some moment; then the log on disk is compared with what was answered. Reads only the log and the record
// of answers; shares no code with the engine but the log adapter that opens the files.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { RecordedBatch } from '../../domain/batch.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { startServerProcess } from './serverProcess.js'

export type Answers = {
  /** Numbers in the payloads of messages whose enqueue was answered ok, with their ids. */
  readonly enqueued: Map<number, string>
  /** … that were refused for good: they must never be in the log. */
  readonly refused: Set<number>
  /** Lease tokens whose ack was answered ok. */
  readonly acked: Set<string>
  sent: number
}

export const noAnswers = (): Answers => ({
  enqueued: new Map(),
  refused: new Set(),
  acked: new Set(),
  sent: 0,
})

const QUEUE = 'kill'

type Json = Record<string, unknown>
const post = async (url: string, body: unknown): Promise<{ status: number; json: Json } | undefined> => {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status: response.status, json: (await response.json()) as Json }
  } catch {
    return undefined // The connection broke: the outcome is unknown.
  }
}

const produce = async (url: string, answers: Answers, isOver: () => boolean): Promise<void> => {
  while (!isOver()) {
    const n = ++answers.sent
    const answer = await post(`${url}/api/v1/queues/${QUEUE}/messages`, { payload: { n } })
    if (answer === undefined) return
    if (answer.status === 201) answers.enqueued.set(n, String(answer.json.id))
    else if (answer.json.code !== 'unknown_outcome') answers.refused.add(n)
  }
}

const work = async (url: string, worker: string, answers: Answers, isOver: () => boolean): Promise<void> => {
  while (!isOver()) {
    const claimed = await post(`${url}/api/v1/queues/${QUEUE}/claims`, { max: 20, waitMs: 200, worker })
    if (claimed === undefined) return
    const messages = (claimed.json.messages ?? []) as Array<{ leaseToken: string }>
    if (messages.length === 0) continue
    const settlements = messages.map(({ leaseToken }) => ({ leaseToken, outcome: 'ack' }))
    const settled = await post(`${url}/api/v1/queues/${QUEUE}/settlements`, { settlements })
    if (settled === undefined) return
    for (const result of (settled.json.results ?? []) as Array<{ leaseToken: string; ok: boolean }>) {
      if (result.ok) answers.acked.add(result.leaseToken)
    }
  }
}

/** Loads the server and kills it once `killAfter` messages have been sent. */
export const killUnderLoad = async (
  directory: string,
  answers: Answers,
  killAfter: number,
): Promise<void> => {
  const server = await startServerProcess(directory)
  await fetch(`${server.url}/api/v1/queues/${QUEUE}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ maxSize: 1_000_000 }),
  })
  const until = answers.sent + killAfter
  let killed = false
  const isOver = (): boolean => {
    if (!killed && answers.sent >= until) {
      killed = true
      server.kill('SIGKILL')
    }
    return killed
  }
  const clients = Array.from({ length: 16 }, () => produce(server.url, answers, isOver))
  const workers = ['one', 'two'].map((name) => work(server.url, name, answers, isOver))
  await Promise.all([...clients, ...workers])
  await server.ended
}

export type Findings = Readonly<{
  lost: ReadonlyArray<number>
  phantom: ReadonlyArray<number>
  repeated: ReadonlyArray<number>
  lostAcks: ReadonlyArray<string>
  events: number
}>

/** What the log says about the answers. Throws when the log cannot be opened or its order is broken. */
export const compareWithLog = async (directory: string, answers: Answers): Promise<Findings> => {
  const opened = await openEmbeddedLog({ directory })
  if (isLeft(opened)) throw new Error(`the log does not open: ${JSON.stringify(opened.left)}`)
  const log = opened.right
  const inLog = new Map<number, number>()
  const ackedFences = new Set<string>()
  let events = 0
  try {
    let from = 0
    for (;;) {
      const page = await log.readAll(from, 4_000_000)()
      if (isLeft(page)) throw new Error(JSON.stringify(page.left))
      for (const batch of page.right.batches) {
        if (batch.position !== events) throw new Error(`position ${batch.position} follows ${events} events`)
        events += batch.events.length
        note(batch, inLog, ackedFences)
      }
      from = page.right.next
      if (page.right.atEnd) break
    }
  } finally {
    await log.close()
  }
  return {
    lost: [...answers.enqueued.keys()].filter((n) => !inLog.has(n)),
    phantom: [...answers.refused].filter((n) => inLog.has(n)),
    repeated: [...inLog].filter(([, times]) => times > 1).map(([n]) => n),
    lostAcks: [...answers.acked].filter((token) => !ackedFences.has(token)),
    events,
  }
}

const note = ({ stream, events }: RecordedBatch, inLog: Map<number, number>, acked: Set<string>): void => {
  if (!stream.startsWith('partition-')) return
  for (const event of events) {
    if (event.type === 'MessageEnqueued') {
      const { n } = JSON.parse(event.payload) as { n: number }
      inLog.set(n, (inLog.get(n) ?? 0) + 1)
    }
    if (event.type === 'AttemptSucceeded') {
      acked.add(`${QUEUE}.0.${event.ordinal.toString(36)}.${event.fence.toString(36)}`)
    }
  }
}
