// Groups, gates and circuits of one queue in this process.

import type { Either } from 'fp-ts/lib/Either.js'
import { isLeft } from 'fp-ts/lib/Either.js'
import {
  type ControlEvent,
  closeGate,
  forceCircuit,
  openGate,
  pauseGroup,
  type QueueControl,
  type QueueRefusal,
  resumeGroup,
} from '../../../domain/queue/index.js'
import type { CircuitView } from '../../../projections/circuits/circuitBoard.js'
import { isClean, NAME_CHARS_MAX } from '../../door/doorRules.js'
import type { QueueEngine } from '../../engine/queueEngine.js'
import { GateProbeRunner } from '../../gates/gateProbe.js'
import type { Clock } from '../../ports/clock.js'
import type { EventLog } from '../../ports/eventLog.js'
import { actorOf } from '../actor.js'
import { errorOf, errorOfFailure, withPublicErrors } from '../refusals.js'
import type {
  Actor,
  CircuitState,
  CircuitStatus,
  Gate,
  GateProbe,
  PartitionCircuit,
  Probe,
  ProbeOptions,
  SwitchOperations,
  WorkerLifecycle,
} from '../types/index.js'
import { whoForced } from './zoneHealth.js'

export type SwitchDesk = Readonly<{
  engine: QueueEngine
  log: EventLog
  clock: Clock
  /** From now on the ledger stops it when the queue or the ledger ends. */
  started: (probe: WorkerLifecycle) => void
}>

type Decide = (
  control: QueueControl,
  by: Actor | undefined,
) => Either<QueueRefusal, ReadonlyArray<ControlEvent>>

/** @throws LedgerqError */
const checked = (field: string, name: unknown): string => {
  if (typeof name === 'string' && name.length > 0 && name.length <= NAME_CHARS_MAX && isClean(name))
    return name
  const problem = `accepted is text of 1 to ${NAME_CHARS_MAX} characters without control characters`
  throw errorOf({ type: 'Invalid', field, problem })
}

const PROBE_BOUNDS = { everyMs: [100, 86_400_000], timeoutMs: [1, 600_000] } as const

/** @throws LedgerqError */
export const startProbe = (
  gate: Gate,
  probe: Probe,
  options: ProbeOptions,
  clock: Clock,
): GateProbe & WorkerLifecycle => {
  for (const [field, [from, to]] of Object.entries(PROBE_BOUNDS)) {
    const value = options[field as keyof typeof PROBE_BOUNDS]
    if (value === undefined || (Number.isInteger(value) && value >= from && value <= to)) continue
    const problem = `accepted is a whole number of milliseconds from ${from} to ${to}`
    throw errorOf({ type: 'Invalid', field, problem })
  }
  return new GateProbeRunner(gate, probe, clock, options)
}

const isoOf = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString()

const BADNESS: Readonly<Record<CircuitState, number>> = { closed: 0, halfOpen: 1, open: 2 }

/** Circuits by name; a partition that does not list one has nothing to say about it. */
const circuitsOf = (
  { switches }: QueueControl,
  partitions: ReadonlyArray<ReadonlyArray<CircuitView>>,
): ReadonlyArray<CircuitStatus> => {
  const found = new Map<string, PartitionCircuit[]>()
  for (const circuit of Object.keys(switches.forcedCircuits)) found.set(circuit, [])
  for (const [partition, views] of partitions.entries()) {
    for (const { circuit, state, failures, since, retryAt, probesRunning, probesSucceeded } of views) {
      const known = found.get(circuit) ?? []
      const times = { since: isoOf(since), retryAt: isoOf(retryAt) }
      known.push({ partition, state, failures, ...times, probesRunning, probesSucceeded })
      found.set(circuit, known)
    }
  }
  return [...found]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([circuit, views]) => {
      const forced = Object.hasOwn(switches.forcedCircuits, circuit)
        ? switches.forcedCircuits[circuit]
        : undefined
      const worst = views.reduce<CircuitState>(
        (state, view) => (BADNESS[view.state] > BADNESS[state] ? view.state : state),
        'closed',
      )
      return { circuit, state: forced ?? worst, forced, partitions: views }
    })
}

export const switchOperations = ({ engine, log, clock, started }: SwitchDesk): SwitchOperations => {
  const change = async (asked: Actor | undefined, decide: Decide): Promise<void> => {
    const by = actorOf(asked)
    await withPublicErrors(
      engine.changeControl((control) => {
        const events = decide(control, by)
        if (isLeft(events)) throw errorOf(events.left)
        return events.right
      }),
    )
  }
  const gate = (asked: string): Gate => {
    const name = checked('gate', asked)
    const open: Gate['open'] = (asked) => change(asked, (control, by) => openGate(control, name, by))
    return {
      name,
      open,
      resourceAvailable: open,
      close: (asked) => change(asked, (control, by) => closeGate(control, name, by)),
      isOpen: async () => !engine.control.switches.closedGates.includes(name),
    }
  }
  return {
    gate,
    pauseGroup: async (group, asked) => {
      const name = checked('group', group)
      await change(asked, (control, by) => pauseGroup(control, name, by))
    },
    resumeGroup: async (group, asked) => {
      const name = checked('group', group)
      await change(asked, (control, by) => resumeGroup(control, name, by))
    },
    probeGate: (name, probe, options = {}) => {
      const runner = startProbe(gate(name), probe, options, clock)
      started(runner)
      return runner
    },
    circuits: async () => {
      const reply = await engine.lookAll((state, at) => state.circuits.list(at))
      if (isLeft(reply)) throw errorOfFailure(reply.left)
      return circuitsOf(
        engine.control,
        reply.right.value.map(({ value }) => value),
      )
    },
    forceCircuit: async (circuit, to, asked, { ownOnly = false } = {}) => {
      const name = checked('circuit', circuit)
      if (to !== 'open' && to !== 'closed' && to !== 'auto')
        throw errorOf({ type: 'Invalid', field: 'to', problem: 'accepted are open, closed and auto' })
      const isForced = Object.hasOwn(engine.control.switches.forcedCircuits, name)
      if (ownOnly && isForced && (await whoForced(log, engine, name)) !== asked?.who) return
      await change(asked, (control, by) => forceCircuit(control, name, to, by))
    },
    switches: async () => engine.control.switches,
  }
}
