// Batches on their way: a page is what is written before the next is read, so that memory stays bounded and a cancelled or killed
// move has at most one page to do again.
import type { ChainedBatch } from '../chain/chainedBatch.js'

export const PAGE_BYTES = 2 * 1_048_576
export const PAGE_BATCHES = 4_096

/** In the order of their first appearance; inside a stream as they came. */
export const byStream = (batches: ReadonlyArray<ChainedBatch>): Map<string, ChainedBatch[]> => {
  const streams = new Map<string, ChainedBatch[]>()
  for (const batch of batches) {
    const own = streams.get(batch.stream)
    if (own === undefined) streams.set(batch.stream, [batch])
    else own.push(batch)
  }
  return streams
}
