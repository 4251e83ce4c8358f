// Filters as flags (A8, C3): what they may hold is the ledger's to say; here numbers and lists are only read.
import type { Command } from 'commander'
import { MESSAGE_STATES } from '../../domain/message/index.js'
import type { DeadLetterSelection, MessageSelection, MessageState } from '../api/types/index.js'
import { UsageError } from './exitCode.js'
import { priorityOf } from './sendCommand.js'

const TEXTS = {
  type: 'of this type',
  topic: 'of this topic',
  group: 'of this group',
  tenant: 'of this tenant',
  zone: 'of this zone',
  gate: 'that wait for this gate, or would',
  idPrefix: 'whose id begins so',
  failureType: 'whose last failure was of this type',
  enqueuedFrom: 'enqueued at this instant (ISO 8601, or milliseconds since 1970) or later',
  enqueuedTo: 'enqueued before this instant',
} as const
const DEATH_TEXTS = {
  kind: 'system (no handler, a payload that cannot be read) or business (every other failure)',
  deadFrom: 'dead since this instant, or later',
  deadTo: 'dead before this instant',
} as const

type Texts = Readonly<Partial<Record<keyof typeof TEXTS | keyof typeof DEATH_TEXTS, string>>>
export type SelectionFlags = Texts & Readonly<{ state?: string; priorityMin?: string; priorityMax?: string }>

const flagOf = (name: string): string =>
  `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/** `about` = whether messages of any state can be meant, or dead letters. */
export const addSelectionOptions = (command: Command, about: 'messages' | 'deadLetters'): Command => {
  if (about === 'messages')
    command.option('--state <states>', `${MESSAGE_STATES.join(', ')}; several with commas`)
  for (const [name, help] of Object.entries(TEXTS))
    command.option(`${flagOf(name)} <${placeholderOf(name)}>`, help)
  command
    .option('--priority-min <priority>', 'of this priority or a higher one')
    .option('--priority-max <priority>', 'of this priority or a lower one')
  if (about === 'messages') return command
  for (const [name, help] of Object.entries(DEATH_TEXTS))
    command.option(`${flagOf(name)} <${placeholderOf(name)}>`, help)
  return command
}

const placeholderOf = (name: string): string =>
  /From$|To$/.test(name) ? 'instant' : name === 'idPrefix' ? 'text' : name === 'failureType' ? 'type' : name

export const selectionOf = (flags: SelectionFlags): MessageSelection & DeadLetterSelection => {
  const selection: Record<string, unknown> = {}
  for (const name of Object.keys({ ...TEXTS, ...DEATH_TEXTS }) as Array<keyof Texts>) {
    const text = flags[name]
    if (text === undefined) continue
    selection[name] = /(?:From|To)$/.test(name) && /^\d{1,16}$/.test(text) ? Number(text) : text
  }
  for (const name of ['priorityMin', 'priorityMax'] as const) {
    const text = flags[name]
    if (text !== undefined) selection[name] = priorityOf(text, flagOf(name))
  }
  if (flags.state !== undefined) selection.state = statesOf(flags.state)
  return selection as MessageSelection & DeadLetterSelection
}

const statesOf = (text: string): ReadonlyArray<MessageState> =>
  text.split(',').map((one) => {
    const state = MESSAGE_STATES.find((name) => name === one.trim())
    if (state === undefined) throw new UsageError(`--state: accepted is one of ${MESSAGE_STATES.join(', ')}`)
    return state
  })

export const rateOf = (text: string): number => {
  const rate = /^\d{1,7}(?:\.\d{1,3})?$/.test(text) ? Number(text) : 0
  if (rate > 0) return rate
  throw new UsageError('--rate-per-second: accepted is a number above 0')
}

/** The filter in words, for the question before a deed. */
export const wordsOf = (flags: SelectionFlags): string => {
  const names = [...Object.keys(TEXTS), ...Object.keys(DEATH_TEXTS), 'state', 'priorityMin', 'priorityMax']
  const given = names.flatMap((name) => {
    const value = flags[name as keyof SelectionFlags]
    return value === undefined ? [] : [`${flagOf(name)} ${value}`]
  })
  return given.length === 0 ? '' : ` (${given.join(' ')})`
}
