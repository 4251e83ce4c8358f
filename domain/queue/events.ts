// Queue-wide facts (§4.2). The catalogue stream says which queues there are; each generation of a queue has one control
// stream for everything about it that is not about one message.
import type { Actor } from '../message/index.js'
import type { ScheduleEvent } from '../schedule/index.js'
import type { QueueConfig } from './config.js'
import type { ForcedCircuit } from './switches.js'

export type QueueCreated = Readonly<{
  type: 'QueueCreated'
  queue: string
  generation: number
  config: QueueConfig
  by: Actor | undefined
}>
export type QueueDeleted = Readonly<{
  type: 'QueueDeleted'
  queue: string
  generation: number
  by: Actor | undefined
}>
export type CatalogEvent = QueueCreated | QueueDeleted

export type QueueConfigured = Readonly<{
  type: 'QueueConfigured'
  config: QueueConfig
  by: Actor | undefined
}>
/** From here on the queue has this many partitions, with new numbers; those before take nothing new (ADR 0013). */
export type QueueResized = Readonly<{ type: 'QueueResized'; partitions: number; by: Actor | undefined }>
/** The layout that begins with this partition holds no message any more: its share of the limits goes to the others. */
export type LayoutDrained = Readonly<{ type: 'LayoutDrained'; first: number }>
export type QueuePaused = Readonly<{ type: 'QueuePaused'; by: Actor | undefined }>
export type QueueResumed = Readonly<{ type: 'QueueResumed'; by: Actor | undefined }>
export type GroupPaused = Readonly<{ type: 'GroupPaused'; group: string; by: Actor | undefined }>
export type GroupResumed = Readonly<{ type: 'GroupResumed'; group: string; by: Actor | undefined }>
/** What the gate guards is not there: messages that wait for it are not handed out, and burn no attempt (C15). */
export type GateClosed = Readonly<{ type: 'GateClosed'; gate: string; by: Actor | undefined }>
export type GateOpened = Readonly<{ type: 'GateOpened'; gate: string; by: Actor | undefined }>
/** `auto` = the circuit decides for itself again (C6). */
export type CircuitForced = Readonly<{
  type: 'CircuitForced'
  circuit: string
  to: ForcedCircuit | 'auto'
  by: Actor | undefined
}>

export type SwitchEvent = GroupPaused | GroupResumed | GateClosed | GateOpened | CircuitForced
export type ControlEvent =
  | QueueConfigured
  | QueueResized
  | LayoutDrained
  | QueuePaused
  | QueueResumed
  | SwitchEvent
  | ScheduleEvent
