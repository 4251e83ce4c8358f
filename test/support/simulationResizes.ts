// An operator gives a simulated queue another number of partitions while it works (§4.1, ADR 0013): also again before older ones are
// drained, at a process that only believes to lead, while an append is held, and with a death at any turn after it was asked for.
import { resizeQueue } from '../../domain/queue/index.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import type { Diary } from './simulationClients.js'
import type { SimulationNode } from './simulationNode.js'
import type { Dice, Swarm } from './simulationSwarm.js'
import type { SimulatedTime } from './simulationTime.js'

const RESIZES_A_STEP = 0.02
const SIZES = [1, 2, 3, 4]

type Run = Readonly<{
  time: SimulatedTime
  heldFault: string | undefined
  kill: (node: SimulationNode) => void
}>

export class Resizes {
  constructor(
    private readonly swarm: Swarm,
    private readonly diary: Diary,
  ) {}

  async perhaps(dice: Dice, node: SimulationNode, { time, heldFault, kill }: Run): Promise<void> {
    if (!dice.chance(RESIZES_A_STEP)) return
    const { faultRate, crashRate } = this.swarm
    const [isHeld, dies] = [dice.chance(faultRate / 2), dice.chance(crashRate / 2)]
    if (isHeld && heldFault !== undefined) node.log?.plan(heldFault)
    this.ask(node, dice.pick(SIZES))
    if (dice.chance(0.2)) this.ask(node, dice.pick(SIZES))
    const turns = dice.pick([0, 1, 2, 4, 8, 16, 32, 64])
    if (dice.chance(0.5) || dies) await time.steps(turns)
    if (!dies || node.state !== 'up') return
    if (isBetweenSteps(node)) this.diary.saw('a death between the steps of a resize')
    kill(node)
  }

  private ask(node: SimulationNode, partitions: number): void {
    this.diary.note(`${node.name}: resize to ${partitions}`)
    const change = node.engine.changeControl((control) => {
      const events = resizeQueue(control, partitions, undefined)
      return events._tag === 'Right' ? events.right : []
    })
    change.catch(() => undefined)
  }
}

/** Recorded, and not all partitions have been told, or not all of the new ones are open. */
const isBetweenSteps = ({ engine }: SimulationNode): boolean => {
  const { length } = engine.control.layouts
  return (
    engine.layouts.count < length || engine.partitions.some(({ state }) => state?.layouts.length !== length)
  )
}

/** Somebody who does not lead any more records that a partition drains, and is refused. */
export const watchingAdoptions = (log: EventLog, saw: (what: string) => void): EventLog => ({
  ...log,
  append: (stream, expected, batch) => async () => {
    const answer = await log.append(stream, expected, batch)()
    const isAdoption = batch.events.some(({ type }) => type === 'LayoutsAdopted')
    if (isAdoption && answer._tag === 'Left' && answer.left.type === 'RevisionConflict')
      saw('an adoption of layouts is refused')
    return answer
  },
})
