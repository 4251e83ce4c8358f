// A ledger with schedules whose process can die at the one moment that matters: between the message of a tick and the note
// that it ticked.
import { isLeft, left } from 'fp-ts/lib/Either.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { openLedgerOn, type Trouble } from '../../src/api/openLedger.js'
import type { Ledger } from '../../src/api/types/index.js'
import type { AppendFault, EventLog } from '../../src/ports/eventLog.js'
import { FaultyLog } from './faultyLog.js'
import { batchesOf, countedIds } from './ledger.js'
import { ManualClock } from './manualClock.js'

const RECOVERY_MS = 5_000
const FULL: AppendFault = { type: 'LogFull', freeBytes: 0, neededBytes: 100 }
const NEVER = new Promise<never>(() => undefined)

export class ScheduleHouse {
  readonly inner: EventLog = openMemoryLog()
  readonly register = memoryFinishedRegister()
  readonly troubles: Trouble[] = []
  /** What becomes of notes of ticks: `lost` ones do not reach the log, and nobody hears so. */
  notes: 'kept' | 'lost' | 'refused' = 'kept'
  log: FaultyLog = new FaultyLog(this.inner)
  ledger!: Ledger
  private die: () => void = () => undefined

  private constructor(readonly clock: ManualClock) {}

  static async open(at: string): Promise<ScheduleHouse> {
    const house = new ScheduleHouse(new ManualClock(Date.parse(at)))
    await house.begin()
    return house
  }

  async begin(): Promise<void> {
    const { clock, die } = this.clock.process()
    this.die = die
    this.notes = 'kept'
    this.log = new FaultyLog(this.inner)
    const { port } = this.log
    const log: EventLog = {
      ...port,
      append: (stream, expected, batch) => () => {
        const isNote = batch.events.some(({ type }) => type === 'ScheduleTicked')
        if (isNote && this.notes === 'lost') return NEVER
        if (isNote && this.notes === 'refused') return Promise.resolve(left(FULL))
        return port.append(stream, expected, batch)()
      },
    }
    const options = { ids: countedIds(), node: 'node', clock }
    const onTrouble = (trouble: Trouble): void => {
      this.troubles.push(trouble)
    }
    this.ledger = await this.done(openLedgerOn(log, this.register, { ...options, onTrouble }))
  }

  crash(): void {
    this.die()
    this.log.die()
  }

  done<A>(promise: Promise<A>): Promise<A> {
    return this.clock.settled(promise)
  }

  /** Ids of messages as they were enqueued, in order; an id that is there twice is there twice. */
  async enqueued(queue: string): Promise<string[]> {
    const ids: string[] = []
    for (let partition = 0; partition < 4; partition++) {
      const stream = `partition-${queue}~1.${partition}`
      if (isLeft(await this.inner.head(stream)())) continue
      for (const { events } of await batchesOf(this.inner, stream))
        for (const event of events)
          if (event.type === 'MessageEnqueued') ids.push(event.callerId ?? `generated ${event.ordinal}`)
    }
    return ids
  }

  /** Finishes everything that waits, once the log and its partitions have recovered. */
  async drain(queue: string): Promise<void> {
    this.log.heal()
    await this.clock.advance(RECOVERY_MS)
    const handle = await this.done(this.ledger.queue(queue))
    for (;;) {
      const claimed = await this.done(handle.claim({ worker: 'w', max: 100 }))
      if (claimed.length === 0) return
      await this.done(
        handle.settle(claimed.map(({ leaseToken }) => ({ leaseToken, outcome: 'ack' as const }))),
      )
    }
  }
}
