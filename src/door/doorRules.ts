// What all parts of the door share: the form of a refusal, and what a name may be made of.

export type DoorRefusal = Readonly<{ type: 'Invalid'; field: string; problem: string }>

export const NAME_CHARS_MAX = 256
/** No control characters, no half surrogates: fit for a log line, a header and a URL. */
export const isClean = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    // The pattern takes three times as long for a short text, and most are ASCII.
    if (code < 0x20 || code >= 0x7f) return CLEAN_TEXT.test(text)
  }
  return true
}
const CLEAN_TEXT = /^[^\p{Cc}\p{Cs}]*$/u
