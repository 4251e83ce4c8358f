// What is done to each queue of a ledger when it opens and closes: several at a time, so that they share the log's commits,
// and not all of ten thousand at once, each with files of its own.

const QUEUES_AT_ONCE_MAX = 64

/** Rejects with the first failure; the others that have begun go on, and no more are begun. */
export const forEachQueue = async <A>(
  queues: Iterable<A>,
  run: (queue: A) => Promise<unknown>,
): Promise<void> => {
  const waiting = queues[Symbol.iterator]()
  let isFailed = false
  const lane = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true && !isFailed; next = waiting.next())
      await run(next.value)
  }
  const failing = (error: unknown): never => {
    isFailed = true
    throw error
  }
  await Promise.all(Array.from({ length: QUEUES_AT_ONCE_MAX }, () => lane().catch(failing)))
}
