// ledgerq cluster: the nodes on one log, and which of them leads what.
import type { Command } from 'commander'
import type { ClusterReport, NodeReport, UnitReport } from '../api/types/index.js'
import { contextOf, type Surroundings } from './context.js'
import { table } from './table.js'

const whyNobody = ({ declined = {} }: UnitReport): string =>
  Object.entries(declined)
    .map(([node, reason]) => `${node}: ${reason}`)
    .join('; ')

const stateOf = ({ isLive, silentMs, unreachedBy = [] }: NodeReport): string => {
  if (!isLive) return `silent for ${silentMs} ms`
  return unreachedBy.length === 0 ? 'lives' : `lives, out of reach of ${unreachedBy.join(', ')}`
}

const reportText = ({ nodes, units, level }: ClusterReport): string => {
  const ofNodes = table(nodes, [
    { title: 'node', cell: ({ node, isLeader }) => (isLeader ? `${node} *` : node) },
    { title: 'address', cell: ({ address }) => address },
    { title: 'version', cell: ({ version }) => version },
    { title: 'state', cell: stateOf },
    { title: 'leads', cell: ({ units: count }) => count, align: 'right' },
  ])
  const ofUnits = table(units, [
    { title: 'unit', cell: ({ unit }) => unit },
    { title: 'node', cell: ({ node }) => node ?? 'nobody' },
    {
      title: 'since ms',
      cell: ({ node, tenureMs }) => (node === undefined ? undefined : tenureMs),
      align: 'right',
    },
    { title: 'declined', cell: whyNobody },
  ])
  return `${ofNodes}\n\n${ofUnits}\n\n* says who leads what. Events up to level ${level} may be written.`
}

export const addClusterCommands = (program: Command, surroundings: Surroundings): void => {
  const cluster = program.command('cluster').description('the nodes on one log')
  cluster
    .command('nodes')
    .description('the nodes, whether they live, and which of them leads which queue')
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(surroundings, command)
      const report = await context.ledger.clusterReport()
      context.show(report, () => reportText(report))
    })
}
