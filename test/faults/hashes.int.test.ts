// R66: a log means the same wherever it is replayed. Other versions of Node: npm run test:hashes.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { STATE_HASH_VERSION } from '../../projections/partition/index.js'
import { goldenNames, readManifest, unpack } from '../support/golden/goldenFiles.js'
import { hashesIn, SURROUNDINGS } from '../support/hashes.js'

const FOLDER = fileURLToPath(new URL('../golden/logs', import.meta.url))

let root: string
let directories: ReadonlyArray<string>
const wanted: Record<string, string> = {}
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ledgerq-hashes-'))
  const names = await goldenNames(FOLDER)
  for (const name of names) {
    await unpack(FOLDER, name, join(root, name))
    for (const { stream, stateHashes } of (await readManifest(FOLDER, name)).partitions)
      wanted[`${name} ${stream}`] = stateHashes[STATE_HASH_VERSION] ?? ''
  }
  directories = names.map((name) => join(root, name))
})
afterAll(() => rm(root, { recursive: true, force: true }))

it('R66: each golden log has the same state hashes in five time zones and under five locales', () => {
  const told = SURROUNDINGS.map((surroundings) => hashesIn(surroundings, directories))
  expect(new Set(told.map(({ timeZone }) => timeZone)).size).toBe(SURROUNDINGS.length)
  expect(new Set(told.map(({ seen }) => seen)).size).toBe(SURROUNDINGS.length)
  for (const { hashes } of told) expect(hashes).toEqual(wanted)
})
