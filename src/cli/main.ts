#!/usr/bin/env node
// The program `ledgerq`: the process around the commands. Signals, a reader of stdout that went away, the exit code.
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { loadConfig } from '../config/index.js'
import { EXIT } from './exitCode.js'
import { runCommand } from './program.js'
import { terminalOf } from './terminal.js'

const EXIT_SIGNAL = 128
const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const

let stopping: AbortController | undefined

/** Handlers are installed for commands that can stop gracefully; all others die of a signal as programs do. */
const stoppingSignal = (): AbortSignal => {
  if (stopping !== undefined) return stopping.signal
  const controller = new AbortController()
  stopping = controller
  for (const [name, number] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(EXIT_SIGNAL + number)
      controller.abort()
    })
  }
  return controller.signal
}

const version = (): string => {
  // Compiled to dist/src/cli; the package's own file lies above it.
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

const who = (): string => {
  try {
    return userInfo().username
  } catch {
    // A container may run under a number that has no name.
    return 'cli'
  }
}

// `ledgerq ... | head`: whoever reads has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed)
})

/** Closed is closed: what a client of a broker that went away still tries by itself holds nobody up. */
const LEFTOVERS_MS = 2_000

process.exitCode = await runCommand(
  {
    terminal: terminalOf(process.stdout, process.stderr),
    version: version(),
    config: (flags) => loadConfig({ flags }),
    process: { stopping: stoppingSignal, who: who() },
  },
  process.argv.slice(2),
)
setTimeout(() => process.exit(), LEFTOVERS_MS).unref()
