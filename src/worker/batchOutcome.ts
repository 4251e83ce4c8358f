// What the answer of a batch handler means for each of its messages (B6). When the answer cannot be read for sure, the
// messages it may have meant fail: running one again is allowed, acking one that failed is not.
import type { FailureType } from '../../domain/failure/index.js'
import type { BatchFailure } from '../api/types/batches.js'
import type { Settlement } from '../engine/requests.js'
import { type LeaseName, settlementOfError, settlementOfValue } from './attempt.js'

/** Registered: a handler may come from another copy of this package. */
const FAILED: unique symbol = Symbol.for('ledgerq.batchResults') as never
type PartlyFailed = Readonly<{ [FAILED]: ReadonlyArray<BatchFailure> }>

/** Return it from a batch handler: the messages named failed, the others succeeded. */
export const batchResults = (results: Readonly<{ failed: ReadonlyArray<BatchFailure> }>): unknown =>
  ({ [FAILED]: [...results.failed] }) satisfies PartlyFailed

/** The handler broke its contract: no fault of the message, which may well succeed once the handler is mended. */
class BatchHandlerDefect extends Error {
  override readonly name = 'BatchHandlerDefect'
}

type InBatch = Readonly<{ id: string; lease: LeaseName }>
type Classify = (error: unknown) => FailureType
type Outcome = (lease: LeaseName) => Settlement

export const batchFailed =
  (error: unknown, classify: Classify): Outcome =>
  (lease) =>
    settlementOfError(lease, error, classify)

const defect = (problem: string, classify: Classify): Outcome =>
  batchFailed(new BatchHandlerDefect(problem), classify)

/** One settlement for each message, in their order. Never rejects: an answer that cannot even be read fails them all. */
export const batchSettlements = async (
  batch: ReadonlyArray<InBatch>,
  value: unknown,
  classify: Classify,
): Promise<ReadonlyArray<Settlement>> => {
  const outcomes = await outcomesOf(batch, value, classify).catch((error: unknown) =>
    batch.map(() => batchFailed(error, classify)),
  )
  return batch.map(({ lease }, index) => {
    const outcome = outcomes[index] ?? defect('the batch handler gave no outcome for this message', classify)
    return outcome(lease)
  })
}

const outcomesOf = async (
  batch: ReadonlyArray<InBatch>,
  value: unknown,
  classify: Classify,
): Promise<ReadonlyArray<Outcome>> => {
  if (Array.isArray(value)) return outcomesInOrder(batch.length, value, classify)
  if (typeof value === 'object' && value !== null && FAILED in value) {
    return outcomesByName(batch, (value as PartlyFailed)[FAILED], classify)
  }
  const whole = settlementOfValue({ ordinal: 0, fence: 0 }, value)
  if (whole.outcome === 'ack' && whole.followUps !== undefined) {
    // Once for the batch, or once for each of its messages? Neither may be guessed, and none may be lost.
    const problem = 'complete() with follow-ups ends one message: answer a list with an outcome for each'
    return new Array<Outcome>(batch.length).fill(defect(problem, classify))
  }
  const isWish = whole.outcome !== 'ack'
  // A value says that all is done; kept as the result of each message it would be stored many times over.
  return batch.map(() => (lease) => settlementOfValue(lease, isWish ? value : undefined))
}

const outcomesInOrder = async (
  count: number,
  values: ReadonlyArray<unknown>,
  classify: Classify,
): Promise<ReadonlyArray<Outcome>> => {
  // Promises among the outcomes are the work itself, still running: an ack before they end would be a lie.
  const settled = await Promise.allSettled(values)
  if (values.length > count) {
    const problem = `the batch handler answered ${values.length} outcomes for ${count} messages`
    return new Array<Outcome>(count).fill(defect(problem, classify))
  }
  return settled.map((one) => outcomeOfSettled(one, classify))
}

const outcomeOfSettled = (settled: PromiseSettledResult<unknown>, classify: Classify): Outcome => {
  if (settled.status === 'rejected') return batchFailed(settled.reason, classify)
  const { value } = settled
  if (value instanceof Error) return batchFailed(value, classify)
  // What Promise.allSettled gives; taken for a plain value, its rejections would be acked.
  if (typeof value === 'object' && value !== null && 'status' in value) {
    if (value.status === 'rejected' && 'reason' in value) return batchFailed(value.reason, classify)
    if (value.status === 'fulfilled' && 'value' in value) {
      const inner = value.value
      return (lease) => settlementOfValue(lease, inner)
    }
  }
  return (lease) => settlementOfValue(lease, value)
}

const outcomesByName = (
  batch: ReadonlyArray<InBatch>,
  failed: ReadonlyArray<BatchFailure>,
  classify: Classify,
): ReadonlyArray<Outcome> => {
  const named = new Map<string, Outcome>()
  const ids = new Set(batch.map(({ id }) => id))
  const foreign = failed.find(({ id }) => !ids.has(id))
  for (const failure of failed) {
    const { id } = failure
    named.set(
      id,
      'outcome' in failure
        ? failedWith(failure.outcome, classify)
        : batchFailed(failure.error ?? 'named as failed', classify),
    )
  }
  // Whom the foreign id was meant for cannot be told: none of the others is safe to ack.
  const rest =
    foreign === undefined
      ? (lease: LeaseName): Settlement => settlementOfValue(lease, undefined)
      : defect(`the batch handler named a message that is not in the batch: ${String(foreign.id)}`, classify)
  return batch.map(({ id }) => named.get(id) ?? rest)
}

const failedWith =
  (outcome: unknown, classify: Classify): Outcome =>
  (lease) => {
    const settlement = settlementOfValue(lease, outcome)
    if (settlement.outcome !== 'ack') return settlement
    return defect(
      'the batch handler named this message as failed, with the outcome of a success',
      classify,
    )(lease)
  }
