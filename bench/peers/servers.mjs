// Starts Redis and PostgreSQL for one measurement and stops them again: loopback only, a free port,
// a data directory of their own under the directory given. Both are durable (a reply means the bytes
// were synced) and otherwise tuned in the peers' favour: nothing that could run in the background
// (log rewrite, checkpoint) is allowed to fall into a measured window.
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { totalmem, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const START_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 30_000
const POSTGRES_BIN = '/usr/lib/postgresql/15/bin'

export const redisSettings = {
  appendonly: 'yes',
  appendfsync: 'always',
  'no-appendfsync-on-rewrite': 'no',
  'auto-aof-rewrite-percentage': '0',
  save: '',
  'maxmemory-policy': 'noeviction',
}

// A quarter of the memory is PostgreSQL's own advice for shared_buffers; more than 2 GB buys nothing
// for tables of this size. The WAL is allowed to grow so that no checkpoint is forced by its size.
const sharedBuffersMb = Math.min(2048, Math.floor(totalmem() / 4 / 1024 / 1024))

export const postgresSettings = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: `${sharedBuffersMb}MB`,
  wal_buffers: '64MB',
  max_wal_size: '8GB',
  min_wal_size: '2GB',
  checkpoint_timeout: '30min',
  max_connections: '200',
  random_page_cost: '1.1',
  effective_io_concurrency: '100',
  jit: 'off',
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

// PostgreSQL refuses to run as root, so under root it runs as the package's own account.
function postgresAccount() {
  if (userInfo().uid !== 0) return {}
  const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

async function startServer(name, command, args, options, isReady) {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let exited = false
  const keep = (chunk) => {
    output = (output + chunk).slice(-4000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  child.once('error', keep)
  const exit = new Promise((resolve) => {
    child.once('close', () => {
      exited = true
      resolve()
    })
  })
  const giveUpAt = Date.now() + START_TIMEOUT_MS
  while (!exited && Date.now() < giveUpAt && !isReady()) await delay(50)
  const stop = async () => {
    if (exited) return
    child.kill('SIGINT')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await exit
    clearTimeout(timer)
  }
  if (exited || !isReady()) {
    await stop()
    throw new Error(`${name} did not start: ${output}`)
  }
  return stop
}

function answers(command, args) {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export async function startRedis(directory) {
  const dir = join(directory, 'redis')
  mkdirSync(dir, { recursive: true })
  const port = await freePort()
  const args = ['--bind', '127.0.0.1', '--port', String(port), '--dir', dir, '--daemonize', 'no']
  for (const [key, value] of Object.entries(redisSettings)) args.push(`--${key}`, value)
  const stop = await startServer('redis-server', 'redis-server', args, {}, () =>
    answers('redis-cli', ['-h', '127.0.0.1', '-p', String(port), 'ping']),
  )
  const version = execFileSync('redis-server', ['--version'], { encoding: 'utf8' })
  return {
    connection: { host: '127.0.0.1', port },
    version: `Redis ${/v=(\S+)/.exec(version)?.[1] ?? version.trim()}`,
    settings: redisSettings,
    stop,
  }
}

export async function startPostgres(directory) {
  const account = postgresAccount()
  const dir = join(directory, 'postgres')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  if (account.uid !== undefined) chownSync(dir, account.uid, account.gid)
  const initdb = ['-D', dir, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--locale=C']
  execFileSync(join(POSTGRES_BIN, 'initdb'), initdb, { ...account, cwd: '/', stdio: 'ignore' })
  const port = await freePort()
  const args = ['-D', dir, '-h', '127.0.0.1', '-p', String(port), '-k', dir]
  for (const [key, value] of Object.entries(postgresSettings)) args.push('-c', `${key}=${value}`)
  const options = { ...account, cwd: '/' }
  // SIGINT is PostgreSQL's fast shutdown: it ends sessions, writes a checkpoint and leaves.
  const stop = await startServer('postgres', join(POSTGRES_BIN, 'postgres'), args, options, () =>
    answers(join(POSTGRES_BIN, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port), '-q']),
  )
  const version = readFileSync(join(dir, 'PG_VERSION'), 'utf8').trim()
  const full = execFileSync(join(POSTGRES_BIN, 'postgres'), ['--version'], { encoding: 'utf8' })
  return {
    connection: { connectionString: `postgres://bench@127.0.0.1:${port}/postgres` },
    version: `PostgreSQL ${/\)\s+(\S+)/.exec(full)?.[1] ?? version}`,
    settings: postgresSettings,
    stop,
  }
}

export function missingServers() {
  const missing = []
  if (!answers('redis-server', ['--version'])) missing.push('redis-server')
  if (!existsSync(join(POSTGRES_BIN, 'postgres'))) missing.push('postgresql-15')
  return missing
}
