// What every command gets: its terminal, its configuration with the global flags applied, and how it shows what it found.
import type { Command } from 'commander'
import type { Actor } from '../api/types/index.js'
import { connectLedger, type RemoteLedger } from '../client/connectLedger.js'
import type { Config, ConfigFlags, LoadedConfig } from '../config/index.js'
import { CommandFailed, EXIT, UsageError } from './exitCode.js'
import type { Terminal } from './terminal.js'

export type Process = Readonly<{
  /** Fires on the first SIGINT or SIGTERM; the second ends the process at once. */
  stopping: () => AbortSignal
  who: string
}>

export type Surroundings = Readonly<{
  terminal: Terminal
  version: string
  config: (flags: ConfigFlags) => LoadedConfig
  process: Process
}>

export type GlobalOptions = Readonly<{ url?: string; token?: string; config?: string; json?: boolean }>

export type Context = Readonly<{
  terminal: Terminal
  version: string
  config: Config
  /** The same with the source of each value. */
  loaded: LoadedConfig
  process: Process
  json: boolean
  ledger: RemoteLedger
  /** Who is recorded with an operator's action. */
  actor: Actor
  /** JSON for programs, or text for people. */
  show: (value: unknown, text: () => string) => void
}>

/** What the global flags say about the configuration. */
export const contextFlags = (command: Command): ConfigFlags => {
  const { url, token, config } = command.optsWithGlobals<GlobalOptions>()
  return {
    ...(url === undefined ? {} : { url }),
    ...(token === undefined ? {} : { token }),
    ...(config === undefined ? {} : { config }),
  }
}

/** `flags`: what the command itself takes of the configuration, beside the global flags. */
export const contextOf = (surroundings: Surroundings, command: Command, flags: ConfigFlags = {}): Context => {
  const { terminal, process } = surroundings
  const loaded = surroundings.config({ ...flags, ...contextFlags(command) })
  const { config } = loaded
  const json = command.optsWithGlobals<GlobalOptions>().json === true
  let ledger: RemoteLedger
  try {
    ledger = connectLedger({ url: config.url, token: config.token })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
  return {
    terminal,
    version: surroundings.version,
    config,
    loaded,
    process,
    json,
    ledger,
    actor: { who: process.who, why: `ledgerq ${commandName(command)}` },
    show: (value, text) => terminal.out(json ? JSON.stringify(value) : text()),
  }
}

const commandName = (command: Command): string => {
  const parent = command.parent?.parent === null || command.parent === null ? '' : `${command.parent.name()} `
  return parent + command.name()
}

export type DestructiveOptions = Readonly<{ yes?: boolean; dryRun?: boolean }>

/** True when the deed is to be done; a dry run has said what it would do, and without --yes nothing is done. */
export const isConfirmed = (context: Context, options: DestructiveOptions, deed: string): boolean => {
  if (options.dryRun === true) {
    context.show({ dryRun: true, would: deed }, () => `Would ${deed}. Nothing was changed.`)
    return false
  }
  if (options.yes === true) return true
  context.terminal.say(`This would ${deed}. Repeat with --yes to do it, or with --dry-run to look.`)
  throw new CommandFailed(EXIT.usage)
}

export const wholeNumber =
  (name: string, from: number, to = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= from && value <= to) return value
    const range = to === Number.MAX_SAFE_INTEGER ? `from ${from}` : `from ${from} to ${to}`
    throw new UsageError(`${name}: accepted is a whole number ${range}`)
  }
