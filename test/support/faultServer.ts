// The parent's end of `faultServerMain.ts`: starts such a server, tells it what happens to it, ends it.
import { type ChildProcess, spawn } from 'node:child_process'

export type FaultServerOptions = Readonly<{
  directory: string
  segmentBytes?: number
  /** The disk of the log thread. */
  disk?: 'failingSync' | 'slowSync'
  snapshotEveryEvents?: number
}>

export type Misfortune =
  | Readonly<{ what: 'jumpWall' | 'block'; ms: number }>
  | Readonly<{ what: 'blockPool'; pipes: ReadonlyArray<string> }>
  | Readonly<{ what: 'watchLoop' | 'loopDelays' | 'throw' | 'reject' | 'fillHeap' }>

export type FaultServer = Readonly<{
  url: string
  pid: number
  /** Answers what the server told, once it happened. */
  suffer: (misfortune: Misfortune) => Promise<unknown>
  /** The same, for what nobody answers after. */
  inflict: (misfortune: Misfortune) => void
  kill: (signal: NodeJS.Signals) => void
  /** Resolves with the exit code, or the signal's name. */
  ended: Promise<number | string>
  said: () => string
  /** Resolves when all of the pool's threads that were blocked on these pipes are free again. */
  freed: (pipes: ReadonlyArray<string>) => Promise<void>
  /** How many are. */
  freedCount: () => number
}>

type Told = { url?: string; refused?: unknown; done?: string; told?: unknown; freed?: string }

const PROGRAM = new URL('./faultServerMain.js', import.meta.url)

export type StartOptions = Readonly<{
  /** What stands before the command: a shell with a limit, a namespace. */
  prefix?: ReadonlyArray<string>
  nodeFlags?: ReadonlyArray<string>
  /** Where the process runs: what it leaves behind when it dies of its heap stays there. */
  cwd?: string
}>

export const startFaultServer = async (
  options: FaultServerOptions,
  { prefix = [], nodeFlags = [], cwd }: StartOptions = {},
): Promise<FaultServer> => {
  const [program = '', ...args] = [
    ...prefix,
    process.execPath,
    ...nodeFlags,
    PROGRAM.pathname,
    JSON.stringify(options),
  ]
  const child: ChildProcess = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    ...(cwd === undefined ? {} : { cwd }),
  })
  let said = ''
  child.stderr?.on('data', (bytes: Buffer) => {
    said += bytes.toString()
  })
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code ?? -1))
  })
  const told = (isIt: (message: Told) => boolean): Promise<Told> =>
    new Promise((resolve, reject) => {
      const listen = (message: Told): void => {
        if (!isIt(message)) return
        child.off('message', listen)
        resolve(message)
      }
      child.on('message', listen)
      void ended.then((how) => reject(new Error(`the server ended (${how}): ${said}`)))
    })
  const freed = new Set<string>()
  let onFreed: () => void = () => undefined
  child.on('message', (message: Told) => {
    if (message.freed === undefined) return
    freed.add(message.freed)
    onFreed()
  })
  const first = await told(({ url, refused }) => url !== undefined || refused !== undefined)
  if (first.url === undefined)
    throw new Error(`the server refused to start: ${JSON.stringify(first.refused)}`)
  return {
    url: first.url,
    pid: child.pid ?? 0,
    suffer: async (misfortune) => {
      const done = told((message) => message.done === misfortune.what)
      child.send(misfortune)
      return (await done).told
    },
    inflict: (misfortune) => {
      child.send(misfortune)
    },
    kill: (signal) => {
      child.kill(signal)
    },
    ended,
    said: () => said,
    freed: (pipes) =>
      new Promise((resolve) => {
        onFreed = () => {
          if (pipes.every((pipe) => freed.has(pipe))) resolve()
        }
        onFreed()
      }),
    freedCount: () => freed.size,
  }
}
