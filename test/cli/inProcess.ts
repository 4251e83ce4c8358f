// The command line without a process: what it says is kept, and nothing of this machine's configuration comes in.
import { Writable } from 'node:stream'
import { runCommand } from '../../src/cli/program.js'
import { type Environment, loadConfig } from '../../src/config/index.js'

export type Spoken = Readonly<{ code: number; out: string; err: string }>

export const runInProcess = async (
  args: ReadonlyArray<string>,
  surroundings: Readonly<{ environment?: Environment; directory: string }>,
): Promise<Spoken> => {
  const out: string[] = []
  const err: string[] = []
  const { environment = {}, directory } = surroundings
  const code = await runCommand(
    {
      terminal: {
        out: (line) => out.push(line),
        outSlowly: (line) => {
          out.push(line)
          return Promise.resolve()
        },
        say: (line) => err.push(line),
        stderr: new Writable({ write: (_chunk, _encoding, done) => done() }),
        isWatched: false,
        columns: undefined,
      },
      version: '0.0.0',
      config: (flags) => loadConfig({ flags, environment, directory }),
      process: { stopping: () => new AbortController().signal, who: 'tester' },
    },
    args,
  )
  return { code, out: out.join('\n'), err: err.join('\n') }
}
