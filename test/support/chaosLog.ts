// What a directory holds after its process has died, held against what was told. Each time: it opens without help, what was
// told since is there or is not, and the log alone gives the state, with and without snapshots. At the end: everything that
// the checkers of the simulation ask of a log.
import { type Either, isLeft } from 'fp-ts/lib/Either.js'
import type { RecordedBatch } from '../../domain/batch.js'
import { stateHash } from '../../projections/partition/index.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { verify } from '../../src/adapters/embedded/verify.js'
import { recoverPartition } from '../../src/engine/recovery.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import { judged } from './chaosJudge.js'
import { SEGMENT_BYTES } from './chaosMix.js'
import { ordinalOf, type Records } from './chaosRecords.js'

const PAGE_BYTES = 4_000_000

export class BrokenPromises extends Error {
  override readonly name = 'BrokenPromises'
  constructor(readonly sentences: ReadonlyArray<string>) {
    super(sentences.join('\n'))
  }
}

/** Where the log is, and how it is opened by somebody who only looks. */
export type LogPlace = Readonly<{
  open: () => Promise<Either<unknown, EventLog>>
  verify: () => Promise<Either<unknown, unknown>>
}>

export const logIn = (directory: string): LogPlace => ({
  open: () => openEmbeddedLog({ directory, segmentBytes: SEGMENT_BYTES }),
  verify: () => verify(directory),
})

/** Which call or attempt stands where in the log. */
type Found = {
  /** Payload → its messages, by queue and ordinal. */
  readonly payloads: Map<string, string[]>
  readonly callerIds: Map<string, number>
  readonly ends: Set<string>
  readonly starts: Map<string, string>
  readonly payloadOf: Map<string, string>
}

export class ChaosLog {
  readonly streams = new Map<string, RecordedBatch[]>()
  private readonly found: Found = {
    payloads: new Map(),
    callerIds: new Map(),
    ends: new Set(),
    starts: new Map(),
    payloadOf: new Map(),
  }
  /** Attempts of workers in the process of the ledger that nothing has ended. */
  private readonly atWork = new Set<string>()
  private position = 0
  private events = 0

  constructor(
    private readonly place: LogPlace,
    private readonly records: Records,
  ) {}

  get eventCount(): number {
    return this.events
  }

  /** Throws {@link BrokenPromises}. `hasHandedBack`: the process ended in peace, and left nothing that it worked on. */
  async check(
    options: Readonly<{ recoversTwice: boolean; verifies: boolean; hasHandedBack: boolean }>,
  ): Promise<void> {
    const hashes = await this.recovered()
    if (options.recoversTwice) {
      const again = await this.recovered()
      for (const [stream, hash] of hashes)
        must(again.get(stream) === hash, `I6 two recoveries of ${stream} give two states`)
      this.records.saw('recovered twice')
    }
    if (options.verifies) {
      const verdict = await this.place.verify()
      must(!isLeft(verdict), `G4 the log does not verify: ${JSON.stringify(verdict)}`)
    }
    const left = [...this.atWork]
    must(!options.hasHandedBack || left.length === 0, `R61 C12 nobody handed back ${left.slice(0, 5)}`)
    this.compare()
  }

  private async recovered(): Promise<ReadonlyMap<string, string>> {
    const { records } = this
    const log = await this.opened()
    try {
      if (log.condition().discardedTailBytes > 0) records.saw('a torn tail was cut')
      await this.read(log)
      const hashes = new Map<string, string>()
      for (const stream of this.streams.keys()) {
        if (!stream.startsWith('partition-')) continue
        const quick = await recoverPartition(log, stream)
        const full = await recoverPartition(log, stream, { useSnapshots: false })
        hashes.set(stream, stateHash(full.state))
        must(
          stateHash(quick.state) === hashes.get(stream),
          `I6 the snapshot of ${stream} and its log give two states`,
        )
      }
      return hashes
    } finally {
      await log.close()
    }
  }

  private async opened(): Promise<EventLog> {
    const begin = performance.now()
    const opened = await this.place.open()
    if (isLeft(opened)) throw new BrokenPromises([`the log does not open: ${JSON.stringify(opened.left)}`])
    this.records.took('the log opens', performance.now() - begin)
    return opened.right
  }

  /** The same of a log that workers go on writing to: only what was told before is looked for. Throws {@link BrokenPromises}. */
  async checkRunning(): Promise<void> {
    const { length: started } = this.records.started
    const log = await this.opened()
    try {
      await this.read(log)
    } finally {
      await log.close()
    }
    this.compare(started)
  }

  private async read(log: EventLog): Promise<void> {
    for (;;) {
      const page = await log.readAll(this.position, PAGE_BYTES)()
      if (isLeft(page)) throw new BrokenPromises([`the log cannot be read: ${JSON.stringify(page.left)}`])
      for (const batch of page.right.batches) {
        if (log.isSparse !== true)
          must(batch.position === this.events, `position ${batch.position} follows ${this.events} events`)
        this.events += batch.events.length
        const stream = this.streams.get(batch.stream) ?? []
        stream.push(batch)
        this.streams.set(batch.stream, stream)
        if (batch.stream.startsWith('partition-')) this.note(batch)
      }
      this.position = page.right.next
      if (page.right.atEnd) return
    }
  }

  private note({ stream, events }: RecordedBatch): void {
    const { found, records } = this
    const queue = queueOf(stream)
    for (const event of events) {
      records.saw(event.type)
      if (!('ordinal' in event)) continue
      const name = `${queue}/${event.ordinal}`
      if (event.type === 'MessageEnqueued' || event.type === 'MessageEdited') {
        found.payloads.set(event.payload, [...(found.payloads.get(event.payload) ?? []), name])
        found.payloadOf.set(name, event.payload)
        if (event.callerId !== undefined && event.type === 'MessageEnqueued')
          found.callerIds.set(event.callerId, (found.callerIds.get(event.callerId) ?? 0) + 1)
      }
      if ('fence' in event && event.type !== 'LeaseExtended' && event.type !== 'CancelRequested')
        this.atWork.delete(`${name}/${event.fence}`)
      if (event.type === 'AttemptStarted' && event.worker.startsWith('local:'))
        this.atWork.add(`${name}/${event.fence}`)
      if (event.type === 'AttemptStarted')
        found.starts.set(`${name}/${event.fence}`, found.payloadOf.get(name) ?? '')
      if (event.type === 'AttemptSucceeded') found.ends.add(`${name}/${event.fence}`)
      if (event.type === 'AttemptFailed' && event.ended !== 'reported')
        records.saw(`attempt ended: ${event.ended}`)
      if (event.type === 'MessageDeadLettered' && event.reason === 'poison') records.saw('dead of poison')
    }
  }

  /** 1: every ok is there, no definite failure is; nothing was handed out that the log does not know. */
  private compare(started = this.records.started.length): void {
    const { found, records } = this
    const broken: string[] = []
    const ensure = (holds: boolean, sentence: string): void => {
      if (!holds && broken.length < 20) broken.push(sentence)
    }
    for (const [queue, { enqueues, settles }] of records.queues) {
      for (const { told, messages, results } of enqueues)
        messages.forEach(({ payload }, n) => {
          const there = found.payloads.get(payload)?.length ?? 0
          ensure(there <= 1, `1 ${queue}: ${payload} is there ${there} times`)
          ensure(told !== 'definite' || there === 0, `1 ${queue}: ${payload} was refused, and is there`)
          const isNew = told === 'ok' && results[n]?.duplicate === false
          ensure(!isNew || there === 1, `1 ${queue}: ${payload} was acknowledged, and is lost`)
        })
      for (const { told, outcome, accepted, ordinal, fence } of settles)
        if (told === 'ok' && outcome === 'ack' && accepted)
          ensure(
            found.ends.has(`${queue}/${ordinal}/${fence}`),
            `1 the ack of ${queue} ${ordinal}/${fence} is lost`,
          )
    }
    for (const { payload, told, id, callerId } of records.repeats) {
      const there = found.payloads.get(payload) ?? []
      ensure(there.length <= 1, `1 ${payload} was repeated with its key, and is there ${there.length} times`)
      if (told !== 'ok' || id === undefined) continue
      // One that its caller has named is told by that name.
      const isNamed = id === callerId ? there.length === 1 : there[0] === `work/${ordinalOf(id)}`
      ensure(isNamed, `1 ${payload} was repeated with its key: told ${id}, and the log has ${there[0]}`)
    }
    for (const { lease, n } of records.started.slice(0, started)) {
      const payload = found.starts.get(`${lease.queue}/${lease.ordinal}/${lease.fence}`)
      ensure(
        payload !== undefined,
        `4.5 a handler ran ${n} (${lease.ordinal}/${lease.fence}) before its attempt was durable`,
      )
      ensure(
        payload === undefined || (JSON.parse(payload) as { n: number }).n === n,
        `10 a handler was given ${n}, not ${payload}`,
      )
    }
    for (const { id, told } of records.bigs) {
      const there = found.callerIds.get(id) ?? 0
      ensure(told !== 'ok' || there === 1, `A12 ${id} was acknowledged, and is there ${there} times`)
      ensure(told !== 'definite' || there === 0, `A12 ${id} was refused, and is there`)
    }
    ensure(
      !records.seen.has('a large payload came back otherwise'),
      'A12 a large payload came back otherwise',
    )
    if (broken.length > 0) throw new BrokenPromises(broken)
  }

  /** After all has drained. Throws {@link BrokenPromises}. */
  judge(): void {
    const broken: string[] = []
    for (const [stream, batches] of this.streams) {
      if (!stream.startsWith('partition-')) continue
      const queue = queueOf(stream)
      broken.push(...judged(queue, this.records.of(queue), batches, this.streams))
    }
    broken.push(...this.followUps())
    if (broken.length > 0) throw new BrokenPromises(broken.slice(0, 40))
  }

  /** C9: each follow-up that an end asked for is one message. */
  private followUps(): ReadonlyArray<string> {
    const broken: string[] = []
    for (const batch of this.streams.get('partition-jobs~1.0') ?? [])
      for (const event of batch.events) {
        if (event.type !== 'AttemptSucceeded') continue
        for (const { payload } of event.followUps ?? []) {
          this.records.saw('follow-up')
          const there = this.found.payloads.get(payload)?.length ?? 0
          if (there !== 1) broken.push(`C9 follow-up ${payload} became ${there} messages`)
        }
      }
    return broken
  }
}

const must = (holds: boolean, sentence: string): void => {
  if (!holds) throw new BrokenPromises([sentence])
}

const queueOf = (stream: string): string => stream.slice('partition-'.length, stream.lastIndexOf('~'))
