// Whether the log has room for a message, asked before anything is decided: an append that is refused takes the whole
// partition back to what is durable, and the acks of the same batch with it (R07).
import type { EventLog } from '../ports/eventLog.js'
import type { EnqueueRequest } from './requests.js'

/** A character takes up to three bytes; a frame, its section and the other events of a batch take some, too. */
const BYTES_PER_CHARACTER = 3
const OVERHEAD_BYTES = 4_096

export const roomIn = (log: EventLog): number => log.growthRoomBytes?.() ?? Number.POSITIVE_INFINITY

/** `batchCharacters` = what the batch holds already, roughly. */
export const hasRoomFor = (log: EventLog, batchCharacters: number, { messages }: EnqueueRequest): boolean => {
  const roomBytes = roomIn(log)
  if (roomBytes === Number.POSITIVE_INFINITY) return true
  let characters = batchCharacters
  for (const { payload, attributes } of messages)
    characters += payload.length + JSON.stringify(attributes ?? '').length
  return characters * BYTES_PER_CHARACTER + OVERHEAD_BYTES <= roomBytes
}
