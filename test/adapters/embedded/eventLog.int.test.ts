// The embedded log keeps the contract, also with segments so small that every few appends start a new one.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { openEmbeddedLog } from '../../../src/adapters/embedded/eventLog.js'
import { describeEventLog, type OpenedLog } from '../../contract/eventLog.contract.js'

const openWith = (segmentBytes: number) => async (): Promise<OpenedLog> => {
  const directory = await mkdtemp(join(tmpdir(), 'ledgerq-log-'))
  const opened = await openEmbeddedLog({ directory, segmentBytes })
  if (E.isLeft(opened)) throw new Error(JSON.stringify(opened.left))
  return { log: opened.right, dispose: () => rm(directory, { recursive: true, force: true }) }
}

describeEventLog('the embedded log', openWith(12 * 1024 * 1024))
describeEventLog('the embedded log with small segments', openWith(256 * 1024))
