// The append side of a partition's writer: one batch in flight, repeated unchanged while its outcome is unknown (I2). Knows
// nothing of requests; tells its owner once per batch that it is durable, or why it is not.
import { type Either, isRight, left } from 'fp-ts/lib/Either.js'
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
    const result = await appendUntilDefinite(this.deps, this.stream, this.durableRevision, sealed)
    if (isRight(result)) return this.landed(batch, sealed, result.right)
    this.inFlight = undefined
    this.hooks.failed(batch, result.left)
  }

  private landed(batch: OpenBatch, sealed: EventBatch, appended: Appended): void {
    invariant(appended.firstRevision === batch.firstRevision, 'I2 the log put a batch elsewhere')
    this.durableRevision = appended.lastRevision
    this.durablePosition = (appended.next ?? appended.position + batch.events.length) - 1
    this.inFlight = undefined
    this.hooks.landed(batch, sealed, appended)
  }
}

/**
 * Appends, and repeats the identical append while its outcome is unknown. After a first unknown outcome only two answers
 * are definite: that it is there, and that something else is (`RevisionConflict`: the log would have known its own batch
 * again). Any other refusal says nothing about the earlier attempt, which may still turn up.
 */
export const appendUntilDefinite = async (
  { log, clock }: Readonly<{ log: EventLog; clock: Clock }>,
  stream: string,
  expectedRevision: number,
  batch: EventBatch,
): Promise<Either<AppendFault, Appended>> => {
  for (let repeat = 0; ; repeat++) {
    const result = await log.append(stream, expectedRevision, batch)()
    if (isRight(result)) return result
    const fault = result.left
    if (fault.type === 'RevisionConflict') return result
    if (fault.type !== 'OutcomeUnknown') {
      return repeat === 0 ? result : left({ type: 'OutcomeUnknown', reason: describeAppendFault(fault) })
    }
    if (repeat === REPEATS_MAX) return result
    await new Promise<void>((resolve) => clock.after(REPEAT_PAUSE_MS, resolve))
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
    case 'LogUnavailable':
    case 'OutcomeUnknown':
      return fault.reason
  }
}
