// A log that fails on order. Faults hit appends to partitions only, in the order they were planned; everything else passes
// through to the log inside. Each append is recorded as it was asked for.
import * as E from 'fp-ts/lib/Either.js'
import type { EventBatch } from '../../domain/batch.js'
import type { Appended, AppendFault, EventLog } from '../../src/ports/eventLog.js'

export type PlannedFault =
  | 'none'
  /** Definite: nothing was written. */
  | 'full'
  | 'conflict'
  | 'stopped'
  /** The outcome is unknown, and the batch is in the log. */
  | 'lostReply'
  /** The outcome is unknown, and the batch is not in the log. */
  | 'lostRequest'
  /** The outcome is unknown; the request arrives when it is released. */
  | 'lateRequest'
  /** Written and answered when it is released. */
  | 'held'

export type AskedAppend = Readonly<{ stream: string; expected: number; batch: EventBatch }>

const unknown = (reason: string): AppendFault => ({ type: 'OutcomeUnknown', reason })
/** A new one each time: whoever waits for a promise is kept by it, and a shared one would keep every log that ever died. */
const never = (): Promise<never> => new Promise(() => undefined)

export class FaultyLog {
  readonly asked: AskedAppend[] = []
  private planned: PlannedFault[] = []
  private held: Array<() => void> = []
  /** Overrides the plan while it is set. */
  always: PlannedFault | undefined
  readonly port: EventLog
  private isDead = false

  constructor(readonly inner: EventLog) {
    this.port = {
      ...inner,
      append: (stream, expected, batch) => () => this.append(stream, expected, batch),
      saveSnapshot: (stream, revision, chunks) => () =>
        this.isDead ? never() : inner.saveSnapshot(stream, revision, chunks)(),
      close: () => (this.isDead ? never() : inner.close()),
    }
  }

  plan(...faults: PlannedFault[]): void {
    this.planned.push(...faults)
  }

  /** Forgets the plan; what is held stays held. */
  heal(): void {
    this.planned = []
    this.always = undefined
  }

  get heldCount(): number {
    return this.held.length
  }

  /** Lets everything through that is held or late, in order. */
  release(): void {
    for (const go of this.held.splice(0)) go()
  }

  /** The process is gone: nothing it asks for happens any more, and nothing is answered. What is on its way may arrive. */
  die(): void {
    this.isDead = true
  }

  private async append(
    stream: string,
    expected: number,
    batch: EventBatch,
  ): Promise<E.Either<AppendFault, Appended>> {
    if (this.isDead) return never()
    const answer = await this.append1(stream, expected, batch)
    return this.isDead ? never() : answer
  }

  private async append1(
    stream: string,
    expected: number,
    batch: EventBatch,
  ): Promise<E.Either<AppendFault, Appended>> {
    const write = this.inner.append(stream, expected, batch)
    if (!stream.startsWith('partition-')) return write()
    this.asked.push({ stream, expected, batch: { ...batch, events: [...batch.events] } })
    switch (this.always ?? this.planned.shift() ?? 'none') {
      case 'none':
        return write()
      case 'full':
        return E.left({ type: 'LogFull', freeBytes: 0, neededBytes: 100 })
      case 'conflict':
        return E.left({ type: 'RevisionConflict', stream, expected, actual: expected + 1 })
      case 'stopped':
        return E.left({ type: 'LogStopped', reason: 'stopped by plan' })
      case 'lostReply':
        await write()
        return E.left(unknown('the reply was lost'))
      case 'lostRequest':
        return E.left(unknown('the request was lost'))
      case 'lateRequest':
        this.held.push(() => void write())
        return E.left(unknown('the request is late'))
      case 'held':
        await new Promise<void>((resolve) => this.held.push(resolve))
        return write()
    }
  }
}
