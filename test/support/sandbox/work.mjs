// Handlers for sandbox tests: each payload says what its run does to its thread.
import { threadId } from 'node:worker_threads'

const OUTCOME = Symbol.for('ledgerq.outcome')

/** Tells the test, through memory that both see, that this line was reached. */
const mark = (shared) => {
  const flag = new Int32Array(shared)
  Atomics.store(flag, 0, 1)
  Atomics.notify(flag, 0)
}

const deeds = {
  answer: ({ value }) => value,
  thread: () => threadId,
  seen: (_, message, context) => ({ ...message, enqueuedAt: message.enqueuedAt.toISOString(), context }),
  loop: ({ shared }) => {
    if (shared !== undefined) mark(shared)
    for (;;);
  },
  hold: ({ shared, go }) => {
    mark(shared)
    Atomics.wait(new Int32Array(go), 0, 0)
    return threadId
  },
  fill: () => {
    const all = []
    for (;;) all.push(new Array(100_000).fill({ one: Math.random() }))
  },
  exit: ({ code }) => process.exit(code),
  uncaught: () =>
    new Promise(() => {
      setImmediate(() => {
        throw new TypeError('nobody caught this')
      })
    }),
  throw: ({ name, message, code, failureType, retryable, cause }) => {
    const error = new Error(
      message,
      cause === undefined ? {} : { cause: Object.assign(new Error('inner'), cause) },
    )
    Object.assign(error, { code, failureType, retryable })
    if (name !== undefined) error.name = name
    throw error
  },
  throwText: () => {
    throw 'only a text'
  },
  wish: ({ wish }) => ({ ...wish, [OUTCOME]: true }),
  noJson: () => () => 1,
}

export const handler = async (message, context) =>
  deeds[message.payload.do](message.payload, message, context)

export const byAnotherName = () => 'another'
