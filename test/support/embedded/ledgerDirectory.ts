// Ledgers in temporary directories, and what tests do with them again and again.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import type { LedgerEvent } from '../../../domain/batch.js'
import { type EmbeddedLogOptions, openEmbeddedLog } from '../../../src/adapters/embedded/eventLog.js'
import type { EventLog } from '../../../src/ports/eventLog.js'

export const withDirectory = async (body: (directory: string) => Promise<void>): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), 'ledgerq-log-'))
  try {
    await body(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export const SMALL_SEGMENTS = 16 * 1024

export const openLog = async (
  directory: string,
  over: Partial<EmbeddedLogOptions> = {},
): Promise<EventLog> => {
  const opened = await openEmbeddedLog({ directory, segmentBytes: SMALL_SEGMENTS, ...over })
  if (E.isLeft(opened)) throw new Error(JSON.stringify(opened.left))
  return opened.right
}

export const acked = (ordinal: number): LedgerEvent => ({
  type: 'AttemptSucceeded',
  followUps: undefined,
  reconciled: undefined,
  ordinal,
  callerId: undefined,
  fence: ordinal + 1,
  result: undefined,
})
