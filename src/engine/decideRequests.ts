// From requests to events: the rules of one partition that reach beyond a single message (duplicates, capacity, which
// message is next, what a claim id was given). Synchronous and deterministic: state, requests, times and numbers in,
// events into the open batch. The decision on each message itself is domain/message/decide.ts.
import { isLeft, left, right } from 'fp-ts/lib/Either.js'
import { generatedIdPrefix, type PartitionRef } from '../../domain/ids.js'
import { invariant } from '../../domain/invariant.js'
import { decideMessage, type MessageCommand, messageNotFound } from '../../domain/message/index.js'
import { NO_INSTANT } from '../../domain/time.js'
import * as L from '../../projections/messageTable/layout.js'
import type { PartitionState } from '../../projections/partition/index.js'
import type { OpenBatch } from './openBatch.js'
import type { Payloads } from './payloads.js'
import type { PartitionRefusal } from './replies.js'
import type { NewMessage, OperatorCommand, Settled, Settlement } from './requests.js'

/** Payloads of messages that are due within this time are kept in memory, if there is room. */
const KEPT_IF_DUE_WITHIN_MS = 60_000

/** Due times looked at in one decision step: bounds its share of the event loop. */
export const PROMOTE_MAX = 4_096

export type DecisionContext = Readonly<{
  ref: PartitionRef
  state: PartitionState
  payloads: Payloads
  batch: OpenBatch
  random: () => number
}>

/** Where an accepted message stands: its ordinal, and its place in the batch (-1 = a duplicate of an earlier one). */
export type Placed = Readonly<{ ordinal: number; index: number }>

/** All or nothing: capacity is the only refusal, and it is checked before the first event. */
export const decideEnqueue = (
  context: DecisionContext,
  messages: ReadonlyArray<NewMessage>,
): PartitionRefusal | ReadonlyArray<Placed> => {
  const { state, batch, payloads } = context
  const { counts, config } = state
  const size = counts.scheduled + counts.pending + counts.retrying + counts.processing
  if (size + messages.length > config.maxSize && size + newOnes(context, messages) > config.maxSize) {
    return { type: 'QueueFull', maxSize: config.maxSize, size }
  }
  const placed: Placed[] = []
  for (const message of messages) {
    const known = duplicateOf(context, message)
    if (known !== undefined) {
      placed.push({ ordinal: known, index: -1 })
      continue
    }
    const at = batch.at
    const delayMs = message.delayMs > 0 || message.notBefore > 0 ? message.delayMs : config.delayMs
    const ttlMs = message.ttlMs > 0 ? message.ttlMs : config.ttlMs
    const event = {
      type: 'MessageEnqueued',
      ordinal: state.nextOrdinal,
      callerId: message.callerId,
      payload: message.payload,
      priority: message.priority,
      notBefore: delayMs > 0 ? at + delayMs : message.notBefore,
      expiresAt: ttlMs > 0 ? at + ttlMs : NO_INSTANT,
      attributes: message.attributes,
    } as const
    placed.push({ ordinal: event.ordinal, index: batch.events.length })
    batch.add(event)
    // What cannot run soon would only take the room of what can: it is read from the log when its time has come.
    if (event.notBefore <= at + KEPT_IF_DUE_WITHIN_MS) payloads.keep(state.table.slotOf(event.ordinal), event)
  }
  return placed
}

const duplicateOf = ({ state, batch }: DecisionContext, message: NewMessage): number | undefined => {
  const { callerId, attributes } = message
  if (callerId === undefined && attributes === undefined) return undefined
  const windowMs = state.config.dedupWindowMs
  if (callerId !== undefined) {
    const live = state.callerIds.get(callerId) ?? state.dedup.find('id', callerId, batch.at, windowMs)
    if (live !== undefined) return live
  }
  const { dedupKey, idempotencyKey } = attributes ?? {}
  if (dedupKey !== undefined) {
    const first = state.dedup.find('dedup', dedupKey, batch.at, windowMs)
    if (first !== undefined) return first
  }
  if (idempotencyKey === undefined) return undefined
  return state.dedup.find('idempotency', idempotencyKey, batch.at, windowMs)
}

/** How many of the messages are none that is known already, nor the same as an earlier one of the call. */
const newOnes = (context: DecisionContext, messages: ReadonlyArray<NewMessage>): number => {
  const seen = new Set<string>()
  // Without a window no key is remembered, so none of this very call either.
  const remembersKeys = context.state.config.dedupWindowMs > 0
  let count = 0
  for (const message of messages) {
    if (duplicateOf(context, message) !== undefined) continue
    const { dedupKey, idempotencyKey } = remembersKeys ? (message.attributes ?? {}) : {}
    const names: string[] = []
    if (message.callerId !== undefined) names.push(`c${message.callerId}`)
    if (dedupKey !== undefined) names.push(`d${dedupKey}`)
    if (idempotencyKey !== undefined) names.push(`i${idempotencyKey}`)
    if (names.some((name) => seen.has(name))) continue
    for (const name of names) seen.add(name)
    count++
  }
  return count
}

/** `asked` = the caller's id in the request. Once a message has finished, that is where its id may still be known from. */
export const messageIdOf = (
  { ref, state, batch }: DecisionContext,
  ordinal: number,
  asked: string | undefined,
): string => {
  const slot = state.table.slotOf(ordinal)
  if (slot < 0 && asked !== undefined) {
    if (state.dedup.find('id', asked, batch.at, state.config.dedupWindowMs) === ordinal) return asked
  }
  const callerId = slot < 0 ? undefined : state.table.cold(slot).callerId
  return callerId ?? generatedIdPrefix(ref) + ordinal.toString(36)
}

const NOTHING_MORE: Settled = right(undefined)

export const decideSettlement = (context: DecisionContext, settlement: Settlement): Settled => {
  const { state, batch } = context
  const message = state.messageAt(settlement.ordinal)
  const decision = decideMessage(settlementCommand(context, settlement), message)
  if (isLeft(decision)) return decision
  const slot = state.table.slotOf(settlement.ordinal)
  for (const event of decision.right) {
    batch.add(event)
    if (event.type === 'MessageDeadLettered') context.payloads.drop(slot)
  }
  if (settlement.outcome === 'ack') {
    context.payloads.drop(slot)
    if (settlement.result !== undefined) batch.roughBytes += settlement.result.length
  }
  return NOTHING_MORE
}

const settlementCommand = (context: DecisionContext, settlement: Settlement): MessageCommand => {
  const { state, batch, random } = context
  const { fence } = settlement
  const at = batch.at
  switch (settlement.outcome) {
    case 'ack':
      return { type: 'SucceedAttempt', fence, result: settlement.result, at }
    case 'fail':
      return {
        type: 'FailAttempt',
        fence,
        failureType: settlement.failureType,
        message: settlement.message,
        ended: 'reported',
        retryable: settlement.retryable,
        delayMs: settlement.delayMs,
        rules: state.config.failures,
        random: random(),
        at,
      }
    case 'release':
      return { type: 'ReleaseAttempt', fence, delayMs: settlement.delayMs, at }
    case 'extend':
      return { type: 'ExtendLease', fence, leaseMs: settlement.leaseMs, at }
  }
}

/**
 * Leases that ran out on the monotonic clock, then messages whose time to live is over. After the queued acks and
 * heartbeats, before claims (§4.10): an ack that was waiting while the loop was busy still counts (R20).
 */
export const decideExpiries = (context: DecisionContext, tick: number): void => {
  const { state } = context
  for (let n = 0; n < PROMOTE_MAX && state.leases.nextAt() <= tick; n++) {
    failAttempt(context, state.leases.peek(), 'leaseExpired', 'the lease ran out without a heartbeat')
  }
  const { table } = state
  for (const slot of state.promote(context.batch.at, PROMOTE_MAX)) {
    const decision = decideMessage({ type: 'ExpireMessage', at: context.batch.at }, table.read(slot))
    invariant(decision._tag === 'Right', 'I8 a due expiry was refused')
    context.payloads.drop(slot)
    for (const event of decision.right) context.batch.add(event)
  }
}

/** An attempt that ends without a word from its worker: a failure like any other, of type CRASH (I4). */
export const failAttempt = (
  context: DecisionContext,
  slot: number,
  ended: 'leaseExpired' | 'workerLost',
  message: string,
): void => {
  const { state, batch, random } = context
  const leased = state.table.read(slot)
  invariant(leased.tag === 'Leased', 'I3 a lease without a leased message')
  const decision = decideMessage(
    {
      type: 'FailAttempt',
      fence: leased.fence,
      failureType: 'CRASH',
      message,
      ended,
      retryable: true,
      delayMs: undefined,
      rules: state.config.failures,
      random: random(),
      at: batch.at,
    },
    leased,
  )
  invariant(decision._tag === 'Right', 'I8 the end of a live lease was refused')
  for (const event of decision.right) batch.add(event)
}

export type StartWish = Readonly<{ worker: string; leaseMs: number; claimId: string | undefined }>

/** Starts an attempt of the message in `slot`, which is ready. False when it is not claimable after all. */
export const decideStart = (context: DecisionContext, slot: number, wish: StartWish): boolean => {
  const { state, batch } = context
  const decision = decideMessage(
    {
      type: 'StartAttempt',
      fence: state.nextFence,
      leaseMs: wish.leaseMs,
      worker: wish.worker,
      claimId: wish.claimId,
      at: batch.at,
    },
    state.table.read(slot),
  )
  if (isLeft(decision)) return false
  for (const event of decision.right) batch.add(event)
  return true
}

export const decideOperation = (
  context: DecisionContext,
  command: OperatorCommand,
  ordinal: number,
  by: { who: string; why?: string } | undefined,
): Settled => {
  const { state, batch } = context
  const message = state.messageAt(ordinal)
  // A message that was forgotten and one that never was look the same from here: there is nothing to act on.
  if (message.tag === 'Absent') return left(messageNotFound)
  const at = batch.at
  const slot = state.table.slotOf(ordinal)
  const decision = decideMessage(operatorCommand(command, by, at), message)
  if (isLeft(decision)) return decision
  if (command !== 'redrive' && slot >= 0) context.payloads.drop(slot)
  for (const event of decision.right) batch.add(event)
  return NOTHING_MORE
}

const operatorCommand = (
  command: OperatorCommand,
  by: { who: string; why?: string } | undefined,
  at: number,
): MessageCommand => {
  switch (command) {
    case 'cancel':
      return { type: 'CancelMessage', by, at }
    case 'redrive':
      return { type: 'RedriveMessage', by, at }
    case 'purge':
      return { type: 'PurgeMessage', by, at }
  }
}

/** Messages that a claim id was given and still holds (R28); undefined when the id is new. */
export const leasesOfClaim = (state: PartitionState, claimId: string): number[] | undefined => {
  const given = state.claimIds.find(claimId)
  if (given === undefined) return undefined
  const slots: number[] = []
  for (const { ordinal, fence } of given) {
    const slot = state.table.slotOf(ordinal)
    if (slot < 0 || state.table.int(slot, L.TAG) !== L.TAG_LEASED) continue
    if (state.table.double(slot, L.FENCE) === fence) slots.push(slot)
  }
  return slots
}
