// ledgerq message send | list | show | history | cancel
import type { Command } from 'commander'
import { isFields } from '../../domain/storedFields.js'
import { NotFoundError } from '../api/errors.js'
import type { HistoryEntry, ListSort, MessageView } from '../api/types/index.js'
import { LIST_LIMIT_MAX } from '../http/limits.js'
import { type Context, contextOf, type Surroundings, wholeNumber } from './context.js'
import { addEditCommands, collect, queueOfId } from './editCommands.js'
import { UsageError } from './exitCode.js'
import { addProveCommand } from './proofCommands.js'
import { addRerunCommand } from './rerunCommand.js'
import { addSelectionOptions, type SelectionFlags, selectionOf } from './selectionOptions.js'
import { type SendCommandOptions, sendFile, sendOne } from './sendCommand.js'
import { type Column, clockTime, facts, grouped, shortJson, table } from './table.js'

const COLUMNS: ReadonlyArray<Column<MessageView>> = [
  { title: 'id', cell: ({ id }) => id },
  { title: 'state', cell: ({ state }) => state },
  { title: 'attempts', cell: ({ attempts }) => attempts, align: 'right' },
  { title: 'priority', cell: ({ priority }) => priority, align: 'right' },
  { title: 'enqueued', cell: ({ enqueuedAt }) => clockTime(enqueuedAt) },
  { title: 'failure', cell: ({ failureType }) => failureType },
  { title: 'type', cell: ({ type }) => type },
  { title: 'payload', cell: ({ payload }) => shortJson(payload) },
]

type ListFlags = SelectionFlags & Readonly<{ sort?: string; limit?: number; cursor?: string }>

const list = async (context: Context, name: string, flags: ListFlags): Promise<void> => {
  const { sort, limit, cursor } = flags
  const found = await context.ledger.knownQueue(name).list({
    ...selectionOf(flags),
    ...(sort === undefined ? {} : { sort: sort as ListSort }),
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
  })
  context.show(found, () =>
    found.messages.length === 0
      ? 'No such messages.'
      : table(found.messages, COLUMNS, context.terminal.columns),
  )
  if (found.cursor !== undefined && !context.json) context.terminal.say(`More: --cursor ${found.cursor}`)
}

const count = async (context: Context, name: string, flags: SelectionFlags): Promise<void> => {
  const { position, ...counts } = await context.ledger.knownQueue(name).count(selectionOf(flags))
  context.show({ ...counts, position }, () =>
    facts([...Object.entries(counts).map(([state, n]) => [state, grouped(n)] as const)]),
  )
}

const described = (view: MessageView): string =>
  facts([
    ['id', view.id],
    ['queue', view.queue],
    ['state', view.state],
    ['attempts', view.attempts],
    ['priority', view.priority],
    ['type', view.type],
    ['topic', view.topic],
    ['group', view.group],
    ['tenant', view.tenant],
    ['zone', view.zone],
    ['gate', view.gate],
    ['enqueued', clockTime(view.enqueuedAt)],
    ['not before', clockTime(view.notBefore)],
    ['expires', clockTime(view.expiresAt)],
    ['worker', view.worker],
    ['last failure', view.failureType],
    ['headers', Object.keys(view.headers).length === 0 ? undefined : JSON.stringify(view.headers)],
    ['correlation', view.correlationId],
    ['causation', view.causationId],
    ['result', view.result === undefined ? undefined : JSON.stringify(view.result)],
    ['payload', view.blob === undefined ? JSON.stringify(view.payload) : undefined],
    [
      'blob',
      view.blob === undefined ? undefined : `${grouped(view.blob.bytes)} bytes at ${view.blob.location}`,
    ],
  ])

type OfQueue = Readonly<{ queue?: string }>

const show = async (context: Context, id: string, { queue }: OfQueue): Promise<void> => {
  const view = await context.ledger.knownQueue(queueOfId(id, queue)).message(id)
  if (view === undefined)
    throw new NotFoundError('message_not_found', `There is no message ${id}, or it was forgotten.`)
  context.show(view, () => described(view))
}

/** The payload and what names the message are left out; `--json` has it all. */
const UNTOLD = new Set(['ordinal', 'callerId', 'payload', 'attributes'])
const INSTANT = /(?:At|Before)$/

const toldField = ([key, value]: readonly [string, unknown]): ReadonlyArray<string> => {
  // 0 stands for "none" in instants, and is the default of everything else that is a number.
  if (UNTOLD.has(key) || value === 0) return []
  if (INSTANT.test(key) && typeof value === 'number') return [`${key}=${new Date(value).toISOString()}`]
  return [`${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`]
}

const told = (data: unknown): string =>
  isFields(data) ? Object.entries(data).flatMap(toldField).join(' ') : ''

const HISTORY: ReadonlyArray<Column<HistoryEntry>> = [
  { title: 'position', cell: ({ position }) => position, align: 'right' },
  { title: 'at', cell: ({ at }) => at },
  { title: 'event', cell: ({ type }) => type },
  { title: 'what', cell: ({ data }) => told(data) },
]

const history = async (context: Context, id: string, { queue }: OfQueue): Promise<void> => {
  const events =
    queue === undefined
      ? await context.ledger.history(id)
      : await context.ledger.knownQueue(queue).history(id)
  context.show({ id, events }, () => table(events, HISTORY))
}

const cancel = async (context: Context, id: string, { queue }: OfQueue): Promise<void> => {
  await context.ledger.knownQueue(queueOfId(id, queue)).cancel(id, context.actor)
  context.show({ cancelled: id }, () => `${id} is cancelled.`)
}

const send = (
  context: Context,
  name: string,
  payload: string | undefined,
  options: SendCommandOptions,
): Promise<void> => {
  if ((payload === undefined) === (options.file === undefined)) {
    throw new UsageError(
      'Give one payload as JSON, or --file with one message per line (- is standard input).',
    )
  }
  return payload === undefined
    ? sendFile(context, name, options.file ?? '-', options)
    : sendOne(context, name, payload, options)
}

const addSend = (message: Command, surroundings: Surroundings): void => {
  message
    .command('send <queue> [payload]')
    .description('enqueue one message, or with --file one for each line')
    .option(
      '--file <path>',
      'one JSON object per line: {"payload": ..., and options}; - reads standard input',
    )
    .option('--payload-only', 'each line is a payload')
    .option('--run <id>', 'repeat or go on with an earlier run: its messages are not enqueued twice')
    .option('--from-line <n>', 'start at this line', wholeNumber('--from-line', 1))
    .option(
      '--patience <seconds>',
      'give up after so long without progress (300)',
      wholeNumber('--patience', 0),
    )
    .option('--id <id>', 'unique in the queue')
    .option('--type <type>', 'what kind of message it is')
    .option('--topic <topic>', 'topic')
    .option('--priority <priority>', 'high, normal, low, or a number: higher first')
    .option('--delay-ms <ms>', 'not before', wholeNumber('--delay-ms', 0))
    .option('--not-before <instant>', 'not before this ISO 8601 instant')
    .option('--group <group>', 'one at a time, in order, within the group')
    .option('--dedup-key <key>', 'a second message with this key is the first one')
    .option('--idempotency-key <key>', 'the same call again is the first one')
    .option('--ttl-ms <ms>', 'never started later', wholeNumber('--ttl-ms', 1))
    .option('--timeout-ms <ms>', 'time limit of one run', wholeNumber('--timeout-ms', 1))
    .option('--lease-ms <ms>', 'lease of each attempt', wholeNumber('--lease-ms', 100))
    .option('--correlation-id <id>', 'correlation id')
    .option('--tenant <tenant>', 'caps, rates and turns go by tenant')
    .option('--zone <zone>', 'where it is to run')
    .option('--fallback-zone <zone>', 'and where else, may be repeated', collect)
    .option('--gate <gate>', 'not while this gate is closed')
    .option('--dedup-mode <mode>', 'replace or debounce the waiting message with the same --dedup-key')
    .option('--fire-and-forget', 'one delivery, no retry')
    .option('--not-retryable', 'the first failure is the last')
    .option('--not-batchable', 'batch handlers get it alone')
    .option('--not-cancelable', 'it cannot be cancelled')
    .option('--on-success <queue>', 'enqueue { operationId, result } there when it succeeds')
    .option('--on-failure <queue>', 'enqueue { operationId, error } there when it is a dead letter')
    .option('--header <name=value>', 'header, may be repeated', collect)
    .action((name: string, payload: string | undefined, options: SendCommandOptions, command) =>
      send(contextOf(surroundings, command), name, payload, options),
    )
}

export const addMessageCommands = (program: Command, surroundings: Surroundings): void => {
  const message = program
    .command('message')
    .description('messages: send, list, show, history, prove, edit, wait, cancel')
  addSend(message, surroundings)
  addRerunCommand(message, surroundings)
  addEditCommands(message, surroundings)
  addProveCommand(message, surroundings)
  addSelectionOptions(
    message.command('count <queue>').description('how many messages have not finished and match, by state'),
    'messages',
  ).action((name: string, flags: SelectionFlags, command) =>
    count(contextOf(surroundings, command), name, flags),
  )
  addSelectionOptions(
    message.command('list <queue>').description('messages of a queue: all, or those that match'),
    'messages',
  )
    .option('--sort <order>', 'newest, oldest, or priority (of messages that have not finished)')
    .option('--limit <n>', 'at most this many', wholeNumber('--limit', 1, LIST_LIMIT_MAX))
    .option('--cursor <cursor>', 'the next page')
    .action((name: string, flags: ListFlags, command) => list(contextOf(surroundings, command), name, flags))
  for (const [name, description, action] of [
    ['show', 'one message as it stands', show],
    ['history', 'every event of one message', history],
    ['cancel', 'take a waiting message out of its queue, or stop a running one', cancel],
  ] as const) {
    message
      .command(`${name} <id>`)
      .description(description)
      .option('--queue <queue>', 'needed for ids that callers chose')
      .action((id: string, options: OfQueue, command) =>
        action(contextOf(surroundings, command), id, options),
      )
  }
}
