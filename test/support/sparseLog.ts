// A log in memory whose positions are places with gaps between them, as those of a server that others write to: everything that
// counts positions shows here. Answers of appends can be lost or held back.
import { isLeft, isRight, left, right } from 'fp-ts/lib/Either.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import type { EventLog } from '../../src/ports/eventLog.js'

const GAP = 10

export class SparseLog {
  private readonly inner = openMemoryLog()
  private readonly held: Array<() => void> = []
  /** Of the next appends: `lost` = in the log, and of unknown outcome; `gone` = neither; `held` = answered when released. */
  readonly planned: Array<'lost' | 'gone' | 'held'> = []
  reads = 0

  readonly port: EventLog = {
    ...this.inner,
    isSparse: true,
    append: (stream, expected, batch) => async () => {
      const plan = this.planned.shift()
      if (plan === 'gone') return left({ type: 'OutcomeUnknown', reason: 'planned' })
      const answer = await this.inner.append(stream, expected, batch)()
      if (plan === 'held') await new Promise<void>((resolve) => this.held.push(resolve))
      if (plan === 'lost') return left({ type: 'OutcomeUnknown', reason: 'planned' })
      if (isLeft(answer)) return answer
      const last = (answer.right.position + batch.events.length) * GAP
      return right({ ...answer.right, position: last, next: last + 1 })
    },
    readAll: (from, maxBytes) => async () => {
      this.reads++
      const page = await this.inner.readAll(Math.max(0, Math.ceil(from / GAP) - 1), maxBytes)()
      if (!isRight(page)) return page
      const batches = page.right.batches.map((batch) => {
        const at = (index: number): number => (batch.position + index + 1) * GAP
        const positions = [...batch.events.map((_, index) => at(index)), at(batch.events.length - 1) + 1]
        return { ...batch, position: at(0), positions }
      })
      const next = batches.at(-1)?.positions.at(-1) ?? from
      return right({ ...page.right, batches, next })
    },
    condition: () => {
      const condition = this.inner.condition()
      // Others have written behind our last event.
      return { ...condition, nextPosition: condition.nextPosition * GAP + 5 }
    },
  }

  release(): void {
    this.held.shift()?.()
  }
}
