// Mistakes of circuits.
import type { PlantedBug } from './bug.js'

const MACHINE = 'domain/circuit/machine.ts'

export const CIRCUIT_BUGS: ReadonlyArray<PlantedBug> = [
  {
    name: 'circuit-window-off-by-one',
    breaks: 'C6: failures count for the length of the window',
    edits: [{ file: MACHINE, from: 'failedAt <= at - windowMs', to: 'failedAt < at - windowMs' }],
    foundBy: 'simulation',
  },
  {
    name: 'circuit-opens-one-late',
    breaks: 'C6: enough failures open the circuit',
    edits: [
      {
        file: MACHINE,
        from: 'if (failures < failuresToOpen(settings, calls)) return undefined',
        to: 'if (failures <= failuresToOpen(settings, calls)) return undefined',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'open-circuit-ignored',
    breaks: 'C6: nothing starts while the circuit is open',
    edits: [
      { file: MACHINE, from: "case 'Open':\n      return false", to: "case 'Open':\n      return true" },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'circuit-tried-too-early',
    breaks: 'C6: an open circuit stays open for its time',
    edits: [{ file: MACHINE, from: 'at >= state.retryAt ?', to: 'at + 100 >= state.retryAt ?' }],
    foundBy: 'simulation',
  },
  {
    name: 'probes-unlimited',
    breaks: 'C6: few probes at once',
    edits: [
      {
        file: MACHINE,
        from: '!state.failed && state.probes.length < settings.probesMax',
        to: '!state.failed && state.probes.length < settings.probesMax + 100',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'circuit-closes-one-probe-early',
    breaks: 'C6: enough probes close the circuit',
    edits: [
      {
        file: MACHINE,
        from: 'if (state.successes < settings.successThreshold) return undefined',
        to: 'if (state.successes + 1 < settings.successThreshold) return undefined',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'failed-probe-forgiven',
    breaks: 'C6: a failed probe opens the circuit again',
    edits: [
      {
        file: MACHINE,
        from: '{ ...withoutProbe(state, fence), failed: true }',
        to: 'withoutProbe(state, fence)',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'runs-in-a-sick-zone',
    breaks: 'C7: a message runs in the first of its zones that is well',
    edits: [
      {
        file: 'projections/lanes/laneDoors.ts',
        from: 'for (const zone of zones) if (this.circuits.admits(zone)) return zone\n    return zones[0]',
        to: 'return zones[0]',
      },
    ],
    foundBy: 'simulation',
  },
  {
    name: 'probes-not-counted',
    breaks: 'C6: few probes at once',
    edits: [
      {
        file: MACHINE,
        from: '? { ...state, probes: [...state.probes, fence] }',
        to: '? { ...state, probes: [fence] }',
      },
    ],
    foundBy: 'simulation',
  },
]
