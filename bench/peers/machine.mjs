// What the figures were measured on: processor, memory, kernel, file system, the price of one sync on
// it, and how busy the machine already was. Refuses memory file systems, where "durable" would mean nothing.
import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { join, resolve } from 'node:path'

const TMPFS_MAGIC = 0x01021994
const RAMFS_MAGIC = 0x858458f6
const SYNC_PROBES = 200
const SYNC_PROBE_BYTES = 4096

export class NotDurable extends Error {}

export function requireRealDisk(directory) {
  const magic = statfsSync(directory).type >>> 0
  if (magic === TMPFS_MAGIC || magic === RAMFS_MAGIC) {
    throw new NotDurable(`${directory} is in memory (tmpfs or ramfs); pass --dir on a real disk`)
  }
}

function fileSystemOf(directory) {
  const path = resolve(directory)
  const mounts = readFileSync('/proc/mounts', 'utf8').trim().split('\n')
  let best = { point: '', kind: 'unknown', options: '' }
  for (const line of mounts) {
    const [, point, kind, options] = line.split(' ')
    const holds = path === point || path.startsWith(point === '/' ? '/' : `${point}/`)
    if (holds && point.length >= best.point.length) best = { point, kind, options }
  }
  return `${best.kind} (${best.options})`
}

function syncCostMs(directory) {
  const file = join(directory, 'sync.probe')
  const handle = openSync(file, 'w')
  const block = Buffer.alloc(SYNC_PROBE_BYTES, 1)
  const took = []
  for (let i = 0; i < SYNC_PROBES; i++) {
    const before = performance.now()
    writeSync(handle, block)
    fdatasyncSync(handle)
    took.push(performance.now() - before)
  }
  closeSync(handle)
  rmSync(file)
  took.sort((a, b) => a - b)
  const at = (share) => Number(took[Math.floor(share * (took.length - 1))].toFixed(3))
  return { p50: at(0.5), p99: at(0.99) }
}

export function machineFacts(directory) {
  const processors = cpus()
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memory_gb: Number((totalmem() / 1024 ** 3).toFixed(1)),
    kernel: `${type()} ${release()}`,
    load_1m_at_start: Number(loadavg()[0].toFixed(2)),
    file_system: fileSystemOf(directory),
    fdatasync_4k_ms: syncCostMs(directory),
  }
}
