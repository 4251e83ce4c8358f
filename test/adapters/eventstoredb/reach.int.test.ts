// Rights that end while a log is open, over the wire: definite answers, told at once or within ten seconds of told time, and over by
// itself (R44). What a whole ledger makes of it is in reach.test.ts.
import { describe, expect, it } from 'vitest'
import { NO_REVISION } from '../../../domain/batch.js'
import { batchOf, enqueued, run } from '../../contract/eventLog.contract.js'
import type { Emulator } from '../../support/eventstoredb/emulator.js'
import { ManualClock } from '../../support/manualClock.js'
import { emulated, until } from './emulated.js'

const STREAM = 'partition-orders~1.0'
/** Between two looks at an idle log. */
const LOOK_MS = 5_000

const { start, logOn } = emulated()

const opened = async () => {
  const emulator = await start()
  const clock = new ManualClock()
  const log = await logOn(emulator, { after: clock.after })
  await run(log.append(STREAM, NO_REVISION, batchOf([enqueued(0)])))
  const told: string[] = []
  log.onTrouble?.((message) => told.push(message))
  const outage = (): string | undefined => log.condition().outage
  /** Time passes for the log until it is so; a look that is still under way when the next is due stands for it. */
  const lookedUntil = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await clock.advance(LOOK_MS)
  }
  const appends = (): number => emulator.calls.get('append') ?? 0
  return { emulator, log, told, outage, lookedUntil, appends }
}

describe('R44: rights that end while a log is open', () => {
  it('R44: expired credentials are a definite failure of each call, told at once, and all works again when they hold again', async () => {
    const { emulator, log, told, outage, lookedUntil } = await opened()
    emulator.areCredentialsExpired = true
    const denied = { left: { type: 'LogUnavailable', reason: expect.stringMatching(/denies access/) } }
    expect(await log.append(STREAM, 0, batchOf([enqueued(1)]))()).toMatchObject(denied)
    expect(await log.read(STREAM, 0, 1_000_000)()).toMatchObject(denied)
    await until(() => outage() !== undefined)
    expect(outage()).toMatch(/denies access/)
    emulator.areCredentialsExpired = false
    await lookedUntil(() => outage() === undefined)
    // Nothing of what was refused is there, and nothing has to be opened anew.
    expect(await run(log.append(STREAM, 0, batchOf([enqueued(2)])))).toMatchObject({ firstRevision: 1 })
    expect(told.filter((message) => /cannot be used|used again/.test(message))).toEqual([
      expect.stringMatching(/^the log cannot be used: .*denies access/),
      'the log can be used again',
    ])
  })

  it.each<[string, (emulator: Emulator) => void, RegExp]>([
    [
      'expired credentials',
      (emulator) => {
        emulator.areCredentialsExpired = true
      },
      /denies access/,
    ],
    [
      'no right to write any more',
      ({ faults }) => faults.add({ on: 'append', do: 'accessDenied' }),
      /denies access/,
    ],
    [
      'no right to read any more',
      ({ faults }) => faults.add({ on: 'read', do: 'accessDenied' }),
      /denies access/,
    ],
    ['a server that only reads', ({ faults }) => faults.add({ on: 'append', do: 'readOnly' }), /refuses/],
    ['a server that is away', (emulator) => void emulator.down(), /./],
  ])('R44: %s: an idle log knows it at its next look, and also when it is over', async (_, plant, reason) => {
    const { emulator, outage, told, lookedUntil } = await opened()
    plant(emulator)
    await lookedUntil(() => outage() !== undefined)
    expect(outage()).toMatch(reason)
    emulator.areCredentialsExpired = false
    emulator.faults.clear()
    await emulator.up()
    await lookedUntil(() => outage() === undefined)
    expect(told.at(-1)).toBe('the log can be used again')
  })

  it('R44: a stream of its own that may not be written stops that stream alone: the log as a whole can be used', async () => {
    const { emulator, log, outage, lookedUntil, appends } = await opened()
    emulator.faults.add({ on: 'append', do: 'accessDenied', stream: `ledgerq.${STREAM}` })
    expect(await log.append(STREAM, 0, batchOf([enqueued(1)]))()).toMatchObject({
      left: { type: 'LogUnavailable' },
    })
    await run(log.append('partition-mail~1.0', NO_REVISION, batchOf([enqueued(1)])))
    const before = appends()
    await lookedUntil(() => appends() > before + 2)
    expect(outage()).toBeUndefined()
  })

  it('R44: looking writes nothing', async () => {
    const { emulator, log, lookedUntil, appends } = await opened()
    const before = emulator.store.all.length
    const asked = appends()
    await lookedUntil(() => appends() > asked + 2)
    expect(emulator.store.all).toHaveLength(before)
    expect(await run(log.head(STREAM))).toBe(0)
  })
})
