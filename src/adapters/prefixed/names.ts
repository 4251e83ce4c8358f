// What a stream is called in a log that several ledgers share.

/** Letters, digits, `_` and `-`: no dot and no tilde, which the names of streams use themselves. */
const PREFIX = /^[A-Za-z0-9_-]{1,32}$/
export const STREAM_PREFIX_RULE = 'letters, digits, "_" and "-", 1 to 32 of them'
export const isStreamPrefix = (value: unknown): value is string =>
  typeof value === 'string' && PREFIX.test(value)

/** `.` ends the prefix, so that no prefix is the beginning of another ledger's. */
export const streamNamePrefix = (prefix: string): string => `${prefix}.`

/** The name without the prefix; undefined for a stream of somebody else. */
export const withoutPrefix =
  (prefix: string) =>
  (stream: string): string | undefined =>
    stream.startsWith(prefix) ? stream.slice(prefix.length) : undefined
