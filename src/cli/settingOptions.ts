// Settings of the configuration as flags of a command: name, help and default come from the one table, and the text is
// checked there, with the file and the environment.
import type { Command } from 'commander'
import { type ConfigFlags, SETTINGS, type SettingName } from '../config/index.js'

/** As commander hands them over: by the flag's name in camel case; a flag without a value is `true`. */
export type SettingOptions = Readonly<Record<string, string | boolean | undefined>>

const attributeOf = (flag: string): string =>
  flag.slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())

const helpOf = (name: SettingName): string => {
  const { meaning, variable, fallback } = SETTINGS[name]
  const known = fallback === undefined || fallback === false ? '' : `, ${fallback}`
  return `${meaning} (${variable}${known})`
}

export const addSettingOptions = (command: Command, names: ReadonlyArray<SettingName>): Command => {
  for (const name of names) {
    const { flag, fallback } = SETTINGS[name]
    // What is off unless it is asked for needs no value: its flag says true.
    command.option(fallback === false ? flag : `${flag} <value>`, helpOf(name))
  }
  return command
}

export const settingFlags = (options: SettingOptions, names: ReadonlyArray<SettingName>): ConfigFlags =>
  Object.fromEntries(
    names.flatMap((name) => {
      const given = options[attributeOf(SETTINGS[name].flag)]
      return given === undefined ? [] : [[name, String(given)]]
    }),
  )
