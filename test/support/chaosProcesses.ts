// The processes of a chaos run: how they are started, heard, stopped and ended. Whoever starts one ends it.
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Line } from './chaosLines.js'

export const SERVER = fileURLToPath(new URL('./chaosServer.js', import.meta.url))
export const LIBRARY = fileURLToPath(new URL('./chaosLibrary.js', import.meta.url))
export const WORKER = fileURLToPath(new URL('./chaosWorker.js', import.meta.url))
export const COMMAND_LINE = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

const SAID_CHARS_MAX = 20_000

export type Running = Readonly<{
  pid: number
  /** Resolves when it serves; rejects when it ends before. */
  ready: Promise<void>
  /** Resolves with the exit code, or the signal's name, once everything it said has been heard. */
  ended: Promise<number | string>
  isOver: () => boolean
  signal: (signal: NodeJS.Signals) => void
  /** The end of what it wrote to standard error. */
  complaints: () => string
}>

export const start = (
  args: ReadonlyArray<string>,
  onLine: (line: Line) => void,
  environment: Readonly<Record<string, string>> = {},
): Running => {
  const child: ChildProcess = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  let over = false
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      over = true
      resolve(signal ?? code ?? -1)
    })
  })
  let complaints = ''
  child.stderr?.on('data', (bytes: Buffer) => {
    complaints = (complaints + bytes.toString()).slice(-SAID_CHARS_MAX)
  })
  const ready = new Promise<void>((resolve, reject) => {
    let rest = ''
    child.stdout?.on('data', (bytes: Buffer) => {
      const lines = (rest + bytes.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const text of lines) {
        const line = lineOf(text)
        if (line === undefined) continue
        if (line.say === 'ready') resolve()
        onLine(line)
      }
    })
    void ended.then((how) => reject(new Error(`it ended (${how}) before it served: ${complaints}`)))
  })
  // Whoever does not wait for it finds out by its end.
  ready.catch(() => undefined)
  return {
    pid: child.pid ?? 0,
    ready,
    ended,
    isOver: () => over,
    signal: (signal) => void child.kill(signal),
    complaints: () => complaints,
  }
}

/** `ledgerq serve` says where it serves, in JSON of its own. */
const lineOf = (text: string): Line | undefined => {
  if (!text.startsWith('{')) return undefined
  const line = JSON.parse(text) as Line | Readonly<{ url: string }>
  return 'url' in line ? { say: 'ready' } : line
}

/** After so long, to less than a millisecond: a timer alone always strikes between two turns of the clock. */
export const moment = async (ms: number): Promise<void> => {
  const until = performance.now() + ms
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, ms - 1)))
  while (performance.now() < until);
}

export const within = async <A>(ms: number, promise: Promise<A>): Promise<A | undefined> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Its server comes back at the same place, as its clients expect. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
