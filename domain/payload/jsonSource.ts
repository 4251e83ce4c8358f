// JSON that came over the wire as text: parsed, and refused where parsing would change it without a word (I10, R53):
// numbers that no double holds, -0, duplicate keys, `__proto__`, half surrogate pairs, depth.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import { hasLoneSurrogate, isForbiddenKey } from './jsonText.js'
import { isKeptNumber } from './keptNumber.js'
import { depthMaxOf, isPlainJson, mayHoldLoneSurrogate } from './plainWalk.js'
import {
  DEFAULT_PAYLOAD_LIMITS,
  jsonPointer,
  type PayloadLimits,
  type PayloadRefusal,
  printable,
} from './refusal.js'
import { fitsUtf8 } from './utf8.js'

/** Longer texts have their nesting counted before they are parsed, see `checkJsonSource`. */
const PARSED_UNSEEN_UNITS_MAX = 8_192

/**
 * The value of a JSON text, or why it is refused. What is preserved are JSON values, not their spelling: white space,
 * escapes (`\u0041` = `A`), `1.0` for `1`, and the order of integer-like keys, which JavaScript sorts, may change.
 *
 * If writing the parsed value gives the same text, nothing was lost, and that is all there is to prove: clients that
 * send compact JSON take this path. Otherwise a scanner of the text looks for each of the changes above.
 */
export const checkJsonSource = (
  text: string,
  limits: PayloadLimits = DEFAULT_PAYLOAD_LIMITS,
): Either<PayloadRefusal, unknown> => {
  if (!fitsUtf8(text, limits.bytesMax)) return left({ type: 'TooLarge', path: '', bytesMax: limits.bytesMax })
  // JSON.parse needs 100 ms for 256 KiB of brackets and 1.5 s for 2 MB (measured, Node 20): it must not see them.
  if (text.length > PARSED_UNSEEN_UNITS_MAX && nestsDeeper(text, depthMaxOf(limits))) {
    const depthMax = depthMaxOf(limits)
    return left(scanSource(text, limits) ?? { type: 'TooDeep', path: '', depthMax })
  }
  const parsed = parse(text)
  if (isLeft(parsed)) return parsed
  if (isPlainJson(parsed.right, limits)) {
    const written = JSON.stringify(parsed.right)
    if (written === text && !mayHoldLoneSurrogate(text)) return parsed
  }
  const refusal = scanSource(text, limits)
  return refusal === undefined ? parsed : left(refusal)
}

/**
 * The same for bytes. Only here can invalid UTF-8 be seen: in a decoded text it has become U+FFFD, which is also a
 * legal character that a payload may hold.
 */
export const checkJsonBytes = (
  bytes: Uint8Array,
  limits: PayloadLimits = DEFAULT_PAYLOAD_LIMITS,
): Either<PayloadRefusal, unknown> => {
  if (bytes.length > limits.bytesMax) return left({ type: 'TooLarge', path: '', bytesMax: limits.bytesMax })
  try {
    // A decoder that has thrown may keep state, so each call has its own. A byte order mark is kept, and refused.
    return checkJsonSource(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), limits)
  } catch {
    return left({ type: 'NotUtf8', path: '' })
  }
}

const BYTE_ORDER_MARK = 0xfeff
const POSITION = /at position (\d+)/

const parse = (text: string): Either<PayloadRefusal, unknown> => {
  try {
    return right(JSON.parse(text))
  } catch (error) {
    // Of the parser's message only the position is used: the rest quotes the payload.
    const position = POSITION.exec(error instanceof Error ? error.message : '')?.[1]
    return left({
      type: 'Malformed',
      path: '',
      position: position === undefined ? undefined : Number(position),
      byteOrderMark: text.charCodeAt(0) === BYTE_ORDER_MARK,
    })
  }
}

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
const BRACKET_OPEN = 0x5b
const BACKSLASH = 0x5c
const BRACKET_CLOSE = 0x5d
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d

/** Where the string that opens at `start` ends: the index behind its closing quote. */
const stringEnd = (text: string, start: number): number => {
  let quote = text.indexOf('"', start + 1)
  while (quote !== -1) {
    let escapes = quote
    while (text.charCodeAt(escapes - 1) === BACKSLASH) escapes -= 1
    // An even number of backslashes are escaped backslashes, and the quote is one.
    if ((quote - escapes) % 2 === 0) return quote + 1
    quote = text.indexOf('"', quote + 1)
  }
  return text.length
}

const nestsDeeper = (text: string, depthMax: number): boolean => {
  let depth = 0
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) at = stringEnd(text, at) - 1
    else if (unit === BRACKET_OPEN || unit === BRACE_OPEN) depth += 1
    else if (unit === BRACKET_CLOSE || unit === BRACE_CLOSE) depth -= 1
    if (depth > depthMax) return true
  }
  return false
}

/** One open array or object; `keys` only of objects. `token` is the current key or index. */
type Frame = { readonly keys: Set<string> | undefined; token: string | number }

const pointerTo = (frames: ReadonlyArray<Frame>): string => jsonPointer(frames.map(({ token }) => token))

/**
 * The first thing that parsing `text` would change. It trusts that the text is JSON (it only answers, and never throws,
 * if it is not), so it looks at strings, numbers and brackets alone. One pass, no recursion.
 */
export const scanSource = (text: string, limits: PayloadLimits): PayloadRefusal | undefined => {
  const depthMax = depthMaxOf(limits)
  const frames: Frame[] = []
  let keyExpected = false
  let at = 0
  while (at < text.length) {
    const unit = text.charCodeAt(at)
    const frame = frames.at(-1)
    let refusal: PayloadRefusal | undefined
    let end = at + 1
    if (unit === QUOTE) {
      end = stringEnd(text, at)
      const decoded = decode(text.slice(at, end))
      refusal = keyExpected ? keyRefusal(decoded, frames, limits) : textRefusal(decoded, frames)
      keyExpected = false
    } else if (unit === MINUS || (unit >= DIGIT_0 && unit <= DIGIT_9)) {
      end = numberEnd(text, at)
      const source = text.slice(at, end)
      if (!isKeptNumber(source)) {
        refusal = { type: 'NumberNotKept', path: pointerTo(frames), found: printable(source) }
      }
    } else if (unit === BRACKET_OPEN || unit === BRACE_OPEN) {
      if (frames.length >= depthMax) refusal = { type: 'TooDeep', path: pointerTo(frames), depthMax }
      keyExpected = unit === BRACE_OPEN
      frames.push(keyExpected ? { keys: new Set(), token: '' } : { keys: undefined, token: 0 })
    } else if (unit === BRACKET_CLOSE || unit === BRACE_CLOSE) {
      keyExpected = false
      frames.pop()
    } else if (unit === COMMA && frame !== undefined) {
      keyExpected = frame.keys !== undefined
      if (typeof frame.token === 'number') frame.token += 1
    }
    if (refusal !== undefined) return refusal
    at = end
  }
  return undefined
}

const decode = (literal: string): string => {
  if (!literal.includes('\\')) return literal.slice(1, -1)
  try {
    return String(JSON.parse(literal))
  } catch {
    return literal
  }
}

const NUMBER = /[-+.0-9eE]+/y
const numberEnd = (text: string, start: number): number => {
  NUMBER.lastIndex = start
  return start + (NUMBER.exec(text)?.[0].length ?? 1)
}

const textRefusal = (decoded: string, frames: ReadonlyArray<Frame>): PayloadRefusal | undefined =>
  hasLoneSurrogate(decoded) ? { type: 'TextNotUnicode', path: pointerTo(frames) } : undefined

const keyRefusal = (
  key: string,
  frames: ReadonlyArray<Frame>,
  { keysMax }: PayloadLimits,
): PayloadRefusal | undefined => {
  const frame = frames.at(-1)
  if (frame?.keys === undefined) return undefined
  const path = pointerTo(frames.slice(0, -1))
  if (isForbiddenKey(key, frames.at(-2)?.token === 'constructor')) return { type: 'ForbiddenKey', path, key }
  if (frame.keys.has(key)) return { type: 'DuplicateKey', path, key: printable(key) }
  frame.keys.add(key)
  frame.token = key
  if (frame.keys.size > keysMax) return { type: 'TooManyKeys', path, keysMax }
  return textRefusal(key, frames)
}
