// Starts the emulator as a process of its own and plants faults in it from outside.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FaultRule } from './faults.js'

/** The compiled program; the same file whether this module runs from its source or from dist. */
const PROGRAM = fileURLToPath(
  new URL(
    import.meta.url.includes('/dist/')
      ? './emulatorMain.js'
      : '../../../dist/test/support/eventstoredb/emulatorMain.js',
    import.meta.url,
  ),
)

export type EmulatorState = Readonly<{
  events: number
  calls: Readonly<Record<string, number>>
  met: Readonly<Record<string, number>>
}>

export type EmulatorProcess = Readonly<{
  connectionString: string
  plant: (rule: FaultRule) => Promise<unknown>
  command: (what: 'release' | 'cut' | 'down' | 'up') => Promise<unknown>
  heal: () => Promise<unknown>
  state: () => Promise<EmulatorState>
  kill: (signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT') => void
  stop: () => Promise<void>
}>

export const startEmulatorProcess = async (...args: ReadonlyArray<string>): Promise<EmulatorProcess> => {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()))
  const ports = await new Promise<{ port: number; control: number }>((resolve, reject) => {
    child.stdout.once('data', (bytes) => resolve(JSON.parse(String(bytes))))
    void ended.then(() => reject(new Error('the emulator ended before it listened')))
  })
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(`http://127.0.0.1:${ports.control}${path}`, { method, ...sent })
    return response.json()
  }
  return {
    connectionString: `esdb://127.0.0.1:${ports.port}?tls=false`,
    plant: (rule) => ask('POST', '/faults', rule),
    command: (what) => ask('POST', `/${what}`),
    heal: () => ask('DELETE', '/faults'),
    state: () => ask('GET', '/state') as Promise<EmulatorState>,
    kill: (signal) => void child.kill(signal),
    stop: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
