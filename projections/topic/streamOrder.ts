// Whether events of a topic follow one another as their streams have them: revision after revision, from 0, each once. What is
// missing, comes twice or comes out of order is named, never passed over (F4).
import { NO_REVISION } from '../../domain/batch.js'

export type OrderBreak = Readonly<{
  type: 'Gap' | 'Repeat'
  stream: string
  /** The revision that would have been next. */
  expected: number
  found: number
}>

export class StreamOrder {
  private readonly heads = new Map<string, number>()

  /** Undefined = it is the next one, or the first that is seen of its stream while streams may begin anywhere. */
  breakOf(stream: string, revision: number, mayBeginAnywhere = false): OrderBreak | undefined {
    const head = this.heads.get(stream)
    if (head === undefined && mayBeginAnywhere) return undefined
    const expected = (head ?? NO_REVISION) + 1
    if (revision === expected) return undefined
    return { type: revision > expected ? 'Gap' : 'Repeat', stream, expected, found: revision }
  }

  /** From here on the stream goes on after `revision`. */
  moveTo(stream: string, revision: number): void {
    this.heads.set(stream, revision)
  }

  has(stream: string): boolean {
    return this.heads.has(stream)
  }

  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.heads)
  }

  load(heads: Readonly<Record<string, number>>): void {
    for (const [stream, head] of Object.entries(heads)) this.heads.set(stream, head)
  }
}
