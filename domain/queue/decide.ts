// The decisions about queues themselves: which exist (catalogue) and how one behaves (control). Both are small folds with
// one writer, kept here side by side because a queue's life runs through both.
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import { invariant } from '../invariant.js'
import type { Actor } from '../message/index.js'
import { evolveSchedules, NO_SCHEDULES, type ScheduleRefusal, type Schedules } from '../schedule/index.js'
import {
  configure,
  differingField,
  type QueueConfig,
  type QueueSettings,
  type QueueSettingsRefusal,
} from './config.js'
import type { CatalogEvent, ControlEvent, SwitchEvent } from './events.js'
import { type Layouts, layoutsAtCreation, sharersIn, withDrained, withLayout } from './layouts.js'
import {
  type ForcedCircuit,
  NO_SWITCHES,
  SWITCHES_MAX,
  type Switches,
  withCircuit,
  withName,
  withoutName,
} from './switches.js'

export type QueueEntry = Readonly<{
  queue: string
  generation: number
  created: QueueConfig
  deleted: boolean
}>
export type Catalog = ReadonlyMap<string, QueueEntry>
export const EMPTY_CATALOG: Catalog = new Map()

export type QueueRefusal =
  | Readonly<{ type: 'QueueNotFound'; queue: string }>
  /** `field` = the first setting in which the queue that exists was created otherwise. */
  | Readonly<{ type: 'QueueExists'; queue: string; field: string }>
  | Readonly<{ type: 'QueueNotEmpty'; queue: string; messages: number }>
  | Readonly<{ type: 'TooManySwitches'; max: number }>
  | QueueSettingsRefusal
  | ScheduleRefusal

/** Creating a queue again with the same settings is "already so"; with others it is refused: change it instead. */
export const createQueue = (
  catalog: Catalog,
  queue: string,
  settings: QueueSettings,
  by: Actor | undefined,
): Either<QueueRefusal, ReadonlyArray<CatalogEvent>> => {
  const config = configure(settings)
  if (config._tag === 'Left') return config
  const known = catalog.get(queue)
  if (known !== undefined && !known.deleted) {
    const field = differingField(config.right, known.created)
    return field === undefined ? right([]) : left({ type: 'QueueExists', queue, field })
  }
  const generation = (known?.generation ?? 0) + 1
  return right([{ type: 'QueueCreated', queue, generation, config: config.right, by }])
}

/** `messages` = live ones in all partitions: a queue that holds any is deleted only with `evenIfNotEmpty`. */
export const deleteQueue = (
  catalog: Catalog,
  queue: string,
  messages: number,
  evenIfNotEmpty: boolean,
  by: Actor | undefined,
): Either<QueueRefusal, ReadonlyArray<CatalogEvent>> => {
  const known = catalog.get(queue)
  if (known === undefined || known.deleted) return left({ type: 'QueueNotFound', queue })
  if (messages > 0 && !evenIfNotEmpty) return left({ type: 'QueueNotEmpty', queue, messages })
  return right([{ type: 'QueueDeleted', queue, generation: known.generation, by }])
}

/** Mutates a copy of its own, one for all events: ten thousand queues are not copied ten thousand times at a start. */
export const foldCatalog = (catalog: Catalog, events: ReadonlyArray<CatalogEvent>): Catalog => {
  const next = new Map(catalog)
  for (const event of events) enterInto(next, event)
  return next
}

const enterInto = (next: Map<string, QueueEntry>, event: CatalogEvent): void => {
  const known = next.get(event.queue)
  switch (event.type) {
    case 'QueueCreated':
      invariant(known === undefined || known.deleted, `I8 queue ${event.queue} was created twice`)
      next.set(event.queue, {
        queue: event.queue,
        generation: event.generation,
        created: event.config,
        deleted: false,
      })
      return
    case 'QueueDeleted':
      invariant(
        known !== undefined && !known.deleted && known.generation === event.generation,
        `I8 generation ${event.generation} of queue ${event.queue} was deleted, but does not exist`,
      )
      next.set(event.queue, { ...known, deleted: true })
      return
  }
}

/**
 * What the control stream says. `revision` counts what partitions adopt (configuration, pause, switches), -1 = as created;
 * schedules are not their concern, and a tick must not make each of them append.
 */
export type QueueControl = Readonly<{
  config: QueueConfig
  layouts: Layouts
  paused: boolean
  switches: Switches
  revision: number
  schedules: Schedules
}>

export const controlAtCreation = (config: QueueConfig): QueueControl => ({
  config,
  layouts: layoutsAtCreation(config.partitions),
  paused: false,
  switches: NO_SWITCHES,
  revision: -1,
  schedules: NO_SCHEDULES,
})

export const configureQueue = (
  control: QueueControl,
  settings: QueueSettings,
  by: Actor | undefined,
): Either<QueueSettingsRefusal, ReadonlyArray<ControlEvent>> => {
  const config = configure(settings, control.config, sharersIn(control.layouts))
  if (config._tag === 'Left') return config
  if (config.right.partitions !== control.config.partitions) {
    return left({
      type: 'QueueSettingsInvalid',
      field: 'partitions',
      value: config.right.partitions,
      accepted: `${control.config.partitions}, as it is; another number is a resize: ledgerq queue resize NAME --partitions ${config.right.partitions}`,
    })
  }
  if (differingField(config.right, control.config) === undefined) return right([])
  return right([{ type: 'QueueConfigured', config: config.right, by }])
}

export const pauseQueue = (control: QueueControl, by: Actor | undefined): ReadonlyArray<ControlEvent> =>
  control.paused ? [] : [{ type: 'QueuePaused', by }]

export const resumeQueue = (control: QueueControl, by: Actor | undefined): ReadonlyArray<ControlEvent> =>
  control.paused ? [{ type: 'QueueResumed', by }] : []

type SwitchDecision = Either<QueueRefusal, ReadonlyArray<ControlEvent>>

export const pauseGroup = (
  { switches }: QueueControl,
  group: string,
  by: Actor | undefined,
): SwitchDecision => {
  const { pausedGroups } = switches
  if (pausedGroups.includes(group)) return right([])
  return pausedGroups.length >= SWITCHES_MAX ? tooManySwitches : right([{ type: 'GroupPaused', group, by }])
}

export const resumeGroup = (
  { switches }: QueueControl,
  group: string,
  by: Actor | undefined,
): SwitchDecision => right(switches.pausedGroups.includes(group) ? [{ type: 'GroupResumed', group, by }] : [])

export const closeGate = (
  { switches }: QueueControl,
  gate: string,
  by: Actor | undefined,
): SwitchDecision => {
  const { closedGates } = switches
  if (closedGates.includes(gate)) return right([])
  return closedGates.length >= SWITCHES_MAX ? tooManySwitches : right([{ type: 'GateClosed', gate, by }])
}

export const openGate = ({ switches }: QueueControl, gate: string, by: Actor | undefined): SwitchDecision =>
  right(switches.closedGates.includes(gate) ? [{ type: 'GateOpened', gate, by }] : [])

export const forceCircuit = (
  { switches }: QueueControl,
  circuit: string,
  to: ForcedCircuit | 'auto',
  by: Actor | undefined,
): SwitchDecision => {
  const { forcedCircuits } = switches
  const now = Object.hasOwn(forcedCircuits, circuit) ? forcedCircuits[circuit] : 'auto'
  if (now === to) return right([])
  if (to !== 'auto' && Object.keys(forcedCircuits).length >= SWITCHES_MAX) return tooManySwitches
  return right([{ type: 'CircuitForced', circuit, to, by }])
}

const tooManySwitches: SwitchDecision = left({ type: 'TooManySwitches', max: SWITCHES_MAX })

export const evolveControl = (control: QueueControl, event: ControlEvent): QueueControl => {
  switch (event.type) {
    case 'QueueConfigured':
      return adopted(control, { config: event.config })
    case 'QueueResized':
      return adopted(control, {
        config: { ...control.config, partitions: event.partitions },
        layouts: withLayout(control.layouts, event.partitions),
      })
    case 'LayoutDrained':
      return adopted(control, { layouts: withDrained(control.layouts, event.first) })
    case 'QueuePaused':
      return adopted(control, { paused: true })
    case 'QueueResumed':
      return adopted(control, { paused: false })
    case 'ScheduleSet':
    case 'ScheduleRemoved':
    case 'ScheduleTicked':
      return { ...control, schedules: evolveSchedules(control.schedules, event) }
    default:
      return adopted(control, { switches: evolveSwitches(control.switches, event) })
  }
}

const adopted = (control: QueueControl, change: Partial<QueueControl>): QueueControl => ({
  ...control,
  ...change,
  revision: control.revision + 1,
})

const evolveSwitches = (switches: Switches, event: SwitchEvent): Switches => {
  switch (event.type) {
    case 'GroupPaused':
      return { ...switches, pausedGroups: withName(switches.pausedGroups, event.group) }
    case 'GroupResumed':
      return { ...switches, pausedGroups: withoutName(switches.pausedGroups, event.group) }
    case 'GateClosed':
      return { ...switches, closedGates: withName(switches.closedGates, event.gate) }
    case 'GateOpened':
      return { ...switches, closedGates: withoutName(switches.closedGates, event.gate) }
    case 'CircuitForced':
      return { ...switches, forcedCircuits: withCircuit(switches.forcedCircuits, event.circuit, event.to) }
  }
}
