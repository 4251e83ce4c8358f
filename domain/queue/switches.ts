// What operators and probes have switched off in a queue: groups, resource gates, circuits. Queue-wide facts of the control
// stream; partitions adopt them with the configuration (§4.2).
export type ForcedCircuit = 'open' | 'closed'

export type Switches = Readonly<{
  /** Sorted, as the other names are: equal switches have one text. */
  pausedGroups: ReadonlyArray<string>
  closedGates: ReadonlyArray<string>
  forcedCircuits: Readonly<Record<string, ForcedCircuit>>
}>

export const NO_SWITCHES: Switches = Object.freeze({
  pausedGroups: [],
  closedGates: [],
  forcedCircuits: {},
})

/** They stand in every adopted configuration, so they stay few. */
export const SWITCHES_MAX = 10_000

export const withName = (names: ReadonlyArray<string>, name: string): ReadonlyArray<string> =>
  names.includes(name) ? names : [...names, name].sort()

export const withoutName = (names: ReadonlyArray<string>, name: string): ReadonlyArray<string> =>
  names.filter((other) => other !== name)

export const withCircuit = (
  circuits: Switches['forcedCircuits'],
  circuit: string,
  to: ForcedCircuit | 'auto',
): Switches['forcedCircuits'] => {
  const others = Object.entries(circuits).filter(([name]) => name !== circuit)
  const forced = to === 'auto' ? others : [...others, [circuit, to] as const]
  return Object.fromEntries(forced.sort(([a], [b]) => (a < b ? -1 : 1)))
}
