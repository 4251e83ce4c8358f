// R64, I8: what a later version has written, and this one does not know, is never skipped. Whoever meets it stops, and says
// which event of which version it was, in which stream, at which revision; the log is not touched.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import type { StoredEvent } from '../domain/codecs.js'
import { DEFAULT_QUEUE_CONFIG } from '../domain/queue/index.js'
import { verify } from '../src/adapters/embedded/verify.js'
import { openLedger } from '../src/api/openLedger.js'
import { LogScan } from '../src/engine/logScan.js'
import { recoverPartition } from '../src/engine/recovery.js'
import { VirtualClock } from '../src/testing/virtualClock.js'
import { openGolden } from './support/golden/goldenFiles.js'
import { GOLDEN_SEGMENT_BYTES } from './support/golden/goldenHouse.js'
import { HandWrittenLog, today, type Written } from './support/golden/handWrittenLog.js'

const PARTITION = 'partition-orders~1.0'
const config = DEFAULT_QUEUE_CONFIG
const segmentBytes = GOLDEN_SEGMENT_BYTES

const enqueued: Written = today({
  type: 'MessageEnqueued',
  ordinal: 1,
  callerId: undefined,
  payload: '{}',
  priority: 0,
  notBefore: 0,
  expiresAt: 0,
  attributes: undefined,
})

/** A ledger with one queue and one message, and then something of the future in one of its streams. */
const ledgerWith = async (stream: string, stored: StoredEvent, directory: string): Promise<void> => {
  const log = new HandWrittenLog()
  log.append('ledger', today({ type: 'QueueCreated', queue: 'orders', generation: 1, config, by: undefined }))
  log.append(PARTITION, today({ type: 'PartitionOpened', epoch: 1, node: 'n', incarnation: 'i' }), enqueued)
  log.append('control-orders~1', today({ type: 'QueuePaused', by: undefined }))
  log.append('process-followups', today({ type: 'FollowUpsDone', position: 1 }))
  log.append(stream, { stored }, today({ type: 'QueueResumed', by: undefined }))
  await log.write(directory)
}

const inDirectory = async (act: (directory: string) => Promise<void>): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'ledgerq-future-'))
  try {
    await act(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const FUTURE: ReadonlyArray<readonly [what: string, StoredEvent, named: RegExp]> = [
  ['of an unknown type', { type: 'MessageTeleported', version: 1, data: {} }, /MessageTeleported/],
  [
    'of a higher version',
    { type: 'MessageCancelled', version: 7, data: { ordinal: 1 } },
    /MessageCancelled.*"version":7/,
  ],
  ['without a version that can be', { type: 'MessageCancelled', version: 0, data: {} }, /MessageCancelled/],
]

describe.each(FUTURE)('R64 an event %s', (_, stored, named) => {
  it('stops the recovery of its partition, by name, stream and revision', () =>
    inDirectory(async (directory) => {
      await ledgerWith(PARTITION, stored, directory)
      const log = await openGolden(directory)
      const recovered = recoverPartition(log, PARTITION)
      await expect(recovered).rejects.toThrow(named)
      await expect(recovered).rejects.toThrow(/partition-orders~1\.0, revision 2/)
      await log.close()
    }))

  it('is told by verify, which finds the chain itself whole', () =>
    inDirectory(async (directory) => {
      await ledgerWith(PARTITION, stored, directory)
      const verified = await verify(directory)
      expect(verified).toMatchObject({ left: { type: 'LogCorrupt', stream: PARTITION, revision: 2 } })
      expect(isLeft(verified) && 'reason' in verified.left && verified.left.reason).toMatch(named)
    }))

  it.each(['ledger', 'control-orders~1', PARTITION, 'process-followups'])(
    'keeps a ledger from opening when it stands in %s, and changes nothing',
    (stream) =>
      inDirectory(async (directory) => {
        await ledgerWith(stream, stored, directory)
        const segment = join(directory, 'segments', '0000000001.seg')
        const before = await readFile(segment)
        const opening = openLedger({
          log: { kind: 'embedded', path: directory, segmentBytes },
          logging: false,
        })
        await expect(opening).rejects.toThrow(named)
        await expect(opening).rejects.toThrow(stream)
        const after = await readFile(segment)
        // The partition may have begun its term before the other stream was read; nothing that stood there is changed.
        const end = before.findLastIndex((byte) => byte !== 0) + 1
        expect(after.subarray(0, end).equals(before.subarray(0, end))).toBe(true)
      }),
  )

  it('holds up the scan for follow-ups, which says so and shows nothing behind it', () =>
    inDirectory(async (directory) => {
      await ledgerWith(PARTITION, stored, directory)
      const log = await openGolden(directory)
      const clock = new VirtualClock()
      const shown: string[] = []
      const told: string[] = []
      const scan = new LogScan(
        { log, clock },
        {
          show: ({ events }, from) => {
            for (const { type } of events.slice(from)) shown.push(type)
            return true
          },
          advanced: () => undefined,
          onTrouble: (message) => told.push(message),
        },
      )
      scan.start(0)
      for (let turns = 0; told.length === 0 && turns < 10_000; turns++) await clock.settle()
      expect(told.join()).toMatch(named)
      expect(shown).not.toContain('QueueResumed')
      await scan.stop()
      await log.close()
    }))
})
