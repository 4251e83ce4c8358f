// The append side of a partition's writer: one batch in flight, repeated unchanged while its outcome is unknown (I2). Knows
// nothing of requests; tells its owner once per batch that it is durable, or why it is not.
import { isLeft } from 'fp-ts/lib/Either.js'
import type { EventBatch } from '../../domain/batch.js'
import { invariant } from '../../domain/invariant.js'
import type { Clock } from '../ports/clock.js'
import type { Appended, AppendFault, EventLog } from '../ports/eventLog.js'
import type { OpenBatch } from './openBatch.js'

/** Identical repeats of an append whose outcome is unknown, and the pause before each, before stepping down. */
export const REPEATS_MAX = 20
export const REPEAT_PAUSE_MS = 250

type AppendHooks = Readonly<{
  landed: (batch: OpenBatch, sealed: EventBatch, appended: Appended) => void
  /** `OutcomeUnknown` means that the batch may still turn up; every other fault that it never will. */
  failed: (batch: OpenBatch, fault: AppendFault) => void
}>

export class AppendLoop {
  /** The batch on its way to the log. */
  inFlight: OpenBatch | undefined
  durablePosition = -1

  constructor(
    private readonly stream: string,
    public durableRevision: number,
    private readonly deps: Readonly<{ log: EventLog; clock: Clock }>,
    private readonly hooks: AppendHooks,
  ) {}

  begin(batch: OpenBatch, sealed: EventBatch): void {
    invariant(this.inFlight === undefined, 'I2 one append in flight')
    this.inFlight = batch
    void this.untilDefinite(batch, sealed)
  }

  private async untilDefinite(batch: OpenBatch, sealed: EventBatch): Promise<void> {
    const { log, clock } = this.deps
    for (let repeat = 0; ; repeat++) {
      const result = await log.append(this.stream, this.durableRevision, sealed)()
      if (!isLeft(result)) return this.landed(batch, sealed, result.right)
      if (result.left.type !== 'OutcomeUnknown' || repeat === REPEATS_MAX) {
        this.inFlight = undefined
        return this.hooks.failed(batch, result.left)
      }
      await new Promise<void>((resolve) => clock.after(REPEAT_PAUSE_MS, resolve))
    }
  }

  private landed(batch: OpenBatch, sealed: EventBatch, appended: Appended): void {
    invariant(appended.firstRevision === batch.firstRevision, 'I2 the log put a batch elsewhere')
    this.durableRevision = appended.lastRevision
    this.durablePosition = appended.position + batch.events.length - 1
    this.inFlight = undefined
    this.hooks.landed(batch, sealed, appended)
  }
}

export const describeAppendFault = (fault: AppendFault): string => {
  switch (fault.type) {
    case 'RevisionConflict':
      return 'another writer has taken over this partition'
    case 'LogFull':
      return `the log is full: ${fault.freeBytes} bytes free`
    case 'BatchTooLarge':
      return `the batch has ${fault.bytes} bytes, at most ${fault.bytesMax} are accepted`
    case 'LogStopped':
    case 'OutcomeUnknown':
      return fault.reason
  }
}
