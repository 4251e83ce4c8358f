// What happens to a circuit, as facts in its partition's stream: decided together with the outcome that led to it, so
// that no message is started in between (C6).
import type { EpochMs } from '../time.js'

export type CircuitOpenReason =
  /** `failureThreshold` failures lay within the window. */
  | 'failureThreshold'
  /** Fewer, but half of the calls in the window had failed (adaptive). */
  | 'failureShare'
  /** The place was tried again, and it is still sick. */
  | 'probeFailed'

/** Nothing is started until `retryAt`, recorded so that replay asks no setting (I7). */
export type CircuitOpened = Readonly<{
  type: 'CircuitOpened'
  circuit: string
  reason: CircuitOpenReason
  retryAt: EpochMs
}>
/** A few attempts may find out whether the place is well again. */
export type CircuitHalfOpened = Readonly<{ type: 'CircuitHalfOpened'; circuit: string }>

export type CircuitCloseReason = 'probesSucceeded'
export type CircuitClosed = Readonly<{ type: 'CircuitClosed'; circuit: string; reason: CircuitCloseReason }>

export type CircuitEvent = CircuitOpened | CircuitHalfOpened | CircuitClosed
