// Would the tests notice a small mistake? Every small mistake of the sources that decide (`mutation/operators.mjs`) is made, one
// at a time, in a copy; the share that a test notices is the score. `npm run mutation -- --only domain/retry --sample 50`.
// Not a part of CI: all of it takes an hour or more. What no test notices is printed, to be read by people.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { instrument } from './mutation/instrument.mjs'
import { verdictsOn } from './mutation/run.mjs'
import { SIMULATION, TARGETS } from './mutation/targets.mjs'

const COPIED = ['domain', 'projections', 'src', 'test', 'docs', 'scripts', 'package.json', 'tsconfig.json']
const SHOWN_MAX = 90

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    file: { type: 'string', multiple: true, default: [] },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
    again: { type: 'string' },
    simulation: { type: 'boolean', default: false },
    own: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
  },
})
const refuse = (text) => {
  console.error(text)
  process.exit(2)
}
const wholeNumber = (name) => {
  const number = Number(values[name])
  return Number.isSafeInteger(number) && number > 0
    ? number
    : refuse(`--${name} takes a whole number from 1, not ${values[name]}`)
}
const sampleMax = values.sample === undefined ? Number.POSITIVE_INFINITY : wholeNumber('sample')
const seed = wholeNumber('seed')
const wanted = ({ folders }) =>
  folders.filter((folder) => values.only.length === 0 || values.only.includes(folder))
const targets = TARGETS.filter((target) => wanted(target).length > 0)
if (targets.length === 0) {
  refuse(
    `--only takes ${TARGETS.flatMap(({ folders }) => folders).join(', ')}; not ${values.only.join(', ')}`,
  )
}

/** Only what nothing noticed in an earlier report, to see whether new tests do. */
// Without the line: what stands above may have changed since.
const nameOf = ({ path, kind, original, text }) => JSON.stringify([path, kind, original, text])
const earlier =
  values.again === undefined
    ? undefined
    : new Set(
        JSON.parse(readFileSync(values.again, 'utf8'))
          .flatMap(({ verdicts }) => verdicts)
          .filter(({ verdict }) => verdict === 'survived' || verdict === 'untested')
          .map(nameOf),
      )

const repository = fileURLToPath(new URL('..', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'ledgerq-mutation-'))
const copy = join(work, 'copy')
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

/** Drawn from the seed: the same sample each time. */
const sampleOf = (list) => {
  let state = seed
  const keyed = list.map((one) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0
    return { one, key: Math.imul(state ^ (state >>> 13), 0x85ebca6b) >>> 0 }
  })
  keyed.sort((a, b) => a.key - b.key)
  return keyed.slice(0, sampleMax).map(({ one }) => one)
}

const sourcesOf = (target) =>
  wanted(target)
    .flatMap((folder) => readdirSync(join(copy, folder)).map((file) => `${folder}/${file}`))
    .filter((path) => path.endsWith('.ts'))
    .filter((path) => target.files === undefined || target.files.includes(basename(path, '.ts')))
    .filter((path) => values.file.length === 0 || values.file.some((part) => path.includes(part)))

const testsIn = (path) => {
  if (path.endsWith('.test.ts')) return [path]
  const inside = readdirSync(join(copy, path), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() || entry.name.endsWith('.test.ts') ? testsIn(`${path}/${entry.name}`) : [],
  )
  return inside.filter((file) => !/\.(?:int|sim)\.test\.ts$/.test(file))
}

const oneLine = (text) => {
  const flat = text.replace(/\s+/g, ' ').trim()
  return flat.length > SHOWN_MAX ? `${flat.slice(0, SHOWN_MAX)}...` : flat
}

const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const tableRow = (name, verdicts) => {
  const count = (wanted) => verdicts.filter(({ verdict }) => verdict === wanted).length
  const [killed, timeout, survived, untested] = ['killed', 'timeout', 'survived', 'untested'].map(count)
  const score = ((killed + timeout) * 100) / Math.max(1, verdicts.length)
  row(name, verdicts.length, killed, timeout, survived, untested, `${score.toFixed(1)} %`)
}

const measure = async (target) => {
  for (const name of COPIED) {
    rmSync(join(copy, name), { recursive: true, force: true })
    cpSync(join(repository, name), join(copy, name), { recursive: true })
  }
  const mutants = []
  const ids = []
  for (const path of sourcesOf(target)) {
    const { mutants: own, text } = instrument(path, readFileSync(join(copy, path), 'utf8'), mutants.length)
    writeFileSync(join(copy, path), text)
    const asked = own.filter((mutant) => earlier === undefined || earlier.has(nameOf(mutant)))
    ids.push(...sampleOf(asked.map(({ id }) => id)))
    mutants.push(...own)
  }
  const always = values.simulation ? [SIMULATION] : []
  const testFiles = [
    ...new Set([...target.own, ...(values.own ? [] : target.also), ...always].flatMap(testsIn)),
  ]
  const folder = mkdtempSync(join(work, 'target-'))
  const say = (text) => console.error(`${wanted(target).join(', ')}: ${text}`)
  const verdicts = await verdictsOn({ copy, folder, mutants, ids, own: target.own, always, testFiles, say })
  return ids.sort((a, b) => a - b).map((id) => ({ ...mutants[id], ...verdicts.get(id) }))
}

cpSync(join(repository, 'package.json'), join(copy, 'package.json'))
symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'))
const results = []
for (const target of targets) {
  const verdicts = await measure(target)
  results.push(
    ...wanted(target).map((name) => ({
      name,
      verdicts: verdicts.filter(({ path }) => dirname(path) === name),
    })),
  )
  for (const { path, line, kind, original, text, verdict, by } of verdicts) {
    const isNoticed = verdict === 'killed' || verdict === 'timeout'
    if (isNoticed && !values.all) continue
    console.log(
      `${verdict} ${path}:${line} ${kind}: ${oneLine(original)}  ->  ${oneLine(text)}${isNoticed ? `  (${by})` : ''}`,
    )
  }
  if (values.json) writeFileSync(values.json, JSON.stringify(results))
}
console.log('')
row('sources', 'mistakes', 'failed a test', 'never ended', 'survived', 'met by no test', 'score')
row('---', '--:', '--:', '--:', '--:', '--:', '--:')
for (const { name, verdicts } of results) {
  const paths = [...new Set(verdicts.map(({ path }) => path))]
  tableRow(`**${name}**`, verdicts)
  for (const path of paths)
    tableRow(
      basename(path),
      verdicts.filter((one) => one.path === path),
    )
}
