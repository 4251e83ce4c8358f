// Signs of life in EventStoreDB: one small stream for each node, of which the server keeps the last few (`$maxCount`). Its name is none
// of the ledger's own, so nothing that reads the log sees it.
import { randomUUID } from 'node:crypto'
import { left, right } from 'fp-ts/lib/Either.js'
import { NO_REVISION } from '../../../domain/batch.js'
import { isFields } from '../../../domain/storedFields.js'
import type { Beat, Heartbeats } from '../../ports/heartbeats.js'
import type { StoreCalls } from './connection.js'
import { unavailable } from './errors.js'
import { type FoundEvent, JSON_CONTENT } from './storedEvents.js'

const BEATS_KEPT = 3
const RULES = JSON.stringify({ $maxCount: BEATS_KEPT })

const isNames = (value: unknown): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.every((name) => typeof name === 'string')

const beatIn = ({ data }: FoundEvent): Beat | undefined => {
  try {
    const beat: unknown = JSON.parse(Buffer.from(data).toString('utf8'))
    if (!isFields(beat)) return undefined
    const { incarnation, count, unreached, unsteady } = beat
    if (typeof incarnation !== 'string' || typeof count !== 'number') return undefined
    return {
      incarnation,
      count,
      ...(isNames(unreached) ? { unreached } : {}),
      ...(isNames(unsteady) ? { unsteady } : {}),
    }
  } catch {
    return undefined
  }
}

/** `prefix`: what the names of these streams begin with. */
export const eventStoreHeartbeats = (connection: StoreCalls, prefix: string): Heartbeats => {
  const streamOf = (node: string): string => `${prefix}beat-${node}`
  /** Of the streams that this process writes. */
  const revisions = new Map<string, number>()

  const lastIn = async (stream: string): Promise<FoundEvent | undefined> => {
    let last: FoundEvent | undefined
    await connection.read({ stream, from: 'end', isBackward: true, count: 1 }, (event) => {
      last = event
      return true
    })
    return last
  }

  const append = async (stream: string, expected: number, type: string, text: string): Promise<number> => {
    const event = {
      id: randomUUID(),
      type,
      contentType: JSON_CONTENT,
      data: Buffer.from(text),
      metadata: new Uint8Array(0),
    }
    const answer = await connection.append(stream, expected, [event])
    if (answer.outcome === 'conflict') throw new Error(`${stream} is written by somebody else, too`)
    return answer.lastRevision
  }

  const headOf = async (stream: string): Promise<number> => {
    const known = revisions.get(stream)
    if (known !== undefined) return known
    const rules = `$$${stream}`
    if ((await lastIn(rules)) === undefined) await append(rules, NO_REVISION, '$metadata', RULES)
    return (await lastIn(stream))?.revision ?? NO_REVISION
  }

  return {
    beat: (node, beat) => async () => {
      const stream = streamOf(node)
      try {
        revisions.set(stream, await append(stream, await headOf(stream), 'NodeAlive', JSON.stringify(beat)))
        return right(undefined)
      } catch (error) {
        // Whether it is there or not: the next one begins with what the stream says.
        revisions.delete(stream)
        return left(unavailable(error))
      }
    },
    last: (node) => async () => {
      try {
        const last = await lastIn(streamOf(node))
        return right(last === undefined ? undefined : beatIn(last))
      } catch (error) {
        return left(unavailable(error))
      }
    },
  }
}
