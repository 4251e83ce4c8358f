// Text from outside, made fit for one line of a log: nothing in it ends the line, moves a cursor, or runs backwards. What was
// there stays readable as an escape.

// Line ends, escape sequences (also the single-character form, U+009B), half surrogates, marks that turn text around.
const UNFIT = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu

const TEXT_CHARS_MAX = 2_000
const DEPTH_MAX = 6
const ITEMS_MAX = 50

const escaped = (found: string): string => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`

const cut = (text: string): string =>
  text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}… (${text.length} characters)` : text

/** Texts cut, depth and width bounded, and nothing that JSON would refuse. */
const bounded = (value: unknown, depth: number, ofText: (text: string) => string = cut): unknown => {
  if (typeof value === 'string') return ofText(value)
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof Error) return ofText(value.message)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= DEPTH_MAX) return '…'
  if (Array.isArray(value)) {
    return value.slice(0, ITEMS_MAX).map((item) => bounded(item, depth + 1, ofText))
  }
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, ITEMS_MAX)
      .map(([key, item]) => [ofText(key), bounded(item, depth + 1, ofText)]),
  )
}

export const harmlessText = (text: string): string => cut(text).replace(UNFIT, escaped)

/** Every text inside, keys too, for a logger that may write it as it is. */
export const harmless = (value: unknown): unknown => bounded(value, 0, harmlessText)

/** JSON on one line. Its own escapes are used, so that a parser gets back the text as it was (cut, if it was long). */
export const harmlessJson = (value: unknown): string =>
  (JSON.stringify(bounded(value, 0)) ?? 'null').replace(UNFIT, escaped)
