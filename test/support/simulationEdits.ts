// What operators do to many messages of a simulated run, or to what a message holds: edits, clearing, redriving and discarding by
// a filter, running finished ones again, and reading a history. Each call has a name that stands in the events it makes.
import { LedgerqError, NotFoundError, UnknownOutcomeError } from '../../src/api/errors.js'
import { editMessage } from '../../src/api/queue/editing.js'
import { clearWaiting, discardDeadLetters, redriveDeadLetters } from '../../src/api/queue/operations.js'
import { historyOf, type ReadDeps } from '../../src/api/queue/queueReads.js'
import { rerunMessages } from '../../src/api/queue/rerun.js'
import type { MessageChanges } from '../../src/api/types/edits.js'
import {
  ANYWHERE,
  type EditCall,
  type HistoryCall,
  type RerunCall,
  type Selection,
  type SweepCall,
  type Told,
} from './checkersCalls.js'
import type { Diary } from './simulationClients.js'
import type { SimulationNode } from './simulationNode.js'
import { type Dice, GROUPS, type Swarm } from './simulationSwarm.js'

export class Edits {
  private calls = 0
  private ordinals = 1

  constructor(
    private readonly swarm: Swarm,
    private readonly diary: Diary,
    /** One process at a time: what any of them was asked, all later ones know. */
    private readonly isAlone: boolean,
  ) {}

  any(dice: Dice, node: SimulationNode): void {
    const what = dice.pick(['edit', 'edit', 'sweep', 'sweep', 'rerun', 'history'] as const)
    if (what === 'edit') this.edit(dice, node)
    else if (what === 'sweep')
      this.sweep(node, dice.pick(['clear', 'redrive', 'discard']), this.selection(dice))
    else if (what === 'rerun') this.rerun(dice, node)
    else this.history(dice, node)
  }

  private place(dice: Dice, { engine }: SimulationNode): { partition: number; ordinal: number; id: string } {
    const partition = dice.pick([...engine.partitions.keys()])
    this.ordinals = Math.max(this.ordinals, engine.partition(partition).state?.nextOrdinal ?? 1)
    const ordinal = Math.ceil(dice.random() * this.ordinals)
    return { partition, ordinal, id: `orders.${partition}.${ordinal.toString(36)}` }
  }

  private edit(dice: Dice, node: SimulationNode): void {
    const { partition, ordinal, id } = this.place(dice, node)
    const who = `e${++this.calls}`
    const changes: MessageChanges<unknown> = {
      ...(dice.chance(0.4) ? { payload: { edit: who } } : {}),
      ...(dice.chance(0.4) ? { priority: dice.pick([5, 0, -5]) } : {}),
      ...(dice.chance(0.3) ? { delayMs: dice.pick([0, 60, 400]) } : {}),
      ...(dice.chance(0.2) ? { ttlMs: dice.pick([0, 300]) } : {}),
      ...(dice.chance(0.2) ? { headers: { edited: who } } : {}),
    }
    this.diary.note(`${node.name}: edit ${id} ${JSON.stringify(changes)}`)
    const call: EditCall = { told: 'unknown', who, partition, ordinal, changes }
    this.diary.calls.edits.push(call)
    this.answer(call, editMessage(depsOf(node), id, changes, changes.payload, { who }), () => undefined)
  }

  private selection(dice: Dice): Selection {
    const { features } = this.swarm
    return {
      ...(dice.chance(0.5) ? { priorityMin: dice.pick([0, 5]) } : {}),
      ...(dice.chance(0.2) ? { group: dice.pick(GROUPS) } : {}),
      ...(features.tenants && dice.chance(0.3) ? { tenant: dice.pick(['t1', 't2']) } : {}),
    }
  }

  sweep(node: SimulationNode, command: SweepCall['command'], selection: Selection): Promise<void> {
    const who = `s${++this.calls}`
    this.diary.note(`${node.name}: ${command} ${JSON.stringify(selection)} (${who})`)
    const call: SweepCall = { told: 'unknown', who, command, selection, done: 0 }
    this.diary.calls.sweeps.push(call)
    const deps = depsOf(node)
    const options = { ...selection, by: { who } }
    const done: Promise<number> =
      command === 'clear'
        ? clearWaiting(deps, options).then(({ purged }) => purged)
        : command === 'redrive'
          ? redriveDeadLetters(deps, options).then(({ redriven }) => redriven)
          : discardDeadLetters(deps, options).then(({ discarded }) => discarded)
    return this.answer(call, done, (count) => {
      call.done = count
      if (count > 0) this.diary.saw(`${command} by a filter`)
    })
  }

  private rerun(dice: Dice, node: SimulationNode): void {
    const operation = `r${++this.calls}`
    const ids = dice.chance(0.5) ? [1, 2, 3].map(() => this.place(dice, node).id) : undefined
    this.diary.note(`${node.name}: rerun ${ids?.join(' ') ?? 'what succeeded, at most two'} (${operation})`)
    const call: RerunCall = { told: 'unknown', operation, ids, done: 0 }
    this.diary.calls.reruns.push(call)
    const options = ids === undefined ? { operation, limit: 2 } : { operation, ids }
    const rerun = rerunMessages(depsOf(node), options).then((progress) => progress.rerun)
    this.answer(call, rerun, (count) => {
      call.done = count
      if (count > 0) this.diary.saw('run again')
    })
  }

  private history(dice: Dice, node: SimulationNode): void {
    const place = this.place(dice, node)
    const { partition } = place
    const accepted = this.acceptedBy(node, partition)
    const again = accepted.length > 0 && dice.chance(0.5) ? dice.pick(accepted) : undefined
    const id = again ?? place.id
    const isKnown = accepted.includes(id)
    if (isKnown) this.diary.saw('history of one that was accepted')
    const call: HistoryCall = { told: 'unknown', partition, id, ordinal: 0, revisions: [], isDenied: false }
    this.diary.calls.histories.push(call)
    const asked = historyOf(depsOf(node), id).catch((error: unknown) => {
      call.isDenied = isKnown && error instanceof NotFoundError
      throw error
    })
    this.answer(call, asked, (past) => {
      const [first] = past
      if (first !== undefined && 'ordinal' in first.event) call.ordinal = first.event.ordinal
      call.revisions = past.map(({ revision }) => revision)
      this.diary.saw('history read')
    })
  }

  /** Ids of messages that this process must know, because it or one before it has said so. */
  private acceptedBy(node: SimulationNode, partition: number): ReadonlyArray<string> {
    const told = this.diary.calls.enqueues.filter(
      (call) =>
        call.told === 'ok' &&
        (call.partition === partition || call.partition === ANYWHERE) &&
        (this.isAlone || call.by === node.name),
    )
    const ids = told.flatMap(({ results }) => results.map(({ id }) => id))
    // A caller's id may be in several partitions, where something else says which is whose.
    return node.engine.partitions.length === 1
      ? ids
      : ids.filter((id) => id.startsWith(`orders.${partition}.`))
  }

  private answer<A>(call: { told: Told }, answer: Promise<A>, accept: (value: A) => void): Promise<void> {
    return answer.then(
      (value) => {
        call.told = 'ok'
        accept(value)
      },
      (error: unknown) => {
        const isDefinite = error instanceof LedgerqError && !(error instanceof UnknownOutcomeError)
        call.told = isDefinite ? 'definite' : 'unknown'
      },
    )
  }

  /** Everything that matches has been met when it is answered: nothing else goes on any more. */
  async sweepAtTheEnd(node: SimulationNode): Promise<void> {
    await this.sweep(node, 'discard', { priorityMin: 0 })
    const { calls, saw } = this.diary
    const last = calls.sweeps.at(-1)
    if (last?.told === 'ok') calls.swept = last.selection
    saw(`swept at the end: ${last?.told}`)
  }
}

const depsOf = ({ engine, register, log }: SimulationNode): ReadDeps => {
  if (log === undefined) throw new Error('a node that is up has its log open')
  return { engine, register, log: log.port }
}
