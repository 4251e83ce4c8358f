// The file calls that the log makes beside its thread (snapshots, next segments, marks), with a failpoint at each of them.
// The log imports them by name from `node:fs/promises`; those imports follow the module's object once they are synced.

import files, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import type { KillSwitch } from './failpoints.js'

const { open, rename, rm, writeFile } = files

const watched = (killSwitch: KillSwitch, handle: FileHandle, path: string): FileHandle => {
  const write = handle.write.bind(handle) as (
    bytes: Uint8Array,
    start: number,
    length: number,
    offset: number,
  ) => Promise<unknown>
  const sync = handle.sync.bind(handle)
  const datasync = handle.datasync.bind(handle)
  return Object.assign(handle, {
    write: (bytes: Uint8Array, start: number, length: number, offset: number) =>
      killSwitch.runAsync(
        { op: 'write', path, offset },
        () => write(bytes, start, length, offset),
        () => write(bytes, start, length >> 1, offset),
      ),
    sync: () => killSwitch.runAsync({ op: 'sync', path }, sync),
    datasync: () => killSwitch.runAsync({ op: 'sync', path }, datasync),
  })
}

export const killInFileCalls = (killSwitch: KillSwitch): void => {
  files.open = async (path, flags, mode) => {
    const operation = { op: 'open', path: String(path) } as const
    const handle = await killSwitch.runAsync(operation, () => open(path, flags, mode))
    return watched(killSwitch, handle, String(path))
  }
  files.rename = (from, to) => killSwitch.runAsync({ op: 'rename', path: String(to) }, () => rename(from, to))
  files.rm = (path, options) =>
    killSwitch.runAsync({ op: 'remove', path: String(path) }, () => rm(path, options))
  files.writeFile = (path, content, options) => {
    const bytes = Buffer.from(content as string | Uint8Array)
    return killSwitch.runAsync(
      { op: 'write', path: String(path) },
      () => writeFile(path, bytes, options),
      () => writeFile(path, bytes.subarray(0, bytes.length >> 1), options),
    )
  }
  syncBuiltinESMExports()
}
