// What operators do to a simulated run: single messages, switches and the configuration, at any of its nodes.
import { type Either, isLeft } from 'fp-ts/lib/Either.js'
import {
  type ControlEvent,
  configureQueue,
  forceCircuit,
  type QueueControl,
  type QueueSettings,
} from '../../domain/queue/index.js'
import type { Calls } from './checkersCalls.js'
import type { Clients, Diary } from './simulationClients.js'
import type { SimulationNode } from './simulationNode.js'
import { type Dice, GATES, GROUPS, type Swarm } from './simulationSwarm.js'

type IsSo = (control: QueueControl) => boolean
type NamedChange = [name: string, change: (control: QueueControl) => ReadonlyArray<ControlEvent>]

const pausing = (pause: boolean): NamedChange => {
  const type = pause ? 'QueuePaused' : 'QueueResumed'
  return [type, ({ paused }) => (paused === pause ? [] : [{ type, by: undefined }])]
}
const groupPausing = (group: string, pause: boolean): NamedChange => {
  const type = pause ? 'GroupPaused' : 'GroupResumed'
  const isSo: IsSo = ({ switches }) => switches.pausedGroups.includes(group) === pause
  return [`${type} ${group}`, (control) => (isSo(control) ? [] : [{ type, group, by: undefined }])]
}
const gateClosing = (gate: string, close: boolean): NamedChange => {
  const type = close ? 'GateClosed' : 'GateOpened'
  const isSo: IsSo = ({ switches }) => switches.closedGates.includes(gate) === close
  return [`${type} ${gate}`, (control) => (isSo(control) ? [] : [{ type, gate, by: undefined }])]
}

const CIRCUITS = ['default', 'z1', 'z2']
const forcing = (circuit: string, to: 'open' | 'closed' | 'auto'): NamedChange => [
  `CircuitForced ${circuit} ${to}`,
  (control) => accepted(forceCircuit(control, circuit, to, undefined)),
]
const reconfiguring = (settings: QueueSettings): NamedChange => [
  `QueueConfigured ${JSON.stringify(settings)}`,
  (control) => accepted(configureQueue(control, settings, undefined)),
]
const accepted = (decided: Either<unknown, ReadonlyArray<ControlEvent>>): ReadonlyArray<ControlEvent> =>
  isLeft(decided) ? [] : decided.right

/** Nothing is held back any more. */
export const ALL_CLEAR: ReadonlyArray<NamedChange> = [
  pausing(false),
  ...CIRCUITS.map((circuit) => forcing(circuit, 'auto')),
  ...GROUPS.map((group) => groupPausing(group, false)),
  ...GATES.map((gate) => gateClosing(gate, false)),
]

export class Operators {
  private ordinals = 0

  constructor(
    readonly swarm: Swarm,
    private readonly diary: Diary,
    private readonly clients: Clients,
  ) {}

  operate(dice: Dice, node: SimulationNode): void {
    const { engine } = node
    const partition = dice.pick(engine.partitions.map((_, number) => number))
    const { state } = engine.partition(partition)
    this.ordinals = Math.max(this.ordinals, (state?.nextOrdinal ?? 1) - 1)
    const dead = [...(state?.deadLetters ?? [])]
    const command = dice.pick(['cancel', 'cancel', 'redrive', 'redrive', 'purge', 'discard'] as const)
    const ordinal =
      command !== 'cancel' && dead.length > 0
        ? dice.pick(dead)
        : Math.ceil(dice.random() * (this.ordinals + 1))
    this.diary.note(`${node.name}: ${command} ${ordinal} in ${partition}`)
    const call: Calls['operates'][number] = { told: 'unknown', partition, ordinal, command, accepted: false }
    this.diary.calls.operates.push(call)
    this.clients.answer(dice, engine.operate(partition, command, [ordinal], undefined), call, ([result]) => {
      call.accepted = result?._tag === 'Right'
    })
  }

  control(dice: Dice, node: SimulationNode): void {
    const changes = [
      pausing(dice.chance(0.3)),
      groupPausing(dice.pick(GROUPS), dice.chance(0.5)),
      gateClosing(dice.pick(GATES), dice.chance(0.5)),
      ...(this.swarm.settings.circuit === null
        ? []
        : [forcing(dice.pick(CIRCUITS), dice.pick(['open', 'closed', 'auto', 'auto']))]),
    ]
    const [name, change] =
      this.swarm.reconfigures && dice.chance(0.4)
        ? reconfiguring(this.swarm.otherSettings(dice))
        : dice.pick(changes)
    this.diary.note(`${node.name}: ${name}`)
    this.diary.saw(name.split(' ', 1).join(''))
    node.engine.changeControl(change).catch(() => undefined)
  }
}
