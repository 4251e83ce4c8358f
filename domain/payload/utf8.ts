// Length and cutting of text in UTF-8 bytes, which is what limits count. Own loops instead of Buffer or TextEncoder:
// nothing is allocated, and this folder needs no host.

const SURROGATE_FIRST = 0xd800
const LOW_SURROGATE_FIRST = 0xdc00
const LOW_SURROGATE_LAST = 0xdfff

/** A UTF-16 code unit takes at most 3 bytes (a pair of them 4), so this many bytes per unit is a safe upper bound. */
export const UTF8_BYTES_PER_UNIT_MAX = 3

const isLowSurrogate = (unit: number): boolean => unit >= LOW_SURROGATE_FIRST && unit <= LOW_SURROGATE_LAST

/** How many units stand at `index` for one code point: 2 for a surrogate pair. */
const unitsAt = (text: string, index: number, unit: number): 1 | 2 =>
  unit >= SURROGATE_FIRST && unit < LOW_SURROGATE_FIRST && isLowSurrogate(text.charCodeAt(index + 1)) ? 2 : 1

/** Units of the longest start of `text` that takes at most `bytesMax` bytes and splits no code point. */
const unitsWithin = (text: string, bytesMax: number): number => {
  let bytes = 0
  let index = 0
  while (index < text.length) {
    const unit = text.charCodeAt(index)
    const units = unit < SURROGATE_FIRST ? 1 : unitsAt(text, index, unit)
    // A lone surrogate counts 3: encoders write U+FFFD for it.
    bytes += units === 2 ? 4 : unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3
    if (bytes > bytesMax) return index
    index += units
  }
  return index
}

export const fitsUtf8 = (text: string, bytesMax: number): boolean =>
  text.length * UTF8_BYTES_PER_UNIT_MAX <= bytesMax ||
  (text.length <= bytesMax && unitsWithin(text, bytesMax) === text.length)

/** The longest start of `text` that fits, without splitting a code point. */
export const cutUtf8 = (text: string, bytesMax: number): string =>
  text.length * UTF8_BYTES_PER_UNIT_MAX <= bytesMax ? text : text.slice(0, unitsWithin(text, bytesMax))
