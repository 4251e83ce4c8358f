// The connection to EventStoreDB: unary appends and bounded reads, each with a timer of its own, and a new client when the old one
// no longer answers. Nothing is repeated here but reads, which may be (§5): an append whose answer is lost is the writer's to repeat.
import type { EventStoreDBClient } from '@eventstore/db-client'
import { NO_REVISION } from '../../../domain/batch.js'
import { callFaultOf, NoAnswer, reasonOf } from './errors.js'
import { encodeProposed } from './protobuf.js'
import type { FoundEvent, OutgoingEvent } from './storedEvents.js'
import {
  appendHeader,
  type ClientInside,
  insideOf,
  isEvent,
  type Package,
  type ReadAnswer,
  type ReadWish,
  readRequest,
  startAppend,
  startRead,
} from './wire.js'

export type ConnectionTimes = Readonly<{
  /** An append, and any other call that is answered once, without an answer within this is of unknown outcome. */
  callTimeoutMs: number
  /** A read that brings nothing for this long has failed. */
  idleTimeoutMs: number
}>

/** `conflict`: the stream ends elsewhere. `commit`: of the last event, if the server tells. */
export type WriteAnswer =
  | Readonly<{ outcome: 'written'; lastRevision: number; commit: number | undefined }>
  | Readonly<{ outcome: 'conflict'; actual: number }>

export type ReadEnd = 'end' | 'stopped' | 'notFound'

/** Calls at once on one connection; the server takes 100, and subscriptions need theirs. */
const CALLS_MAX = 64
/** Calls in a row without an answer, after which the client is thought to be stuck and replaced. */
const SILENCES_MAX = 2
/** Of a read that is longer what is left is cancelled. Servers end a connection of which too many calls are (against "rapid reset"). */
const FEW_EVENTS = 64
/** Beyond the deadline that the call itself has: for what comes before the call, as finding a node. */
const GRACE_MS = 250

export class Connection {
  private client: EventStoreDBClient
  private silences = 0
  private running = 0
  private readonly queue: Array<() => void> = []
  private isClosed = false
  private readonly subscriptions = new Set<() => void>()

  constructor(
    readonly loaded: Package,
    private readonly connectionString: string,
    readonly times: ConnectionTimes,
  ) {
    this.client = this.connect()
  }

  private connect(): EventStoreDBClient {
    return this.loaded.EventStoreDBClient.connectionString(this.connectionString)
  }

  private get inside(): ClientInside {
    return insideOf(this.client)
  }

  /** For calls whose end is not a matter of time: a timer of ours watches what they bring. */
  private endless(): ReturnType<ClientInside['callArguments']> {
    return this.inside.callArguments({ requiresLeader: true }, { deadline: Number.POSITIVE_INFINITY })
  }

  /** Rejects with whatever the client throws, or NoAnswer. */
  append(
    stream: string,
    expectedRevision: number,
    events: ReadonlyArray<OutgoingEvent>,
  ): Promise<WriteAnswer> {
    const { loaded } = this
    // Everything is made before anything is sent: what throws here was never on its way.
    const revision = expectedRevision === NO_REVISION ? undefined : expectedRevision
    const header = Buffer.from(appendHeader(loaded, stream, revision).serializeBinary())
    const messages = events.map(encodeProposed)
    return this.called((onCancel) =>
      this.inside.execute(
        loaded.StreamsClient,
        'append',
        (stub) =>
          new Promise<WriteAnswer>((resolve, reject) => {
            const deadline = this.times.callTimeoutMs
            const sink = startAppend(
              stub,
              loaded,
              this.inside.callArguments({ requiresLeader: true, deadline }),
              (error, answer) => {
                if (error !== null) return reject(error)
                if (answer === undefined) return reject(new Error('EventStoreDB answered with nothing'))
                const wrong = answer.getWrongExpectedVersion()
                const success = answer.getSuccess()
                if (wrong !== undefined) {
                  const actual = wrong.hasCurrentRevision() ? Number(wrong.getCurrentRevision()) : NO_REVISION
                  return resolve({ outcome: 'conflict', actual })
                }
                const commit = success?.getPosition()?.getCommitPosition()
                resolve({
                  outcome: 'written',
                  lastRevision: Number(success?.getCurrentRevision() ?? 0),
                  commit: commit === undefined ? undefined : Number(commit),
                })
              },
            )
            // Told once more through the callback; unheard it would end the process.
            sink.on('error', () => undefined)
            onCancel(() => sink.cancel())
            sink.write(header)
            for (const message of messages) sink.write(message)
            sink.end()
          }),
      ),
    )
  }

  /**
   * Shows event after event until `show` answers false. Tried once more when the connection broke before the first. Rejects as
   * `append` does.
   */
  async read(wish: ReadWish, show: (event: FoundEvent) => boolean): Promise<ReadEnd> {
    let shown = 0
    const counted = (event: FoundEvent): boolean => {
      shown++
      return show(event)
    }
    try {
      return await this.readOnce(wish, counted)
    } catch (error) {
      const { kind } = callFaultOf(error)
      const isWorthIt = (kind === 'unclear' || kind === 'refused') && !(error instanceof NoAnswer)
      if (shown > 0 || !isWorthIt || this.isClosed) throw error
      return this.readOnce(wish, counted)
    }
  }

  private readOnce(wish: ReadWish, show: (event: FoundEvent) => boolean): Promise<ReadEnd> {
    const { loaded } = this
    const request = readRequest(loaded, wish)
    const { idleTimeoutMs } = this.times
    return this.called(
      (onCancel, isAlive) =>
        this.inside.execute(
          loaded.StreamsClient,
          'read',
          (stub) =>
            new Promise<ReadEnd>((resolve, reject) => {
              const call = startRead(stub, loaded, request, this.endless())
              let cancel = (): void => call.cancel()
              onCancel(() => cancel())
              const over = (how: ReadEnd): void => {
                resolve(how)
                cancel = () => undefined
              }
              call.on('error', reject)
              call.on('end', () => over('end'))
              call.on('data', (answer: ReadAnswer) => {
                isAlive()
                if (!isEvent(answer)) {
                  if (!answer.hasStreamNotFound()) return
                  over('notFound')
                  return drain(call, idleTimeoutMs)
                }
                let goesOn = false
                try {
                  goesOn = show(answer)
                } catch (error) {
                  reject(error)
                }
                if (goesOn) return
                call.removeAllListeners('data')
                if ((wish.count ?? Number.POSITIVE_INFINITY) > FEW_EVENTS) return resolve('stopped')
                over('stopped')
                drain(call, idleTimeoutMs)
              })
            }),
        ),
      idleTimeoutMs,
    )
  }

  /** Opened when this resolves, with the way to end it; `onEnd` is told of every other end, once. */
  async subscribe(
    wish: ReadWish,
    onAnswer: (answer: ReadAnswer) => void,
    onEnd: (error: unknown) => void,
  ): Promise<() => void> {
    const { loaded } = this
    const request = readRequest(loaded, wish)
    return this.called((onCancel) =>
      this.inside.execute(
        loaded.StreamsClient,
        'subscribe',
        (stub) =>
          new Promise<() => void>((resolve, reject) => {
            const call = startRead(stub, loaded, request, this.endless())
            let isOver = false
            const end = (error: unknown): void => {
              if (isOver) return
              isOver = true
              this.subscriptions.delete(cancel)
              reject(error)
              onEnd(error)
            }
            const cancel = (): void => {
              isOver = true
              this.subscriptions.delete(cancel)
              call.cancel()
            }
            this.subscriptions.add(cancel)
            let isConfirmed = false
            onCancel(() => {
              if (!isConfirmed) cancel()
            })
            call.on('error', end)
            call.on('end', () => end(undefined))
            call.on('data', (answer: ReadAnswer) => {
              if (!isEvent(answer) && answer.hasConfirmation()) {
                isConfirmed = true
                resolve(cancel)
              } else if (!isOver) onAnswer(answer)
            })
          }),
      ),
    )
  }

  /** The version the server tells; undefined when it does not tell. */
  serverVersion(): Promise<string | undefined> {
    const { features, fields } = this.loaded
    const UNIMPLEMENTED = 12
    return this.called(() =>
      this.inside.execute(
        features.ServerFeaturesClient,
        'features',
        (stub) =>
          new Promise<string | undefined>((resolve, reject) => {
            stub.getSupportedMethods(
              new fields.Empty(),
              ...this.inside.callArguments({ deadline: this.times.callTimeoutMs }),
              (error, answer) => {
                if (error === null) resolve(answer.getEventStoreServerVersion())
                else if (error.code === UNIMPLEMENTED) resolve(undefined)
                else reject(error)
              },
            )
          }),
      ),
    )
  }

  /** Softly: its numbers go on if it is written to again. */
  async delete(stream: string): Promise<void> {
    const deadline = this.times.callTimeoutMs
    await this.called(() => this.client.deleteStream(stream, { requiresLeader: true, deadline }))
  }

  /** One call: waits for its turn, has an end, and is counted when it had none of its own. */
  private async called<A>(
    run: (onCancel: (cancel: () => void) => void, isAlive: () => void) => Promise<A>,
    timeoutMs = this.times.callTimeoutMs + GRACE_MS,
  ): Promise<A> {
    if (this.isClosed) throw new Error('the connection is closed')
    if (this.running >= CALLS_MAX) await new Promise<void>((resolve) => this.queue.push(resolve))
    this.running++
    const { client } = this
    let cancel = (): void => undefined
    let timer: NodeJS.Timeout | undefined
    try {
      const noAnswer = new Promise<never>((_, reject) => {
        const end = (): void => {
          // After a pause of our own the answer may be waiting behind this timer: it counts (R20).
          setImmediate(() => reject(new NoAnswer(timeoutMs)))
        }
        timer = setTimeout(end, timeoutMs)
      })
      const answer = await Promise.race([
        run(
          (how) => {
            cancel = how
          },
          () => timer?.refresh(),
        ),
        noAnswer,
      ])
      this.silences = 0
      return answer
    } catch (error) {
      if (isSilence(error)) this.silent(client)
      else this.silences = 0
      throw error
    } finally {
      clearTimeout(timer)
      this.running--
      this.queue.shift()?.()
      cancel()
    }
  }

  /** A connection can be dead without a word; keep-alive needs 20 s to notice, a new client does not. */
  private silent(client: EventStoreDBClient): void {
    if (client !== this.client || ++this.silences < SILENCES_MAX || this.isClosed) return
    this.silences = 0
    this.client = this.connect()
    void dispose(client)
  }

  async close(): Promise<void> {
    this.isClosed = true
    for (const cancel of [...this.subscriptions]) cancel()
    await dispose(this.client)
  }
}

/** What the rest of the log asks of a connection. */
export type StoreCalls = Pick<
  Connection,
  'append' | 'read' | 'subscribe' | 'delete' | 'serverVersion' | 'close'
>

/** What is left of a short read comes and is dropped; silence ends it. */
const drain = (call: ReturnType<typeof startRead>, idleTimeoutMs: number): void => {
  const timer = setTimeout(() => call.cancel(), idleTimeoutMs)
  timer.unref()
  call.once('close', () => clearTimeout(timer))
  call.once('end', () => clearTimeout(timer))
  call.resume()
}

const DEADLINE_EXCEEDED = 4
const isSilence = (error: unknown): boolean =>
  error instanceof NoAnswer ||
  (typeof error === 'object' && error !== null && 'code' in error && error.code === DEADLINE_EXCEEDED)

/** Closing waits for no node that cannot be found. */
const DISPOSE_MS = 1_000

const dispose = async (client: EventStoreDBClient): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, DISPOSE_MS)
  })
  await Promise.race([closeChannel(client), enough])
  clearTimeout(timer)
}

const closeChannel = async (client: EventStoreDBClient): Promise<void> => {
  try {
    await client.dispose()
    const channel = await insideOf(client).getChannel()
    channel.close()
  } catch {
    // It has none, and finds no node to make one to: there is nothing to close.
  }
}

/** Why the connection string cannot be used; undefined = it can. */
export const connectionProblem = (loaded: Package, connectionString: string): string | undefined => {
  try {
    loaded.parseConnectionString(connectionString)
    loaded.EventStoreDBClient.connectionString(connectionString)
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}
