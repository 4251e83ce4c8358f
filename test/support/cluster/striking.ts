// How a strike is done: what happens to whom, until when, and how it is healed. In between the other nodes have to take writes again,
// in the end all nodes have to serve.
import { REQUEST_TIMEOUT_MS } from '../../../src/adapters/kafka/connection.js'
import { BrokenPromises } from '../chaosLog.js'
import { LEASE_MS } from '../chaosMix.js'
import { moment } from '../chaosProcesses.js'
import type { FaultKind } from '../eventstoredb/faults.js'
import { Dice } from '../simulationSwarm.js'
import type { ClusterHouse } from './clusterHouse.js'
import type { DoorState } from './doors.js'
import type { ClusterNode, Way } from './node.js'
import type { Pause } from './probes.js'
import type { Strike } from './strikes.js'

/** A guard against what never comes, not a measurement. */
const RESUMES_WITHIN_MS = 60_000
const LOOK_EVERY_MS = 10
const SLOW_LOG_MS = 300
/** What the names of partitions' streams begin with in the store. */
const PARTITIONS = 'ledgerq.partition-'

/** `held`: writes go on through others before it is healed; otherwise only after. */
type Blow = Readonly<{
  victims: ReadonlyArray<ClusterNode>
  held: boolean
  heal: () => Promise<void>
  /** Every node serves meanwhile, also those that are struck. */
  answersAnywhere?: boolean
}>

/** Answers how long each queue took no write. Throws {@link BrokenPromises}. */
export const struck = async (house: ClusterHouse, strike: Strike): Promise<ReadonlyArray<Pause>> => {
  const { probes, records } = house
  const dice = new Dice(strike.seed ^ 0x6a09e667)
  const chosen = await victimsOf(house, strike, dice)
  probes.forget()
  probes.go(house.ledgersBut(new Set(chosen)))
  await moment(dice.random() * 50)
  let begin = performance.now()
  const { victims, held, heal, answersAnywhere } = await blowOf(house, strike, chosen, dice)
  if (!held) {
    await moment(house.options.times.deadAfterMs * dice.pick([0.2, 0.8, 1.5]))
    begin = performance.now()
    await heal()
  }
  await resumed(house, strike, begin)
  if (answersAnywhere === true)
    for (const ledger of house.ledgersBut(new Set())) {
      probes.go([ledger])
      await resumed(house, strike, performance.now())
    }
  if (held) {
    // Long enough for the leases that it gave to run out elsewhere.
    await moment(dice.random() * 2 * LEASE_MS)
    await heal()
  }
  probes.go(house.ledgersBut(new Set()))
  await house.whole()
  records.saw(strike.kind)
  for (const { name } of victims) records.saw(`struck ${name}`)
  return probes.pauses(begin)
}

const resumed = async ({ probes }: ClusterHouse, { kind }: Strike, begin: number): Promise<void> => {
  while (!probes.haveResumed(begin)) {
    if (performance.now() - begin > RESUMES_WITHIN_MS) {
      const taken = new Set(probes.pauses(begin).map(({ queue }) => queue))
      const stuck = probes.queues.filter((queue) => !taken.has(queue))
      throw new BrokenPromises([`R39 after "${kind}" nobody takes writes to ${stuck}`])
    }
    await new Promise((turn) => setTimeout(turn, LOOK_EVERY_MS))
  }
}

/** Resolves when the log has done so to somebody. Throws {@link BrokenPromises}. */
const planted = async ({ emulator }: ClusterHouse, what: FaultKind, times: number): Promise<void> => {
  const timesOf = async (): Promise<number> => (await emulator.state()).met[what] ?? 0
  const [before, begin] = [await timesOf(), performance.now()]
  await emulator.plant({ on: 'append', do: what, stream: PARTITIONS, times })
  while ((await timesOf()) === before) {
    if (performance.now() - begin > RESUMES_WITHIN_MS) throw new BrokenPromises([`nobody has met "${what}"`])
    await moment(LOOK_EVERY_MS)
  }
}

const victimsOf = async (
  house: ClusterHouse,
  { kind, whom }: Strike,
  dice: Dice,
): Promise<ReadonlyArray<ClusterNode>> => {
  if (/^(log (away|frozen|slow)|appends forgotten|rolling restart|worker .*|broker .*)$/.test(kind)) return []
  const owner = await house.owner()
  const first = whom === 'owner' ? owner : dice.pick(house.nodes)
  if (kind !== 'two killed' || house.nodes.length < 3) return [first]
  return [first, dice.pick(house.nodes.filter((node) => node !== first))]
}

const blowOf = async (
  house: ClusterHouse,
  { kind }: Strike,
  victims: ReadonlyArray<ClusterNode>,
  dice: Dice,
): Promise<Blow> => {
  const [victim] = victims
  const blow = { victims, held: true }
  const restart = async (): Promise<void> => {
    for (const node of victims) await node.start()
  }
  const doors = async (ways: ReadonlyArray<Way>, state: DoorState): Promise<Blow> => {
    for (const way of ways) await victim?.become(way, state)
    return { ...blow, heal: async () => victim?.heal() }
  }
  switch (kind) {
    case 'killed':
    case 'two killed':
      await Promise.all(victims.map((node) => node.kill()))
      return { ...blow, heal: restart }
    case 'frozen':
      victim?.process?.signal('SIGSTOP')
      return { ...blow, heal: async () => victim?.process?.signal('SIGCONT') }
    case 'log cut':
      return doors(['log'], { way: 'shut' })
    case 'log silent':
      return doors(['log'], { way: 'silent' })
    case 'log answers lost':
      return doors(['log'], { way: 'asksOnly' })
    case 'log answers dropped':
      await victim?.become('log', { way: 'asksOnly' })
      await moment(house.options.times.deadAfterMs * dice.pick([0.1, 0.3]))
      return doors(['log'], { way: 'shut' })
    case 'peers cut':
      return { ...(await doors(['peers'], { way: 'shut' })), answersAnywhere: true }
    case 'peers silent':
      return { ...(await doors(['peers'], { way: 'silent' })), answersAnywhere: true }
    case 'others cut': {
      const others = house.nodes.filter((node) => node !== victim)
      for (const node of others) await node.become('peers', { way: 'shut' })
      const heal = async (): Promise<void> => {
        for (const node of others) await node.heal()
      }
      return { ...blow, victims: others, heal, answersAnywhere: true }
    }
    case 'alone':
      return doors(['log', 'peers', 'clients'], { way: dice.pick(['shut', 'silent'] as const) })
    case 'told to end':
      if (victim !== undefined) await house.endNode(victim)
      return { ...blow, heal: restart }
    case 'clock set':
      victim?.setClock()
      return { ...blow, heal: async () => victim?.setClock() }
    case 'log away':
      await house.emulator.command('down')
      return { ...blow, held: false, heal: async () => void (await house.emulator.command('up')) }
    case 'log frozen':
      house.emulator.kill('SIGSTOP')
      return { ...blow, held: false, heal: async () => house.emulator.kill('SIGCONT') }
    case 'log slow':
      await house.emulator.plant({ on: 'append', do: 'slow', ms: SLOW_LOG_MS })
      return { ...blow, heal: async () => void (await house.emulator.heal()) }
    case 'appends forgotten':
      await planted(house, 'forgotten', 40)
      return { ...blow, held: false, heal: async () => void (await house.emulator.heal()) }
    case 'appends late': {
      await planted(house, 'lateCommit', 4)
      await victim?.kill()
      const heal = async (): Promise<void> => {
        await house.emulator.heal()
        await house.emulator.command('release')
        await restart()
      }
      return { ...blow, heal }
    }
    case 'rolling restart':
      for (const node of house.nodes) {
        house.probes.go(house.ledgersBut(new Set([node])))
        await house.endNode(node)
        await node.start()
        await house.whole()
      }
      return { ...blow, heal: async () => undefined }
    case 'worker killed':
      await house.endWorker()
      return { ...blow, heal: async () => void house.startWorker() }
    case 'broker killed':
      await house.options.broker?.kill()
      return { ...blow, heal: async () => void (await house.options.broker?.start()) }
    case 'broker frozen':
      house.options.broker?.freeze()
      // Now and then beyond the time in which a call of the relay is answered.
      if (dice.chance(0.3)) await moment(1.2 * REQUEST_TIMEOUT_MS)
      return { ...blow, heal: async () => house.options.broker?.thaw() }
    case 'worker frozen':
      house.worker?.signal('SIGSTOP')
      await moment(2 * LEASE_MS)
      return { ...blow, heal: async () => house.worker?.signal('SIGCONT') }
  }
}
