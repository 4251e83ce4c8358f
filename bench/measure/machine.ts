// What the figures were measured on: processor, memory, kernel, file system, the price of one sync on it, and how busy the
// machine already was. Refuses memory file systems, where "durable" would mean nothing.
import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { quantileOf } from './quantiles.js'

const TMPFS_MAGIC = 0x01021994
const RAMFS_MAGIC = 0x858458f6
const SYNC_PROBES = 200
const SYNC_PROBE_BYTES = 4096

export type MachineFacts = Readonly<{
  cpu: string
  cores: number
  memory_gb: number
  kernel: string
  node: string
  load_1m_at_start: number
  file_system: string
  fdatasync_4k_ms: Readonly<{ p50: number; p99: number }>
}>

/** Undefined for a disk; a sentence for a directory in memory. */
export const whyNotDurable = (directory: string): string | undefined => {
  const magic = statfsSync(directory).type >>> 0
  if (magic !== TMPFS_MAGIC && magic !== RAMFS_MAGIC) return undefined
  return `${directory} is in memory (tmpfs or ramfs), where a sync means nothing: pass --dir with a directory on a disk`
}

const fileSystemOf = (directory: string): string => {
  const path = resolve(directory)
  let best = { point: '', text: 'unknown' }
  for (const line of readMounts().split('\n')) {
    const [, point = '', kind = '', options = ''] = line.split(' ')
    const holds = path === point || path.startsWith(point === '/' ? '/' : `${point}/`)
    if (holds && point.length >= best.point.length) best = { point, text: `${kind} (${options})` }
  }
  return best.text
}

const readMounts = (): string => {
  try {
    return readFileSync('/proc/mounts', 'utf8').trim()
  } catch {
    return ''
  }
}

const syncCostMs = (directory: string): MachineFacts['fdatasync_4k_ms'] => {
  const path = join(directory, 'sync.probe')
  const file = openSync(path, 'w')
  const block = Buffer.alloc(SYNC_PROBE_BYTES, 1)
  const tookMs = new Float64Array(SYNC_PROBES)
  for (let i = 0; i < SYNC_PROBES; i++) {
    const began = performance.now()
    writeSync(file, block)
    fdatasyncSync(file)
    tookMs[i] = performance.now() - began
  }
  closeSync(file)
  rmSync(path)
  const at = quantileOf(tookMs)
  return { p50: at(0.5), p99: at(0.99) }
}

export const machineFacts = (directory: string): MachineFacts => {
  const processors = cpus()
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memory_gb: Number((totalmem() / 1024 ** 3).toFixed(1)),
    kernel: `${type()} ${release()}`,
    node: process.version,
    load_1m_at_start: Number((loadavg()[0] ?? 0).toFixed(2)),
    file_system: fileSystemOf(directory),
    fdatasync_4k_ms: syncCostMs(directory),
  }
}
