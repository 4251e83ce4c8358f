// What one client may take of the server. Every bound has its unit in its name; Node's own defaults are far wider
// (60 s for headers, 300 s for a request, no cap on connections), which is how slow clients starve the others (R54).

const KIB = 1_024
const MIB = 1_024 * KIB

/** One request; a message's payload has a limit of its own (256 KiB by default). */
export const BODY_BYTES_MAX = 1 * MIB
/** What stands around a payload in the body of its message. */
export const ENVELOPE_BYTES_MAX = 256 * KIB
export const BATCH_BODY_BYTES_MAX = 8 * MIB
export const BATCH_MESSAGES_MAX = 10_000
/** Messages that one call of an operation over many deals with; its answer has a cursor when there are more. */
export const OPERATION_STEP_MAX = 10_000
/** Messages whose views stand in one answer, before they run again. */
export const RERUN_PREVIEW_MAX = 200
export const SETTLEMENTS_MAX = 10_000
export const CLAIM_MESSAGES_MAX = 1_000
export const LIST_LIMIT_DEFAULT = 50
export const LIST_LIMIT_MAX = 500

/** All request headers together, the request line included. */
export const HEADER_BYTES_MAX = 16 * KIB
/** Node looks for late clients once per interval, so that the cut comes after at most 10 s. */
export const HEADERS_TIMEOUT_MS = 9_000
export const TIMEOUT_CHECK_INTERVAL_MS = 1_000
/** Until the last byte of the body has arrived; the answer may take longer. */
/** Another node answers within this; the wait of a long poll comes on top. */
export const FORWARD_TIMEOUT_MS = 30_000
export const REQUEST_TIMEOUT_MS = 30_000
export const KEEP_ALIVE_TIMEOUT_MS = 60_000
export const CONNECTIONS_MAX = 2_000

export const LONG_POLL_MS_MAX = 20_000
/**
 * A long poll asks the ledger in slices of this length: that is how long a claim may outlive its client, and how long a
 * shutdown waits for it. An empty claim writes no event, so a slice costs one turn of the writer.
 */
export const LONG_POLL_SLICE_MS = 1_000

/** An id is at most a queue name, a partition, an ordinal; find-my-way refuses longer parameters (its default is 100). */
export const PATH_PARAMETER_CHARS_MAX = 256
export const IDEMPOTENCY_KEY_CHARS_MAX = 200

export const RETRY_AFTER_SECONDS = 1
/** How long a shutdown waits for requests that are being answered. */
export const CLOSE_GRACE_MS = 5_000
/** Without a request for so long, open connections are taken for unused. */
export const CLOSE_QUIET_MS = 100
