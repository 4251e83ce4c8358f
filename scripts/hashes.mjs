// R66: replays ledgers in five time zones and locales on each supported Node line, and compares all state hashes:
// `npm run test:hashes`, or `npm run test:hashes -- --nodes 20,22,24 DIRECTORY …`. Without a directory it takes the golden logs; a
// directory is copied before anything opens it. The Node binaries come from npm's `node` package.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { goldenNames, unpack } from '../dist/test/support/golden/goldenFiles.js'
import { hashesIn, SURROUNDINGS } from '../dist/test/support/hashes.js'

const { values, positionals } = parseArgs({
  options: { nodes: { type: 'string', default: '20,22,24' } },
  allowPositionals: true,
})
const golden = fileURLToPath(new URL('../test/golden/logs', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'ledgerq-hashes-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))

const directories = []
if (positionals.length === 0)
  for (const name of await goldenNames(golden)) {
    directories.push(join(root, name))
    await unpack(golden, name, join(root, name))
  }
for (const [n, path] of positionals.entries()) {
  directories.push(join(root, `${n}-${basename(path)}`))
  cpSync(path, directories.at(-1), { recursive: true })
}

let first
let isSame = true
for (const line of values.nodes.split(','))
  for (const surroundings of SURROUNDINGS) {
    const node = ['npm', 'exec', '--yes', `--package=node@${line}`, '--', 'node']
    const { node: version, hashes, seen } = hashesIn(surroundings, directories, node)
    const text = JSON.stringify(hashes)
    first ??= text
    isSame &&= text === first && version.startsWith(`v${line}.`)
    const said = text === first ? 'the same' : 'OTHER STATES'
    console.log(`${version} ${surroundings.zone} ${surroundings.locale} (${seen}): ${said}`)
  }
console.log(
  `${Object.keys(JSON.parse(first)).length} partitions: ${isSame ? 'equal everywhere' : 'NOT equal'}`,
)
process.exitCode = isSame ? 0 : 1
