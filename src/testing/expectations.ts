// Assertions about messages, for any test runner: each throws an AssertionError that shows the message's history, or what the
// queue holds instead, so that a failed test says why.
import { AssertionError } from 'node:assert'
import type { DeadLetter, HistoryEntry, MessageState, MessageView, Queue } from '../api/types/index.js'
import { historyLines } from './history.js'
import { matches } from './matches.js'

/** What an assertion asks of a queue; works on any, also behind HTTP. */
export type AskedQueue = Pick<Queue<never>, 'name' | 'message' | 'history' | 'list' | 'deadLetters'>

const SHOWN_MAX = 20
const PAGE = 200

const fail = (message: string, lines: ReadonlyArray<string>, actual: unknown, expected: unknown): never => {
  throw new AssertionError({ message: [message, ...lines].join('\n'), actual, expected })
}

const summary = ({ id, state, type, topic, payload, attempts }: MessageView): string => {
  const kind = [type, topic].filter((text) => text !== undefined).join(' ')
  const text = JSON.stringify(payload) ?? ''
  return `  ${id}  ${state}${kind === '' ? '' : `  ${kind}`}  ${attempts} attempts  ${text.slice(0, 100)}`
}

const holds = (queue: AskedQueue, messages: ReadonlyArray<MessageView>): ReadonlyArray<string> => {
  if (messages.length === 0) return [`The queue ${queue.name} holds none.`]
  const more = messages.length - SHOWN_MAX
  return [
    `The queue ${queue.name} holds:`,
    ...messages.slice(0, SHOWN_MAX).map(summary),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ]
}

const allOf = async <A>(
  page: (
    cursor: string | undefined,
  ) => Promise<Readonly<{ messages: ReadonlyArray<A>; cursor: string | undefined }>>,
): Promise<ReadonlyArray<A>> => {
  const all: A[] = []
  let cursor: string | undefined
  do {
    const listed = await page(cursor)
    all.push(...listed.messages)
    cursor = listed.cursor
  } while (cursor !== undefined)
  return all
}

const messagesOf = (queue: AskedQueue): Promise<ReadonlyArray<MessageView>> =>
  allOf((cursor) => queue.list({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) }))

/** The message is in this state now. */
export const expectState = async (
  queue: AskedQueue,
  id: string,
  expected: MessageState,
): Promise<MessageView> => {
  const view = await queue.message(id)
  if (view === undefined) {
    return fail(`There is no message ${id}.`, holds(queue, await messagesOf(queue)), undefined, expected)
  }
  if (view.state === expected) return view
  const lines = historyLines(await queue.history(id))
  return fail(`The message ${id} is ${view.state}, not ${expected}:`, lines, view.state, expected)
}

/** An event by its type, or by its type and some of its data. */
export type ExpectedEvent = string | Readonly<{ type: string; data?: Readonly<Record<string, unknown>> }>

const isEvent = (entry: HistoryEntry, expected: ExpectedEvent): boolean => {
  if (typeof expected === 'string') return entry.type === expected
  return entry.type === expected.type && (expected.data === undefined || matches(entry.data, expected.data))
}

/** The message's events are exactly these, in this order. */
export const expectHistory = async (
  queue: AskedQueue,
  id: string,
  expected: ReadonlyArray<ExpectedEvent>,
): Promise<ReadonlyArray<HistoryEntry>> => {
  const history = await queue.history(id)
  const isSame =
    history.length === expected.length &&
    history.every((entry, index) => isEvent(entry, expected[index] as ExpectedEvent))
  if (isSame) return history
  const wanted = expected.map((event) =>
    typeof event === 'string' ? `  ${event}` : `  ${event.type}  ${JSON.stringify(event.data ?? {})}`,
  )
  const lines = [...historyLines(history), 'Expected were:', ...wanted]
  const actual = history.map(({ type }) => type)
  return fail(`The history of ${id} is another one:`, lines, actual, expected)
}

export type ExpectedDeadLetter = Readonly<{
  id?: string
  /** All that is named here must be there; the payload may hold more. */
  payload?: unknown
  reason?: string
  failureType?: string
}>

/** There is such a dead letter; the oldest of them is answered. */
export const expectDeadLetter = async (
  queue: AskedQueue,
  expected: ExpectedDeadLetter = {},
): Promise<DeadLetter> => {
  const dead = await allOf((cursor) =>
    queue.deadLetters({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) }),
  )
  const { payload, failureType, ...fields } = expected
  const found = dead.filter(
    (letter) =>
      matches(letter, fields) &&
      (failureType === undefined || letter.failure?.type === failureType) &&
      (payload === undefined || matches(letter.payload, payload)),
  )
  const [first] = found
  if (first !== undefined) return first
  const lines = dead.slice(0, SHOWN_MAX).map((letter) => {
    const failure = letter.failure === undefined ? '' : `  ${letter.failure.type}: ${letter.failure.message}`
    return `${summary(letter)}  ${letter.reason}${failure}`
  })
  const there =
    lines.length === 0 ? [`The queue ${queue.name} has no dead letters.`] : ['There are:', ...lines]
  // One message is meant: why it is no dead letter is in its history.
  const ofThatOne =
    expected.id === undefined || dead.some(({ id }) => id === expected.id)
      ? []
      : await historyOfOne(queue, expected.id)
  return fail(
    `There is no dead letter ${JSON.stringify(expected)}.`,
    [...there, ...ofThatOne],
    dead,
    expected,
  )
}

const historyOfOne = async (queue: AskedQueue, id: string): Promise<ReadonlyArray<string>> => {
  if ((await queue.message(id)) === undefined) return []
  return [`The message ${id}:`, ...historyLines(await queue.history(id))]
}

export type ExpectedMessage = Readonly<{
  /** All that is named here must be there; the payload may hold more. */
  payload?: unknown
  type?: string
  topic?: string
  group?: string
  priority?: number
  headers?: Readonly<Record<string, string>>
  correlationId?: string
  /** Default: any. */
  state?: MessageState
}>

const enqueuedLike = async (
  queue: AskedQueue,
  expected: ExpectedMessage,
): Promise<Readonly<{ all: ReadonlyArray<MessageView>; found: ReadonlyArray<MessageView> }>> => {
  const all = await messagesOf(queue)
  return { all, found: all.filter((message) => matches(message, expected)) }
}

/** Such a message was enqueued, whatever became of it (or is in `state`, where that is given). The newest is answered. */
export const expectEnqueued = async (queue: AskedQueue, expected: ExpectedMessage): Promise<MessageView> => {
  const { all, found } = await enqueuedLike(queue, expected)
  const [first] = found
  if (first !== undefined) return first
  return fail(`No message is like ${JSON.stringify(expected)}.`, holds(queue, all), all, expected)
}

export const expectNotEnqueued = async (queue: AskedQueue, expected: ExpectedMessage): Promise<void> => {
  const { found } = await enqueuedLike(queue, expected)
  if (found.length > 0) {
    fail(`A message is like ${JSON.stringify(expected)}.`, holds(queue, found), found, expected)
  }
}
