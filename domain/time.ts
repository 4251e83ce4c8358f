// Names for the two kinds of number that are easy to mix up. They are plain aliases, not brands: both are used in
// arithmetic on every event, and a brand would ask for a cast at each addition while catching little that the name does not.

/** An instant: milliseconds since 1970-01-01T00:00:00Z, as recorded in the log. */
export type EpochMs = number

/** A length of time in milliseconds. */
export type DurationMs = number

/** "No instant": used where a message is due at once or never expires, so that records stay fixed-width numbers. */
export const NO_INSTANT: EpochMs = 0
