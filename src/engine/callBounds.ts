// How much one all-or-nothing call may hold: it is appended in one piece, whatever the log takes (§4.3). A log with limits counts
// bytes as it stores them: JSON of each event on its own, in which a text that is no JSON itself may grow twofold.
import type { AppendLimits } from '../ports/eventLog.js'
import type { NewMessage } from './requests.js'

/** Characters of payloads; below the append limit of the logs that have none of their own. */
const CALL_CHARS_MAX = 900_000

export type CallBounds = Readonly<{ bytesMax: number; bytesOf: (message: NewMessage) => number }>

export const callBounds = (limits: AppendLimits | undefined): CallBounds => {
  if (limits === undefined) return { bytesMax: CALL_CHARS_MAX, bytesOf: ({ payload }) => payload.length }
  return {
    bytesMax: Math.floor(limits.bytesMax / 2),
    bytesOf: ({ payload, attributes }) =>
      limits.eventBytes +
      Buffer.byteLength(payload) +
      (attributes === undefined ? 0 : Buffer.byteLength(JSON.stringify(attributes))),
  }
}
