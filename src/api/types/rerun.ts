// The public face of re-runs (C16).

import type { MessageState, MessageView } from './index.js'
import type { MessageSelection, OperationOptions } from './selection.js'

/** How a message can have finished. */
export type FinishedState = Extract<MessageState, 'succeeded' | 'cancelled' | 'expired' | 'purged'>

export type RerunOptions = Omit<MessageSelection, 'state'> &
  Omit<OperationOptions<Rerun>, 'by'> &
  Readonly<{
    /** These only. */
    ids?: ReadonlyArray<string>
    /** How they finished. Default: succeeded. */
    state?: FinishedState | ReadonlyArray<FinishedState>
    /**
     * Names the operation: with the same name again, within the queue's dedup window, what was enqueued by it is not
     * enqueued twice. Generated when left out, and answered.
     */
    operation?: string
    /** Asked for each message before it is enqueued: `done` = its effect is there, it need not run again. */
    reconcile?: (message: MessageView) => 'done' | undefined | Promise<'done' | undefined>
    /** Not more than this many in a second. */
    ratePerSecond?: number
  }>

export type Rerun = Readonly<{
  operation: string
  /** Enqueued as new messages, or would be. */
  rerun: number
  /** Had been enqueued by this operation before. */
  repeated: number
  /** Need not run again, says `reconcile`. */
  reconciled: number
  /** Named, but not finished, or not there. */
  refused: number
  dryRun: boolean
  /** Set when it was ended before it was through. */
  cursor: string | undefined
}>

export type RerunOperations = Readonly<{
  /**
   * Runs finished messages again: each as a new message with the same contents, whose `rerunOf` and causation id name the
   * first. Messages enqueued after the operation began are not meant, nor those it enqueued itself.
   */
  rerun: (options?: RerunOptions) => Promise<Rerun>
}>
