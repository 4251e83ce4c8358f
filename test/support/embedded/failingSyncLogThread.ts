// The log thread on a disk whose n-th data sync fails, counted from when the file `fail-at` with n is in the ledger's directory. Should
// a file be synced again after that, `synced-again` appears there.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'
import { type Disk, realDisk } from '../../../src/adapters/embedded/disk.js'
import { type LogThreadData, runLogThread } from '../../../src/adapters/embedded/logThread.js'

const { recovery } = workerData as LogThreadData
const directory = join(recovery.segmentsFolder, '..')
const plan = join(directory, 'fail-at')
let failAt = Number.POSITIVE_INFINITY
let syncs = 0

const failingDisk: Disk = {
  ...realDisk,
  datasync: (fd) => {
    if (failAt === Number.POSITIVE_INFINITY && existsSync(plan))
      failAt = syncs + Number(readFileSync(plan, 'utf8'))
    syncs += 1
    if (syncs > failAt) writeFileSync(join(directory, 'synced-again'), '')
    if (syncs === failAt) throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' })
    realDisk.datasync(fd)
  },
}

runLogThread(failingDisk)
