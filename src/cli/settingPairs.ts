// --set name=value: any setting of a queue on the command line, the nested ones as JSON. What a setting is called and what
// it accepts is the ledger's to say, so that a mistake is answered in the same words everywhere.
import { UsageError } from './exitCode.js'

export type SettingPairs = Readonly<Record<string, unknown>>

/** Text that is no JSON stands for itself: `order=fifo` needs no quotes within quotes. */
const valueIn = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    if (/^[[{"]/.test(text)) throw new UsageError(`--set: ${text} is no JSON`)
    return text
  }
}

/** One more pair, as commander calls it for each --set. */
export const settingPair = (pair: string, others: SettingPairs = {}): SettingPairs => {
  const at = pair.indexOf('=')
  if (at < 1) throw new UsageError('--set: accepted is name=value, e.g. order=fifo')
  return { ...others, [pair.slice(0, at)]: valueIn(pair.slice(at + 1)) }
}
