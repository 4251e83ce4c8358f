// Which messages have waited for a closed gate longer than their queue allows, and their end as dead letters (C15). The wait
// of a message begins when it could have run but for the gate: when it was due, and the gate closed. What is held back by a
// pause does not wait for its gate.
import { isLeft } from 'fp-ts/lib/Either.js'
import { invariant } from '../../domain/invariant.js'
import { decideMessage } from '../../domain/message/index.js'
import { since } from '../../projections/lanes/readyLanes.js'
import * as L from '../../projections/messageTable/layout.js'
import { type DecisionContext, operationOf } from './decideRequests.js'

/** Records one step looks at: about a millisecond. */
const LOOKS_MAX = 10_000
const GIVEN_UP_MAX = 1_000

/**
 * `gates`: those that have been closed for the whole of the wait. `from`: the first ordinal to look at. Answers where to go on;
 * undefined = all have been looked at.
 */
export const giveUpGateWaits = (
  context: DecisionContext,
  gates: ReadonlySet<string>,
  from: number,
): number | undefined => {
  const { state, batch } = context
  const { table, config, switches } = state
  if (config.gateWaitMaxMs === 0 || state.paused) return undefined
  const latest = batch.at - config.gateWaitMaxMs
  const late: number[] = []
  let looks = 0
  let next: number | undefined
  table.walk(from, 1, (ordinal, slot) => {
    if (looks++ === LOOKS_MAX || late.length === GIVEN_UP_MAX) {
      next = ordinal
      return false
    }
    if (table.int(slot, L.TAG) !== L.TAG_WAITING || since(table, slot) > latest) return true
    const { gate, group } = table.cold(slot).wishes
    if (gate === undefined || !gates.has(gate) || !switches.closedGates.includes(gate)) return true
    if (group === undefined || !switches.pausedGroups.includes(group)) late.push(ordinal)
    return true
  })
  for (const ordinal of late) giveUp(context, ordinal)
  return next
}

const giveUp = (context: DecisionContext, ordinal: number): void => {
  const { state, batch, payloads } = context
  const message = state.messageAt(ordinal)
  const { deadLetters } = state.config
  const operation = operationOf(context, message)
  const decision = decideMessage({ type: 'GiveUpWaiting', deadLetters, operation, at: batch.at }, message)
  invariant(!isLeft(decision), 'I8 a message that waits for its gate could not be given up')
  payloads.drop(state.table.slotOf(ordinal))
  batch.mayCut()
  for (const event of decision.right) batch.add(event)
}
