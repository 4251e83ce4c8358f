// A disk in memory: damage can be tried at every byte without a file system. It keeps what was written, synced or not.
import type { Disk } from '../../../src/adapters/embedded/disk.js'

export type MemoryFiles = Map<string, Uint8Array>

export const copyOf = (files: MemoryFiles): MemoryFiles =>
  new Map([...files].map(([path, bytes]) => [path, bytes.slice()]))

export const memoryDisk = (files: MemoryFiles): Disk => {
  const opened: string[] = []
  const at = (path: string): Uint8Array => {
    const bytes = files.get(path)
    if (bytes === undefined) throw Object.assign(new Error(`no file ${path}`), { code: 'ENOENT' })
    return bytes
  }
  const pathOf = (fd: number): string => opened[fd] ?? 'none'
  return {
    list: (directory) =>
      [...files.keys()]
        .filter((path) => path.startsWith(`${directory}/`))
        .map((path) => path.slice(directory.length + 1)),
    open: (path, create = false) => {
      if (create) files.set(path, new Uint8Array(0))
      at(path)
      return opened.push(path) - 1
    },
    sizeOf: (fd) => at(pathOf(fd)).length,
    read: (fd, into, offset) => {
      const found = at(pathOf(fd)).subarray(offset, offset + into.length)
      into.set(found)
      return found.length
    },
    write: (fd, bytes, offset) => {
      const before = at(pathOf(fd))
      const end = offset + bytes.length
      if (end <= before.length) before.set(bytes, offset)
      else {
        const grown = new Uint8Array(end)
        grown.set(before)
        grown.set(bytes, offset)
        files.set(pathOf(fd), grown)
      }
    },
    datasync: () => {},
    close: () => {},
    rename: (from, to) => {
      files.set(to, at(from))
      files.delete(from)
    },
    remove: (path) => {
      at(path)
      files.delete(path)
    },
    syncDirectory: () => {},
  }
}
