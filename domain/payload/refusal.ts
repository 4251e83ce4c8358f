// Why a payload was refused at the door (I10): a closed set with the place as a JSON pointer, and one sentence for each.
// Nothing of the payload but key names reaches a sentence: payloads may hold secrets, and sentences end up in logs.

export type PayloadLimits = Readonly<{
  /** UTF-8 bytes of the JSON text. */
  bytesMax: number
  /** Arrays and objects inside each other: a plain number is 0 deep, `[]` is 1 deep. At most {@link DEPTH_LIMIT_MAX}. */
  depthMax: number
  /** Keys of one object. */
  keysMax: number
}>

export const PAYLOAD_BYTES_MAX = 256 * 1_024
export const PAYLOAD_DEPTH_MAX = 64
/** An object used as a dictionary is fine, but tables and indexes over payloads are built for records. */
export const PAYLOAD_KEYS_MAX = 10_000
export const DEFAULT_PAYLOAD_LIMITS: PayloadLimits = {
  bytesMax: PAYLOAD_BYTES_MAX,
  depthMax: PAYLOAD_DEPTH_MAX,
  keysMax: PAYLOAD_KEYS_MAX,
}
/** A higher `depthMax` counts as this: JSON.stringify and structuredClone fail from about 5,000 on (measured, Node 20). */
export const DEPTH_LIMIT_MAX = 1_000

type At = Readonly<{ path: string }>
export type PayloadRefusal =
  /** undefined, a function, a symbol, a bigint: JSON has no such value. */
  | (At & Readonly<{ type: 'NotJsonValue'; found: string }>)
  /** A number that would come back as another one: NaN, Infinity, -0, 2^53+1, 1e400, an invalid Date. */
  | (At & Readonly<{ type: 'NumberNotKept'; found: string }>)
  /** A string or key with half of a surrogate pair. */
  | (At & Readonly<{ type: 'TextNotUnicode' }>)
  /** A Map, a Set, a class instance: JSON would keep only what happens to be an enumerable property. */
  | (At & Readonly<{ type: 'ObjectNotPlain'; found: string }>)
  /** Symbol keys of an object, named properties of an array: JSON drops them. */
  | (At & Readonly<{ type: 'PropertyNotKept'; found: string }>)
  | (At & Readonly<{ type: 'Cycle' }>)
  | (At & Readonly<{ type: 'TooDeep'; depthMax: number }>)
  | (At & Readonly<{ type: 'TooManyKeys'; keysMax: number }>)
  /** Keys that pollute prototypes when objects are merged: `__proto__`, and `prototype` inside `constructor`. */
  | (At & Readonly<{ type: 'ForbiddenKey'; key: string }>)
  | (At & Readonly<{ type: 'DuplicateKey'; key: string }>)
  /** A getter, a proxy or toJSON threw. */
  | (At & Readonly<{ type: 'Unreadable' }>)
  | (At & Readonly<{ type: 'TooLarge'; bytesMax: number }>)
  /** `position` in UTF-16 units, where the parser tells it. */
  | (At & Readonly<{ type: 'Malformed'; position: number | undefined; byteOrderMark: boolean }>)
  | (At & Readonly<{ type: 'NotUtf8' }>)

const TOKEN_CHARS_MAX = 64
const POINTER_CHARS_MAX = 256
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu

/** Text from a payload, fit for one line of a log: bounded, without control characters. */
export const printable = (text: string, charsMax: number = TOKEN_CHARS_MAX): string => {
  const cut = text.length > charsMax ? `${text.slice(0, charsMax)}…` : text
  return cut.replace(UNPRINTABLE, '\ufffd')
}

/** RFC 6901. Long keys and long paths are cut with an ellipsis; the place stays recognisable and the text bounded. */
export const jsonPointer = (trail: ReadonlyArray<string | number>): string => {
  let pointer = ''
  for (const token of trail) {
    if (pointer.length >= POINTER_CHARS_MAX) return `${pointer}/…`
    pointer += `/${printable(String(token)).replaceAll('~', '~0').replaceAll('/', '~1')}`
  }
  return pointer
}

const problemOf = (refusal: PayloadRefusal): string => {
  switch (refusal.type) {
    case 'NotJsonValue':
      return `found ${refusal.found}; accepted are null, booleans, numbers, strings, arrays and plain objects (leave absent keys out)`
    case 'NumberNotKept':
      return `the number ${refusal.found} would come back as another value; accepted are finite doubles other than -0 (send others as strings)`
    case 'TextNotUnicode':
      return 'found half of a surrogate pair; accepted is well-formed Unicode'
    case 'ObjectNotPlain':
      return `found a ${refusal.found}; accepted are plain objects, arrays, and objects with toJSON`
    case 'PropertyNotKept':
      return `the property ${refusal.found} has no place in JSON; accepted are string keys in objects and elements in arrays`
    case 'Cycle':
      return 'the value contains itself; accepted are trees'
    case 'TooDeep':
      return `nested too deep; accepted are at most ${refusal.depthMax} arrays and objects inside each other`
    case 'TooManyKeys':
      return `too many keys; accepted are at most ${refusal.keysMax} in one object`
    case 'ForbiddenKey':
      return `the key ${refusal.key} is not accepted here, as it can change prototypes; any other key is`
    case 'DuplicateKey':
      return `the key ${refusal.key} appears twice; accepted is each key once`
    case 'Unreadable':
      return 'reading the value threw; accepted are values that can be read'
    case 'TooLarge':
      return `too large; accepted are at most ${refusal.bytesMax} bytes of JSON`
    case 'Malformed': {
      if (refusal.byteOrderMark) return 'the text starts with a byte order mark; accepted is JSON without one'
      const where = refusal.position === undefined ? '' : ` (error at position ${refusal.position})`
      return `the text is not JSON${where}; accepted is one JSON value`
    }
    case 'NotUtf8':
      return 'the bytes are not valid UTF-8; accepted is JSON in UTF-8'
  }
}

/** What is wrong, where, and what is accepted instead. */
export const describePayloadRefusal = (refusal: PayloadRefusal): string =>
  `Payload${refusal.path === '' ? '' : ` at ${refusal.path}`}: ${problemOf(refusal)}.`
