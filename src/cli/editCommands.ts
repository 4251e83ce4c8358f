// ledgerq message edit and message wait: a waiting message changed, the end of one waited for.
import type { Command } from 'commander'
import { isLeft } from 'fp-ts/lib/Either.js'
import { parseGeneratedId } from '../../domain/ids.js'
import { checkJsonSource, describePayloadRefusal } from '../../domain/payload/index.js'
import type { MessageChanges, MessageResult } from '../api/types/index.js'
import { type Context, contextOf, type Surroundings, wholeNumber } from './context.js'
import { CommandFailed, EXIT, UsageError } from './exitCode.js'
import { headersOf, priorityOf } from './sendCommand.js'

type EditCommandOptions = Readonly<{
  queue?: string
  payload?: string
  priority?: string
  delayMs?: number
  notBefore?: string
  ttlMs?: number
  header?: ReadonlyArray<string>
}>

/** Ids that were generated name their queue; for others it must be given. */
export const queueOfId = (id: string, given: string | undefined): string => {
  const name = given ?? parseGeneratedId(id)?.queue
  if (name === undefined) throw new UsageError(`The id ${id} does not name its queue: give it with --queue.`)
  return name
}

const payloadOf = (text: string): unknown => {
  const value = checkJsonSource(text)
  if (isLeft(value)) throw new UsageError(`--payload: ${describePayloadRefusal(value.left)}`)
  return value.right
}

const edit = async (context: Context, id: string, options: EditCommandOptions): Promise<void> => {
  const { queue, payload, priority, header, ...others } = options
  const changes: MessageChanges<unknown> = {
    ...others,
    ...(payload === undefined ? {} : { payload: payloadOf(payload) }),
    ...(priority === undefined ? {} : { priority: priorityOf(priority) }),
    ...(header === undefined ? {} : { headers: headersOf(header) }),
  }
  if (Object.keys(changes).length === 0)
    throw new UsageError('Say what is to change: --payload, --priority, …')
  await context.ledger.knownQueue(queueOfId(id, queue)).edit(id, changes, context.actor)
  context.show({ edited: id }, () => `${id} has been changed.`)
}

const sentence = (result: MessageResult): string => {
  if (!result.ended) return `${result.id} is still ${result.state}`
  const end = `${result.id} ${result.state} after ${result.attempts} attempts`
  if (result.error !== undefined) return `${end}: ${result.error.type} ${result.error.message}`
  return result.result === undefined ? end : `${end}: ${JSON.stringify(result.result)}`
}

const wait = async (
  context: Context,
  id: string,
  { queue, waitMs }: { queue?: string; waitMs?: number },
): Promise<void> => {
  const options = waitMs === undefined ? {} : { waitMs }
  const result = await context.ledger.knownQueue(queueOfId(id, queue)).result(id, options)
  context.show(result, () => sentence(result))
  // For scripts: only success is success.
  if (!result.ended || result.state !== 'succeeded') throw new CommandFailed(EXIT.failed, '')
}

/** Of an option that may be repeated. */
export const collect = (value: string, former: ReadonlyArray<string> = []): ReadonlyArray<string> => [
  ...former,
  value,
]

export const addEditCommands = (message: Command, surroundings: Surroundings): void => {
  message
    .command('edit <id>')
    .description('give a waiting message new contents; what is left out stays')
    .option('--queue <queue>', 'needed for ids that callers chose')
    .option('--payload <json>', 'new payload')
    .option('--priority <priority>', 'high, normal, low, or a number: higher first')
    .option('--delay-ms <ms>', 'not before so long from now', wholeNumber('--delay-ms', 0))
    .option('--not-before <instant>', 'not before this ISO 8601 instant')
    .option(
      '--ttl-ms <ms>',
      'never started later than this from now; 0 = never expires',
      wholeNumber('--ttl-ms', 0),
    )
    .option('--header <name=value>', 'all headers anew, may be repeated', collect)
    .action((id: string, options: EditCommandOptions, command) =>
      edit(contextOf(surroundings, command), id, options),
    )
  message
    .command('wait <id>')
    .description('wait for the end of a message; exit code 1 unless it succeeded')
    .option('--queue <queue>', 'needed for ids that callers chose')
    .option('--wait-ms <ms>', 'at most so long (20000)', wholeNumber('--wait-ms', 0, 3_600_000))
    .action((id: string, options: { queue?: string; waitMs?: number }, command) =>
      wait(contextOf(surroundings, command), id, options),
    )
}
