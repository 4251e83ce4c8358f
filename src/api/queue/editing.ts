// New contents for a waiting message (A11). What the message holds is read from the log, changed, checked at the door like a
// new message, and written whole by the partition's writer, unless the message has changed in between: then all of it again.
import { isLeft, isRight, left, right } from 'fp-ts/lib/Either.js'
import {
  type Contents,
  decideMessage,
  type Message,
  type MessageRefusal,
  messageNotFound,
} from '../../../domain/message/index.js'
import { NO_INSTANT } from '../../../domain/time.js'
import * as L from '../../../projections/messageTable/layout.js'
import { newMessage } from '../../door/newMessage.js'
import type { DecisionContext } from '../../engine/decideRequests.js'
import { readHistory } from '../../engine/history.js'
import type { NewMessage, Settled } from '../../engine/requests.js'
import { errorOf, errorOfFailure } from '../refusals.js'
import type { MessageChanges } from '../types/edits.js'
import type { Actor, EnqueueOptions } from '../types/index.js'
import { type Located, locate, type ReadDeps } from './queueReads.js'

/** Rounds against others who change the same message: each of theirs is a success, so this is not a livelock. */
const ROUNDS_MAX = 8
const FIELDS: ReadonlySet<string> = new Set<keyof MessageChanges<unknown>>([
  'payload',
  'priority',
  'delayMs',
  'notBefore',
  'ttlMs',
  'headers',
])

type Change = Readonly<{ message: NewMessage; given: MessageChanges<unknown> }>

export const editMessage = async (
  deps: ReadDeps,
  id: string,
  changes: MessageChanges<unknown>,
  /** The payload as it is stored: the queue's codec has seen it. */
  encoded: unknown,
  by: Actor | undefined,
): Promise<void> => {
  const change = checkedChange(changes, encoded)
  for (let round = 1; ; round++) {
    const located = await locate(deps, id)
    if (located === undefined) throw errorOf(messageNotFound)
    const contents = await contentsOf(deps, located)
    if (contents === undefined) throw errorOf(messageNotFound)
    const reply = await deps.engine.act(located.ref.partition, (context) =>
      edit(context, located, contents, change, by),
    )
    if (isLeft(reply)) throw errorOfFailure(reply.left)
    const { value } = reply.right
    if (isRight(value)) return
    if (value.left.type !== 'MessageChanged' || round === ROUNDS_MAX) throw errorOf(value.left)
  }
}

const checkedChange = (given: MessageChanges<unknown>, encoded: unknown): Change => {
  const invalid = (field: string, problem: string) => errorOf({ type: 'Invalid', field, problem })
  for (const field of Object.keys(given)) {
    if (!FIELDS.has(field)) throw invalid(field, `unknown; what can be changed are ${[...FIELDS].join(', ')}`)
  }
  const { payload, ttlMs, ...others } = given
  // 0 means something here that it does not mean for a new message.
  const options = (ttlMs === undefined || ttlMs === 0 ? others : { ...others, ttlMs }) as EnqueueOptions
  const message = newMessage(payload === undefined ? null : encoded, options)
  if (isLeft(message)) throw errorOf(message.left)
  return { message: message.right, given }
}

const contentsOf = async (
  { engine, log }: ReadDeps,
  { ref, ordinal, lastRevision }: Located,
): Promise<Contents | undefined> => {
  const history = await readHistory(log, engine.partition(ref.partition).stream, ordinal, lastRevision)
  let contents: Contents | undefined
  for (const { event } of history) {
    if (event.type === 'MessageEnqueued' || event.type === 'MessageEdited') contents = event
  }
  return contents
}

const edit = (
  { state, batch, payloads }: DecisionContext,
  { ordinal, lastRevision }: Located,
  contents: Contents,
  { message, given }: Change,
  by: Actor | undefined,
): Settled => {
  const slot = state.table.slotOf(ordinal)
  if (slot < 0) return left(endedRefusal(state.messageAt(ordinal)))
  if (state.table.double(slot, L.LAST_REVISION) !== lastRevision) return left({ type: 'MessageChanged' })
  const { at } = batch
  const keepsPayload = given.payload === undefined
  const attributes = { ...contents.attributes, ...message.attributes }
  // A payload that came with the change stands in the event itself.
  if (!keepsPayload) delete attributes.blob
  const decision = decideMessage(
    {
      type: 'EditMessage',
      payload: keepsPayload ? contents.payload : message.payload,
      priority: given.priority === undefined ? contents.priority : message.priority,
      notBefore: notBeforeOf(state.table.double(slot, L.DUE_AT), message, given, at),
      expiresAt: expiresAtOf(state.table.double(slot, L.EXPIRES_AT), given, at),
      attributes: Object.keys(attributes).length === 0 ? undefined : attributes,
      cause: 'operator',
      by,
      at,
    },
    state.messageAt(ordinal),
  )
  if (isLeft(decision)) return decision
  for (const event of decision.right) batch.add(event)
  payloads.drop(slot)
  return right(undefined)
}

/** It was found in the log, so it has ended, whether or not the partition still remembers how. */
const endedRefusal = ({ tag }: Message): MessageRefusal => ({
  type: 'MessageNotEditable',
  now: tag === 'Absent' ? 'Finished' : tag,
})

/** A retry that is waited for stays waited for, unless the change says when. */
const notBeforeOf = (
  dueAt: number,
  message: NewMessage,
  given: MessageChanges<unknown>,
  at: number,
): number => {
  if (given.delayMs !== undefined) return given.delayMs === 0 ? NO_INSTANT : at + given.delayMs
  return given.notBefore === undefined ? dueAt : message.notBefore
}

/** As it is now: a redriven message has left its time to live behind. */
const expiresAtOf = (expiresAt: number, { ttlMs }: MessageChanges<unknown>, at: number): number => {
  if (ttlMs === undefined) return expiresAt
  return ttlMs === 0 ? NO_INSTANT : at + ttlMs
}
