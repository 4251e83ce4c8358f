// The lines of one file with where they stand in it, without holding more of it than one line and one block.
import { createReadStream } from 'node:fs'

export type FoundLine = Readonly<{
  /** From 1. */
  number: number
  start: number
  /** After the line feed. */
  end: number
  text: string
  /** False for what stands behind the last line feed. */
  isWhole: boolean
}>

const BLOCK_BYTES = 1_048_576
/** An event is far smaller; what has no line feed for so long is no line of ours. */
const LINE_BYTES_MAX = 64 * BLOCK_BYTES
const LINE_FEED = 0x0a

export async function* linesOf(path: string): AsyncGenerator<FoundLine> {
  let rest: Buffer = Buffer.alloc(0)
  let start = 0
  let number = 0
  for await (const block of createReadStream(path, { highWaterMark: BLOCK_BYTES })) {
    const bytes = rest.length === 0 ? (block as Buffer) : Buffer.concat([rest, block as Buffer])
    let from = 0
    for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, from)) {
      number++
      const end = start + at + 1 - from
      yield { number, start, end, text: bytes.toString('utf8', from, at), isWhole: true }
      start = end
      from = at + 1
    }
    rest = bytes.subarray(from)
    if (rest.length > LINE_BYTES_MAX) break
  }
  if (rest.length === 0) return
  yield { number: number + 1, start, end: start + rest.length, text: rest.toString('utf8'), isWhole: false }
}
