// A log with a prefix keeps the contract of every log, and two prefixes in one log know nothing of each other.
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { NO_REVISION } from '../../../domain/batch.js'
import { openMemoryLog } from '../../../src/adapters/memory/eventLog.js'
import { prefixedEventLog } from '../../../src/adapters/prefixed/eventLog.js'
import { isStreamPrefix, streamNamePrefix } from '../../../src/adapters/prefixed/names.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import { batchOf, describeEventLog, enqueued, run } from '../../contract/eventLog.contract.js'

const PAGE_BYTES = 4_096
const STREAM = 'partition-orders~1.0'

describeEventLog('a log with a stream prefix', async () => ({
  log: prefixedEventLog(openMemoryLog(), 'acme.'),
  dispose: async () => {},
}))

const sharedBy = (...prefixes: string[]): { inner: EventLog; logs: EventLog[] } => {
  const inner = openMemoryLog()
  return { inner, logs: prefixes.map((prefix) => prefixedEventLog(inner, streamNamePrefix(prefix))) }
}
const payloadsOf = async (log: EventLog): Promise<string[]> => {
  const payloads: string[] = []
  for (let from = 0; ; ) {
    const page = await run(log.readAll(from, PAGE_BYTES))
    for (const { events } of page.batches) {
      for (const event of events) if (event.type === 'MessageEnqueued') payloads.push(event.payload)
    }
    if (page.atEnd) return payloads
    from = page.next
  }
}

describe('A15: a prefix for streams', () => {
  it('keeps ledgers in one log apart: same names, own streams, own revisions', async () => {
    const { inner, logs } = sharedBy('acme', 'acme2')
    const [acme, acme2] = logs as [EventLog, EventLog]
    await run(acme.append(STREAM, NO_REVISION, batchOf([enqueued(0, '"a"')])))
    await run(acme2.append(STREAM, NO_REVISION, batchOf([enqueued(0, '"b"')])))
    await run(acme.append(STREAM, 0, batchOf([enqueued(1, '"c"')])))
    expect(await payloadsOf(acme)).toEqual(['"a"', '"c"'])
    expect(await payloadsOf(acme2)).toEqual(['"b"'])
    expect(await payloadsOf(inner)).toEqual(['"a"', '"b"', '"c"'])
    expect(await run(acme.head(STREAM))).toBe(1)
    expect(await run(acme2.head(STREAM))).toBe(0)
    const { batches } = await run(inner.readAll(0, PAGE_BYTES))
    expect(batches.map(({ stream }) => stream)).toEqual([
      `acme.${STREAM}`,
      `acme2.${STREAM}`,
      `acme.${STREAM}`,
    ])
    expect(await run(inner.head(STREAM))).toBe(NO_REVISION)
  })

  it('names streams as the ledger knows them, also in faults', async () => {
    const { logs } = sharedBy('acme')
    const [log] = logs as [EventLog]
    await run(log.append(STREAM, NO_REVISION, batchOf([enqueued(0)])))
    const { batches } = await run(log.read(STREAM, 0, PAGE_BYTES))
    expect(batches[0]?.stream).toBe(STREAM)
    expect(await log.append(STREAM, 7, batchOf([enqueued(1)]))()).toEqual(
      E.left({ type: 'RevisionConflict', stream: STREAM, expected: 7, actual: 0 }),
    )
  })

  it('gets through much that others have written to find its own', async () => {
    const { logs } = sharedBy('others', 'acme')
    const [others, acme] = logs as [EventLog, EventLog]
    let revision = NO_REVISION
    for (let n = 0; n < 200; n += 1) {
      const { lastRevision } = await run(
        others.append(STREAM, revision, batchOf([enqueued(n, `"${'x'.repeat(900)}"`)])),
      )
      revision = lastRevision
    }
    await run(acme.append(STREAM, NO_REVISION, batchOf([enqueued(0, '"mine"')])))
    expect(await payloadsOf(acme)).toEqual(['"mine"'])
  })

  it.each([
    ['acme', true],
    ['a-B_9', true],
    ['', false],
    ['a.b', false],
    ['a~b', false],
    ['x'.repeat(33), false],
    ['../up', false],
  ])('%j as a prefix: %s', (prefix, accepted) => {
    expect(isStreamPrefix(prefix)).toBe(accepted)
  })
})
