// R01: a real server, real clients over HTTP, SIGKILL in the middle, again and again on the same directory.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isLeft } from 'fp-ts/lib/Either.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stateHash } from '../../projections/partition/index.js'
import { openEmbeddedLog } from '../../src/adapters/embedded/eventLog.js'
import { verify } from '../../src/adapters/embedded/verify.js'
import { recoverPartition } from '../../src/engine/recovery.js'
import { compareWithLog, killUnderLoad, noAnswers } from '../support/killRound.js'

const CYCLES = 8
/** Messages sent before the kill, per cycle: early, in the thick of it, late. */
const KILL_AFTER = [1, 40, 700, 333, 1_500, 90, 2_200, 512]

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ledgerq-kill-'))
})
afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

test('R01 C5 after SIGKILL under load nothing acknowledged is missing and nothing refused is there', async () => {
  const answers = noAnswers()
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    await killUnderLoad(directory, answers, KILL_AFTER[cycle % KILL_AFTER.length] ?? 100)
    const { lost, phantom, repeated, lostAcks } = await compareWithLog(directory, answers)
    expect({ cycle, lost, phantom, repeated, lostAcks }).toEqual({
      cycle,
      lost: [],
      phantom: [],
      repeated: [],
      lostAcks: [],
    })
  }
  expect(answers.enqueued.size).toBeGreaterThan(1_000)
  expect(answers.acked.size).toBeGreaterThan(100)
})

test('I6 G4 the log that is left verifies, and replays to the same state with and without snapshots', async () => {
  const verdict = await verify(directory)
  expect(verdict).toMatchObject({ _tag: 'Right' })
  const opened = await openEmbeddedLog({ directory })
  if (isLeft(opened)) throw new Error(JSON.stringify(opened.left))
  const stream = 'partition-kill~1.0'
  const quick = await recoverPartition(opened.right, stream)
  const full = await recoverPartition(opened.right, stream, { useSnapshots: false })
  expect(stateHash(quick.state)).toBe(stateHash(full.state))
  await opened.right.close()
})
