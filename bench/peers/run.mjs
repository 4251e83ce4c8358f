// Measures other job queues side by side on this machine, each durable, each with a fresh server and
// a fresh process per run, and prints medians and ranges as a table or as JSON.
//   npm run bench -- [--n 50000] [--runs 1] [--only bullmq,plainjob] [--dir DIR] [--seconds 10] [--json]
import { fork } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { machineFacts, requireRealDisk } from './machine.mjs'
import { printTable, summarise } from './report.mjs'
import { missingServers, startPostgres, startRedis } from './servers.mjs'

const NODE = join(import.meta.dirname, 'node_modules', '.bin', 'node')
const RUN_TIMEOUT_MS = 20 * 60_000
const BUSY_LOAD = 0.5
const DRIVERS = {
  bullmq: './drivers/bullmq.mjs',
  'graphile-worker': './drivers/graphileWorker.mjs',
  'pg-boss': './drivers/pgBoss.mjs',
  plainjob: './drivers/plainjob.mjs',
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      n: { type: 'string', default: '50000' },
      runs: { type: 'string', default: '1' },
      only: { type: 'string', default: Object.keys(DRIVERS).join(',') },
      dir: { type: 'string', default: tmpdir() },
      seconds: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    },
  })
  const whole = (name) => {
    const value = Number(values[name])
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number of 1 or more`)
    return value
  }
  const only = values.only.split(',')
  for (const name of only) {
    if (!(name in DRIVERS)) throw new Error(`unknown peer ${name}; known: ${Object.keys(DRIVERS).join(', ')}`)
  }
  const n = whole('n')
  const plan = {
    n,
    nBulk: 2 * n,
    callers: 100,
    concurrency: 100,
    batch: 500,
    ratePerSecond: 200,
    latencySeconds: whole('seconds'),
    warmUpJobs: Math.min(2000, n),
  }
  return { plan, only, runs: whole('runs'), dir: values.dir, json: values.json }
}

function installedVersion(name) {
  const file = join(import.meta.dirname, 'node_modules', name, 'package.json')
  return `${name} ${JSON.parse(readFileSync(file, 'utf8')).version}`
}

function measureInOwnProcess(task) {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('./measurePeer.mjs', import.meta.url), { execPath: NODE, execArgv: [] })
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_TIMEOUT_MS)
    let answer
    child.once('message', (message) => {
      answer = message
    })
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      if (answer?.figures !== undefined) resolve(answer)
      else reject(new Error(answer?.error ?? `the measuring process ended early (${signal ?? code})`))
    })
    child.send(task)
  })
}

const start = { redis: startRedis, postgres: startPostgres, none: async () => undefined }

/** One run of one peer in a directory that exists only for it. */
async function runPeer(name, plan, parent, cleanUps) {
  const directory = mkdtempSync(join(parent, 'ledgerq-peers-'))
  chmodSync(directory, 0o755)
  let server
  const cleanUp = async () => {
    await server?.stop()
    rmSync(directory, { recursive: true, force: true })
    cleanUps.delete(cleanUp)
  }
  cleanUps.add(cleanUp)
  try {
    const { peer } = await import(DRIVERS[name])
    server = await start[peer.server](directory)
    const place = { directory, connection: server?.connection }
    const { figures, node } = await measureInOwnProcess({ module: DRIVERS[name], place, plan })
    const versions = [...peer.packages.map(installedVersion), ...(server ? [server.version] : [])]
    return { name, node, figures, versions, settings: { ...peer.settings, server: server?.settings } }
  } finally {
    await cleanUp()
  }
}

async function main() {
  const { plan, only, runs, dir, json } = readArguments()
  if (!existsSync(NODE)) throw new Error('run npm ci in this folder first')
  const missing = missingServers()
  if (missing.length > 0) throw new Error(`missing ${missing.join(', ')}: run npm run servers`)
  requireRealDisk(dir)
  const cleanUps = new Set()
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, async () => {
      for (const cleanUp of cleanUps) await cleanUp()
      process.exit(130)
    })
  }
  const machine = machineFacts(dir)
  if (machine.load_1m_at_start > BUSY_LOAD) {
    process.stderr.write(
      `the machine is busy (load ${machine.load_1m_at_start}): these figures will be too low\n`,
    )
  }
  const results = []
  for (let run = 0; run < runs; run++) {
    // Each run starts with another peer, so that none always has the coldest or the warmest disk.
    const order = only.map((_, i) => only[(i + run) % only.length])
    for (const name of order) {
      process.stderr.write(`run ${run + 1}/${runs}: ${name} …\n`)
      results.push({ run: run + 1, ...(await runPeer(name, plan, dir, cleanUps)) })
    }
  }
  const node = `Node.js ${results[0].node}`
  const report = {
    measured_at: new Date().toISOString(),
    node,
    machine,
    plan,
    peers: summarise(only, results),
  }
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  else printTable(report)
  if (report.peers.some((peer) => !peer.delivered_exactly)) process.exitCode = 1
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
})
