// What a process appends and saves until it is killed, and the lines in which it says how that went. Content follows from the
// batch id and the place alone, so whoever reads the lines knows every byte that must be found later.
import { type EventBatch, NO_REVISION } from '../../../domain/batch.js'
import type { AppendFault } from '../../../src/ports/eventLog.js'

export const STREAMS = ['partition-a~1.0', 'partition-b~1.0', 'catalog'] as const

export type Line =
  | Readonly<{ say: 'opened' }>
  /** About to be appended: from here on the outcome is unknown until another line says it. */
  | Readonly<{ say: 'appending'; stream: string; batchId: string; expected: number }>
  | Readonly<{ say: 'acked'; batchId: string; lastRevision: number; position: number }>
  | Readonly<{ say: 'failed'; batchId: string; fault: AppendFault['type'] }>
  | Readonly<{ say: 'saved'; stream: string; revision: number }>
  | Readonly<{ say: 'truncating' | 'truncated'; stream: string; revision: number }>

/** Without a pattern, so that a piece of another batch could not be taken for it. */
const textOf = (seed: string, bytes: number): string => {
  let state = 0x811c9dc5
  for (const letter of seed) state = Math.imul(state ^ letter.charCodeAt(0), 0x01000193)
  let text = ''
  while (text.length < bytes) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9
    text += (state >>> 0).toString(36)
  }
  return text.slice(0, bytes)
}

const EVENTS = [1, 2, 1, 4]
const PAYLOAD_BYTES = [300, 1800, 60, 700]

export const batchAt = (batchId: string, expected: number): EventBatch => {
  const count = EVENTS[(expected + 1) % EVENTS.length] ?? 1
  return {
    batchId,
    at: 1_790_000_000_000,
    epoch: 1,
    events: Array.from({ length: count }, (_, n) => {
      const ordinal = expected + 1 + n
      const bytes = PAYLOAD_BYTES[ordinal % PAYLOAD_BYTES.length] ?? 0
      return {
        type: 'MessageEnqueued',
        ordinal,
        callerId: undefined,
        payload: JSON.stringify(textOf(`${batchId} ${ordinal}`, bytes)),
        priority: 0,
        notBefore: 0,
        expiresAt: 0,
        attributes: undefined,
      }
    }),
    previous: Array.from({ length: count }, () => NO_REVISION),
  }
}

export const snapshotAt = (stream: string, revision: number): ReadonlyArray<Uint8Array> =>
  [0, 1, 2].map((chunk) => Buffer.from(textOf(`${stream} ${revision} ${chunk}`, 500 + chunk * 1000)))

export async function* chunksOf(chunks: ReadonlyArray<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks
}
