// Keeps README.md and the pages in docs/ true: runs the code blocks that are marked for it, those of a page in their
// order and in one temporary copy of the checkout, and fails when one fails. The mark is the word `run` after the
// language of the fence:
//
//   ```sh run    the block runs under `bash -euo pipefail`. The copy has the installed packages and the build.
//                What it leaves running in the background is ended after the block.
//   ```ts run    the block is type-checked with the project's options and run; it imports from 'ledgerq'.
//
// Every other block is only for reading. Run `npm run build` first (`npm run readme` does).
import { spawn } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BLOCK_TIMEOUT_MS = 120_000
const NOT_COPIED = new Set(['node_modules', '.git', 'coverage'])

const repository = fileURLToPath(new URL('..', import.meta.url))

/** The fenced blocks of a page, with the line on which each opens. */
const blocksOf = (page, markdown) => {
  const blocks = []
  let open
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = /^\s*(`{3,})(.*)$/.exec(line)
    if (open === undefined && fence !== null) {
      open = { fence: fence[1], info: fence[2].trim(), line: index + 1, lines: [] }
    } else if (open !== undefined && line.trim() === open.fence) {
      blocks.push(open)
      open = undefined
    } else if (open !== undefined) open.lines.push(line)
  }
  if (open !== undefined) throw new Error(`${page}:${open.line}: the block is never closed`)
  return blocks
}

/** A copy whose node_modules is a real folder of links: an `npm ci` inside it cannot empty ours. */
const copyOfCheckout = () => {
  const copy = mkdtempSync(join(tmpdir(), 'ledgerq-readme-'))
  cpSync(repository, copy, { recursive: true, filter: (source) => !NOT_COPIED.has(basename(source)) })
  const installed = join(repository, 'node_modules')
  mkdirSync(join(copy, 'node_modules'))
  for (const name of readdirSync(installed)) {
    symlinkSync(join(installed, name), join(copy, 'node_modules', name))
  }
  return copy
}

/** Runs a program in its own process group and ends what is left of that group afterwards. */
const run = (command, args, cwd) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd, detached: true, stdio: ['ignore', 'inherit', 'inherit'] })
    const endGroup = () => {
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch {
        // The group is already gone, which is what we want.
      }
    }
    const timer = setTimeout(endGroup, BLOCK_TIMEOUT_MS)
    child.on('error', () => resolve(1))
    child.on('exit', (code) => {
      clearTimeout(timer)
      endGroup()
      resolve(code ?? 1)
    })
  })

const runShell = (block, copy) => run('bash', ['-euo', 'pipefail', '-c', block.lines.join('\n')], copy)

/** The file lies inside the copy, so that 'ledgerq' is the package naming itself: its exports, its types. */
const runTypeScript = async (block, copy) => {
  const folder = join(copy, `readme-line-${block.line}`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'block.ts'), `${block.lines.join('\n')}\nexport {}\n`)
  const options = { noEmit: false, rootDir: '.', outDir: './out', noUnusedLocals: false }
  const config = { extends: '../tsconfig.json', compilerOptions: options, include: ['block.ts'], exclude: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const compiled = await run(
    process.execPath,
    [join(copy, 'node_modules/typescript/bin/tsc'), '-p', folder],
    copy,
  )
  return compiled === 0 ? run(process.execPath, [join(folder, 'out/block.js')], copy) : compiled
}

const RUNNERS = { 'sh run': runShell, 'ts run': runTypeScript }

/** Answers how many marked blocks the page has, and how many of them failed. */
const checkPage = async (page) => {
  const blocks = blocksOf(page, readFileSync(join(repository, page), 'utf8'))
  const marked = blocks.filter(({ info }) => info.includes(' '))
  if (marked.length === 0) return { count: 0, failed: 0 }
  const copy = copyOfCheckout()
  let failed = 0
  try {
    for (const block of marked) {
      const runner = RUNNERS[block.info]
      const code = runner === undefined ? 1 : await runner(block, copy)
      if (runner === undefined) console.log(`${page}:${block.line}: unknown label "${block.info}"`)
      if (code !== 0) failed += 1
      console.log(`${page}:${block.line} ${block.info}: ${code === 0 ? 'passed' : `failed (exit ${code})`}`)
    }
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
  return { count: marked.length, failed }
}

const docs = readdirSync(join(repository, 'docs')).filter((name) => name.endsWith('.md'))
// Pages that are named on the command line, or all of them.
const named = process.argv.slice(2)
const pages = named.length > 0 ? named : ['README.md', ...docs.sort().map((name) => `docs/${name}`)]
let count = 0
let failed = 0
for (const page of pages) {
  const checked = await checkPage(page)
  count += checked.count
  failed += checked.failed
}
console.log(`${count - failed} of ${count} marked blocks passed`)
process.exitCode = failed === 0 ? 0 : 1
