// What clients of a log were told, and whether the log tells the same story: the checker of simulationDisk.ts. It knows the
// log by its port alone. Of a batch: ok means there, at its place, for good; a definite failure means never; unknown means
// whole or not at all, and what was read once stays.
import type * as E from 'fp-ts/lib/Either.js'
import type { EventBatch, RecordedBatch } from '../../domain/batch.js'
import type { Appended, AppendFault } from '../../src/ports/eventLog.js'

export type Asked = {
  readonly stream: string
  readonly expected: number
  readonly batch: EventBatch
  readonly content: string
  told: 'open' | 'ok' | 'definite' | 'unknown'
  /** Told unknown once: from then on only the log itself can say that it is not there. */
  wasUnknown: boolean
  position: number | undefined
  /** In which turn its ok came: what one commit held is answered in one turn. */
  turn: number | undefined
}

/** What one stream holds, from its low mark. */
export type Found = Readonly<{ lowMark: number; head: number; batches: ReadonlyArray<RecordedBatch> }>

const contentOf = ({ batchId, at, epoch, events, previous }: EventBatch): string =>
  JSON.stringify([batchId, at, epoch, events, previous])

export class LogStory {
  readonly broken: string[] = []
  private readonly asked = new Map<string, Asked>()
  private readonly byPlace = new Map<string, Asked>()
  /** Low marks that were answered with ok, and all that were asked for. */
  private readonly lowMarks = new Map<string, { sure: number; asked: Set<number> }>()

  expect(isSo: boolean, sentence: () => string): void {
    if (!isSo) this.broken.push(sentence())
  }

  ask(stream: string, expected: number, batch: EventBatch): Asked {
    const known = this.asked.get(batch.batchId)
    if (known !== undefined) {
      if (known.told === 'definite') {
        known.told = 'open'
        known.wasUnknown = false
      }
      return known
    }
    const one: Asked = {
      stream,
      expected,
      batch,
      content: contentOf(batch),
      told: 'open',
      wasUnknown: false,
      position: undefined,
      turn: undefined,
    }
    this.asked.set(batch.batchId, one)
    return one
  }

  /** Batches of which nobody knows whether they are there. */
  doubtful(stream: string): ReadonlyArray<Asked> {
    return [...this.asked.values()].filter((one) => one.stream === stream && one.told === 'unknown')
  }

  appended(stream: string): ReadonlyArray<Asked> {
    return [...this.asked.values()].filter((one) => one.stream === stream && one.told === 'ok')
  }

  answered(one: Asked, answer: E.Either<AppendFault, Appended>, turn: number): void {
    const name = `batch ${one.batch.batchId} at ${one.stream}/${one.expected + 1}`
    if (answer._tag === 'Left') {
      const { type } = answer.left
      if (type === 'OutcomeUnknown') {
        if (one.told !== 'ok') one.told = 'unknown'
        one.wasUnknown = true
        return
      }
      this.expect(one.told !== 'ok', () => `${name} was told ok, and then ${type}`)
      this.expect(
        type === 'RevisionConflict' || one.told !== 'unknown' || !one.wasUnknown,
        () => `${name} was told unknown, and then ${type}`,
      )
      one.told = 'definite'
      return
    }
    const { firstRevision, lastRevision, position } = answer.right
    this.expect(
      firstRevision === one.expected + 1 && lastRevision === one.expected + one.batch.events.length,
      () => `${name} was answered with revisions ${firstRevision} to ${lastRevision}`,
    )
    this.expect(
      one.position === undefined || one.position === position,
      () => `${name} was answered with position ${position}, and with ${one.position} before`,
    )
    one.turn ??= turn
    this.isThere(one, position, 'was told ok')
  }

  /** The process is gone: of what it had not answered nobody knows. */
  died(): void {
    for (const one of this.asked.values()) {
      if (one.told !== 'open') continue
      one.told = 'unknown'
      one.wasUnknown = true
    }
  }

  get wasTruncated(): boolean {
    return this.lowMarks.size > 0
  }

  truncating(stream: string, revision: number): void {
    this.lowMarkOf(stream).asked.add(revision)
  }

  truncated(stream: string, revision: number): void {
    const mark = this.lowMarkOf(stream)
    mark.sure = Math.max(mark.sure, revision)
  }

  mayStartAt(stream: string, lowMark: number): boolean {
    const { sure, asked } = this.lowMarkOf(stream)
    // A mark beyond the head means the head of then.
    return lowMark >= sure && (lowMark === 0 || [...asked].some((revision) => revision >= lowMark))
  }

  /** A batch that somebody has read is in the log for good. */
  read(batch: RecordedBatch): void {
    const { stream, firstRevision, position } = batch
    const one = this.asked.get(batch.batchId)
    const name = `${stream}/${firstRevision} (batch ${batch.batchId})`
    if (one === undefined) return void this.broken.push(`${name} was read, and never appended`)
    this.expect(one.told !== 'definite', () => `${name} was read, and told as a definite failure`)
    this.expect(one.content === contentOf(batch), () => `${name} reads otherwise than it was written`)
    this.expect(
      one.stream === stream && one.expected + 1 === firstRevision,
      () => `${name} stands elsewhere than at ${one.stream}/${one.expected + 1}`,
    )
    this.expect(
      one.position === undefined || one.position === position,
      () => `${name} has position ${position}, and had ${one.position}`,
    )
    this.isThere(one, position, 'was read')
  }

  private isThere(one: Asked, position: number, how: string): void {
    const place = `${one.stream}/${one.expected + 1}`
    const other = this.byPlace.get(place) ?? one
    this.expect(other === one, () => `${place}: ${one.batch.batchId} ${how}, ${other.batch.batchId} before`)
    this.byPlace.set(place, one)
    one.told = 'ok'
    one.position = position
  }

  /** Right after a start: all that must be there is, and what is not there never comes back. */
  checkFound(found: ReadonlyMap<string, Found>, lostPositionsFrom = Number.POSITIVE_INFINITY): void {
    const present = new Set<string>()
    for (const [stream, { lowMark, head, batches }] of found) {
      this.expect(this.mayStartAt(stream, lowMark), () => `${stream} starts at ${lowMark}`)
      let next = batches[0]?.firstRevision ?? head + 1
      this.expect(next <= lowMark || head < lowMark, () => `${stream} lacks ${lowMark} to ${next - 1}`)
      for (const batch of batches) {
        this.expect(
          batch.firstRevision === next,
          () => `${stream}/${batch.firstRevision} follows ${next - 1}`,
        )
        next = batch.firstRevision + batch.events.length
        present.add(batch.batchId)
        this.read(batch)
      }
      this.expect(next === head + 1, () => `${stream} has head ${head}, and ends at ${next - 1}`)
    }
    const lostTurns = new Set<number | undefined>()
    for (const one of this.asked.values()) {
      if (present.has(one.batch.batchId)) continue
      const { lowMark, head } = found.get(one.stream) ?? { lowMark: 0, head: -1 }
      const end = one.expected + 1 + one.batch.events.length
      if (one.told === 'unknown' && end > lowMark) one.told = 'definite'
      if (one.told !== 'ok' || (end <= lowMark && head >= end - 1)) continue
      if ((one.position ?? 0) >= lostPositionsFrom) {
        lostTurns.add(one.turn)
        this.forget(one)
      } else this.broken.push(`${one.stream}/${one.expected + 1} (batch ${one.batch.batchId}) is gone`)
    }
    this.expect(lostTurns.size <= 1, () => `${lostTurns.size} commits are lost by one flipped bit`)
  }

  /** The very last commit, after a power cut and with a flipped bit: the log cannot know it, and says that it cut a tail. */
  private forget(one: Asked): void {
    one.told = 'definite'
    one.position = undefined
    this.byPlace.delete(`${one.stream}/${one.expected + 1}`)
  }

  private lowMarkOf(stream: string): { sure: number; asked: Set<number> } {
    const known = this.lowMarks.get(stream) ?? { sure: 0, asked: new Set<number>() }
    this.lowMarks.set(stream, known)
    return known
  }
}
