// The log thread on a disk whose syncs take as many milliseconds as stand in the file `sync-ms` of the ledger's directory;
// without it, and once it is taken away, they take what they take.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'
import { type Disk, realDisk } from '../../src/adapters/embedded/disk.js'
import { type LogThreadData, runLogThread } from '../../src/adapters/embedded/logThread.js'

const { recovery } = workerData as LogThreadData
const slowness = join(recovery.segmentsFolder, '..', 'sync-ms')
const sleeping = new Int32Array(new SharedArrayBuffer(4))

const LOOK_MS = 20

const slownessMs = (): number => {
  try {
    return Number(readFileSync(slowness, 'utf8'))
  } catch {
    return 0
  }
}

const slowDisk: Disk = {
  ...realDisk,
  datasync: (fd) => {
    const from = performance.now()
    while (performance.now() - from < slownessMs()) Atomics.wait(sleeping, 0, 0, LOOK_MS)
    realDisk.datasync(fd)
  },
}

runLogThread(slowDisk)
