// Runs hashesMain.ts as somebody else would: in other time zones, under other locales, on other versions of Node (R66).
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Hashes } from './hashesMain.js'

const PROGRAM = fileURLToPath(new URL('./hashesMain.js', import.meta.url))

export type Surroundings = Readonly<{ zone: string; locale: string }>

/** Half and quarter hours, both sides of the date line, a zone that moves its clocks; commas, other digits, other orders of letters. */
export const SURROUNDINGS: ReadonlyArray<Surroundings> = [
  { zone: 'UTC', locale: 'C' },
  { zone: 'Asia/Kathmandu', locale: 'de_DE.UTF-8' },
  { zone: 'Pacific/Kiritimati', locale: 'sv_SE.UTF-8' },
  { zone: 'America/St_Johns', locale: 'ar_EG.UTF-8' },
  { zone: 'Europe/Berlin', locale: 'tr_TR.UTF-8' },
]

/** `node` = the words that start it; default: the one that runs this. */
export const hashesIn = (
  { zone, locale }: Surroundings,
  directories: ReadonlyArray<string>,
  node: ReadonlyArray<string> = [process.execPath],
): Hashes => {
  const [program = '', ...before] = node
  const { status, stdout, stderr } = spawnSync(program, [...before, PROGRAM, ...directories], {
    encoding: 'utf8',
    env: { ...process.env, TZ: zone, LANG: locale, LC_ALL: locale },
  })
  const line = stdout.split('\n').find((text) => text.startsWith('{'))
  if (status !== 0 || line === undefined) throw new Error(`${zone}, ${locale}: ${stdout}${stderr}`)
  return JSON.parse(line) as Hashes
}
