// The two ends of a move: where batches come from, and where they go. A side is a directory, a database, or a file.
import type { BlobRef } from '../../domain/message/index.js'
import type { ChainedBatch } from '../chain/chainedBatch.js'

/** What the head of a stream is; `begun`: so many events of the next batch are there already, but not all of them. */
export type Head = Readonly<{ revision: number; digest: Uint8Array; begun: number }>

/**
 * Where the ledger's own process (`process-followups`) has to go on: of each stream the first revision that is not covered.
 * Positions mean something in one log only, so that they cannot be moved as they are.
 */
export type Uncovered = ReadonlyMap<string, ReadonlyMap<string, number>>

/** `stateHashVersion`: by which definition of the state hash. */
export type Said = Omit<Ending, 'written'> & Readonly<{ stateHashVersion: number }>

export type ChainSource = Readonly<{
  /** For people. */
  place: string
  kind: 'directory' | 'database' | 'file'
  /** From the beginning, each time it is asked. */
  batches: () => AsyncGenerator<ChainedBatch>
  /** What was found when it was written, where somebody has written that down. */
  said?: Said
  /** Streams without their beginning, which nobody has any more. */
  truncated: () => Promise<ReadonlyMap<string, number>>
  /** A large payload, checked against its name; absent = they do not lie beside this log. */
  blob?: (ref: BlobRef) => Promise<Uint8Array | undefined>
  close: () => Promise<void>
}>

type BlobTarget = Readonly<{
  has: (ref: BlobRef) => Promise<boolean>
  put: (ref: BlobRef, bytes: Uint8Array) => Promise<void>
}>

export type ChainTarget = Readonly<{
  place: string
  kind: ChainSource['kind']
  head: (stream: string) => Promise<Head | undefined>
  /** The first batch there is, whosever. */
  firstBatch: () => Promise<ChainedBatch | undefined>
  /** Durable when it resolves; each stream goes on where it ends (`head`). */
  write: (batches: ReadonlyArray<ChainedBatch>) => Promise<void>
  /** Absent = it has no place for large payloads. */
  blobs?: BlobTarget
  /** Lets the ledger's own processes go on there where the source's have come to. */
  note: (uncovered: Uncovered) => Promise<void>
  /** Puts down what has to stand behind the batches; answers the target to be read back, if it can be. */
  finish: (ending: Ending) => Promise<ChainSource | undefined>
  close: () => Promise<void>
}>

export type Ending = Readonly<{
  /** Events that were written now: without any there is nothing to note. */
  written: number
  uncovered: Uncovered
  streams: ReadonlyArray<Readonly<{ stream: string; head: number; digest: string }>>
  states: Readonly<Record<string, string>>
  events: number
}>

const PROCESS_STREAM = /^(?:[^.]+\.)?process-/

/** Of positions in its own log; every other stream is moved as it is. */
export const isProcessStream = (stream: string): boolean => PROCESS_STREAM.test(stream)

/** What ledgers that share a log put before the names of their streams, dot included. */
export const prefixOf = (processStream: string): string =>
  processStream.slice(0, processStream.indexOf('process-'))
