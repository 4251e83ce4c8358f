// Decides whether source files keep the laws of the tree: who may import whom, what the pure layers must
// not touch, how long a file may be and what it may not be called. It works on texts, not on the disk, so
// that the checker itself is tested on small samples. There is no parser behind it (TypeScript 7 has no
// stable one to call): `maskSource` blanks comments and strings, which is enough to see imports and words.
import { posix } from 'node:path'
import { type MaskedSource, maskSource } from './maskSource.js'

export type SourceFile = Readonly<{ path: string; text: string }>
export type Violation = Readonly<{ path: string; rule: string; found: string }>

const LINES_MAX = 400
const TEST_LINES_MAX = 600

/** The import law: a layer imports its own rank and below, never above. */
const RANK: Readonly<Record<string, number>> = { domain: 0, projections: 1, src: 2 }
const EDGE_RANK = 3

const PURE_PACKAGES = ['fp-ts', 'io-ts']

/** Clock, randomness, I/O and asynchrony: replay and simulation must never meet them in a pure layer. */
const IMPURE: ReadonlyArray<readonly [name: string, pattern: RegExp]> = [
  ['Date.now', /\bDate\s*\.\s*now\b/],
  ['new Date()', /\bnew\s+Date\s*(?:\(\s*\)|(?![\w\s(.]))|(?<!new\s+)\bDate\s*\(/],
  ['Math.random', /\bMath\s*\.\s*random\b/],
  ['a timer', /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/],
  ['Promise', /\bPromise\s*[<.(]/],
  ['async', /\basync\b|\bawait\b/],
  ['an ambient effect', /\b(?:process|performance|crypto|console|globalThis)\s*\.|\bfetch\s*\(/],
]

const BANNED_NAME = /^(?:utils?|helpers?|shared|managers?|data|common|misc)$|(?:Utils?|Helpers?|Managers?)$/
// Spelt in halves, so that this file does not break its own rule.
const UNFINISHED = new RegExp(`\\b(?:${'TO'}${'DO'}|${'FIX'}${'ME'})\\b`)

const IMPORT =
  /\b(?:import|export)\b(?:[\w\s{},*$]*?\bfrom)?\s*(?:\(\s*)?(['"])(?<specifier>[^'"\n]+)\1|\brequire\s*\(\s*(['"])(?<required>[^'"\n]+)\3/g

export const importsOf = (source: MaskedSource): ReadonlyArray<string> => {
  const found: string[] = []
  for (const match of source.withoutComments.matchAll(IMPORT)) {
    // A keyword that stands inside a string is text, not an import.
    if (source.bare[match.index] === ' ') continue
    const specifier = match.groups?.specifier ?? match.groups?.required
    if (specifier !== undefined) found.push(specifier)
  }
  return found
}

const rootOf = (path: string): string => path.split('/')[0] ?? path
const rankOf = (path: string): number => RANK[rootOf(path)] ?? EDGE_RANK
const isPure = (path: string): boolean => rankOf(path) <= 1

/** `src/adapters/kafka/relay.ts` belongs to the adapter `kafka`, and to none where it is no adapter. */
const adapterOf = (path: string): string | undefined =>
  /^src\/adapters\/([^/]+)/.exec(path)?.[1]?.replace(/\.[jt]s$/, '')

const packageBroken = (path: string, name: string): string | undefined => {
  const pureName = PURE_PACKAGES.some((pure) => name === pure || name.startsWith(`${pure}/`))
  if (isPure(path) && !pureName) return 'a pure layer imports only fp-ts and io-ts'
  if (path.startsWith('src/ports/') && !pureName) return 'ports import only domain'
  return undefined
}

const relativeBroken = (path: string, target: string): string | undefined => {
  if (rankOf(target) > rankOf(path)) return 'imports point inwards: domain <- projections <- src <- test'
  if (rootOf(target) === 'test' && rootOf(path) !== 'test') return 'only tests import test'
  const portOrDomain = target.startsWith('src/ports/') || rootOf(target) === 'domain'
  if (path.startsWith('src/ports/') && !portOrDomain) return 'ports import only domain'
  const adapter = adapterOf(path)
  if (adapter === undefined) return undefined
  const other = adapterOf(target)
  if (other !== undefined && other !== adapter) return 'adapters never import each other'
  return /^src\/(?:engine|runtime)\//.test(target) ? 'adapters never import engine or runtime' : undefined
}

const brokenImports = (path: string, source: MaskedSource): ReadonlyArray<Violation> => {
  const violations: Violation[] = []
  for (const specifier of importsOf(source)) {
    const rule = specifier.startsWith('.')
      ? relativeBroken(path, posix.join(posix.dirname(path), specifier))
      : packageBroken(path, specifier)
    if (rule !== undefined) violations.push({ path, rule, found: specifier })
  }
  return violations
}

const impureWords = (path: string, source: MaskedSource): ReadonlyArray<Violation> => {
  if (!isPure(path)) return []
  return IMPURE.filter(([, pattern]) => pattern.test(source.bare)).map(([name]) => ({
    path,
    rule: 'a pure layer has no clock, randomness, Promise or I/O',
    found: name,
  }))
}

const lengthAndNames = ({ path, text }: SourceFile): ReadonlyArray<Violation> => {
  const violations: Violation[] = []
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  const linesMax = rootOf(path) === 'test' ? TEST_LINES_MAX : LINES_MAX
  if (lines > linesMax) violations.push({ path, rule: `at most ${linesMax} lines`, found: `${lines}` })
  const named = path.split('/').map((part) => part.replace(/\..*$/, ''))
  const banned = named.find((part) => BANNED_NAME.test(part))
  if (banned !== undefined)
    violations.push({ path, rule: 'a name says what the file decides', found: banned })
  const unfinished = UNFINISHED.exec(text)
  if (unfinished !== null) violations.push({ path, rule: 'nothing is left for later', found: unfinished[0] })
  return violations
}

export const violationsOf = (files: ReadonlyArray<SourceFile>): ReadonlyArray<Violation> =>
  files.flatMap((file) => {
    const source = maskSource(file.text)
    return [...brokenImports(file.path, source), ...impureWords(file.path, source), ...lengthAndNames(file)]
  })
