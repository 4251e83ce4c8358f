// Where the events of a log are passed on to, as the relay sees it: shards that each take a batch of records together with the
// position up to which the log is told, both or neither. Every fault is built in an adapter and says what may be done about it.
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'

/** One event on its way out; its place in a partition of the topic is its order. */
export type FanOutRecord = Readonly<{
  partition: number
  key: string
  value: string
  headers: Readonly<Record<string, string>>
  /** About what it takes on the wire. */
  bytes: number
}>

/** Which event was told last: the log has to hold the same one, or it is another log. */
export type LastTold = Readonly<{ stream: string; revision: number; position: number; batchId: string }>

/** How far a shard has come, in the words of one transaction. */
export type ShardPosition = Readonly<{
  /** The shard's events below this position of the log are in the topic. */
  next: number
  /** How many that were. */
  told: number
  last: LastTold | undefined
}>

/** Passing: the same again later may do. */
export type FanOutUnavailable = Readonly<{ type: 'FanOutUnavailable'; reason: string }>
/** Another relay has taken this shard over. */
export type FanOutFenced = Readonly<{ type: 'FanOutFenced'; reason: string }>
/** What is to be passed on, or where to, has to be changed by somebody first. */
export type FanOutRefused = Readonly<{ type: 'FanOutRefused'; reason: string }>
/** Too many bytes at once; of a single record: it will never be taken. */
export type FanOutTooLarge = Readonly<{ type: 'FanOutTooLarge'; reason: string }>
export type FanOutFault = FanOutUnavailable | FanOutFenced | FanOutRefused | FanOutTooLarge

/** One term of a shard: whoever opens it ends the terms before. After any fault it is closed, and nothing more is asked of it. */
export type FanOutShard = Readonly<{
  /** Of the topic; the shard tells those whose number modulo the number of shards is its own. */
  partitions: number
  /** Records of one call take no more than this, but for a single one. */
  bytesMax: number
  /** As read after the terms before were ended. */
  position: ShardPosition
  /** What works, and should be looked at. */
  warnings: ReadonlyArray<string>
  /**
   * All records and the position, or nothing that a reader sees; a fault leaves open which, and the next term tells. One call at
   * a time.
   */
  publish: (records: ReadonlyArray<FanOutRecord>, position: ShardPosition) => TaskEither<FanOutFault, void>
  close: () => Promise<void>
}>

/** Records from `offset` up to `end` are kept from readers of committed records. */
export type HeldPlace = Readonly<{ topic: string; partition: number; offset: number; end: number }>

export type FanOut = Readonly<{
  /** How many tell the topic side by side; fixed for as long as it lives. */
  shards: number
  open: (shard: number) => TaskEither<FanOutFault, FanOutShard>
  /** A number that grows whenever anybody tells this shard, and says nothing else. */
  activity: (shard: number) => TaskEither<FanOutFault, number>
  /** Where readers of committed records stand now although there is more: what begins there is not committed, nor undone. */
  held: () => TaskEither<FanOutFault, ReadonlyArray<HeldPlace>>
  close: () => Promise<void>
}>

/** What keeps a shard from telling: `waiting` mends itself, `parked` needs somebody, `standby` leaves it to another relay. */
export type ShardState = 'starting' | 'telling' | 'waiting' | 'standby' | 'parked' | 'stopped'

export type ShardStatus = Readonly<{
  shard: number
  state: ShardState
  /** Since when it is in this state. */
  since: string
  /** Why it does not tell. */
  reason: string | undefined
  /** Events told since the topic began. */
  told: number
  /** Position of the log below which all of its events are told. */
  position: number
  /** Positions of the log that it has not looked at yet. 0 = it has told all there is. */
  lag: number
  /** The same in events; undefined for a log that does not number its events one after the other. */
  lagEvents: number | undefined
  /** How old the newest event is that it has looked at, while there are newer ones. */
  behindMs: number
  /** For how long it has not moved on although there is something to tell; 0 = there is nothing, or it moves. */
  stillMs: number
  /** What went wrong last, also when all is well again. */
  lastFault: Readonly<{ type: string; reason: string; at: string }> | undefined
}>

/** A transaction that nobody ends, as far as can be seen. */
export type OpenTransaction = HeldPlace & Readonly<{ forMs: number }>

export type RelayStatus = Readonly<{
  topic: string
  /** Position of the next event of the log. */
  head: number
  shards: ReadonlyArray<ShardStatus>
  openTransactions: ReadonlyArray<OpenTransaction>
}>
