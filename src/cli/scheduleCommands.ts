// ledgerq schedule set | list | show | remove | pause | resume | preview
import type { Command } from 'commander'
import type { MissedPolicy, ScheduleRequest, ScheduleView } from '../api/types/index.js'
import {
  type Context,
  contextOf,
  type DestructiveOptions,
  isConfirmed,
  type Surroundings,
  wholeNumber,
} from './context.js'
import { CommandFailed, EXIT, UsageError } from './exitCode.js'
import { type Column, clockTime, duration, facts, shortJson, table } from './table.js'

const timesOf = ({ cron, timeZone, everyMs }: ScheduleView): string =>
  cron === undefined ? `every ${duration(everyMs ?? 0)}` : `${cron} (${timeZone})`

const missedText = (missed: MissedPolicy): string =>
  typeof missed === 'string' ? missed : `all, at most ${missed.atMost}`

const COLUMNS: ReadonlyArray<Column<ScheduleView>> = [
  { title: 'schedule', cell: ({ name }) => name },
  { title: 'times', cell: timesOf },
  { title: 'state', cell: ({ paused }) => (paused ? 'paused' : 'open') },
  { title: 'next', cell: ({ nextTick }) => clockTime(nextTick) },
  { title: 'last', cell: ({ lastTick }) => clockTime(lastTick) },
  { title: 'enqueued', cell: ({ enqueued }) => enqueued, align: 'right' },
  { title: 'missed', cell: ({ missedTicks }) => missedTicks, align: 'right' },
]

const described = (view: ScheduleView): string =>
  facts([
    ['schedule', view.name],
    ['queue', view.queue],
    ['times', timesOf(view)],
    ['state', view.paused ? 'paused' : 'open'],
    ['next', clockTime(view.nextTick)],
    ['last', clockTime(view.lastTick)],
    ['enqueued', view.enqueued],
    ['missed', view.missedTicks],
    ['if missed', missedText(view.missed)],
    ['from', clockTime(view.from)],
    ['not before', clockTime(view.startAt)],
    ['until', clockTime(view.endAt)],
    ['type', view.type],
    ['topic', view.topic],
    ['group', view.group],
    ['tenant', view.tenant],
    ['priority', view.priority],
    ['time to live', view.ttlMs === undefined ? undefined : duration(view.ttlMs)],
    ['time limit', view.timeoutMs === undefined ? undefined : duration(view.timeoutMs)],
    ['payload', shortJson(view.payload)],
  ])

const missedOf = (text: string): MissedPolicy => {
  if (text === 'skip' || text === 'one') return text
  const found = /^all:(\d{1,6})$/.exec(text)
  if (found !== null) return { kind: 'all', atMost: Number(found[1]) }
  throw new UsageError('--missed: accepted are skip, one and all:N')
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new UsageError('payload: accepted is JSON, such as \'{"report":"daily"}\'')
  }
}

const priorityOf = (text: string): number | 'high' | 'normal' | 'low' => {
  if (text === 'high' || text === 'normal' || text === 'low') return text
  return wholeNumber('--priority', -1_000, 1_000)(text)
}

type SetOptions = Readonly<
  Partial<
    Pick<
      ScheduleRequest<unknown>,
      'type' | 'topic' | 'group' | 'tenant' | 'priority' | 'ttlMs' | 'timeoutMs' | 'missed' | 'paused'
    >
  > & { cron?: string; timeZone?: string; everyMs?: number; from?: string; startAt?: string; endAt?: string }
>

const set = async (
  context: Context,
  queue: string,
  name: string,
  payload: string,
  options: SetOptions,
): Promise<void> => {
  const asked = { ...options, name, payload: jsonOf(payload) } as ScheduleRequest<unknown>
  const view = await context.ledger.knownQueue(queue).schedule(asked, context.actor)
  context.show(view, () =>
    view.nextTick === undefined
      ? `${name} is set; nothing is planned.`
      : `${name} is set; its next tick is ${clockTime(view.nextTick)}.`,
  )
}

const list = async (context: Context, queue: string): Promise<void> => {
  const schedules = await context.ledger.knownQueue(queue).schedules()
  context.show({ schedules }, () =>
    schedules.length === 0
      ? `The queue ${queue} has no schedules.`
      : table(schedules, COLUMNS, context.terminal.columns),
  )
}

const viewOf = async (context: Context, queue: string, name: string): Promise<ScheduleView> => {
  const schedules = await context.ledger.knownQueue(queue).schedules()
  const view = schedules.find((one) => one.name === name)
  if (view !== undefined) return view
  context.terminal.say(`there is no schedule "${name}"`)
  throw new CommandFailed(EXIT.notFound)
}

const show = async (context: Context, queue: string, name: string): Promise<void> => {
  const view = await viewOf(context, queue, name)
  context.show(view, () => described(view))
}

const remove = async (
  context: Context,
  queue: string,
  name: string,
  options: DestructiveOptions,
): Promise<void> => {
  await viewOf(context, queue, name)
  if (!isConfirmed(context, options, `remove the schedule ${name} of ${queue}`)) return
  await context.ledger.knownQueue(queue).unschedule(name, context.actor)
  context.show({ removed: name }, () => `${name} is removed; its messages in the queue stay there.`)
}

const setPaused = async (context: Context, queue: string, name: string, paused: boolean): Promise<void> => {
  const handle = context.ledger.knownQueue(queue)
  const view = await (paused
    ? handle.pauseSchedule(name, context.actor)
    : handle.resumeSchedule(name, context.actor))
  context.show(view, () => `${name} is ${paused ? 'paused' : 'open'}.`)
}

const preview = async (
  context: Context,
  queue: string,
  name: string,
  { count }: Readonly<{ count?: number }>,
): Promise<void> => {
  const ticks = await context.ledger.knownQueue(queue).preview(name, count)
  context.show({ ticks }, () =>
    ticks.length === 0 ? 'Nothing is planned.' : ticks.map(clockTime).join('\n'),
  )
}

const addSetCommand = (schedule: Command, surroundings: Surroundings): void => {
  schedule
    .command('set <queue> <name> <payload>')
    .description('set a schedule; payload is JSON')
    .option('--cron <expression>', 'five fields, or six with seconds first, or @daily and the like')
    .option('--time-zone <zone>', 'whose wall clock the expression is about (UTC)')
    .option('--every-ms <ms>', 'instead of --cron: by elapsed time', wholeNumber('--every-ms', 1))
    .option('--from <instant>', 'with --every-ms: the first of its ticks')
    .option('--missed <policy>', 'what to enqueue of missed ticks: skip, one (default) or all:N', missedOf)
    .option('--start-at <instant>', 'nothing before it')
    .option('--end-at <instant>', 'nothing at it or after')
    .option('--paused', 'plan nothing yet')
    .option('--type <type>', 'of the messages')
    .option('--topic <topic>', 'of the messages')
    .option('--group <group>', 'of the messages')
    .option('--tenant <tenant>', 'of the messages')
    .option('--priority <priority>', 'high, normal, low or a number', priorityOf)
    .option('--ttl-ms <ms>', 'never started later than this', wholeNumber('--ttl-ms', 1))
    .option('--timeout-ms <ms>', 'time limit of one run', wholeNumber('--timeout-ms', 1))
    .action((queue: string, name: string, payload: string, options: SetOptions, command) =>
      set(contextOf(surroundings, command), queue, name, payload, options),
    )
}

export const addScheduleCommands = (program: Command, surroundings: Surroundings): void => {
  const schedule = program
    .command('schedule')
    .description('recurring messages: set, list, show, remove, pause, resume, preview')
  addSetCommand(schedule, surroundings)
  schedule
    .command('list <queue>')
    .description('the schedules of a queue with their next and last ticks')
    .action((queue: string, _options, command) => list(contextOf(surroundings, command), queue))
  schedule
    .command('show <queue> <name>')
    .description('one schedule')
    .action((queue: string, name: string, _options, command) =>
      show(contextOf(surroundings, command), queue, name),
    )
  schedule
    .command('remove <queue> <name>')
    .description('remove a schedule; its messages in the queue stay there')
    .option('--yes', 'do it')
    .option('--dry-run', 'only say what would be done')
    .action((queue: string, name: string, options: DestructiveOptions, command) =>
      remove(contextOf(surroundings, command), queue, name, options),
    )
  schedule
    .command('pause <queue> <name>')
    .description('plan nothing until it is resumed')
    .action((queue: string, name: string, _options, command) =>
      setPaused(contextOf(surroundings, command), queue, name, true),
    )
  schedule
    .command('resume <queue> <name>')
    .description('plan again, from the next instant on')
    .action((queue: string, name: string, _options, command) =>
      setPaused(contextOf(surroundings, command), queue, name, false),
    )
  schedule
    .command('preview <queue> <name>')
    .description('the next planned instants')
    .option('--count <n>', 'so many of them (10)', wholeNumber('--count', 1, 1_000))
    .action((queue: string, name: string, options: { count?: number }, command) =>
      preview(contextOf(surroundings, command), queue, name, options),
    )
}
