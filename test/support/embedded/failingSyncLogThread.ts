// The log thread on a disk whose n-th data sync fails, n standing in the file `fail-at` of the ledger's directory. Should
// a file be synced again after that, `synced-again` appears there.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'
import { type Disk, realDisk } from '../../../src/adapters/embedded/disk.js'
import { type LogThreadData, runLogThread } from '../../../src/adapters/embedded/logThread.js'

const { recovery } = workerData as LogThreadData
const directory = join(recovery.segmentsFolder, '..')
const failAt = Number(readFileSync(join(directory, 'fail-at'), 'utf8'))
let syncs = 0

const failingDisk: Disk = {
  ...realDisk,
  datasync: (fd) => {
    syncs += 1
    if (syncs > failAt) writeFileSync(join(directory, 'synced-again'), '')
    if (syncs === failAt) throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' })
    realDisk.datasync(fd)
  },
}

runLogThread(failingDisk)
