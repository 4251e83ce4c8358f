// What is wrong with a configuration: all of it, each line with its source, its key and what is accepted. Values are never
// quoted: one of them may be the token, put where it does not belong.
import { nearestName } from './nearestName.js'

/** `problems` has a line each; the message is the first of them. */
export class ConfigError extends Error {
  constructor(readonly problems: ReadonlyArray<string>) {
    const [first = 'not understood', ...more] = problems
    super(more.length === 0 ? first : `${first} (${more.length} more: ledgerq config check lists them)`)
    this.name = 'ConfigError'
  }
}

const PROBLEMS_MAX = 50
const NAME_CHARS_MAX = 64

export type Problems = Readonly<{
  add: (place: string, problem: string) => void
  /** @throws ConfigError when there are any */
  throwIfAny: () => void
}>

export const problems = (): Problems => {
  const lines: string[] = []
  return {
    add: (place, problem) => {
      if (lines.length < PROBLEMS_MAX) lines.push(`${place}: ${problem}`)
    },
    throwIfAny: () => {
      if (lines.length > 0) throw new ConfigError(lines)
    },
  }
}

export const unknownName = (what: string, name: string, known: ReadonlyArray<string>): string => {
  const nearest = nearestName(name, known)
  const hint = nearest === undefined ? '' : `; the nearest known one is ${nearest}`
  return `unknown ${what}${hint}; accepted are ${known.join(', ')}`
}

/** A name that somebody wrote, cut to what fits a sentence. */
export const shortName = (name: string): string =>
  name.length > NAME_CHARS_MAX ? `${name.slice(0, NAME_CHARS_MAX)}…` : name
