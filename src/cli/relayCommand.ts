// ledgerq relay: how far events are passed on to Kafka, and what holds them up.
import type { Command } from 'commander'
import type { RelayStatus, ShardStatus } from '../api/types/index.js'
import { contextOf, type Surroundings } from './context.js'
import { duration, facts, grouped, table } from './table.js'

const troubleOf = ({ shard, reason, lastFault }: ShardStatus): string | undefined => {
  if (reason !== undefined) return `shard ${shard}: ${reason}`
  return lastFault === undefined
    ? undefined
    : `shard ${shard}: well again; last at ${lastFault.at}: ${lastFault.reason} (${lastFault.type})`
}

const statusText = ({ topic, head, shards, openTransactions }: RelayStatus): string => {
  const told = facts([
    ['topic', topic],
    ['log head', head],
  ])
  const ofShards = table(shards, [
    { title: 'shard', cell: ({ shard }) => shard },
    { title: 'state', cell: ({ state }) => state },
    { title: 'since', cell: ({ since }) => since },
    { title: 'told', cell: ({ told: events }) => events, align: 'right' },
    { title: 'position', cell: ({ position }) => position, align: 'right' },
    { title: 'lag', cell: ({ lag }) => lag, align: 'right' },
    { title: 'behind', cell: ({ behindMs }) => duration(behindMs), align: 'right' },
    { title: 'still for', cell: ({ stillMs }) => duration(stillMs), align: 'right' },
  ])
  const troubles = shards.flatMap((shard) => troubleOf(shard) ?? [])
  const open = openTransactions.map(
    ({ topic: held, partition, offset, end, forMs }) =>
      `a transaction is open in partition ${partition} of ${held} from offset ${grouped(offset)} on, for ${duration(forMs)}: ${grouped(end - offset)} records are kept from readers`,
  )
  return [told, '', ofShards, ...(troubles.length + open.length > 0 ? ['', ...troubles, ...open] : [])].join(
    '\n',
  )
}

export const addRelayCommands = (program: Command, surroundings: Surroundings): void => {
  const relay = program.command('relay').description('events on their way to Kafka')
  relay
    .command('status')
    .description('shard by shard how far it is, and what holds it up')
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(surroundings, command)
      const status = await context.ledger.relay()
      context.show(status, () => statusText(status))
    })
}
