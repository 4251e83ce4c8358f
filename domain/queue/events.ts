// Queue-wide facts (§4.2). The catalogue stream says which queues there are; each generation of a queue has one control
// stream for everything about it that is not about one message.
import type { Actor } from '../message/index.js'
import type { QueueConfig } from './config.js'

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
export type QueuePaused = Readonly<{ type: 'QueuePaused'; by: Actor | undefined }>
export type QueueResumed = Readonly<{ type: 'QueueResumed'; by: Actor | undefined }>
export type ControlEvent = QueueConfigured | QueuePaused | QueueResumed
