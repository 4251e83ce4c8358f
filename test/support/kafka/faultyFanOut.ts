// A fan-out in memory that fails on order: before a batch is taken, after it was, or because another relay has come. What it keeps is
// what readers of committed records would see.
import { left, right } from 'fp-ts/lib/Either.js'
import type {
  FanOut,
  FanOutFault,
  FanOutRecord,
  FanOutShard,
  HeldPlace,
  ShardPosition,
} from '../../../src/ports/fanOut.js'

/** What becomes of a call. */
export type Fate = 'done' | 'refused' | 'lost' | 'fenced' | 'parked'

export class FaultyFanOut implements FanOut {
  readonly topic: FanOutRecord[] = []
  /** Records that are larger are never taken. */
  bytesMax = Number.POSITIVE_INFINITY
  private readonly positions = new Map<number, ShardPosition>()
  private readonly epochs = new Map<number, number>()
  private writes = 0

  constructor(
    readonly shards: number,
    private readonly partitions: number,
    /** Asked once for each call. */
    private readonly fate: () => Fate,
  ) {}

  readonly open: FanOut['open'] = (shard) => async () => {
    const fault = this.faultOf(this.fate())
    if (fault !== undefined) return left(fault)
    const epoch = (this.epochs.get(shard) ?? 0) + 1
    this.epochs.set(shard, epoch)
    const term: FanOutShard = {
      partitions: this.partitions,
      bytesMax: 2_000,
      position: this.positions.get(shard) ?? { next: 0, told: 0, last: undefined },
      warnings: [],
      publish: (records, position) => async () => {
        const fate = this.fate()
        if (this.epochs.get(shard) !== epoch) return left({ type: 'FanOutFenced', reason: 'a later term' })
        const bytes = records.reduce((sum, record) => sum + record.bytes, 0)
        if (bytes > this.bytesMax) return left({ type: 'FanOutTooLarge', reason: 'too large' })
        const refused = this.faultOf(fate)
        if (refused !== undefined && fate !== 'lost') return left(refused)
        this.topic.push(...records)
        this.positions.set(shard, position)
        this.writes++
        return refused === undefined ? right(undefined) : left(refused)
      },
      close: () => Promise.resolve(),
    }
    return right(term)
  }

  /** What readers of committed records are kept from. */
  heldPlaces: ReadonlyArray<HeldPlace> = []
  /** Nobody answers questions; whatever is told goes on. */
  isSilent = false
  readonly held: FanOut['held'] = () => async () =>
    this.isSilent ? left({ type: 'FanOutUnavailable', reason: 'no answer' }) : right(this.heldPlaces)
  readonly activity: FanOut['activity'] = () => async () => right(this.writes)
  readonly close: FanOut['close'] = () => Promise.resolve()

  private faultOf(fate: Fate): FanOutFault | undefined {
    switch (fate) {
      case 'done':
        return undefined
      case 'fenced':
        return { type: 'FanOutFenced', reason: 'another relay' }
      case 'parked':
        return { type: 'FanOutRefused', reason: 'not allowed' }
      default:
        return { type: 'FanOutUnavailable', reason: 'no answer' }
    }
  }
}
