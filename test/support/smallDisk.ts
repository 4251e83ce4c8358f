// A file system of a few MiB, so that a full disk is a full disk (R07). Root mounts it; anybody else gets it inside a mount
// namespace of his own, where the kernel allows that. Where neither works, `reason` says why, and the tests that need it
// are skipped by name.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { appendFile, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const FILL_STEP_BYTES = 1024 * 1024

export type SmallDisk = Readonly<{
  /** Its folder as this process sees it. */
  path: string
  /** … as a program sees it that is started with `prefix` before its own command. */
  pathInside: string
  prefix: ReadonlyArray<string>
  /** Takes all room that is left but for so many bytes; the returned file gives it back when it is removed. */
  fill: (leaveBytes: number) => Promise<string>
  close: () => Promise<void>
}>

type Opened = Readonly<{ disk: SmallDisk }> | Readonly<{ disk: undefined; reason: string }>

/** Others may take room at the same time, or give some back: what is free is asked again and again. */
const fillOf =
  (path: string) =>
  async (leaveBytes: number): Promise<string> => {
    const ballast = join(path, 'ballast')
    for (;;) {
      const { bavail, bsize } = await statfs(path)
      const bytes = Math.min(FILL_STEP_BYTES, bavail * bsize - leaveBytes)
      if (bytes <= 0) return ballast
      await appendFile(ballast, Buffer.alloc(bytes)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOSPC') throw error
      })
    }
  }

const run = (program: string, ...args: ReadonlyArray<string>): string | undefined => {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 ? undefined : (error?.message ?? stderr.trim())
}

const mountOptions = (bytes: number): ReadonlyArray<string> => [
  ...['-t', 'tmpfs', '-o', `size=${bytes},mode=0777`, 'ledgerq-small'],
]

const mounted = (directory: string, bytes: number): Opened => {
  const failed = run('mount', ...mountOptions(bytes), directory)
  if (failed !== undefined) return { disk: undefined, reason: failed }
  return {
    disk: {
      path: directory,
      pathInside: directory,
      prefix: [],
      fill: fillOf(directory),
      close: async () => {
        run('umount', '--lazy', directory)
        rmSync(directory, { recursive: true, force: true })
      },
    },
  }
}

/** The namespace lives as long as the process that holds it; others enter it by that process's number. */
const inNamespace = async (directory: string, bytes: number): Promise<Opened> => {
  const script = `mount ${mountOptions(bytes).join(' ')} '${directory}' && echo mounted && exec sleep 86400`
  const holder: ChildProcess = spawn('unshare', ['-Urm', 'sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(holder, 'close').then(() => 'unshare: not allowed here')
  const failed = once(holder, 'error').then(([error]) => String(error))
  const isMounted = new Promise<undefined>((resolve) => {
    holder.stdout?.once('data', () => resolve(undefined))
  })
  const reason = await Promise.race([isMounted, ended, failed])
  if (reason !== undefined) return { disk: undefined, reason }
  const path = `/proc/${holder.pid}/root${directory}`
  return {
    disk: {
      path,
      pathInside: directory,
      prefix: ['nsenter', '--preserve-credentials', '-U', '-m', '-t', String(holder.pid)],
      fill: fillOf(path),
      close: async () => {
        holder.kill('SIGKILL')
        await ended
        rmSync(directory, { recursive: true, force: true })
      },
    },
  }
}

export const openSmallDisk = async (bytes: number): Promise<Opened> => {
  const directory = mkdtempSync(join(tmpdir(), 'ledgerq-small-'))
  const byRoot = mounted(directory, bytes)
  const opened = byRoot.disk === undefined ? await inNamespace(directory, bytes) : byRoot
  if (opened.disk !== undefined) return opened
  rmSync(directory, { recursive: true, force: true })
  return { disk: undefined, reason: `no small file system can be made here: ${opened.reason}` }
}
