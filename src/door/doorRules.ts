// What all parts of the door share: the form of a refusal, and what a name may be made of.

export type DoorRefusal = Readonly<{ type: 'Invalid'; field: string; problem: string }>

export const NAME_CHARS_MAX = 256
/** No control characters, no half surrogates: fit for a log line, a header and a URL. */
export const CLEAN_TEXT = /^[^\p{Cc}\p{Cs}]*$/u
