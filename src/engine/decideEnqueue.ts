// New messages: which are duplicates of an earlier one, which take its place, and what happens when there is no room. All of
// a call or nothing of it: whatever can refuse it is asked before its first event. A partition that drains takes only what belongs
// to something that it holds: what it does not hold now it never gets again, so that each key has one home at a time (ADR 0013).
import { isLeft } from 'fp-ts/lib/Either.js'
import { decideMessage } from '../../domain/message/index.js'
import { NO_INSTANT } from '../../domain/time.js'
import * as L from '../../projections/messageTable/layout.js'
import type { DecisionContext } from './decideRequests.js'
import { overflowVictims } from './overflow.js'
import type { PartitionRefusal } from './replies.js'
import type { NewMessage } from './requests.js'

/** Payloads of messages that are due within this time are kept in memory, if there is room. */
const KEPT_IF_DUE_WITHIN_MS = 60_000

/** Where an accepted message stands: its ordinal, and its place in the batch (-1 = a duplicate, nothing was written). */
export type Placed = Readonly<{ ordinal: number; index: number; replaced?: true }>

/** As `decideEnqueue`; undefined = not here, ask the next layout. */
export const decideOffer = (
  context: DecisionContext,
  messages: ReadonlyArray<NewMessage>,
): PartitionRefusal | ReadonlyArray<Placed | undefined> => {
  if (!context.state.isDraining) return decideEnqueue(context, messages)
  const isHere = messages.map((message) => isHeld(context, message))
  const placed = decideEnqueue(
    context,
    messages.filter((_, i) => isHere[i]),
  )
  if ('type' in placed) return placed
  let next = 0
  return isHere.map((here) => (here ? placed[next++] : undefined))
}

/**
 * A key whose message nobody can join any more (it runs or has run, and the latest is to be seen) holds nothing: otherwise a key that
 * is debounced again and again would never leave.
 */
const isHeld = (context: DecisionContext, message: NewMessage): boolean => {
  const group = message.attributes?.group
  if (group !== undefined && context.state.holdsGroup(group)) return true
  return duplicateOf(context, message) !== undefined
}

export const decideEnqueue = (
  context: DecisionContext,
  messages: ReadonlyArray<NewMessage>,
): PartitionRefusal | ReadonlyArray<Placed> => {
  const { state } = context
  const { maxSize } = state.config
  const refusal = shedding(context, messages) ?? makeRoom(context, messages)
  if (refusal !== undefined) return refusal
  const placed: Placed[] = []
  for (const message of messages) placed.push(placeOne(context, message))
  if (!state.toldFull && state.size >= maxSize) {
    context.batch.add({ type: 'CapacityReached', size: state.size, maxSize })
  }
  return placed
}

/** Under load the least important are turned away first (C10); acks and what is already here never are. */
const shedding = (
  context: DecisionContext,
  messages: ReadonlyArray<NewMessage>,
): PartitionRefusal | undefined => {
  const { state } = context
  const { maxSize, shedAbovePercent, shedBelowPriority } = state.config
  if (shedAbovePercent >= 100 || state.size * 100 < maxSize * shedAbovePercent) return undefined
  const isShed = (message: NewMessage): boolean =>
    message.priority < shedBelowPriority && duplicateOf(context, message) === undefined
  if (!messages.some(isShed)) return undefined
  return { type: 'LoadShed', size: state.size, maxSize, shedBelowPriority }
}

const makeRoom = (
  context: DecisionContext,
  messages: ReadonlyArray<NewMessage>,
): PartitionRefusal | undefined => {
  const { state, batch, payloads } = context
  const { maxSize, overflow } = state.config
  const { size } = state
  if (size + messages.length <= maxSize) return undefined
  const { count, lowest, known } = newOnes(context, messages)
  const missing = size + count - maxSize
  // More than full, when dead letters came back: who brings nothing new needs no room.
  if (count === 0 || missing <= 0) return undefined
  // Full without a message that filled it: `maxSize` was made smaller, or dead letters came back.
  if (!state.toldFull && size >= maxSize) batch.add({ type: 'CapacityReached', size, maxSize })
  const full: PartitionRefusal = { type: 'QueueFull', maxSize, size }
  if (overflow === 'reject') return full
  const victims = overflowVictims(state, overflow, missing, lowest, known)
  if (victims === undefined) return full
  for (const slot of victims) {
    const purge = {
      type: 'PurgeMessage',
      by: undefined,
      cause: 'overflow',
      meant: 'waiting',
      at: batch.at,
    } as const
    const decision = decideMessage(purge, state.table.read(slot))
    if (isLeft(decision)) return full
    payloads.drop(slot)
    // A smaller `maxSize` can mean thousands of drops, more than a log takes at once; each holds without the others and the call.
    batch.mayCut()
    for (const event of decision.right) batch.add(event)
  }
  batch.mayCut()
  return undefined
}

const placeOne = (context: DecisionContext, message: NewMessage): Placed => {
  const { state, batch, payloads } = context
  const known = duplicateOf(context, message)
  if (known !== undefined) {
    const replaced = message.dedupMode === undefined ? undefined : replace(context, known, message)
    return replaced ?? { ordinal: known, index: -1 }
  }
  const event = {
    type: 'MessageEnqueued',
    ordinal: state.nextOrdinal,
    callerId: message.callerId,
    payload: message.payload,
    priority: message.priority,
    notBefore: notBeforeOf(context, message),
    expiresAt: expiresAtOf(context, message),
    attributes: message.attributes,
  } as const
  const placed = { ordinal: event.ordinal, index: batch.events.length }
  batch.add(event)
  // What cannot run soon would only take the room of what can: it is read from the log when its time has come.
  if (event.notBefore <= batch.at + KEPT_IF_DUE_WITHIN_MS)
    payloads.keep(state.table.slotOf(event.ordinal), event)
  return placed
}

const notBeforeOf = ({ state, batch }: DecisionContext, message: NewMessage): number => {
  const delayMs = message.delayMs > 0 || message.notBefore > 0 ? message.delayMs : state.config.delayMs
  return delayMs > 0 ? batch.at + delayMs : message.notBefore
}

const expiresAtOf = ({ state, batch }: DecisionContext, message: NewMessage): number => {
  const ttlMs = message.ttlMs > 0 ? message.ttlMs : state.config.ttlMs
  return ttlMs > 0 ? batch.at + ttlMs : NO_INSTANT
}

/**
 * The message with the same key gets the contents of this one (A11). Debounced, it waits anew; replaced, it keeps its due time
 * unless the new one brings one of its own.
 */
const replace = (context: DecisionContext, ordinal: number, message: NewMessage): Placed | undefined => {
  const { state, batch, payloads } = context
  const slot = state.table.slotOf(ordinal)
  if (slot < 0 || wouldBringGroup(context, slot, message)) return undefined
  const keepsDue = message.dedupMode === 'replace' && message.delayMs === 0 && message.notBefore === 0
  const decision = decideMessage(
    {
      type: 'EditMessage',
      payload: message.payload,
      priority: message.priority,
      notBefore: keepsDue ? state.table.double(slot, L.DUE_AT) : notBeforeOf(context, message),
      expiresAt: expiresAtOf(context, message),
      attributes: message.attributes,
      cause: message.dedupMode === 'debounce' ? 'debounced' : 'replaced',
      by: undefined,
      at: batch.at,
    },
    state.table.read(slot),
  )
  if (isLeft(decision)) return undefined
  payloads.drop(slot)
  const index = batch.events.length
  for (const event of decision.right) batch.add(event)
  return { ordinal, index, replaced: true }
}

/** A draining partition gets no group that it does not hold: that group is at home elsewhere. The message stays what it is. */
const wouldBringGroup = ({ state }: DecisionContext, slot: number, { attributes }: NewMessage): boolean => {
  const group = attributes?.group
  if (!state.isDraining || group === undefined) return false
  return group !== state.table.cold(slot).wishes.group && !state.holdsGroup(group)
}

const duplicateOf = (context: DecisionContext, message: NewMessage): number | undefined => {
  const { state, batch } = context
  const { callerId, attributes } = message
  if (callerId === undefined && attributes === undefined) return undefined
  const windowMs = state.config.dedupWindowMs
  if (callerId !== undefined) {
    const live = state.callerIds.get(callerId) ?? state.dedup.find('id', callerId, batch.at, windowMs)
    if (live !== undefined) return live
  }
  const { dedupKey, idempotencyKey } = attributes ?? {}
  if (idempotencyKey !== undefined) {
    const first = state.dedup.find('idempotency', idempotencyKey, batch.at, windowMs)
    if (first !== undefined) return first
  }
  if (dedupKey === undefined) return undefined
  const first = state.dedup.find('dedup', dedupKey, batch.at, windowMs)
  // Who wants the latest to run must not be answered with one that runs already, or has: it would never be seen.
  return first !== undefined && message.dedupMode !== undefined && !isWaiting(state, first)
    ? undefined
    : first
}

const isWaiting = (state: DecisionContext['state'], ordinal: number): boolean => {
  const slot = state.table.slotOf(ordinal)
  return slot >= 0 && state.table.int(slot, L.TAG) === L.TAG_WAITING
}

/**
 * How many of the messages are none that is known already, nor the same as an earlier one of the call, and the lowest priority
 * among them; and which messages the others are, so that none of those is dropped by the very call that is answered with it.
 */
const newOnes = (
  context: DecisionContext,
  messages: ReadonlyArray<NewMessage>,
): Readonly<{ count: number; lowest: number; known: ReadonlySet<number> }> => {
  const seen = new Set<string>()
  const known = new Set<number>()
  // Without a window no key is remembered, so none of this very call either.
  const remembersKeys = context.state.config.dedupWindowMs > 0
  let count = 0
  let lowest = Number.POSITIVE_INFINITY
  for (const message of messages) {
    const { dedupKey, idempotencyKey } = remembersKeys ? (message.attributes ?? {}) : {}
    const keys: string[] = []
    if (dedupKey !== undefined) keys.push(`d${dedupKey}`)
    if (idempotencyKey !== undefined) keys.push(`i${idempotencyKey}`)
    const id = `c${message.callerId}`
    const earlier = duplicateOf(context, message)
    const isRepeat = (message.callerId !== undefined && seen.has(id)) || keys.some((key) => seen.has(key))
    if (earlier !== undefined) known.add(earlier)
    if (earlier !== undefined || isRepeat) {
      // What replaces another's contents brings its keys along; its own id is nobody's.
      const isPlaced = earlier === undefined || isWaiting(context.state, earlier)
      if (message.dedupMode !== undefined && isPlaced) for (const key of keys) seen.add(key)
      continue
    }
    for (const key of keys) seen.add(key)
    if (message.callerId !== undefined) seen.add(id)
    count++
    lowest = Math.min(lowest, message.priority)
  }
  return { count, lowest, known }
}
