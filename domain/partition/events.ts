// Everything that stands in a partition's stream: what happened to its messages, who wrote, and by which configuration.

import type { CircuitEvent } from '../circuit/index.js'
import type { Actor, MessageEvent } from '../message/index.js'
import type { Layouts, QueueConfig, Switches } from '../queue/index.js'

/** First event of a writer's term. A greater epoch than any before it; attempts of lost workers are failed right after it. */
export type PartitionOpened = Readonly<{
  type: 'PartitionOpened'
  epoch: number
  node: string
  incarnation: string
}>

/** The partition decides by this configuration from here on (§4.2). `controlRevision` -1 = as the queue was created. */
export type ConfigAdopted = Readonly<{
  type: 'ConfigAdopted'
  controlRevision: number
  config: QueueConfig
  paused: boolean
  switches: Switches
}>

/**
 * What is new to a partition of a queue that was resized (ADR 0013): whether it drains, and who shares the limits with it. Always right
 * before the `ConfigAdopted` it belongs to. An event of its own, so that the log of a queue that never was resized stays as it was.
 */
export type LayoutsAdopted = Readonly<{ type: 'LayoutsAdopted'; layouts: Layouts }>

/** The partition has reached `maxSize`; told again only after it was below nine tenths of it (A9). */
export type CapacityReached = Readonly<{ type: 'CapacityReached'; size: number; maxSize: number }>

/**
 * A live message moved to the head of the log, so that the prefix it stood in may be cut (§4.8). It holds the whole
 * state and the payload: replay that starts here needs nothing before it.
 */
export type MessageCarriedForward = Readonly<{
  type: 'MessageCarriedForward'
  ordinal: number
  callerId: string | undefined
  /** The enqueue event's data as stored (codecs.ts, latest version). */
  enqueued: unknown
  /** The message's situation, in the form of the snapshot (projections/messageTable). */
  situation: unknown
}>

/** Which facts a cut prefix held that replay from here on needs: written before every cut (§4.8). */
export type PrefixCarried = Readonly<{
  type: 'PrefixCarried'
  /** Revisions below this one may be cut. */
  before: number
  nextOrdinal: number
  nextFence: number
  by: Actor | undefined
}>

export type PartitionEvent =
  | MessageEvent
  | PartitionOpened
  | ConfigAdopted
  | LayoutsAdopted
  | CapacityReached
  | CircuitEvent
  | MessageCarriedForward
  | PrefixCarried
