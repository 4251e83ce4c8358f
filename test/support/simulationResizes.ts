// An operator gives a simulated queue another number of partitions while it works (§4.1, ADR 0013): also again before older ones are
// drained, at a process that only believes to lead, while an append is held, and with a death at any turn after it was asked for.
import { resizeQueue } from '../../domain/queue/index.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import type { Clients, Diary } from './simulationClients.js'
import type { SimulationNode } from './simulationNode.js'
import type { Dice, Swarm } from './simulationSwarm.js'
import type { SimulatedTime } from './simulationTime.js'

const RESIZES_A_STEP = 0.02
const SIZES = [1, 2, 3, 4]
/** By then it is recorded, unless something holds it up. */
const TURNS_TO_RECORD = 40
const RUSH_ROUNDS = 4
const RUSH_CALLS = 3
/** By one claim, from one partition. */
const RUSH_CLAIMED = 10

type Run = Readonly<{
  time: SimulatedTime
  heldFault: string | undefined
  kill: (node: SimulationNode) => void
}>

export class Resizes {
  constructor(
    private readonly swarm: Swarm,
    private readonly diary: Diary,
    private readonly clients: Clients,
  ) {}

  async perhaps(dice: Dice, node: SimulationNode, run: Run): Promise<void> {
    if (!dice.chance(RESIZES_A_STEP)) return
    const { faultRate, crashRate } = this.swarm
    const [isHeld, dies] = [dice.chance(faultRate / 2), dice.chance(crashRate * 0.7)]
    const isRushed = dice.chance(0.5) && Object.keys(this.swarm.settings.limits ?? {}).length > 0
    if (isRushed) await this.rush(dice, node, run.time, dice.chance(0.5))
    if (isHeld && run.heldFault !== undefined) node.log?.plan(run.heldFault)
    this.ask(node, dice.pick(SIZES))
    if (dice.chance(0.2)) this.ask(node, dice.pick(SIZES))
    if (dies) return this.dieBetween(dice, node, run)
    if (dice.chance(0.5)) await run.time.steps(dice.pick([1, 2, 4, 8, 16, 32, 64]))
    if (isRushed) await this.rush(dice, node, run.time, dice.chance(0.5))
  }

  private async dieBetween(dice: Dice, node: SimulationNode, { time, kill }: Run): Promise<void> {
    for (let n = 0; n < TURNS_TO_RECORD && node.state === 'up' && !isBetweenSteps(node); n++)
      await time.steps(1)
    await time.steps(dice.pick([0, 0, 1, 2, 3, 5, 8, 16]))
    if (node.state !== 'up') return
    if (isBetweenSteps(node)) this.diary.saw('a death between the steps of a resize')
    kill(node)
  }

  /** So many messages and claims at one instant that limits hold some of them back. */
  private async rush(dice: Dice, node: SimulationNode, time: SimulatedTime, isQuick: boolean): Promise<void> {
    this.diary.saw('a rush around a resize')
    for (let round = 0; round < RUSH_ROUNDS && node.state === 'up'; round++) {
      for (let n = 0; n < RUSH_CALLS; n++) this.clients.enqueue(dice, node)
      await time.settle()
      if (node.state !== 'up') return
      this.clients.claim(dice, node, isQuick, RUSH_CLAIMED)
      await time.settle()
    }
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
