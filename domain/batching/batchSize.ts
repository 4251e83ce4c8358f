// How many messages the next batch may hold (B6), when the size follows what batches cost: one more after a full batch that
// was fast and whole, half after one that was slow or failed. Latency is that of a message, which waits for its whole batch;
// dividing it by the number of messages was rejected: it shrinks as batches grow, so a costly start would look like too
// large a batch and pin the size at 1. Pure, and the state is plain JSON.

export const BATCH_SIZE_MAX = 1_000

export type BatchSizeRule = Readonly<{
  /** The size never leaves 1 to `sizeMax`. */
  sizeMax: number
  /** A batch should take no longer, in milliseconds. */
  targetMs: number
}>

export type BatchSizeState = Readonly<{
  size: number
  /** Batches that were looked at, and how often the size was halved. */
  observed: number
  halved: number
}>

export type BatchRun = Readonly<{
  messages: number
  failed: number
  durationMs: number
}>

/** Starts small: the first batch tells what a message costs before many of them wait for each other. */
export const initialBatchSize: BatchSizeState = { size: 1, observed: 0, halved: 0 }

const within = (size: number, sizeMax: number): number => Math.max(1, Math.min(size, sizeMax))

/** Half of a batch failing is the work's fault or its size; fewer are the messages' own, and tell nothing about size. */
const isTooMuch = ({ messages, failed, durationMs }: BatchRun, { targetMs }: BatchSizeRule): boolean =>
  durationMs > targetMs || failed * 2 >= messages

export const afterBatch = (state: BatchSizeState, run: BatchRun, rule: BatchSizeRule): BatchSizeState => {
  const { size, observed, halved } = state
  if (run.messages < 1) return state
  if (isTooMuch(run, rule)) {
    return {
      size: within(Math.floor(size / 2), rule.sizeMax),
      observed: observed + 1,
      halved: size > 1 ? halved + 1 : halved,
    }
  }
  // A batch that was not full, or lost a few, does not show that a larger one would do as well.
  const grows = run.failed === 0 && run.messages >= size
  return { size: within(grows ? size + 1 : size, rule.sizeMax), observed: observed + 1, halved }
}
