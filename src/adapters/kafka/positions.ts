// How far each shard has come, as records of the compacted topic beside the events; written in the transaction of the events they
// speak of. A term begins with a record of its own, and reads its partition until it finds that one: what is committed before it
// is all there is, wherever markers of transactions stand.
import { randomUUID } from 'node:crypto'
import { isRight } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { storedRecord } from '../../../domain/storedFields.js'
import type { ShardPosition } from '../../ports/fanOut.js'
import { FanOutRefusal } from './errors.js'
import type { PartitionReader } from './partitionReader.js'

const LastCodec = storedRecord('last', {
  stream: t.string,
  revision: t.number,
  position: t.number,
  batchId: t.string,
})
const PositionCodec = storedRecord(
  'position',
  {
    version: t.literal(1),
    ledger: t.string,
    shards: t.number,
    partitions: t.number,
    next: t.number,
    told: t.number,
    /** By partition: below this offset stands what was told before. A topic that ends earlier is another one. */
    ends: t.record(t.string, t.number),
  },
  { last: LastCodec },
)
export type StoredPosition = t.TypeOf<typeof PositionCodec>

export const encodePosition = (position: StoredPosition): string =>
  JSON.stringify(PositionCodec.encode(position))
export const shardPosition = ({ next, told, last }: StoredPosition): ShardPosition => ({ next, told, last })

const POSITION_KEY = 'position'
const TERM_KEY = 'term'
export const positionKey = (shard: number): string => `${POSITION_KEY}-${shard}`
export const termKey = (shard: number): string => `${TERM_KEY}-${shard}`
export const newTerm = (): string => randomUUID()

const decodePosition = (topic: string, value: string): StoredPosition => {
  let stored: unknown
  try {
    stored = JSON.parse(value)
  } catch {
    stored = undefined
  }
  const decoded = PositionCodec.decode(stored)
  if (isRight(decoded)) return decoded.right
  throw new FanOutRefusal(`${topic} holds a position that this version cannot read`)
}

/** Offsets looked at first, from the end; then all. Each transaction takes two. */
const LOOK_BACK = 64

/** Reads the shard's partition from `from` up to the record of this term, which is committed. */
const readUpTo = async (
  reader: PartitionReader,
  topic: string,
  shard: number,
  from: number,
  term: string,
): Promise<StoredPosition | undefined> => {
  let position: StoredPosition | undefined
  for (let offset = from; ; ) {
    const read = await reader.read(topic, shard, offset)
    for (const { key, value } of read.records) {
      if (value === term) return position
      if (key === positionKey(shard)) position = decodePosition(topic, value)
    }
    offset = read.next
  }
}

/** `term`: what `writeTerm` has written, and where. */
export const readPosition = async (
  reader: PartitionReader,
  topic: string,
  shard: number,
  low: number,
  term: Readonly<{ id: string; offset: number }>,
): Promise<StoredPosition | undefined> => {
  const near = Math.max(low, term.offset - LOOK_BACK)
  const position = await readUpTo(reader, topic, shard, near, term.id)
  return position !== undefined || near === low ? position : readUpTo(reader, topic, shard, low, term.id)
}
