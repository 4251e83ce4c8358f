// Files of messages: what each line costs, and that nothing is sent twice or lost on the way (R55 from the producer's side).
import { describe, expect, it } from 'vitest'
import { RefusedError, UnavailableError, UnknownOutcomeError } from '../../src/api/errors.js'
import type { BatchItem, BatchResult } from '../../src/api/types/index.js'
import { LINE_BYTES_MAX, ndjsonLines } from '../../src/cli/ndjsonLines.js'
import { FileSender, type SendOptions } from '../../src/cli/sendFile.js'
import { fakeQueue } from '../http/fakeLedger.js'

async function* chunksOf(...texts: ReadonlyArray<string>): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

type Items = ReadonlyArray<BatchItem<unknown>>
type Answer = (items: Items, call: number) => ReadonlyArray<BatchResult> | Error

const enqueued = (items: Items): ReadonlyArray<BatchResult> =>
  items.map((_, index) => ({ id: `${index}`, position: index, duplicate: false }))

const sending = (answer: Answer, options: Partial<SendOptions> = {}) => {
  const calls: Items[] = []
  const bad: Array<readonly [number, string]> = []
  const pauses: number[] = []
  const stopping = new AbortController()
  const queue = fakeQueue({
    enqueueBatch: async (items) => {
      calls.push(items)
      const result = answer(items, calls.length)
      if (result instanceof Error) throw result
      return result
    },
  })
  const sender = new FileSender(
    queue,
    { run: 'r', format: 'message', fromLine: 1, patienceMs: 60_000, ...options },
    {
      onBadLine: (line, reason) => bad.push([line, reason]),
      onProgress: () => undefined,
      onWait: (_reason, ms) => pauses.push(ms),
      pause: async () => undefined,
      stopping: stopping.signal,
    },
  )
  return { sender, calls, bad, pauses, stop: () => stopping.abort() }
}

const lines = (count: number): string =>
  Array.from({ length: count }, (_, n) => `{"payload":${n}}\n`).join('')
const payloads = (calls: ReadonlyArray<Items>) => calls.map((items) => items.map(({ payload }) => payload))

describe('lines of a stream', () => {
  it('are the same however the bytes are cut, with numbers, ends and either line end', async () => {
    const text = 'one\r\n\nthrée\nlast'
    const bytes = Buffer.from(text)
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const found = []
      const chunks = (async function* () {
        yield bytes.subarray(0, cut)
        yield bytes.subarray(cut)
      })()
      for await (const line of ndjsonLines(chunks)) {
        found.push([line.number, Buffer.from(line.bytes ?? []).toString(), line.endOffset])
      }
      expect(found).toEqual([
        [1, 'one', 5],
        [2, '', 6],
        [3, 'thrée', 13],
        [4, 'last', 17],
      ])
    }
  })

  it('that are too long are skipped without being held', async () => {
    const found = []
    for await (const line of ndjsonLines(chunksOf('abc', 'def', 'ghi\nok\n'), 5))
      found.push(line.bytes?.length)
    expect(found).toEqual([undefined, 2])
  })
})

describe('sending a file', () => {
  it('sends in batches and in order, each line under a key of run and line number', async () => {
    const { sender, calls } = sending(enqueued)
    const report = await sender.send(chunksOf(lines(501)))
    expect(calls.map((items) => items.length)).toEqual([500, 1])
    expect(calls[1]).toEqual([{ payload: 500, idempotencyKey: 'r/501' }])
    expect(report).toEqual({ doneLine: 501, sent: 501, duplicates: 0, bad: 0, gaveUp: undefined })
  })

  it('reports each bad line with its number and reason, and sends the others', async () => {
    const text = [
      '{"payload":1}',
      '{"paylod":1}',
      'nonsense',
      '',
      '{"payload":1e400}',
      '{"payload":2,"group":""}',
      '{"payload":3}',
    ]
    const { sender, calls, bad } = sending(enqueued)
    const report = await sender.send(chunksOf(text.join('\n'), `\n"${'x'.repeat(LINE_BYTES_MAX)}"\n`))
    expect(payloads(calls)).toEqual([[1, 3]])
    expect(bad.map(([line]) => line)).toEqual([2, 3, 5, 6, 8])
    expect(bad[0]?.[1]).toMatch(/^\/paylod: unknown field; accepted are payload/)
    expect(report).toMatchObject({ sent: 2, bad: 5, doneLine: 8 })
  })

  it('takes whole lines as payloads when asked to', async () => {
    const { sender, calls } = sending(enqueued, { format: 'payload' })
    await sender.send(chunksOf('{"payload":1}\n7\n'))
    expect(payloads(calls)).toEqual([[{ payload: 1 }, 7]])
  })

  it('repeats a batch whose outcome is unknown under the same keys, and counts the duplicates', async () => {
    const { sender, calls, pauses } = sending((items, call) =>
      call === 1
        ? new UnknownOutcomeError('lost')
        : items.map(() => ({ id: 'x', position: 1, duplicate: true })),
    )
    const report = await sender.send(chunksOf(lines(2)))
    expect(calls[1]).toEqual(calls[0])
    expect(report).toMatchObject({ sent: 0, duplicates: 2 })
    expect(pauses).toEqual([200])
  })

  it('R55: waits longer and longer while the server is away or overloaded, and goes on', async () => {
    const { sender, pauses } = sending((items, call) =>
      call <= 3
        ? call === 2
          ? new RefusedError('overloaded', 'busy')
          : new UnavailableError('away')
        : enqueued(items),
    )
    expect(await sender.send(chunksOf(lines(1)))).toMatchObject({ sent: 1, gaveUp: undefined })
    expect(pauses).toEqual([200, 400, 800])
  })

  it('fills a queue that has room for a few only, in order, and waits when it has none', async () => {
    let room = 3
    const { sender, calls, pauses } = sending((items, call) => {
      if (call === 9) room = 10
      if (items.length > room) return new RefusedError('queue_full', 'full')
      room -= items.length
      return enqueued(items)
    })
    expect(await sender.send(chunksOf(lines(8)))).toMatchObject({ sent: 8 })
    const accepted: unknown[] = []
    let free = 3
    for (const [index, items] of calls.entries()) {
      if (index === 8) free = 10
      if (items.length > free) continue
      free -= items.length
      accepted.push(...items.map(({ payload }) => payload))
    }
    expect(accepted).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(pauses.length).toBeGreaterThan(0)
  })

  it('asks again only for the messages of a batch that were not recorded', async () => {
    const failed = { error: { code: 'unknown_outcome', message: 'lost', unknown: true } }
    const { sender, calls } = sending((items, call) =>
      call === 1 ? [...enqueued(items.slice(0, 1)), failed] : enqueued(items),
    )
    expect(await sender.send(chunksOf(lines(2)))).toMatchObject({ sent: 2 })
    expect(payloads(calls)).toEqual([[0, 1], [1]])
  })

  it('finds the one line for which the server refuses a batch', async () => {
    const { sender, bad } = sending((items) =>
      items.some(({ payload }) => payload === 1) ? new RefusedError('invalid', 'no ones') : enqueued(items),
    )
    expect(await sender.send(chunksOf(lines(3)))).toMatchObject({ sent: 2, bad: 1 })
    expect(bad).toEqual([[2, 'no ones']])
  })

  it('gives up after its patience, and says from which line to go on', async () => {
    const { sender } = sending(
      (items, call) => (call === 1 ? enqueued(items) : new UnavailableError('away')),
      {
        patienceMs: 1_000,
      },
    )
    const report = await sender.send(chunksOf(lines(501)))
    expect(report).toMatchObject({ sent: 500, doneLine: 500, gaveUp: { code: 'unavailable' } })
  })

  it('starts at a later line with the keys of an earlier run', async () => {
    const { sender, calls } = sending(enqueued, { fromLine: 3 })
    await sender.send(chunksOf(lines(3)))
    expect(calls).toEqual([[{ payload: 2, idempotencyKey: 'r/3' }]])
  })
})
