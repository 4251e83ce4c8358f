// Lines of a stream of bytes, numbered, in constant memory: one chunk and one line are held. Bytes, not text, because
// only bytes show invalid UTF-8.
import { PAYLOAD_BYTES_MAX } from '../../domain/payload/index.js'

/** A payload of the largest size with generous options around it. */
export const LINE_BYTES_MAX = 2 * PAYLOAD_BYTES_MAX

export type NumberedLine = Readonly<{
  /** From 1. */
  number: number
  /** Without its line end; undefined when it is longer than the limit, and was skipped. */
  bytes: Uint8Array | undefined
  /** Where it ends in the stream. */
  endOffset: number
}>

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

const withoutReturn = (line: Uint8Array): Uint8Array =>
  line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line

export async function* ndjsonLines(
  chunks: AsyncIterable<Uint8Array>,
  bytesMax: number = LINE_BYTES_MAX,
): AsyncGenerator<NumberedLine> {
  let parts: Uint8Array[] = []
  let length = 0
  let number = 0
  let offset = 0
  const line = (): NumberedLine => {
    number += 1
    const bytes =
      length > bytesMax
        ? undefined
        : withoutReturn(parts.length === 1 ? (parts[0] ?? new Uint8Array()) : Buffer.concat(parts))
    parts = []
    length = 0
    return { number, bytes, endOffset: offset }
  }
  const keep = (part: Uint8Array): void => {
    length += part.length
    offset += part.length
    // The rest of a line that is too long is counted, and not kept.
    if (length <= bytesMax) parts.push(part)
    else parts = []
  }
  for await (const chunk of chunks) {
    let start = 0
    let end = chunk.indexOf(LINE_FEED)
    while (end !== -1) {
      keep(chunk.subarray(start, end))
      offset += 1
      yield line()
      start = end + 1
      end = chunk.indexOf(LINE_FEED, start)
    }
    if (start < chunk.length) keep(chunk.subarray(start))
  }
  if (length > 0) yield line()
}
