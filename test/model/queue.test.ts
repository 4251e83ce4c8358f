// E1: random commands against the tiny model, on the pure core and on the engine. Whatever order things are asked in, answers
// and states are those of a queue that fits on one screen. Repeat a failure with the seed, path and replayPath it prints:
// MODEL_SEED, MODEL_PATH, MODEL_REPLAY; run for longer with MODEL_RUNS (docs/reliability.md).
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { configure, type QueueConfig, type QueueSettings } from '../../domain/queue/index.js'
import { fixed } from '../../domain/retry/index.js'
import { CoreQueue } from './coreQueue.js'
import { engineQueue } from './engineQueue.js'
import { answers, COMMANDS } from './queueCommands.js'
import { QueueModel, SETTINGS } from './queueModel.js'
import type { QueueUnderTest } from './queueUnderTest.js'

const { leaseMs, dedupWindowMs, messageTimeoutMs } = SETTINGS
const ENGINE_MAX_SIZE = 7

const settings: QueueSettings = {
  leaseMs,
  dedupWindowMs,
  messageTimeoutMs,
  handlerTimeoutMs: 100,
  circuit: null,
  failures: {
    NETWORK: fixed({ delayMs: SETTINGS.networkDelayMs, retriesMax: SETTINGS.networkRetriesMax }),
    CRASH: fixed({ delayMs: SETTINGS.crashDelayMs, retriesMax: SETTINGS.crashRetriesMax }),
  },
}

const configOf = (asked: QueueSettings): QueueConfig => {
  const config = configure(asked)
  if (config._tag === 'Left') throw new Error(JSON.stringify(config.left))
  return config.right
}

const { MODEL_RUNS, MODEL_SEED, MODEL_PATH, MODEL_REPLAY } = process.env

const holds = (
  runs: number,
  maxCommands: number,
  open: () => Promise<QueueUnderTest>,
  maxSize?: number,
): Promise<void> => {
  const replayPath = MODEL_REPLAY === undefined ? {} : { replayPath: MODEL_REPLAY }
  const numRuns = MODEL_RUNS === undefined ? runs : Number(MODEL_RUNS)
  const seed = MODEL_SEED === undefined ? {} : { seed: Number(MODEL_SEED) }
  const path = MODEL_PATH === undefined ? {} : { path: MODEL_PATH }
  return fc.assert(
    fc.asyncProperty(fc.commands(COMMANDS, { maxCommands, size: 'max', ...replayPath }), async (commands) => {
      const real = await open()
      const begin = () => ({
        model: { queue: new QueueModel(real.now(), maxSize), leases: [], crashedAt: 0 },
        real,
      })
      await fc.asyncModelRun(begin, commands)
      await real.checkReplay()
    }),
    { numRuns, ...seed, ...path },
  )
}

describe('any commands in any order', () => {
  it('the core answers as the model does, and stands where it stands (E1, I3, I4, I6, A6, A11, B1, B2)', async () => {
    answers.clear()
    const config = configOf({ ...settings, maxSize: 1_000_000 })
    await holds(300, 60, async () => new CoreQueue(config).asPort())
    expect(REACHED.filter((one) => (answers.get(one) ?? 0) < 3)).toEqual([])
  }, 600_000)

  it('the engine answers as the model does, with crashes and snapshots in between (E1, I1, I3, I4, I6, A9)', async () => {
    answers.clear()
    await holds(250, 50, () => engineQueue({ ...settings, maxSize: ENGINE_MAX_SIZE }), ENGINE_MAX_SIZE)
    expect([...REACHED, 'QueueFull'].filter((one) => !answers.has(one))).toEqual([])
  }, 600_000)
})

/** What has to have come about in the runs of the core: otherwise they would say little. */
const REACHED = [
  'enqueued',
  'duplicate',
  'claimed',
  'claimed nothing',
  'ack: ok',
  'ack: LeaseNotHeld',
  'fail: ok',
  'fail: LeaseNotHeld',
  'release: ok',
  'extend: ok',
  'extend: LeaseNotHeld',
  'cancel: ok',
  'cancel: MessageNotCancellable',
  'redrive: ok',
  'redrive: MessageNotDead',
  'discard: ok',
  'purge: ok',
  'purge: MessageNotPurgeable',
  'edit: ok',
  'edit: MessageNotEditable',
  'crash',
]
