// The other side of a killed process: what its lines promised, held against what the directory holds. Nothing acknowledged
// is lost or changed, nothing that failed for good is there, and at most what was under way at the end may be either.
import { isDeepStrictEqual } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { RecordedBatch } from '../../../domain/batch.js'
import { type Verified, verify } from '../../../src/adapters/embedded/verify.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import { batchAt, chunksOf, type Line, STREAMS, snapshotAt } from './failpointWork.js'

const PAGE_BYTES = 64 * 1024
const SNAPSHOTS_KEPT = 2

const answered = async <F, A>(what: string, task: TaskEither<F, A>): Promise<A> => {
  const answer = await task()
  if (E.isLeft(answer)) throw new Error(`${what}: ${JSON.stringify(answer.left)}`)
  return answer.right
}

const ensure = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what)
}

type Promised = {
  readonly stream: string
  readonly expected: number
  outcome: 'unknown' | 'failed' | Readonly<{ lastRevision: number; position: number }>
}
type Cut = { asked: number; answered: number }

/** Everything that was ever said about one directory, by all processes that worked on it. */
export class Promises {
  private readonly batches = new Map<string, Promised>()
  private readonly saved = new Map<string, number>()
  private readonly cuts = new Map<string, Cut>()

  note(line: Line): void {
    switch (line.say) {
      case 'opened':
        return
      case 'appending': {
        const { stream, expected } = line
        // A repeated append keeps the answer of the first one.
        if (!this.batches.has(line.batchId))
          this.batches.set(line.batchId, { stream, expected, outcome: 'unknown' })
        return
      }
      case 'acked':
        this.acked(line.batchId, line)
        return
      case 'failed': {
        const isDefinite = line.fault !== 'OutcomeUnknown'
        const batch = this.batch(line.batchId)
        ensure(typeof batch.outcome === 'string', `${line.batchId} was acknowledged before it failed`)
        if (isDefinite) batch.outcome = 'failed'
        return
      }
      case 'saved':
        this.saved.set(line.stream, line.revision)
        return
      default: {
        const cut = this.cuts.get(line.stream) ?? { asked: 0, answered: 0 }
        cut.asked = Math.max(cut.asked, line.revision)
        if (line.say === 'truncated') cut.answered = Math.max(cut.answered, line.revision)
        this.cuts.set(line.stream, cut)
      }
    }
  }

  get acknowledged(): number {
    return [...this.batches.values()].filter(({ outcome }) => typeof outcome !== 'string').length
  }

  private acked(batchId: string, answer: Readonly<{ lastRevision: number; position: number }>): void {
    const batch = this.batch(batchId)
    const { lastRevision, position } = answer
    const before = batch.outcome
    ensure(
      before === 'unknown' || isDeepStrictEqual(before, { lastRevision, position }),
      `${batchId} was answered twice, and not the same`,
    )
    batch.outcome = { lastRevision, position }
  }

  private batch(batchId: string): Promised {
    const found = this.batches.get(batchId)
    if (found === undefined) throw new Error(`${batchId} was answered and never appended`)
    return found
  }

  async compareWith(log: EventLog): Promise<void> {
    for (const stream of STREAMS) {
      await this.compareStream(log, stream)
      await this.compareSnapshots(log, stream)
    }
  }

  private async compareStream(log: EventLog, stream: string): Promise<void> {
    const cut = this.cuts.get(stream) ?? { asked: 0, answered: 0 }
    const { lowMark, found } = await readStream(log, stream)
    ensure(lowMark <= cut.asked, `${stream} starts at ${lowMark}, and at most ${cut.asked} was asked for`)
    ensure(lowMark >= cut.answered, `${stream} starts at ${lowMark}, and ${cut.answered} was answered`)
    for (const batch of found.values()) {
      const promised = this.batch(batch.batchId)
      const { firstRevision, position, events, previous } = batch
      ensure(promised.outcome !== 'failed', `${batch.batchId} failed for good, and is in the log`)
      const meant = batchAt(batch.batchId, promised.expected)
      ensure(
        stream === promised.stream &&
          firstRevision === promised.expected + 1 &&
          isDeepStrictEqual({ events, previous }, { events: meant.events, previous: meant.previous }),
        `${batch.batchId} is in the log with another content or place`,
      )
      const lastRevision = firstRevision + events.length - 1
      if (typeof promised.outcome !== 'string')
        ensure(
          isDeepStrictEqual(promised.outcome, { lastRevision, position }),
          `${batch.batchId} is not where it was acknowledged`,
        )
      // Once seen it was read back, so it may not go any more.
      promised.outcome = { lastRevision, position }
    }
    for (const [batchId, promised] of this.batches) {
      if (promised.stream !== stream) continue
      if (typeof promised.outcome !== 'string' && promised.outcome.lastRevision >= lowMark)
        ensure(found.has(batchId), `${batchId} was acknowledged and is lost`)
      // It was not found, and must not turn up later either.
      if (promised.outcome === 'unknown' && promised.expected + 1 >= lowMark) promised.outcome = 'failed'
    }
  }

  private async compareSnapshots(log: EventLog, stream: string): Promise<void> {
    const listed = await answered('snapshots', log.snapshots(stream))
    const saved = this.saved.get(stream) ?? -1
    ensure((listed[0]?.revision ?? -1) >= saved, `the snapshot of ${stream} at ${saved} is lost`)
    ensure(listed.length <= SNAPSHOTS_KEPT + 1, `${stream} has ${listed.length} snapshots`)
    for (const snapshot of listed) {
      const chunks = snapshotAt(stream, snapshot.revision)
      for (const [n, chunk] of [...chunks, undefined].entries()) {
        const read = await answered(`chunk ${n} of ${stream} at ${snapshot.revision}`, snapshot.read(n))
        ensure(
          chunk === undefined ? read === undefined : read !== undefined && Buffer.compare(read, chunk) === 0,
          `chunk ${n} of ${stream} at ${snapshot.revision} is another one`,
        )
      }
    }
  }

  /** One append and one snapshot for each stream, as if nothing had happened. */
  async goOn(log: EventLog, round: string): Promise<void> {
    for (const stream of STREAMS) {
      const expected = await answered('head', log.head(stream))
      const batchId = `${round}-${stream}`
      this.note({ say: 'appending', stream, batchId, expected })
      const { lastRevision, position } = await answered(
        'the next append',
        log.append(stream, expected, batchAt(batchId, expected)),
      )
      this.note({ say: 'acked', batchId, lastRevision, position })
      const chunks = chunksOf(snapshotAt(stream, lastRevision))
      await answered('the next snapshot', log.saveSnapshot(stream, lastRevision, chunks))
      this.note({ say: 'saved', stream, revision: lastRevision })
    }
  }
}

type Found = Readonly<{ lowMark: number; found: ReadonlyMap<string, RecordedBatch> }>

const readStream = async (log: EventLog, stream: string): Promise<Found> => {
  const found = new Map<string, RecordedBatch>()
  const head = await answered('head', log.head(stream))
  const first = await log.read(stream, 0, PAGE_BYTES)()
  const isCut = E.isLeft(first) && first.left.type === 'RevisionTruncated'
  const lowMark = isCut && first.left.type === 'RevisionTruncated' ? first.left.firstRevision : 0
  let next = lowMark
  for (let atEnd = lowMark > head; !atEnd; ) {
    const page = await answered(`${stream} from ${next}`, log.read(stream, next, PAGE_BYTES))
    for (const batch of page.batches) {
      ensure(batch.firstRevision <= next, `${stream} has a gap before ${batch.firstRevision}`)
      ensure(!found.has(batch.batchId), `${batch.batchId} is in the log twice`)
      found.set(batch.batchId, batch)
      next = batch.firstRevision + batch.events.length
    }
    atEnd = page.atEnd
  }
  ensure(next === Math.max(head + 1, lowMark), `${stream} ends at ${next}, and its head is ${head}`)
  return { lowMark, found }
}

export const proved = async (directory: string): Promise<Verified> =>
  answered('verify', () => verify(directory))
