// What was asked of a queue, and what came back: the other half of what the checkers go by. The log is the first.
export type Told = 'ok' | 'definite' | 'unknown'

/** Instead of a partition: of a queue that is resized, who asks does not know it. */
export const ANYWHERE = -1

export type AskedMessage = Readonly<{
  payload: string
  priority: number
  callerId: string | undefined
  attributes: Readonly<{ dedupKey?: string; idempotencyKey?: string }> | undefined
  dedupMode?: 'replace' | 'debounce' | undefined
  /** Its key is not the caller's, but made of what it holds. */
  byContent?: boolean
}>
export type EnqueueCall = {
  told: Told
  /** The process that was asked. */
  readonly by?: string
  /** {@link ANYWHERE} = wherever they belong. */
  readonly partition: number
  /** Other messages were asked for in the same breath; what of them goes to one partition is taken or refused together. */
  readonly isPart?: boolean
  /** The same messages were asked for before. */
  readonly repeats: boolean
  readonly messages: ReadonlyArray<AskedMessage>
  results: ReadonlyArray<{ id: string; duplicate: boolean; replaced?: true }>
}
export type ClaimCall = {
  told: Told
  worker: string
  repeats: boolean
  given: ReadonlyArray<{ partition: number; ordinal: number; fence: number; payload: string }>
}
export type SettleCall = {
  told: Told
  partition: number
  ordinal: number
  fence: number
  outcome: string
  retryable: boolean
  failureType: string | undefined
  delayMs: number | undefined
  accepted: boolean
}
export type OperateCall = {
  told: Told
  partition: number
  ordinal: number
  command: string
  accepted: boolean
}
/** Which messages are meant: all that is given must hold. */
export type Selection = Readonly<{ priorityMin?: number; group?: string; tenant?: string }>
/** `who` stands in every event that came of the call. */
export type EditCall = {
  told: Told
  readonly who: string
  readonly partition: number
  readonly ordinal: number
  readonly changes: Readonly<{ payload?: unknown; priority?: unknown; delayMs?: number; ttlMs?: number }>
}
export type SweepCall = {
  told: Told
  readonly who: string
  readonly command: 'clear' | 'redrive' | 'discard'
  readonly selection: Selection
  done: number
}
export type RerunCall = {
  told: Told
  readonly operation: string
  readonly ids: ReadonlyArray<string> | undefined
  done: number
}
/** What a blob store had and answered, by SHA-256. */
export type BlobsTold = Readonly<{
  /** A payload with more bytes than this goes there. */
  aboveBytes: number
  put: Set<string>
  /** Lost or altered at any time. */
  damaged: Set<string>
  /** Asked for, and not to be had just then. */
  outOfReach: Set<string>
}>
export type HistoryCall = {
  told: Told
  /** Somebody had been told before that this message was accepted, and this is what is said now: there is none. */
  isDenied: boolean
  readonly partition: number
  /** Generated, or a caller's. */
  readonly id: string
  /** Of which the history that was given is. */
  ordinal: number
  revisions: ReadonlyArray<number>
}
export type Calls = {
  enqueues: EnqueueCall[]
  claims: ClaimCall[]
  settles: SettleCall[]
  operates: OperateCall[]
  edits: EditCall[]
  sweeps: SweepCall[]
  reruns: RerunCall[]
  histories: HistoryCall[]
  /** Discarded when all was over: no dead letter that matches can be left. */
  swept?: Selection
  blobs?: BlobsTold
}
