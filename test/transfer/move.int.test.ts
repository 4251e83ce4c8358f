// F5, R68: a ledger moves from store to store and back, whole: its chains, its states, its large payloads.
import { rm } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type EmulatorProcess, startEmulatorProcess } from '../support/eventstoredb/emulatorProcess.js'
import { readManifest } from '../support/golden/goldenFiles.js'
import { type End, GOLDEN, GOLDEN_FOLDER, goldenDirectory, moveBetween, temporary } from './moving.js'

const open: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const folder = async (): Promise<string> => {
  const path = await temporary()
  open.push(() => rm(path, { recursive: true, force: true }))
  return path
}

let emulator: EmulatorProcess
let prefixes = 0
beforeAll(async () => {
  emulator = await startEmulatorProcess()
})
afterAll(() => emulator.stop())

/** An empty place in the one server of these tests. */
const database = (): End => ({ where: emulator.connectionString, prefix: `p${prefixes++}` })

const withoutProcesses = <A extends { stream: string }>(streams: ReadonlyArray<A>): ReadonlyArray<A> =>
  streams.filter(({ stream }) => !stream.startsWith('process-'))

describe.each(GOLDEN)('R68 F5: the golden log %s', (name) => {
  it('goes into a file, and out of it into another directory, with its chains and states', async () => {
    const [home, file, away] = [
      await goldenDirectory(name),
      `${await folder()}/x.lqx`,
      `${await folder()}/data`,
    ]
    open.push(() => rm(home, { recursive: true, force: true }))
    const { streams } = await readManifest(GOLDEN_FOLDER, name)
    const exported = await moveBetween(home, file)
    expect(exported).toMatchObject({ verified: 'full', streams: withoutProcesses(streams) })
    const imported = await moveBetween(file, away)
    expect(imported).toMatchObject({ verified: 'full', streams: withoutProcesses(streams) })
  })

  it('goes into EventStoreDB, and from there into another directory, with its chains and states', async () => {
    const [home, away] = [await goldenDirectory(name), `${await folder()}/data`]
    open.push(() => rm(home, { recursive: true, force: true }))
    const { streams } = await readManifest(GOLDEN_FOLDER, name)
    const [between, withoutBlobs] = [database(), true]
    const there = await moveBetween(home, between, { withoutBlobs })
    expect(there).toMatchObject({ verified: 'full', streams: withoutProcesses(streams) })
    const back = await moveBetween(between, away, { withoutBlobs })
    expect(back).toMatchObject({ verified: 'full', streams: withoutProcesses(streams) })
  })
})
