// ledgerq queue list | create | show | delete | resize | pause | resume
import type { Command } from 'commander'
import { DEDUP_MODES } from '../../domain/queue/settingRules.js'
import type { QueueConfig, QueueStats, QueueView, SwitchesView } from '../api/types/index.js'
import { isPresetName, PRESET_NAMES, type PresetName, QUEUE_PRESETS } from '../presets/queuePresets.js'
import { addClearCommand } from './clearCommand.js'
import {
  type Context,
  contextOf,
  type DestructiveOptions,
  isConfirmed,
  type Surroundings,
  wholeNumber,
} from './context.js'
import { UsageError } from './exitCode.js'
import { addResizeCommand, drainingText } from './resizeCommand.js'
import { type SettingPairs, settingPair } from './settingPairs.js'
import { setGroupPaused } from './switchCommands.js'
import { type Column, duration, facts, grouped, table } from './table.js'

const COLUMNS: ReadonlyArray<Column<QueueStats>> = [
  { title: 'queue', cell: ({ queue }) => queue },
  { title: 'state', cell: ({ paused }) => (paused ? 'paused' : 'open') },
  { title: 'pending', cell: ({ pending }) => pending, align: 'right' },
  { title: 'scheduled', cell: ({ scheduled }) => scheduled, align: 'right' },
  { title: 'retrying', cell: ({ retrying }) => retrying, align: 'right' },
  { title: 'processing', cell: ({ processing }) => processing, align: 'right' },
  { title: 'dead', cell: ({ dead }) => dead, align: 'right' },
  { title: 'succeeded', cell: ({ succeeded }) => succeeded, align: 'right' },
  {
    title: 'oldest',
    cell: ({ oldestClaimableAgeMs: ms }) => (ms === 0 ? undefined : duration(ms)),
    align: 'right',
  },
]

const list = async ({ ledger, show, terminal }: Context): Promise<void> => {
  const { queues } = await ledger.stats()
  show({ queues }, () =>
    queues.length === 0
      ? 'No queues yet: ledgerq queue create NAME'
      : table(
          [...queues].sort((a, b) => (a.queue < b.queue ? -1 : 1)),
          COLUMNS,
          terminal.columns,
        ),
  )
}

const forcedText = ({ forcedCircuits }: SwitchesView): string =>
  Object.entries(forcedCircuits)
    .map(([circuit, to]) => `${circuit} ${to}`)
    .join(', ')

const described = (view: QueueView, stats: QueueStats, switches: SwitchesView): string => {
  const { config } = view
  const failed = Object.entries(stats.failuresByType).map(([type, count]) => `${type} ${grouped(count)}`)
  return facts([
    ['queue', view.queue],
    ['state', view.paused ? 'paused' : 'open'],
    ['paused groups', switches.pausedGroups.join(', ')],
    ['closed gates', switches.closedGates.join(', ')],
    ['forced circuits', forcedText(switches)],
    ['pending', stats.pending],
    ['scheduled', stats.scheduled],
    ['retrying', stats.retrying],
    ['processing', stats.processing],
    ['dead letters', stats.dead],
    ['succeeded', stats.succeeded],
    ['attempts', stats.attempts],
    ['failures', failed.join(', ')],
    ['partitions', config.partitions],
    ['draining', drainingText(stats)],
    ['at most', `${grouped(config.maxSize)} messages per partition`],
    ['lease', duration(config.leaseMs)],
    ['time limit', duration(config.handlerTimeoutMs)],
    ['time to live', config.ttlMs === 0 ? 'no limit' : duration(config.ttlMs)],
    ['order', config.order],
    ['limits', Object.keys(config.limits).length === 0 ? undefined : JSON.stringify(config.limits)],
    ['duplicates by', config.dedup],
    ['dedup window', config.dedupWindowMs === 0 ? 'off' : duration(config.dedupWindowMs)],
    ['log position', stats.position],
  ])
}

const show = async (context: Context, name: string): Promise<void> => {
  const queue = context.ledger.knownQueue(name)
  const [view, stats, switches] = await Promise.all([queue.view(), queue.stats(), queue.switches()])
  context.show({ ...view, stats, switches }, () => described(view, stats, switches))
}

type DedupMode = QueueConfig['dedup']

const dedupMode = (text: string): DedupMode => {
  const mode = DEDUP_MODES.find((name) => name === text)
  if (mode === undefined) throw new UsageError(`--dedup: accepted is one of ${DEDUP_MODES.join(', ')}`)
  return mode
}

const SETTINGS = [
  'partitions',
  'maxSize',
  'dedupWindowMs',
  'leaseMs',
  'handlerTimeoutMs',
  'ttlMs',
  'delayMs',
] as const
type SettingOptions = Readonly<
  Partial<Record<(typeof SETTINGS)[number], number>> & {
    preset?: PresetName
    dedup?: DedupMode
    set?: SettingPairs
  }
>

/** Whatever the policy of the server about queues that are merely used: here one was asked for. */
const create = async (context: Context, name: string, options: SettingOptions): Promise<void> => {
  const { ledger, actor } = context
  const stated = Object.fromEntries(
    [...SETTINGS, 'dedup' as const].flatMap((key) =>
      options[key] === undefined ? [] : [[key, options[key]]],
    ),
  )
  const preset = options.preset === undefined ? {} : QUEUE_PRESETS[options.preset]
  const settings = { ...preset, ...stated, ...options.set }
  const isThere = (await ledger.queues()).some(({ queue }) => queue === name)
  const view = isThere
    ? await ledger.knownQueue(name).configure(settings, actor)
    : await (await ledger.createQueue(name, settings, actor)).view()
  context.show(view, () => `The queue ${view.queue} is there.`)
}

const presetName = (text: string): PresetName => {
  if (isPresetName(text)) return text
  throw new UsageError(`--preset: accepted is one of ${PRESET_NAMES.join(', ')}`)
}

const remove = async (
  context: Context,
  name: string,
  options: DestructiveOptions & { evenIfNotEmpty?: boolean },
): Promise<void> => {
  const stats = await context.ledger.knownQueue(name).stats()
  const count = stats.pending + stats.scheduled + stats.retrying + stats.processing + stats.dead
  const messages = count === 1 ? 'a message' : count === 0 ? 'no messages' : `${grouped(count)} messages`
  if (!isConfirmed(context, options, `delete the queue ${name}, which holds ${messages}`)) return
  await context.ledger.deleteQueue(name, {
    by: context.actor,
    ...(options.evenIfNotEmpty === true ? { evenIfNotEmpty: true } : {}),
  })
  context.show({ deleted: name }, () => `The queue ${name} is deleted; its events stay in the log.`)
}

type GroupOption = Readonly<{ group?: string }>

/** Pausing what is not there is a mistake worth an exit code, not a queue worth creating. */
const setPaused = async (
  context: Context,
  name: string,
  { group }: GroupOption,
  paused: boolean,
): Promise<void> => {
  if (group !== undefined) return setGroupPaused(context, name, group, paused)
  const queue = context.ledger.knownQueue(name)
  if (paused) await queue.pause(context.actor)
  else await queue.resume(context.actor)
  context.show({ queue: name, paused }, () => `The queue ${name} is ${paused ? 'paused' : 'open'}.`)
}

export const addQueueCommands = (program: Command, surroundings: Surroundings): void => {
  const queue = program
    .command('queue')
    .description('queues: list, create, show, delete, resize, pause, resume')
  queue
    .command('list')
    .description('all queues with their counts')
    .action((_options, command) => list(contextOf(surroundings, command)))
  queue
    .command('create <name>')
    .description('create a queue, or change the settings that are given')
    .option('--preset <name>', `settings that go together: ${PRESET_NAMES.join(', ')}`, presetName)
    .option('--partitions <n>', 'changed later by queue resize', wholeNumber('--partitions', 1))
    .option('--max-size <n>', 'messages per partition', wholeNumber('--max-size', 1))
    .option('--dedup <mode>', `what makes a duplicate: ${DEDUP_MODES.join(', ')}`, dedupMode)
    .option('--dedup-window-ms <ms>', 'how long keys are remembered', wholeNumber('--dedup-window-ms', 0))
    .option('--lease-ms <ms>', 'how long a silent worker keeps a message', wholeNumber('--lease-ms', 1))
    .option('--handler-timeout-ms <ms>', 'time limit of one run', wholeNumber('--handler-timeout-ms', 1))
    .option('--ttl-ms <ms>', 'never started later than this', wholeNumber('--ttl-ms', 0))
    .option('--delay-ms <ms>', 'never started earlier than this', wholeNumber('--delay-ms', 0))
    .option(
      '--set <name=value>',
      `any setting, nested ones as JSON: --set order=fifo --set 'limits={"concurrencyMax":5}'`,
      settingPair,
    )
    .action((name: string, options: SettingOptions, command) =>
      create(contextOf(surroundings, command), name, options),
    )
  queue
    .command('show <name>')
    .description('settings and counts of one queue')
    .action((name: string, _options, command) => show(contextOf(surroundings, command), name))
  addClearCommand(queue, surroundings)
  addResizeCommand(queue, surroundings)
  queue
    .command('delete <name>')
    .description('delete a queue; its events stay in the log')
    .option('--even-if-not-empty', 'drop the messages it holds')
    .option('--yes', 'do it')
    .option('--dry-run', 'only say what would be done')
    .action((name: string, options: DestructiveOptions, command) =>
      remove(contextOf(surroundings, command), name, options),
    )
  queue
    .command('pause <name>')
    .description('hand out no messages; enqueues go on')
    .option('--group <group>', 'this group of it only')
    .action((name: string, options: GroupOption, command) =>
      setPaused(contextOf(surroundings, command), name, options, true),
    )
  queue
    .command('resume <name>')
    .description('hand out messages again')
    .option('--group <group>', 'this group of it only')
    .action((name: string, options: GroupOption, command) =>
      setPaused(contextOf(surroundings, command), name, options, false),
    )
}
