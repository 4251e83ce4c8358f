// Messages on their way to one queue: what callers enqueue while a call is in flight goes together in the next one, each
// with an answer of its own. Nobody waits for company: without a call in flight a message leaves at once.
import { isFields } from '../../domain/storedFields.js'
import { NotFoundError, RefusedError, UnknownOutcomeError } from '../api/errors.js'
import type { Enqueued } from '../api/types/index.js'
import { problemError, UnauthorizedError } from './transport.js'

/** The server takes more; larger calls only make their callers wait for one another. */
export const CALL_MESSAGES_MAX = 256
const CALL_CHARS_MAX = 512 * 1_024
/** A further call goes beside those in flight once as much as one call takes has gathered. */
const CALLS_MAX = 4

type Waiting = Readonly<{
  /** The message as it stands in the body. */
  text: string
  resolve: (enqueued: Enqueued) => void
  reject: (error: unknown) => void
}>

export type SendMessages = Readonly<{
  one: (text: string) => Promise<Enqueued>
  /** A result for each message, which stands or falls alone. */
  each: (texts: ReadonlyArray<string>) => Promise<ReadonlyArray<unknown>>
}>

export class EnqueueOutbox {
  private waiting: Waiting[] = []
  private waitingChars = 0
  private calls = 0
  private isDue = false

  constructor(private readonly send: SendMessages) {}

  add(text: string): Promise<Enqueued> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ text, resolve, reject })
      this.waitingChars += text.length
      if (this.calls === 0) this.sendSoon(queueMicrotask)
      else if (this.isFull() && this.calls < CALLS_MAX) this.sendNext()
    })
  }

  private isFull(): boolean {
    return this.waiting.length >= CALL_MESSAGES_MAX || this.waitingChars >= CALL_CHARS_MAX
  }

  /** What the same turn enqueues goes along. */
  private sendSoon(later: (send: () => void) => unknown): void {
    if (this.isDue) return
    this.isDue = true
    later(() => {
      this.isDue = false
      if (this.waiting.length > 0 && (this.calls === 0 || this.isFull())) this.sendNext()
    })
  }

  private sendNext(): void {
    const batch = this.take()
    this.calls += 1
    void this.answer(batch).then(() => {
      this.calls -= 1
      // Callers who have just been answered often come back at once: after them.
      if (this.waiting.length > 0) this.sendSoon(setImmediate)
    })
  }

  private take(): ReadonlyArray<Waiting> {
    let chars = 0
    let count = 0
    for (const { text } of this.waiting) {
      if (count > 0 && (count >= CALL_MESSAGES_MAX || chars + text.length > CALL_CHARS_MAX)) break
      chars += text.length
      count += 1
    }
    this.waitingChars -= chars
    return this.waiting.splice(0, count)
  }

  /** Never rejects. */
  private async answer(batch: ReadonlyArray<Waiting>): Promise<void> {
    const [first] = batch
    if (first === undefined) return
    try {
      if (batch.length === 1) first.resolve(await this.send.one(first.text))
      else settle(batch, await this.send.each(batch.map(({ text }) => text)))
    } catch (error) {
      if (batch.length === 1 || !isRefusedForOne(error)) {
        for (const { reject } of batch) reject(error)
        return
      }
      // Refused whole because of one (a body that is not understood says nothing of the others), so nothing of it was
      // recorded: halved until that one stands alone.
      const half = batch.length >> 1
      await this.answer(batch.slice(0, half))
      await this.answer(batch.slice(half))
    }
  }
}

/** A refusal without a problem document is a gateway's: asked again in pieces it would only have more to refuse. */
const isRefusedForOne = (error: unknown): boolean =>
  error instanceof RefusedError &&
  error.code !== 'unexpected_reply' &&
  !(error instanceof NotFoundError) &&
  !(error instanceof UnauthorizedError)

const settle = (batch: ReadonlyArray<Waiting>, results: ReadonlyArray<unknown>): void => {
  for (const [index, { resolve, reject }] of batch.entries()) {
    const result = results[index]
    if (!isFields(result)) reject(new UnknownOutcomeError('the answer has no result for this message'))
    else if (isFields(result.problem)) reject(problemError(Number(result.problem.status), result.problem))
    else resolve(result as Enqueued)
  }
}
