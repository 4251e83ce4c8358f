// R58, R59, R60 small: what has to be true of a large ledger is true of one that fits a test. The figures: npm run sizes.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { withDirectory } from '../support/embedded/ledgerDirectory.js'
import type { SizeFigures, SizeStep } from '../support/sizes.js'

const PROGRAM = fileURLToPath(new URL('../support/sizesMain.js', import.meta.url))

/** Throws what the step found to be otherwise. */
const step = (name: SizeStep, directory: string, count: number): SizeFigures => {
  const { signal, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, name, directory, String(count)], {
    encoding: 'utf8',
  })
  if (signal !== 'SIGKILL') throw new Error(`${name}: ${stderr}`)
  return JSON.parse(stdout) as SizeFigures
}

describe('sizes', () => {
  it('R58, R59: what waits is there after a start by replay, through a snapshot beside enqueues, and after a start by it', () =>
    withDirectory(async (directory) => {
      step('fill', directory, 20_000)
      step('openByReplay', directory, 20_000)
      expect(step('snapshotWhileServing', directory, 20_000).served).toBeGreaterThanOrEqual(1_000)
      step('openBySnapshot', directory, 20_000)
    }))

  it('R60: a hundred queues are there again after a kill', () =>
    withDirectory(async (directory) => {
      step('queues', directory, 100)
      step('openQueues', directory, 100)
    }))

  it('R60: thousands of groups run beside each other, and keys are remembered when their messages are gone', () =>
    withDirectory(async (directory) => {
      step('groups', directory, 5_000)
      step('dedupKeys', `${directory}/keys`, 20_000)
    }))
})
