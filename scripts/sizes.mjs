// What large ledgers take in time and memory (R58, R59, R60): `npm run sizes`, or some of it with numbers of one's own:
// `npm run sizes -- --live 10000000 --groups 0 --queues 0 --dedup 0 --dir /mnt/disk --json`. Each step is a process of its own,
// killed at its end, and what the figures stand on is checked on the way (test/support/sizes.ts). 0 leaves a part out.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const PARTS = {
  live: ['fill', 'openByReplay', 'snapshotWhileServing', 'openBySnapshot'],
  queues: ['queues', 'openQueues'],
  groups: ['groups'],
  dedup: ['dedupKeys'],
}
const { values } = parseArgs({
  options: {
    live: { type: 'string', default: '1000000' },
    queues: { type: 'string', default: '1000' },
    groups: { type: 'string', default: '1000000' },
    dedup: { type: 'string', default: '10000000' },
    heap: { type: 'string', default: '8192' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
  },
})
const program = join(values.dist, 'test/support/sizesMain.js')
const told = {}

const step = (name, directory, count) => {
  const args = ['--expose-gc', `--max-old-space-size=${values.heap}`, program, name, directory, String(count)]
  const { signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const line = stdout.split('\n').find((text) => text.startsWith('{'))
  if (signal !== 'SIGKILL' || line === undefined) {
    console.error(`${name} of ${count} failed (${signal}):\n${stdout}${stderr}`)
    process.exitCode = 1
    return false
  }
  told[`${name} ${count}`] = JSON.parse(line)
  if (!values.json)
    console.log(
      `${name} ${count.toLocaleString('en')}: ${Object.entries(JSON.parse(line))
        .map(([figure, value]) => `${figure} ${value}`)
        .join(', ')}`,
    )
  return true
}

for (const [part, steps] of Object.entries(PARTS)) {
  const count = Number(values[part])
  if (!Number.isSafeInteger(count) || count < 0) {
    console.error(`--${part} takes a whole number from 0, not ${values[part]}`)
    process.exit(2)
  }
  if (count === 0) continue
  const directory = mkdtempSync(join(values.dir, 'ledgerq-sizes-'))
  try {
    for (const name of steps) if (!step(name, directory, count)) break
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
if (values.json) console.log(JSON.stringify(told, null, 2))
