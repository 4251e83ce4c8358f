// Signs of life of the nodes that share a log, beside it: they are no events, nobody replays them, and only the last one of a node
// counts. Absent in a log that one process has for itself.
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { LogUnavailable } from './eventLog.js'

export type Beat = Readonly<{
  incarnation: string
  /** Rises with each beat of an incarnation. */
  count: number
  /** Other nodes that no call of this one gets through to, though they may live. */
  unreached?: ReadonlyArray<string>
  /** Those again, and those that were among them until lately. */
  unsteady?: ReadonlyArray<string>
}>

export type Heartbeats = Readonly<{
  beat: (node: string, beat: Beat) => TaskEither<LogUnavailable, void>
  /** Undefined = it has never given any. */
  last: (node: string) => TaskEither<LogUnavailable, Beat | undefined>
}>
