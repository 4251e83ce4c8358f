// A real `ledgerq serve` process on a directory: started, killed, started again.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The compiled program; the same file whether this module runs from its source or from dist. */
const PROGRAM = fileURLToPath(
  new URL(
    import.meta.url.includes('/dist/') ? '../../src/cli/main.js' : '../../dist/src/cli/main.js',
    import.meta.url,
  ),
)

export type ServerProcess = Readonly<{
  url: string
  kill: (signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT') => void
  /** Resolves with the exit code, or the signal's name. */
  ended: Promise<number | string>
}>

/** Rejects with what the process said when it ends before it listens. */
export const startServerProcess = (
  directory: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> => {
  const child: ChildProcess = spawn(
    process.execPath,
    [PROGRAM, '--json', 'serve', '--data', directory, '--port', '0'],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } },
  )
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code ?? -1))
  })
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', (bytes: Buffer) => {
      said += bytes.toString()
    })
    let out = ''
    child.stdout?.on('data', (bytes: Buffer) => {
      out += bytes.toString()
      const found = /"url":\s*"([^"]+)"/.exec(out)
      if (found?.[1] === undefined) return
      resolve({ url: found[1], kill: (signal) => child.kill(signal), ended })
    })
    void ended.then((how) => reject(new Error(`the server ended (${how}) before it listened: ${said}${out}`)))
  })
}
