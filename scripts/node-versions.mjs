// Runs the test suite on each supported Node line, or on those named as arguments (`22 24`). The Node
// binaries come from npm's `node` package, so nothing but npm is needed. Each line tests a copy of the
// checkout with its own `npm ci`, because native packages are chosen at install time.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const DEFAULT_LINES = ['22', '24']
const NOT_COPIED = new Set(['node_modules', 'dist', '.git', 'coverage'])

const repository = fileURLToPath(new URL('..', import.meta.url))
const lines = process.argv.length > 2 ? process.argv.slice(2) : DEFAULT_LINES

const outcomes = lines.map((line) => {
  const copy = mkdtempSync(join(tmpdir(), `ledgerq-node${line}-`))
  try {
    cpSync(repository, copy, { recursive: true, filter: (source) => !NOT_COPIED.has(basename(source)) })
    // `npm exec` puts that Node first on the PATH; npm itself and all it starts then run on it. It also leaves
    // its own options in the environment, where an `npx` of a test or of the README would trip over them.
    const call = `unset npm_config_package npm_config_call
      node -p '"Node " + process.version' && npm ci && npm test`
    const run = spawnSync('npm', ['exec', '--yes', `--package=node@${line}`, '--call', call], {
      cwd: copy,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, CI: 'true' },
    })
    return { line, ok: run.status === 0 }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
})

for (const { line, ok } of outcomes) console.log(`Node ${line}: ${ok ? 'passed' : 'failed'}`)
process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1
