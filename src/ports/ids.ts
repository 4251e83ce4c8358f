// Identity and chance, as the engine sees them.

export type Ids = Readonly<{
  /** Unique over all processes and times: at least 128 random bits, URL-safe. */
  unique: () => string
  /** In [0, 1). Only for jitter, never for names. */
  random: () => number
}>
