// ledgerq queue resize: another number of partitions while the queue works, and what the older ones hold meanwhile.
import type { Command } from 'commander'
import type { QueueStats } from '../api/types/index.js'
import {
  type Context,
  contextOf,
  type DestructiveOptions,
  isConfirmed,
  type Surroundings,
  wholeNumber,
} from './context.js'
import { counted } from './table.js'

type ResizeOptions = DestructiveOptions & Readonly<{ partitions: number }>

/** Undefined = nothing drains. */
export const drainingText = ({ draining }: QueueStats): string | undefined =>
  draining
    ?.map(
      ({ first, partitions, messages, dead }) =>
        `${rangeText(first, partitions)}: ${counted(messages, 'message')}, ${counted(dead, 'dead letter')}`,
    )
    .join('; ')

const rangeText = (first: number, partitions: number): string =>
  partitions === 1 ? `partition ${first}` : `partitions ${first} to ${first + partitions - 1}`

const resize = async (context: Context, name: string, options: ResizeOptions): Promise<void> => {
  const queue = context.ledger.knownQueue(name)
  const { partitions } = options
  const before = await queue.stats()
  if (before.partitions === partitions) {
    const view = await queue.view()
    return context.show(view, () => `The queue ${name} has ${counted(partitions, 'partition')} already.`)
  }
  const live = before.scheduled + before.pending + before.retrying + before.processing
  const held = `${counted(live, 'message')} and ${counted(before.dead, 'dead letter')}`
  const deed = `open ${counted(partitions, 'new partition')} for ${name}, and let the ${before.partitions} of now drain (the queue holds ${held}); it cannot be taken back`
  if (!isConfirmed(context, options, deed)) return
  const view = await queue.resize(partitions, context.actor)
  const left = drainingText(await queue.stats())
  context.show(view, () =>
    [
      `The queue ${name} has ${counted(partitions, 'partition')} for new messages.`,
      left === undefined ? 'None are left to drain.' : `Draining: ${left}.`,
    ].join('\n'),
  )
}

export const addResizeCommand = (queue: Command, surroundings: Surroundings): void => {
  queue
    .command('resize <name>')
    .description('another number of partitions while it works: new ones are opened, those before drain')
    .requiredOption('--partitions <n>', 'how many take new messages', wholeNumber('--partitions', 1))
    .option('--yes', 'do it')
    .option('--dry-run', 'only say what would be done')
    .action((name: string, options: ResizeOptions, command) =>
      resize(contextOf(surroundings, command), name, options),
    )
}
