// The laws of the tree hold in this checkout, and the checker that says so sees a violation of each of them.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { importsOf, type SourceFile, violationsOf } from './support/architecture.js'
import { maskSource } from './support/maskSource.js'

const repository = new URL('../', import.meta.url)
const ROOTS = ['domain', 'projections', 'src', 'test', 'bench', 'examples']

const sources = (): ReadonlyArray<SourceFile> =>
  readdirSync(repository, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && ROOTS.includes(entry.name))
    .flatMap((root) =>
      readdirSync(new URL(root.name, repository), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts') && !path.includes('node_modules'))
        .map((path) => `${root.name}/${path.replaceAll('\\', '/')}`),
    )
    .map((path) => ({ path, text: readFileSync(new URL(path, repository), 'utf8') }))

const rulesBroken = (path: string, text: string): ReadonlyArray<string> =>
  violationsOf([{ path, text }]).map(({ rule, found }) => `${rule}: ${found}`)

const importing = (specifier: string): string => `import { a } from '${specifier}'\n`

describe('the tree', () => {
  it('keeps the import law, the purity of its inner layers, its sizes and its names', () => {
    const files = sources()
    expect(files.length).toBeGreaterThan(1)
    expect(violationsOf(files).map(({ path, rule, found }) => `${path}: ${rule}: ${found}`)).toEqual([])
  })
})

describe('the import law', () => {
  const INWARDS = 'imports point inwards: domain <- projections <- src <- test'
  it.each([
    ['domain/a.ts', '../projections/b.js', INWARDS],
    ['domain/message/a.ts', '../../src/b.js', INWARDS],
    ['projections/a.ts', '../src/b.js', INWARDS],
    ['src/a.ts', '../test/support/b.js', INWARDS],
    ['src/a.ts', '../bench/b.js', INWARDS],
    ['bench/a.ts', '../test/support/b.js', 'only tests import test'],
    ['domain/a.ts', 'node:fs', 'a pure layer imports only fp-ts and io-ts'],
    ['projections/a.ts', 'fastify', 'a pure layer imports only fp-ts and io-ts'],
    ['src/ports/a.ts', '../engine/b.js', 'ports import only domain'],
    ['src/ports/a.ts', '../../projections/b.js', 'ports import only domain'],
    ['src/ports/a.ts', 'node:stream', 'ports import only domain'],
    ['src/adapters/kafka/a.ts', '../memory/b.js', 'adapters never import each other'],
    ['src/adapters/kafka/a.ts', '../../engine/b.js', 'adapters never import engine or runtime'],
    ['src/adapters/kafka/a.ts', '../../runtime/b.js', 'adapters never import engine or runtime'],
  ])('%s may not import %s', (path, specifier, rule) => {
    expect(rulesBroken(path, importing(specifier))).toEqual([`${rule}: ${specifier}`])
  })

  it.each([
    ['domain/message/a.ts', '../retry/index.js'],
    ['domain/a.ts', 'fp-ts/lib/Either.js'],
    ['projections/a.ts', '../domain/b.js'],
    ['src/ports/a.ts', '../../domain/b.js'],
    ['src/ports/a.ts', './b.js'],
    ['src/ports/a.ts', 'fp-ts/lib/TaskEither.js'],
    ['src/adapters/kafka/a.ts', './errors.js'],
    ['src/adapters/kafka/a.ts', '../../ports/b.js'],
    ['src/engine/a.ts', '../../projections/b.js'],
    ['test/a.test.ts', '../src/index.js'],
  ])('%s may import %s', (path, specifier) => {
    expect(rulesBroken(path, importing(specifier))).toEqual([])
  })

  it('sees every form of import, and none in a comment or a string', () => {
    const text = [
      "import './effect.js'",
      "import type { A } from './type.js'",
      "import b, {\n  c,\n  type D as E,\n} from './many.js'",
      "import * as F from './star.js'",
      "export * from './again.js'",
      "export type { G } from './exported.js'",
      "const later = import('./later.js')",
      "const old = require('./required.cjs')",
      "// import h from './comment.js'",
      "/* export * from './block.js' */",
      'const text = "import i from \'./string.js\'"',
      "const template = `import j from './template.js' ${await import('./inner.js')}`",
    ].join('\n')
    expect(importsOf(maskSource(text))).toEqual([
      './effect.js',
      './type.js',
      './many.js',
      './star.js',
      './again.js',
      './exported.js',
      './later.js',
      './required.cjs',
      './inner.js',
    ])
  })
})

describe('a pure layer', () => {
  it.each([
    ['const at = Date.now()', 'Date.now'],
    ['const at = new Date()', 'new Date()'],
    ['const at = Date()', 'new Date()'],
    ['const n = Math.random()', 'Math.random'],
    ['setTimeout(f, 1)', 'a timer'],
    ['type A = Promise<number>', 'Promise'],
    ['const f = async () => 1', 'async'],
    ['const home = process.env', 'an ambient effect'],
    ['const t = `at ${Date.now()}`', 'Date.now'],
  ])('may not contain: %s', (text, found) => {
    const broken = [`a pure layer has no clock, randomness, Promise or I/O: ${found}`]
    expect(rulesBroken('domain/a.ts', text)).toEqual(broken)
    expect(rulesBroken('projections/a/b.ts', text)).toEqual(broken)
    expect(rulesBroken('src/a.ts', text)).toEqual([])
  })

  it('may speak of all that in comments and strings, and may format a given instant', () => {
    const text = [
      '// Unlike Date.now(), a recorded time never goes back; no async here.',
      "const label = 'Math.random() and setTimeout'",
      'const pattern = /async|Promise<.>/',
      'const iso = (at: number) => new Date(at).toISOString()',
      'const half = (a: number, b: number) => a / b / 2 // await',
    ].join('\n')
    expect(rulesBroken('domain/a.ts', text)).toEqual([])
  })
})

describe('sizes, names and leftovers', () => {
  it('caps a file at 400 lines and a test at 600', () => {
    const lines = (count: number): string => 'const a = 1\n'.repeat(count)
    expect(rulesBroken('src/a.ts', lines(400))).toEqual([])
    expect(rulesBroken('src/a.ts', lines(401))).toEqual(['at most 400 lines: 401'])
    expect(rulesBroken('test/a.test.ts', lines(600))).toEqual([])
    expect(rulesBroken('test/a.test.ts', lines(601))).toEqual(['at most 600 lines: 601'])
  })

  it.each([
    'src/utils.ts',
    'src/helpers/a.ts',
    'src/leaseManager.ts',
    'test/data.test.ts',
    'domain/shared/a.ts',
  ])('refuses the name %s', (path) => {
    expect(rulesBroken(path, '')).toHaveLength(1)
  })

  it('allows a name that only contains such a word', () => {
    expect(rulesBroken('src/adapters/embedded/dataDirectory.ts', '')).toEqual([])
  })

  it.each([`// ${'TO'}DO: later`, `/* ${'FIX'}ME */`])('refuses the leftover %s', (text) => {
    expect(rulesBroken('src/a.ts', text)).toHaveLength(1)
  })
})
