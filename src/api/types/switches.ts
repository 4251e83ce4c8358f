// What operators and probes switch off and on in a queue: groups (B7), resource gates (C15), circuits (C6).
import type { ForcedCircuit } from '../../../domain/queue/index.js'
import type { Actor } from './index.js'

export type { ForcedCircuit }

/** Messages that name a closed gate wait and burn no attempt. Every gate is open until somebody closes it. */
export type Gate = Readonly<{
  name: string
  close: (by?: Actor) => Promise<void>
  open: (by?: Actor) => Promise<void>
  /** The same as `open`: what is waited for is there again. */
  resourceAvailable: (by?: Actor) => Promise<void>
  isOpen: () => Promise<boolean>
}>

/** Whether what the gate stands for is available. Throwing says no. The signal fires when the answer comes too late. */
export type Probe = (signal: AbortSignal) => boolean | Promise<boolean>

export type ProbeOptions = Readonly<{
  /** Asks again so long after an answer: 100 to 86,400,000. Default 5,000. */
  everyMs?: number
  /** No answer by then is a no: 1 to 600,000. Default 5,000. */
  timeoutMs?: number
  /** What went wrong when the answer was to be recorded; it is recorded with the next one. Default: ignored. */
  onError?: (error: Error) => void
}>

export type GateProbe = Readonly<{
  gate: string
  /** The last answer; undefined before the first. */
  available: () => boolean | undefined
  /** The gate stays as it is. A probe ends with its ledger, too. */
  stop: () => Promise<void>
}>

export type CircuitState = 'closed' | 'open' | 'halfOpen'

export type PartitionCircuit = Readonly<{
  partition: number
  state: CircuitState
  /** Failures that count, while it is closed. */
  failures: number
  since: string | undefined
  /** When it lets probes through. */
  retryAt: string | undefined
  probesRunning: number | undefined
  probesSucceeded: number | undefined
}>

/** Each partition watches for itself; circuits with nothing to remember are closed, and not listed. */
export type CircuitStatus = Readonly<{
  circuit: string
  /** The worst among the partitions; what an operator forced outranks them. */
  state: CircuitState
  forced: ForcedCircuit | undefined
  partitions: ReadonlyArray<PartitionCircuit>
}>

export type SwitchesView = Readonly<{
  pausedGroups: ReadonlyArray<string>
  closedGates: ReadonlyArray<string>
  forcedCircuits: Readonly<Record<string, ForcedCircuit>>
}>

export type ForceOptions = Readonly<{
  /** Leaves alone what somebody else than `by` has forced. */
  ownOnly?: boolean
}>

export type SwitchOperations = Readonly<{
  /** Messages of the group wait, and are not late. Those in work go on. */
  pauseGroup: (group: string, by?: Actor) => Promise<void>
  resumeGroup: (group: string, by?: Actor) => Promise<void>
  gate: (name: string) => Gate
  /** Asks now and again; closes the gate at a no, opens it at a yes. The gate is the probe's from then on. */
  probeGate: (name: string, probe: Probe, options?: ProbeOptions) => GateProbe
  circuits: () => Promise<ReadonlyArray<CircuitStatus>>
  /** A circuit is named by its zone; messages without one belong to `default`. `auto` leaves it to the machine again. */
  forceCircuit: (
    circuit: string,
    to: ForcedCircuit | 'auto',
    by?: Actor,
    options?: ForceOptions,
  ) => Promise<void>
  switches: () => Promise<SwitchesView>
}>
