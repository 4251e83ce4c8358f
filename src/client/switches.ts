// Groups, gates and circuits of a queue behind HTTP. A probe runs in this process and tells the server what it found.
import { startProbe } from '../api/queue/switches.js'
import type {
  Actor,
  CircuitStatus,
  Gate,
  Queue,
  SwitchesView,
  SwitchOperations,
  WorkerLifecycle,
} from '../api/types/index.js'
import type { Clock } from '../ports/clock.js'
import type { Transport } from './transport.js'

type Calls = SwitchOperations & Pick<Queue<unknown>, 'pause' | 'resume'>
type Deps = Readonly<{ clock: Clock; started: (probe: WorkerLifecycle) => void }>

const actorBody = (by: Actor | undefined): Readonly<Record<string, unknown>> =>
  by === undefined ? {} : { by: { who: by.who, why: by.why } }

export const switchCalls = (call: Transport['call'], path: string, deps: Deps): Calls => {
  // Said twice it is the same, so a lost answer is no unknown outcome.
  const tell = async (place: string, name: string, verb: string, by: Actor | undefined, more = {}) => {
    const body = { ...actorBody(by), ...more }
    await call('POST', `${path}/${place}/${encodeURIComponent(name)}:${verb}`, { body })
  }
  const switches = async (): Promise<SwitchesView> => (await call('GET', `${path}/switches`)) as SwitchesView
  const gate = (name: string): Gate => {
    const open: Gate['open'] = (by) => tell('gates', name, 'open', by)
    return {
      name,
      open,
      resourceAvailable: open,
      close: (by) => tell('gates', name, 'close', by),
      isOpen: async () => !(await switches()).closedGates.includes(name),
    }
  }
  return {
    gate,
    switches,
    pause: async (by) => {
      await call('POST', `${path}:pause`, { body: actorBody(by) })
    },
    resume: async (by) => {
      await call('POST', `${path}:resume`, { body: actorBody(by) })
    },
    pauseGroup: (group, by) => tell('groups', group, 'pause', by),
    resumeGroup: (group, by) => tell('groups', group, 'resume', by),
    probeGate: (name, probe, options = {}) => {
      const runner = startProbe(gate(name), probe, options, deps.clock)
      deps.started(runner)
      return runner
    },
    circuits: async () => {
      const answer = await call('GET', `${path}/circuits`)
      return (answer as { circuits: ReadonlyArray<CircuitStatus> }).circuits
    },
    forceCircuit: async (circuit, to, by, options = {}) => {
      const verb = to === 'closed' ? 'close' : to
      await tell('circuits', circuit, verb, by, options.ownOnly === true ? { ownOnly: true } : {})
    },
  }
}
