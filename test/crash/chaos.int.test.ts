// Real processes on one directory, struck in all the ways that `npm run chaos` knows, some cycles each with fixed mixes; then
// everything is healed, has to drain, and the whole log is judged by the checkers of the simulation.
import { afterAll, expect, test } from 'vitest'
import { ChaosCycles } from '../support/chaosCycles.js'
import { type Mix, mixOf } from '../support/chaosMix.js'

const chaos = new ChaosCycles()
afterAll(() => chaos.leave())

/** The first mixes that are such: each run draws the same ones. */
const mixes = (count: number, isSuch: (mix: Mix) => boolean): ReadonlyArray<number> => {
  const found: number[] = []
  for (let seed = 1; found.length < count; seed++) if (isSuch(mixOf(seed))) found.push(seed)
  return found
}
const cyclesOf = async (count: number, isSuch: (mix: Mix) => boolean): Promise<void> => {
  for (const seed of mixes(count, isSuch)) await chaos.run(seed)
}
const isStruckBy =
  (kind: Mix['fate']['kind'], host: Mix['host']) =>
  ({ fate, host: drawn, worker, rival }: Mix): boolean =>
    fate.kind === kind && drawn === host && worker === 'none' && !rival

test('R01 C5 after SIGKILL under load nothing acknowledged is missing and nothing refused is there', async () => {
  for (const host of ['serve', 'server', 'library'] as const) await cyclesOf(2, isStruckBy('killed', host))
  expect(chaos.timesSeen('killed')).toBe(6)
})

test('R02 killed at a named moment of a commit, a server and a program of the library go on as if it had been power', async () => {
  await cyclesOf(2, isStruckBy('failpoint', 'server'))
  await cyclesOf(1, isStruckBy('failpoint', 'library'))
})

test('R16 an exception or a rejection that nobody catches, and a full heap, end the process like a kill', async () => {
  await cyclesOf(1, isStruckBy('uncaught exception', 'server'))
  await cyclesOf(1, isStruckBy('unhandled rejection', 'library'))
  await cyclesOf(1, isStruckBy('heap exhausted', 'library'))
})

test('R61 C12 told to end under load it ends by itself, leaves no answer unknown, and hands back what it runs', async () => {
  await cyclesOf(1, isStruckBy('told to end', 'serve'))
  await cyclesOf(1, isStruckBy('told to end', 'library'))
  expect(chaos.timesSeen('told to end')).toBe(2)
})

test('R20 R21 frozen for longer than its leases and let go, a server takes no late word for a timely one', async () => {
  await cyclesOf(1, isStruckBy('frozen', 'server'))
  expect(chaos.timesSeen('frozen')).toBe(1)
})

test('R23 R24 workers killed in a job, or frozen beyond their leases, lose the message to another, once', async () => {
  await cyclesOf(2, ({ worker, fate }) => worker === 'killed' && fate.kind === 'killed')
  await cyclesOf(1, ({ worker, fate }) => worker === 'frozen' && fate.kind === 'killed')
  expect(chaos.timesSeen('worker killed')).toBe(2)
  expect(chaos.timesSeen('worker frozen')).toBe(1)
})

test('R14 a second process on the directory is turned away in the middle of it', async () => {
  await cyclesOf(1, ({ rival, host, fate }) => rival && host === 'server' && fate.kind === 'killed')
})

test('I1 I3 I4 I6 healed, everything drains, and the whole log keeps every promise', async () => {
  await chaos.end()
  expect(chaos.timesSeen('drained')).toBe(1)
  expect(chaos.events).toBeGreaterThan(1_000)
})
