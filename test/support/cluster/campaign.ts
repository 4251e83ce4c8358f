// One long run: so many messages through a cluster while nodes, the log's connections, workers and the broker are struck at random,
// then everything heals and drains. Ends with the log judged, compared with the topic, and figures; throws what broke.
import { isLeft } from 'fp-ts/lib/Either.js'
import { openEventStoreLog } from '../../../src/adapters/eventstoredb/eventLog.js'
import { TOPIC_DEFAULT } from '../../../src/config/kafkaSettings.js'
import { BrokenPromises } from '../chaosLog.js'
import { moment } from '../chaosProcesses.js'
import type { KafkaBroker } from '../kafka/broker.js'
import { compareWithLog, readTopic } from '../kafka/topicJudge.js'
import { Dice } from '../simulationSwarm.js'
import { ClusterHouse, type HouseOptions } from './clusterHouse.js'
import { type FailOver, worstOf } from './clusterRun.js'
import { type StrikeKind, strikeOf } from './strikes.js'
import { struck } from './striking.js'

/** Without one record more: healed, a relay goes on, however slow the machine is. */
const RELAY_STUCK_MS = 60_000
const LOOK_EVERY_MS = 1_000

export type CampaignOptions = Omit<HouseOptions, 'broker'> &
  Readonly<{
    messages: number
    producers: number
    claimers: number
    /** Between two strikes, at most. */
    quietMsMax: number
    kinds: ReadonlyArray<StrikeKind>
    /** Without one nothing is compared with a topic. */
    broker: KafkaBroker | undefined
    onStrike?: (failOver: FailOver, messages: number) => void
  }>

export type CampaignReport = Readonly<{
  messages: number
  events: number
  /** Of Kafka; undefined without a broker. */
  records: number | undefined
  failOvers: ReadonlyArray<FailOver>
  loadedMs: number
  drainedMs: number
  /** Of all nodes together, the relay included, over all their lives. */
  nodesCpuMs: number
  seen: Readonly<Record<string, number>>
  directory: string
}>

export class Campaign {
  private readonly failOvers: FailOver[] = []

  private constructor(
    readonly house: ClusterHouse,
    private readonly options: CampaignOptions,
  ) {}

  static async begin(options: CampaignOptions): Promise<Campaign> {
    const { broker, ...rest } = options
    const house = await ClusterHouse.build({ ...rest, ...(broker === undefined ? {} : { broker }) })
    return new Campaign(house, options)
  }

  /** Throws {@link BrokenPromises}; the answers are kept in `house.directory`. */
  async run(): Promise<CampaignReport> {
    const { house } = this
    try {
      const report = await this.whole()
      await house.leave({ keep: false })
      return report
    } catch (error) {
      await house.leave({ keep: true })
      throw error
    }
  }

  private async whole(): Promise<CampaignReport> {
    const { house, options } = this
    const { records } = house
    const begin = performance.now()
    house.startWorker()
    house.load({ producers: options.producers, claimers: options.claimers, operates: true }, options.seed)
    await this.strikes()
    await house.unload()
    const loadedMs = performance.now() - begin
    await house.drainQueues()
    const drainedMs = performance.now() - begin - loadedMs
    const told = await this.compared()
    const nodesCpuMs = house.nodes.reduce((sum, node) => sum + node.cpuMs(), 0)
    await house.judge()
    const { directory, log } = house
    return {
      messages: records.messages,
      events: log.eventCount,
      records: told,
      failOvers: this.failOvers,
      loadedMs,
      drainedMs,
      nodesCpuMs,
      seen: Object.fromEntries(records.seen),
      directory,
    }
  }

  private async strikes(): Promise<void> {
    const { house, options } = this
    const dice = new Dice(options.seed ^ 0x27d4eb2f)
    const isDone = (): boolean =>
      house.records.messages >= options.messages && this.failOvers.length >= options.kinds.length
    for (let seed = options.seed; !isDone(); seed++) {
      // Each kind once, then as drawn.
      const { kind: drawn, ...rest } = strikeOf(seed, options.kinds)
      const strike = { ...rest, kind: options.kinds[this.failOvers.length] ?? drawn }
      const failOver = { kind: strike.kind, seed, ...worstOf(await struck(house, strike)) }
      this.failOvers.push(failOver)
      options.onStrike?.(failOver, house.records.messages)
      house.startWorker()
      await moment(dice.random() * options.quietMsMax)
    }
  }

  /** How many records the topic holds, once the relay has told everything. */
  private async compared(): Promise<number | undefined> {
    const { broker } = this.options
    if (broker === undefined) return undefined
    const { connectionString } = this.house.emulator
    const opened = await openEventStoreLog({ connectionString })
    if (isLeft(opened)) throw new BrokenPromises([`the log does not open: ${JSON.stringify(opened.left)}`])
    try {
      let grownAt = performance.now()
      for (let known = 0; ; ) {
        const told = await readTopic(broker.brokers, TOPIC_DEFAULT)
        const problems = await compareWithLog(opened.right, told)
        if (problems.length === 0) return told.length
        if (told.length > known) grownAt = performance.now()
        known = told.length
        if (performance.now() - grownAt > RELAY_STUCK_MS) throw new BrokenPromises(problems)
        await moment(LOOK_EVERY_MS)
      }
    } finally {
      await opened.right.close()
    }
  }
}
