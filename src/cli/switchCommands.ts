// ledgerq gate list | close | open, ledgerq circuit list | open | close | auto, ledgerq queue pause | resume --group
import type { Command } from 'commander'
import type { CircuitStatus, ForcedCircuit } from '../api/types/index.js'
import { isClean, NAME_CHARS_MAX } from '../door/doorRules.js'
import { type Context, contextOf, type Surroundings } from './context.js'
import { UsageError } from './exitCode.js'
import { type Column, clockTime, table } from './table.js'

/** Both say what is so now, as the whole queue's pause does. */
export const setGroupPaused = async (
  context: Context,
  name: string,
  group: string,
  paused: boolean,
): Promise<void> => {
  if (group === '' || group.length > NAME_CHARS_MAX || !isClean(group))
    throw new UsageError(
      `--group: accepted is the group that messages were enqueued with, text of 1 to ${NAME_CHARS_MAX} characters without control characters`,
    )
  const queue = context.ledger.knownQueue(name)
  if (paused) await queue.pauseGroup(group, context.actor)
  else await queue.resumeGroup(group, context.actor)
  context.show(
    { queue: name, group, paused },
    () => `The group ${group} of ${name} is ${paused ? 'paused' : 'open'}.`,
  )
}

const setGate = async (context: Context, name: string, gate: string, open: boolean): Promise<void> => {
  const handle = context.ledger.knownQueue(name).gate(gate)
  await (open ? handle.open(context.actor) : handle.close(context.actor))
  context.show(
    { queue: name, gate, open },
    () => `The gate ${gate} of ${name} is ${open ? 'open' : 'closed'}.`,
  )
}

const listGates = async (context: Context, name: string): Promise<void> => {
  const { closedGates } = await context.ledger.knownQueue(name).switches()
  context.show({ closedGates }, () =>
    closedGates.length === 0 ? `No gate of ${name} is closed.` : closedGates.join('\n'),
  )
}

const latest = (times: ReadonlyArray<string | undefined>): string | undefined =>
  times.reduce<string | undefined>(
    (late, time) => (time !== undefined && (late === undefined || time > late) ? time : late),
    undefined,
  )

const COLUMNS: ReadonlyArray<Column<CircuitStatus>> = [
  { title: 'circuit', cell: ({ circuit }) => circuit },
  { title: 'state', cell: ({ state, forced }) => (forced === undefined ? state : `${state} (forced)`) },
  {
    title: 'failures',
    cell: ({ partitions }) => partitions.reduce((sum, { failures }) => sum + failures, 0),
    align: 'right',
  },
  { title: 'since', cell: ({ partitions }) => clockTime(latest(partitions.map(({ since }) => since))) },
  {
    title: 'tries again',
    cell: ({ partitions }) => clockTime(latest(partitions.map(({ retryAt }) => retryAt))),
  },
]

const listCircuits = async (context: Context, name: string): Promise<void> => {
  const circuits = await context.ledger.knownQueue(name).circuits()
  context.show({ circuits }, () =>
    circuits.length === 0
      ? `All circuits of ${name} are closed.`
      : table(circuits, COLUMNS, context.terminal.columns),
  )
}

const DONE: Readonly<Record<ForcedCircuit | 'auto', string>> = {
  open: 'is open until it is closed or left to itself',
  closed: 'is closed until it is opened or left to itself',
  auto: 'is left to itself',
}

const force = async (
  context: Context,
  name: string,
  circuit: string,
  to: ForcedCircuit | 'auto',
): Promise<void> => {
  await context.ledger.knownQueue(name).forceCircuit(circuit, to, context.actor)
  context.show({ queue: name, circuit, to }, () => `The circuit ${circuit} of ${name} ${DONE[to]}.`)
}

export const addSwitchCommands = (program: Command, surroundings: Surroundings): void => {
  const gate = program.command('gate').description('resource gates: list, close, open')
  gate
    .command('list <queue>')
    .description('gates that are closed')
    .action((queue: string, _options, command) => listGates(contextOf(surroundings, command), queue))
  gate
    .command('close <queue> <gate>')
    .description('messages that name it wait')
    .action((queue: string, name: string, _options, command) =>
      setGate(contextOf(surroundings, command), queue, name, false),
    )
  gate
    .command('open <queue> <gate>')
    .description('the resource is available: messages that name it run')
    .action((queue: string, name: string, _options, command) =>
      setGate(contextOf(surroundings, command), queue, name, true),
    )
  const circuit = program.command('circuit').description('circuits: list, open, close, auto')
  circuit
    .command('list <queue>')
    .description('circuits that are not simply closed')
    .action((queue: string, _options, command) => listCircuits(contextOf(surroundings, command), queue))
  const verbs = [
    ['open', 'open', 'start no message of it'],
    ['close', 'closed', 'start its messages whatever their failures say'],
    ['auto', 'auto', 'leave it to itself again'],
  ] as const
  for (const [verb, to, description] of verbs) {
    circuit
      .command(`${verb} <queue> <circuit>`)
      .description(description)
      .action((queue: string, name: string, _options, command) =>
        force(contextOf(surroundings, command), queue, name, to),
      )
  }
}
