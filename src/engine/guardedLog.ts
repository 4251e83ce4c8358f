// A log behind a connection that may stop answering (C14): each call has a time limit of its own, and after some that were not
// answered the next ones are refused at once until one try succeeds. Keeps I1 and I2 whatever is late:
// - an append without an answer in time is unknown, and so is each repeat of it that is not sent;
// - one that was never sent is a definite failure;
// - the log inside never has two appends of one stream: a repeat waits for the answer of the first.
import { type Either, isLeft, isRight, left } from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { EventBatch } from '../../domain/batch.js'
import { type CircuitSettings, circuit, EVERY_FAILURE_TYPE } from '../../domain/circuit/index.js'
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'
import type {
  Appended,
  AppendFault,
  EventLog,
  LogUnavailable,
  OutcomeUnknown,
  ReadFault,
  StoredSnapshot,
} from '../ports/eventLog.js'
import { type Admission, LogBreaker, NO_ADMISSION } from './logBreaker.js'

export type LogGuardSettings = Readonly<{
  /** No answer within this = unknown. */
  appendTimeoutMs: number
  readTimeoutMs: number
  /** After so many failures in the window calls are refused for `openMs`; then one is let out to try. */
  circuit: CircuitSettings
}>

export const DEFAULT_LOG_GUARD: LogGuardSettings = {
  appendTimeoutMs: 10_000,
  readTimeoutMs: 10_000,
  // Short: the first call after an outage should not wait long, and one call per 5 s costs a sick server nothing.
  circuit: circuit({ openMs: 5_000, probesMax: 1, successThreshold: 1, failureTypes: [EVERY_FAILURE_TYPE] }),
}

type AppendAnswer = Either<AppendFault, Appended>
type Pending = Readonly<{ batchId: string; expected: number; answer: Promise<AppendAnswer> }>

const TIMED_OUT = Symbol('timed out')

class GuardedLog {
  private readonly breaker: LogBreaker
  /** Appends that the log inside has not answered yet, whether or not anybody waits for them. */
  private readonly pending = new Map<string, Pending>()
  /** Of each stream the batch that may have landed although its caller was not told so. */
  private readonly uncertain = new Map<string, string>()

  constructor(
    private readonly log: EventLog,
    private readonly clock: Clock,
    private readonly settings: LogGuardSettings,
  ) {
    this.breaker = new LogBreaker(clock, settings.circuit)
  }

  asPort(): EventLog {
    const { log } = this
    const { readTimeoutMs } = this.settings
    return {
      // What it takes and how it counts is not asked over the connection.
      ...log,
      append: (stream, expected, batch) => () => this.append(stream, expected, batch),
      read: (stream, from, maxBytes) => this.asked(log.read(stream, from, maxBytes), readTimeoutMs),
      readAll: (from, maxBytes) => this.asked(log.readAll(from, maxBytes), readTimeoutMs),
      head: (stream) => this.asked(log.head(stream), readTimeoutMs),
      // How long these take grows with what they are given; whoever asked for them waits for nothing else meanwhile.
      truncateBefore: (stream, revision) => this.asked(log.truncateBefore(stream, revision), undefined),
      saveSnapshot: (stream, revision, chunks) =>
        this.asked(log.saveSnapshot(stream, revision, chunks), undefined),
      snapshots: (stream) => async () => {
        const stored = await this.asked(log.snapshots(stream), readTimeoutMs)()
        return isLeft(stored)
          ? stored
          : { ...stored, right: stored.right.map((one) => this.guardedSnapshot(one)) }
      },
      condition: () => ({ ...log.condition(), breaker: this.breaker.condition() }),
      // An append that never ends must not keep the process from ending.
      close: async () => {
        await this.within(log.close(), this.settings.appendTimeoutMs)
      },
    }
  }

  private guardedSnapshot(stored: StoredSnapshot): StoredSnapshot {
    return { ...stored, read: (chunk) => this.asked(stored.read(chunk), this.settings.readTimeoutMs) }
  }

  private async append(stream: string, expected: number, batch: EventBatch): Promise<AppendAnswer> {
    const { batchId } = batch
    for (;;) {
      const earlier = this.pending.get(stream)
      if (earlier === undefined) break
      if (earlier.batchId === batchId && earlier.expected === expected) {
        return this.breaker.isOpen
          ? this.notSent(stream, batchId)
          : this.awaited(stream, earlier, NO_ADMISSION)
      }
      const ended = await this.within(earlier.answer.then(noted, noted), this.settings.appendTimeoutMs)
      if (ended === TIMED_OUT)
        return this.notSent(stream, batchId, 'an earlier append to this stream is not answered yet')
    }
    const admission = this.breaker.admit()
    if (admission === undefined) return this.notSent(stream, batchId)
    const pending: Pending = { batchId, expected, answer: started(this.log.append(stream, expected, batch)) }
    this.pending.set(stream, pending)
    const over = (): void => {
      if (this.pending.get(stream) === pending) this.pending.delete(stream)
    }
    // Also hears, and forgets, what comes after the time limit.
    pending.answer.then(over, over)
    return this.awaited(stream, pending, admission)
  }

  private async awaited(
    stream: string,
    { batchId, answer }: Pending,
    admission: Admission,
  ): Promise<AppendAnswer> {
    const { appendTimeoutMs } = this.settings
    let result: AppendAnswer | typeof TIMED_OUT
    try {
      result = await this.within(answer, appendTimeoutMs)
    } catch (defect) {
      this.breaker.unclear(admission)
      throw defect
    }
    if (result === TIMED_OUT) {
      this.breaker.failed(admission)
      this.uncertain.set(stream, batchId)
      return left({ type: 'OutcomeUnknown', reason: `the log did not answer within ${appendTimeoutMs} ms` })
    }
    if (isRight(result) || result.left.type === 'RevisionConflict') {
      this.breaker.answered(admission)
      if (this.uncertain.get(stream) === batchId) this.uncertain.delete(stream)
      return result
    }
    switch (result.left.type) {
      case 'OutcomeUnknown':
        this.uncertain.set(stream, batchId)
        this.breaker.failed(admission)
        break
      case 'LogUnavailable':
        this.breaker.failed(admission)
        break
      case 'LogStopped':
        this.breaker.unclear(admission)
        break
      case 'LogFull':
      case 'BatchTooLarge':
        this.breaker.answered(admission)
    }
    return result
  }

  /** Definite, unless an earlier call with this very batch may still have landed. */
  private notSent(
    stream: string,
    batchId: string,
    why?: string,
  ): Either<LogUnavailable | OutcomeUnknown, never> {
    const fault: LogUnavailable =
      why === undefined ? this.unavailable() : { type: 'LogUnavailable', reason: why }
    const mayHaveLanded =
      this.uncertain.get(stream) === batchId || this.pending.get(stream)?.batchId === batchId
    return left(mayHaveLanded ? { type: 'OutcomeUnknown', reason: fault.reason } : fault)
  }

  private unavailable(): LogUnavailable {
    const inMs = this.breaker.retryInMs()
    const next = inMs > 0 ? `it is tried again in ${inMs} ms` : 'a try is under way'
    const retryAt = Math.round(this.clock.wallMs() + inMs)
    return { type: 'LogUnavailable', reason: `the log does not answer; ${next}`, retryAt }
  }

  private asked<A>(task: TaskEither<ReadFault, A>, timeoutMs: number | undefined): TaskEither<ReadFault, A> {
    return async () => {
      const admission = this.breaker.admit()
      if (admission === undefined) return left(this.unavailable())
      let result: Either<ReadFault, A> | typeof TIMED_OUT
      try {
        result = timeoutMs === undefined ? await task() : await this.within(started(task), timeoutMs)
      } catch (defect) {
        this.breaker.unclear(admission)
        throw defect
      }
      if (result === TIMED_OUT) {
        this.breaker.failed(admission)
        return left({ type: 'LogUnavailable', reason: `the log did not answer within ${timeoutMs} ms` })
      }
      const fault = isLeft(result) ? result.left.type : undefined
      if (fault === 'LogUnavailable') this.breaker.failed(admission)
      else if (fault === 'LogStopped') this.breaker.unclear(admission)
      else this.breaker.answered(admission)
      return result
    }
  }

  private within<A>(answer: Promise<A>, timeoutMs: number): Promise<A | typeof TIMED_OUT> {
    return new Promise((resolve, reject) => {
      const cancel = this.clock.after(Math.min(timeoutMs, TIMER_MS_MAX), () => {
        // After a pause of our own the answer may be waiting behind this timer: it counts (R12, R20).
        this.clock.soon(() => resolve(TIMED_OUT))
      })
      answer.then(
        (value) => {
          cancel()
          resolve(value)
        },
        (error: Error) => {
          cancel()
          reject(error)
        },
      )
    })
  }
}

const noted = (): void => undefined

/** What throws instead of rejecting is told the same way. */
const started = async <A>(task: () => Promise<A>): Promise<A> => task()

/** The same log, whose calls end in time or are refused at once. */
export const guardedLog = (
  log: EventLog,
  clock: Clock,
  settings: LogGuardSettings = DEFAULT_LOG_GUARD,
): EventLog => new GuardedLog(log, clock, settings).asPort()
