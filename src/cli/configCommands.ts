// ledgerq config show | check. Nothing is asked of a server: this is what commands, and a server on this machine, would use.
import type { Command } from 'commander'
import { ConfigError, type LoadedConfig, SETTING_NAMES, shownConfig } from '../config/index.js'
import { contextFlags, type GlobalOptions, type Surroundings } from './context.js'
import { CommandFailed, EXIT } from './exitCode.js'
import { addSettingOptions, type SettingOptions, settingFlags } from './settingOptions.js'
import { shortJson, table } from './table.js'
import { printable } from './terminal.js'

/** All but the global flags. */
const SHOWN_SETTINGS = SETTING_NAMES.filter((name) => name !== 'url' && name !== 'token')

const loadedFor = ({ config }: Surroundings, command: Command, options: SettingOptions): LoadedConfig =>
  config({ ...settingFlags(options, SHOWN_SETTINGS), ...contextFlags(command) })

const shownValue = (value: unknown): string =>
  value === null ? '' : typeof value === 'object' ? shortJson(value) : String(value)

const show = (surroundings: Surroundings, command: Command, options: SettingOptions): void => {
  const { terminal } = surroundings
  const loaded = loadedFor(surroundings, command, options)
  const settings = shownConfig(loaded, options.effective === true)
  if (command.optsWithGlobals<GlobalOptions>().json === true) {
    terminal.out(JSON.stringify({ file: loaded.file ?? null, settings }))
    return
  }
  terminal.out(
    settings.length === 0
      ? 'Nothing is set: all values are the defaults. --effective shows them.'
      : table(
          settings,
          [
            { title: 'setting', cell: ({ key }) => key },
            { title: 'value', cell: ({ value }) => shownValue(value) },
            { title: 'source', cell: ({ source }) => source },
          ],
          terminal.columns,
        ),
  )
}

const check = (surroundings: Surroundings, command: Command, options: SettingOptions): void => {
  const { terminal } = surroundings
  const isJson = command.optsWithGlobals<GlobalOptions>().json === true
  let loaded: LoadedConfig
  try {
    loaded = loadedFor(surroundings, command, options)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { problems } = error
    if (isJson) terminal.out(JSON.stringify({ ok: false, problems }))
    else for (const problem of problems) terminal.say(printable(problem))
    throw new CommandFailed(EXIT.usage)
  }
  const { file, warnings } = loaded
  if (isJson) {
    terminal.out(JSON.stringify({ ok: true, file: file ?? null, warnings }))
    return
  }
  for (const warning of warnings) terminal.say(printable(warning))
  terminal.out(file === undefined ? 'Sound; there is no file.' : `Sound: ${printable(file)}`)
}

export const addConfigCommands = (program: Command, surroundings: Surroundings): void => {
  const config = program
    .command('config')
    .description('the configuration of file, environment and flags: show, check')
  const described = (name: string, description: string): Command =>
    addSettingOptions(config.command(name).description(description), SHOWN_SETTINGS)
  described('show', 'what is set, each value with its source; secrets are masked')
    .option('--effective', 'everything, the defaults included')
    .action((options: SettingOptions, command) => show(surroundings, command, options))
  described('check', 'every problem of the configuration, and exit code 2 if there is one').action(
    (options: SettingOptions, command) => check(surroundings, command, options),
  )
}
