// The log thread on a disk that kills the process at the failpoint it was told (failpoints.ts).
import { parentPort } from 'node:worker_threads'
import { type Disk, realDisk } from '../../../src/adapters/embedded/disk.js'
import { type FromLogThread, runLogThread } from '../../../src/adapters/embedded/logThread.js'
import { KillSwitch } from './failpoints.js'

const killSwitch = new KillSwitch('opening')
const paths = new Map<number, string>()
const pathOf = (fd: number): string => paths.get(fd) ?? 'none'

const killingDisk: Disk = {
  ...realDisk,
  open: (path, create) =>
    killSwitch.run({ op: 'open', path }, () => {
      const fd = realDisk.open(path, create)
      paths.set(fd, path)
      return fd
    }),
  write: (fd, bytes, offset) =>
    killSwitch.run(
      { op: 'write', path: pathOf(fd), offset },
      () => realDisk.write(fd, bytes, offset),
      () => realDisk.write(fd, bytes.subarray(0, bytes.length >> 1), offset),
    ),
  datasync: (fd) => killSwitch.run({ op: 'sync', path: pathOf(fd) }, () => realDisk.datasync(fd)),
  rename: (from, to) => killSwitch.run({ op: 'rename', path: to }, () => realDisk.rename(from, to)),
  remove: (path) => killSwitch.run({ op: 'remove', path }, () => realDisk.remove(path)),
  syncDirectory: (path) => killSwitch.run({ op: 'sync', path }, () => realDisk.syncDirectory(path)),
}

const port = parentPort
if (port === null) throw new Error('started as a worker thread')
const post = port.postMessage.bind(port)
port.postMessage = (message: FromLogThread): void => {
  if (message === 0) killSwitch.run({ op: 'reply', path: 'reply' }, () => post(message))
  else if (message.kind === 'opened') {
    // Counts start before the main thread can hand over the first frame.
    killSwitch.opened()
    post(message)
  } else post(message)
}

runLogThread(killingDisk)
