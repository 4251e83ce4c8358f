// The directory of a ledger is made for its first use, or it is said why not; either way there is an answer.
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isLeft, right } from 'fp-ts/lib/Either.js'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ensureDirectory } from '../../../src/adapters/embedded/directory.js'
import { type Files, realFiles } from '../../../src/adapters/embedded/files.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledgerq-directory-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

it('F1: a directory is made with all that is missing above it, by several at once, too', async () => {
  const deep = join(folder, 'a', 'b', 'c')
  expect(await Promise.all([ensureDirectory(deep), ensureDirectory(deep)])).toEqual([
    right(undefined),
    right(undefined),
  ])
  expect((await stat(deep)).isDirectory()).toBe(true)
  expect(await ensureDirectory(deep)).toEqual(right(undefined))
})

it('F1: a directory is made when another process makes the ones above it between a try and the look at them', async () => {
  const deep = join(folder, 'a', 'b')
  let tries = 0
  const files: Files = {
    ...realFiles,
    makeFolder: async (path) => {
      if (path !== deep || ++tries > 1) return realFiles.makeFolder(path)
      await realFiles.makeFolder(join(folder, 'a'))
      throw Object.assign(new Error('no such file or directory'), { code: 'ENOENT' })
    },
  }
  expect(await ensureDirectory(deep, files)).toEqual(right(undefined))
  expect((await stat(deep)).isDirectory()).toBe(true)
})

it('F1: a file in the way, and a place where nothing can be made, are refused', async () => {
  await writeFile(join(folder, 'file'), '')
  expect(isLeft(await ensureDirectory(join(folder, 'file')))).toBe(true)
  expect(isLeft(await ensureDirectory(join(folder, 'file', 'below')))).toBe(true)
})

it.runIf(process.platform === 'linux')(
  'F1: a place under /proc is refused, and not asked for ever',
  async () => {
    expect(isLeft(await ensureDirectory('/proc/ledgerq/data'))).toBe(true)
  },
)
