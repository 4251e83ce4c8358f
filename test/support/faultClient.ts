// A client that writes down every answer, and what the log says about them afterwards: an ok has to be there, a definite
// failure must not. Shares no code with the engine but the adapter that opens the files.
import { type Agent, request } from 'node:http'
import { isLeft } from 'fp-ts/lib/Either.js'
import type { RecordedBatch } from '../../domain/batch.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { verify } from '../../src/adapters/embedded/verify.js'

export type HttpAnswer = Readonly<{ status: number; json: Readonly<Record<string, unknown>> }>
/** `undefined` = the connection broke, so the outcome is unknown. */
export type Answer = HttpAnswer | undefined

export type Leased = Readonly<{ id: string; leaseToken: string; attempt: number; payload: { n: number } }>

export class FaultClient {
  /** Numbers in the payloads of messages, by what was answered. */
  readonly ok = new Set<number>()
  readonly refused = new Set<number>()
  readonly unknown = new Set<number>()
  readonly acked = new Set<number>()
  private sent = 0
  url = ''

  /** With an agent all goes over its connections. */
  constructor(
    readonly queue = 'orders',
    private readonly agent?: Agent,
  ) {}

  ask(method: string, path: string, body?: unknown): Promise<Answer> {
    return new Promise((resolve) => {
      const url = new URL(path, this.url)
      const headers = body === undefined ? {} : { 'content-type': 'application/json' }
      const asked = request(url, {
        method,
        headers,
        ...(this.agent === undefined ? {} : { agent: this.agent }),
      })
      asked.on('error', () => resolve(undefined))
      asked.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('error', () => resolve(undefined))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, json: text === '' ? {} : JSON.parse(text) }),
        )
      })
      asked.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  get path(): string {
    return `/api/v1/queues/${this.queue}`
  }

  async create(settings: unknown = {}): Promise<void> {
    const answer = await this.ask('PUT', this.path, settings)
    if (answer === undefined || answer.status >= 300) throw new Error(JSON.stringify(answer))
  }

  async enqueue(over: Readonly<Record<string, unknown>> = {}, filler = ''): Promise<Answer> {
    const n = ++this.sent
    const answer = await this.ask('POST', `${this.path}/messages`, { payload: { n, filler }, ...over })
    this.note(n, answer)
    return answer
  }

  /** A batch of messages; answers the statuses of the call and how many of them were accepted. */
  async enqueueMany(count: number): Promise<Answer> {
    const first = this.sent + 1
    this.sent += count
    const messages = Array.from({ length: count }, (_, i) => ({ payload: { n: first + i } }))
    const answer = await this.ask('POST', `${this.path}/messages:batch`, { messages })
    const results = (answer?.json.results ?? []) as Array<{
      id?: string
      error?: { code: string; unknown: boolean }
    }>
    for (let i = 0; i < count; i++) {
      const result = results[i]
      if (result?.id !== undefined) this.ok.add(first + i)
      else if (result?.error?.unknown === false || (answer !== undefined && answer.status < 500))
        this.refused.add(first + i)
      else this.note(first + i, answer)
    }
    return answer
  }

  private note(n: number, answer: Answer): void {
    if (answer === undefined || answer.json.code === 'unknown_outcome') this.unknown.add(n)
    else if (answer.status < 300) this.ok.add(n)
    else this.refused.add(n)
  }

  async claim(over: Readonly<Record<string, unknown>> = {}): Promise<ReadonlyArray<Leased>> {
    const answer = await this.ask('POST', `${this.path}/claims`, { max: 1, worker: 'w', ...over })
    return (answer?.json.messages ?? []) as ReadonlyArray<Leased>
  }

  /** True once it is recorded. */
  async ack({ leaseToken, payload }: Leased): Promise<boolean> {
    const settlements = [{ leaseToken, outcome: 'ack' }]
    const answer = await this.ask('POST', `${this.path}/settlements`, { settlements })
    const [result] = (answer?.json.results ?? []) as Array<{ ok: boolean }>
    if (result?.ok === true) this.acked.add(payload.n)
    return result?.ok === true
  }
}

export type Judgement = Readonly<{
  lost: ReadonlyArray<number>
  phantom: ReadonlyArray<number>
  repeated: ReadonlyArray<number>
  lostAcks: ReadonlyArray<number>
}>
export const NOTHING_WRONG: Judgement = { lost: [], phantom: [], repeated: [], lostAcks: [] }

/** Every batch in the order of the log. Throws when it does not verify or does not open. */
export const batchesOfDirectory = async (
  directory: string,
  options: Readonly<{ segmentBytes?: number }> = {},
): Promise<ReadonlyArray<RecordedBatch>> => {
  const proved = await verify(directory)
  if (isLeft(proved)) throw new Error(`the log does not verify: ${JSON.stringify(proved.left)}`)
  const opened = await openEmbeddedLog({ directory, ...options })
  if (isLeft(opened)) throw new Error(`the log does not open: ${JSON.stringify(opened.left)}`)
  const log = opened.right
  const batches: RecordedBatch[] = []
  try {
    for (let from = 0; ; ) {
      const page = await log.readAll(from, 4_000_000)()
      if (isLeft(page)) throw new Error(JSON.stringify(page.left))
      batches.push(...page.right.batches)
      from = page.right.next
      if (page.right.atEnd) return batches
    }
  } finally {
    await log.close()
  }
}

/** The answers against the log that is left when the server is gone. */
export const judge = async (
  directory: string,
  client: FaultClient,
  options: Readonly<{ segmentBytes?: number }> = {},
): Promise<Judgement> => {
  const times = new Map<number, number>()
  const byOrdinal = new Map<number, number>()
  const succeeded = new Set<number>()
  for (const { stream, events } of await batchesOfDirectory(directory, options)) {
    if (!stream.startsWith(`partition-${client.queue}~`)) continue
    for (const event of events) {
      if (event.type === 'MessageEnqueued') {
        const { n } = JSON.parse(event.payload) as { n?: number }
        if (n === undefined) continue
        times.set(n, (times.get(n) ?? 0) + 1)
        byOrdinal.set(event.ordinal, n)
      }
      if (event.type === 'AttemptSucceeded') succeeded.add(byOrdinal.get(event.ordinal) ?? Number.NaN)
    }
  }
  return {
    lost: [...client.ok].filter((n) => !times.has(n)),
    phantom: [...client.refused].filter((n) => times.has(n)),
    repeated: [...times].filter(([, count]) => count > 1).map(([n]) => n),
    lostAcks: [...client.acked].filter((n) => !succeeded.has(n)),
  }
}
