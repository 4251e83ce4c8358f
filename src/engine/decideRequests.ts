// From requests to events: the rules of one partition that reach beyond a single message (circuits, what is next, what a claim
// id was given; new messages: decideEnqueue.ts). Synchronous and deterministic: state, requests, times and numbers in,
// events into the open batch. The decision on each message itself is domain/message/decide.ts.
import { isLeft, right } from 'fp-ts/lib/Either.js'
import { circuitOf } from '../../domain/circuit/index.js'
import { generatedIdPrefix, type PartitionRef } from '../../domain/ids.js'
import { invariant } from '../../domain/invariant.js'
import {
  type Actor,
  decideMessage,
  type Message,
  type MessageCommand,
  type Operation,
} from '../../domain/message/index.js'
import * as L from '../../projections/messageTable/layout.js'
import type { PartitionState } from '../../projections/partition/index.js'
import type { OpenBatch } from './openBatch.js'
import type { Payloads } from './payloads.js'
import type { OperatorCommand, Settled, Settlement } from './requests.js'
import { followUpChars } from './settlementShares.js'

/** Due times looked at in one decision step: bounds its share of the event loop. */
export const PROMOTE_MAX = 4_096

export type DecisionContext = Readonly<{
  ref: PartitionRef
  state: PartitionState
  payloads: Payloads
  batch: OpenBatch
  random: () => number
}>

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
  batch.mayCut()
  const message = state.messageAt(settlement.ordinal)
  const decision = decideMessage(settlementCommand(context, settlement, message), message)
  if (isLeft(decision)) return decision
  // Already so: the message has left the table, perhaps, and nothing happens to it.
  if (decision.right.length === 0) return NOTHING_MORE
  const slot = state.table.slotOf(settlement.ordinal)
  const circuit = circuitOf(state.table.cold(slot).zone)
  for (const event of decision.right) {
    batch.add(event)
    if (event.type === 'MessageDeadLettered' || event.type === 'MessageCancelled') context.payloads.drop(slot)
  }
  if (settlement.outcome === 'ack') {
    context.payloads.drop(slot)
    if (settlement.result !== undefined) batch.roughBytes += settlement.result.length
    batch.roughBytes += followUpChars(settlement.followUps)
  }
  changeCircuit(context, circuit)
  return NOTHING_MORE
}

/** In the batch of the outcome that led to it: nothing is started in between (C6). */
const changeCircuit = ({ state, batch }: DecisionContext, circuit: string): void => {
  for (const event of state.circuits.decide(circuit, batch.at)) batch.add(event)
}

const NO_OPERATION: Operation = { id: '', queue: '' }

/** Written out only for messages whose end is told to somebody. */
export const operationOf = (context: DecisionContext, message: Message): Operation => {
  if (message.tag !== 'Leased' && message.tag !== 'Waiting') return NO_OPERATION
  const { onSuccess, onFailure } = message.wishes
  if (onSuccess === undefined && onFailure === undefined) return NO_OPERATION
  return { id: messageIdOf(context, message.ordinal, undefined), queue: context.ref.queue }
}

const settlementCommand = (
  context: DecisionContext,
  settlement: Settlement,
  message: Message,
): MessageCommand => {
  const { state, batch, random } = context
  const { fence } = settlement
  const at = batch.at
  switch (settlement.outcome) {
    case 'ack':
      return {
        type: 'SucceedAttempt',
        fence,
        result: settlement.result,
        followUps: settlement.followUps,
        reconciled: settlement.reconciled,
        operation: operationOf(context, message),
        at,
      }
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
        waitFor: state.config.waitFor,
        deadLetters: state.config.deadLetters,
        operation: operationOf(context, message),
        random: random(),
        at,
      }
    case 'release':
      return { type: 'ReleaseAttempt', fence, delayMs: settlement.delayMs, at }
    case 'extend':
      return {
        type: 'ExtendLease',
        fence,
        leaseMs: settlement.leaseMs,
        messageTimeoutMs: Math.max(state.config.messageTimeoutMs, state.config.handlerTimeoutMs),
        at,
      }
  }
}

/**
 * Leases that ran out on the monotonic clock, then messages whose time to live is over. After the queued acks and
 * heartbeats, before claims (§4.10): an ack that was waiting while the loop was busy still counts (R20).
 */
export const decideExpiries = (context: DecisionContext, tick: number): void => {
  const { state } = context
  for (let n = 0; n < PROMOTE_MAX && state.leases.nextAt() <= tick; n++) {
    context.batch.mayCut()
    failAttempt(context, state.leases.peek(), 'leaseExpired', 'the lease ran out without a heartbeat')
  }
  const { table } = state
  for (const slot of state.promote(context.batch.at, PROMOTE_MAX)) {
    const decision = decideMessage({ type: 'ExpireMessage', at: context.batch.at }, table.read(slot))
    invariant(decision._tag === 'Right', 'I8 a due expiry was refused')
    context.payloads.drop(slot)
    context.batch.mayCut()
    for (const event of decision.right) context.batch.add(event)
  }
  for (const event of state.circuits.due(context.batch.at)) context.batch.add(event)
}

/** An attempt that ends without a word from its worker: a failure like any other, of type CRASH (I4). */
const failAttempt = (
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
      waitFor: state.config.waitFor,
      deadLetters: state.config.deadLetters,
      operation: operationOf(context, leased),
      random: random(),
      at: batch.at,
    },
    leased,
  )
  invariant(decision._tag === 'Right', 'I8 the end of a live lease was refused')
  const circuit = circuitOf(state.table.cold(slot).zone)
  for (const event of decision.right) {
    batch.add(event)
    // A place that is free again must not hold the contents of the one before.
    if (event.type === 'MessageDeadLettered' || event.type === 'MessageCancelled') context.payloads.drop(slot)
  }
  changeCircuit(context, circuit)
}

/** The end of every attempt whose worker is certainly dead (§4.12); answers how many there were. */
export const failLostAttempts = (
  context: DecisionContext,
  isCertainlyDead: (worker: string) => boolean,
): number => {
  const { leases, table } = context.state
  let lost = 0
  for (const slot of [...leases.members()]) {
    if (!isCertainlyDead(table.workers.name(table.int(slot, L.WORKER)))) continue
    context.batch.mayCut()
    failAttempt(context, slot, 'workerLost', 'the process that ran it ended without an answer')
    lost++
  }
  return lost
}

export type StartWish = Readonly<{ worker: string; leaseMs: number | undefined; claimId: string | undefined }>

/** Starts an attempt of the message in `slot`, which is ready. False when it is not claimable after all. */
export const decideStart = (context: DecisionContext, slot: number, wish: StartWish): boolean => {
  const { state, batch } = context
  const decision = decideMessage(
    {
      type: 'StartAttempt',
      fence: state.nextFence,
      // The message's own wish wins over the queue's setting, not over what this worker asked for (A13).
      leaseMs: wish.leaseMs ?? state.table.cold(slot).wishes.leaseMs ?? state.config.leaseMs,
      worker: wish.worker,
      claimId: wish.claimId,
      zone: state.effectiveZone(slot),
      at: batch.at,
    },
    state.table.read(slot),
  )
  if (isLeft(decision)) return false
  batch.mayCut()
  for (const event of decision.right) batch.add(event)
  return true
}

export const decideOperation = (
  context: DecisionContext,
  command: OperatorCommand,
  ordinal: number,
  by: Actor | undefined,
): Settled => {
  const { state, batch } = context
  const slot = state.table.slotOf(ordinal)
  const decision = decideMessage(operatorCommand(command, by, batch.at), state.messageAt(ordinal))
  if (isLeft(decision)) return decision
  for (const event of decision.right) {
    batch.add(event)
    if (event.type === 'MessageCancelled' || event.type === 'MessagePurged') context.payloads.drop(slot)
  }
  return NOTHING_MORE
}

const operatorCommand = (command: OperatorCommand, by: Actor | undefined, at: number): MessageCommand => {
  switch (command) {
    case 'cancel':
      return { type: 'CancelMessage', by, at }
    case 'redrive':
      return { type: 'RedriveMessage', by, at }
    case 'discard':
      return { type: 'PurgeMessage', by, cause: 'operator', meant: 'dead', at }
    case 'clear':
      return { type: 'PurgeMessage', by, cause: 'operator', meant: 'waiting', at }
    case 'purge':
      return { type: 'PurgeMessage', by, cause: 'operator', meant: 'either', at }
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
