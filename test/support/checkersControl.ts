// The control stream told again: the configuration, the pause and the switches at each revision that partitions may adopt (R67).
import type { LedgerEvent, RecordedBatch } from '../../domain/batch.js'
import type { QueueConfig } from '../../domain/queue/index.js'
import type { ToldLayout } from './checkersPlace.js'

type Adopted = Extract<LedgerEvent, { type: 'ConfigAdopted' }>
export type Control = Readonly<{
  config: QueueConfig
  /** The last one takes what is new. */
  layouts: ReadonlyArray<ToldLayout>
  paused: boolean
  groups: ReadonlySet<string>
  gates: ReadonlySet<string>
  forced: ReadonlyMap<string, string>
}>

const without = <A>(set: ReadonlySet<A>, one: A): Set<A> => new Set([...set].filter((other) => other !== one))

const after = (control: Control, event: LedgerEvent): Control | undefined => {
  const { config, layouts, groups, gates, forced } = control
  switch (event.type) {
    case 'QueueConfigured':
      return { ...control, config: event.config }
    case 'QueueResized': {
      const { partitions } = event
      const first = layouts.reduce((sum, layout) => sum + layout.partitions, 0)
      const added = { first, partitions, isDrained: false }
      return { ...control, config: { ...config, partitions }, layouts: [...layouts, added] }
    }
    case 'LayoutDrained': {
      const { first } = event
      const drained = layouts.map((layout) =>
        layout.first === first ? { ...layout, isDrained: true } : layout,
      )
      return { ...control, layouts: drained }
    }
    case 'QueuePaused':
      return { ...control, paused: true }
    case 'QueueResumed':
      return { ...control, paused: false }
    case 'GroupPaused':
      return { ...control, groups: new Set([...groups, event.group]) }
    case 'GroupResumed':
      return { ...control, groups: without(groups, event.group) }
    case 'GateClosed':
      return { ...control, gates: new Set([...gates, event.gate]) }
    case 'GateOpened':
      return { ...control, gates: without(gates, event.gate) }
    case 'CircuitForced': {
      const others = [...forced].filter(([circuit]) => circuit !== event.circuit)
      return {
        ...control,
        forced: new Map(event.to === 'auto' ? others : [...others, [event.circuit, event.to]]),
      }
    }
    default:
      return undefined
  }
}

/** The first is the queue as it was created, revision -1. */
export const controlsOf = (
  created: QueueConfig,
  batches: ReadonlyArray<RecordedBatch>,
): ReadonlyArray<Control> => {
  let control: Control = {
    config: created,
    layouts: [{ first: 0, partitions: created.partitions, isDrained: false }],
    paused: false,
    groups: new Set(),
    gates: new Set(),
    forced: new Map(),
  }
  const controls = [control]
  for (const event of batches.flatMap(({ events }) => events)) {
    const next = after(control, event)
    if (next === undefined) continue
    control = next
    controls.push(control)
  }
  return controls
}

const sameNames = (one: ReadonlyArray<string>, other: ReadonlySet<string>): boolean =>
  one.length === other.size && one.every((name) => other.has(name))

/** On disk the parts of a configuration may stand in another order. */
const spelt = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  )

export const isAsTold = ({ config, paused, switches }: Adopted, told: Control): boolean =>
  (config === told.config || spelt(config) === spelt(told.config)) &&
  paused === told.paused &&
  sameNames(switches.pausedGroups, told.groups) &&
  sameNames(switches.closedGates, told.gates) &&
  Object.keys(switches.forcedCircuits).length === told.forced.size &&
  Object.entries(switches.forcedCircuits).every(([circuit, to]) => told.forced.get(circuit) === to)
