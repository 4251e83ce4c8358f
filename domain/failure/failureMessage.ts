// The text of a failure as it is recorded: bounded, one line, valid Unicode. It ends up in the log, in terminals and in
// log files, and its author may be hostile (log injection, terminal escapes, text that runs backwards).
import { cutUtf8, fitsUtf8 } from '../payload/utf8.js'
import { causesOf, textOf } from './thrown.js'

export const FAILURE_MESSAGE_BYTES_MAX = 1_024
const ELLIPSIS = '…'
const ELLIPSIS_BYTES = 3

const LONE_SURROGATES = /\p{Cs}/gu
// Control characters, line and paragraph separators, and the marks that change the direction of text.
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

const messageOf = (thrown: unknown): string => {
  if (typeof thrown === 'string') return thrown === '' ? 'a thrown empty string' : thrown
  if (thrown === null || (typeof thrown !== 'object' && typeof thrown !== 'function')) return String(thrown)
  const name = textOf(thrown, 'name')
  const message = textOf(thrown, 'message')
  if (message === undefined) return name ?? textOf(thrown, 'code') ?? `a thrown ${typeof thrown}`
  return name === undefined || name === 'Error' ? message : `${name}: ${message}`
}

/**
 * What went wrong, in at most `bytesMax` bytes of UTF-8 (an ellipsis at the end says that it was cut): the messages of
 * the error and its causes. Control characters become spaces, lone surrogates U+FFFD. Never throws.
 */
export const failureMessage = (error: unknown, bytesMax: number = FAILURE_MESSAGE_BYTES_MAX): string => {
  // Each unit takes at least one byte: what lies beyond this cannot be kept, and need not be looked at.
  const unitsMax = bytesMax + 1
  let text = ''
  for (const thrown of causesOf(error)) {
    const message = messageOf(thrown).slice(0, unitsMax)
    if (text.length < unitsMax && !text.includes(message)) text += text === '' ? message : `: ${message}`
  }
  const clean = text.slice(0, unitsMax).replace(LONE_SURROGATES, '\ufffd').replace(UNPRINTABLE, ' ')
  if (fitsUtf8(clean, bytesMax)) return clean
  if (bytesMax < ELLIPSIS_BYTES) return cutUtf8(clean, bytesMax)
  return cutUtf8(clean, bytesMax - ELLIPSIS_BYTES) + ELLIPSIS
}
