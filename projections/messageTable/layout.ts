// Where each field of a live message stands in its fixed-width record. One record is 128 bytes, two cache lines: 9 doubles
// first, then integers, and one more double at the end. As objects in a Map the same fields cost about 690 bytes each and
// a collection pause of 0.8 s at a million of them; records cost neither.
// Access to typed arrays carries a `!` here and in domain/wire (biome.json allows it there): the compiler cannot be told
// that an index lies inside, and a check on each access would cost on every event. Where it may not, the code compares.

export const RECORD_DOUBLES = 16
export const RECORD_INTS = 32
export const RECORD_BYTES = 128

/** Records per chunk: 512 KiB, small enough to copy between two commits while a snapshot is being written. */
export const CHUNK_SLOTS_BITS = 12
export const CHUNK_SLOTS = 1 << CHUNK_SLOTS_BITS
export const CHUNK_SLOT_MASK = CHUNK_SLOTS - 1
/** What the first chunk begins with, 8 KiB, doubling: a ledger may have ten thousand queues with a few messages each. */
export const FIRST_SLOTS = 64

// Index into the doubles of a record.
export const ORDINAL = 0
export const ENQUEUED_AT = 1
/** Waiting: not before. Leased: when the attempt started. Dead: when it died. */
export const DUE_AT = 2
export const EXPIRES_AT = 3
export const FENCE = 4
/** Revision of the event that holds the payload. */
export const PAYLOAD_REVISION = 5
/** Revision of the message's last event: the end of its chain of history. */
export const LAST_REVISION = 6
export const FIRST_STARTED_AT = 7
/** Key in the heap of due times (log time) or of leases (monotonic ticks of this term); no part of the state proper. */
export const WAKE_AT = 8

export const PREVIOUS_DELAY_MS = 15

// Index into the integers of a record; 9 doubles stand before them.
const INTS = 18
export const TAG = INTS
export const FLAGS = INTS + 1
export const ATTEMPTS = INTS + 2
export const PRIORITY = INTS + 3
export const LEASE_MS = INTS + 4
export const WORKER = INTS + 5
export const FAILURE_TYPE = INTS + 6
/** Place in the heap, from 1; 0 = in none. */
export const HEAP_PLACE = INTS + 7
/**
 * Group number, from 1; 0 = none. Then the neighbours in the group's order, as slot + 1; in a free record GROUP_NEXT is the
 * next free one.
 */
export const GROUP = INTS + 8
export const GROUP_PREVIOUS = INTS + 9
export const GROUP_NEXT = INTS + 10
/** Number of its priority and type in the counts by kind (counts/kindCounts.ts). */
export const KIND = INTS + 11

export const TAG_FREE = 0
export const TAG_WAITING = 1
export const TAG_LEASED = 2
export const TAG_DEAD = 3

export const FLAG_IN_DOUBT = 1
/** Stands in a ready band. */
export const FLAG_READY = 2
/** Has a `cold` entry: caller's id, wishes, what few attempts have. */
export const FLAG_COLD = 4
/** Waiting, and its due time has passed. */
export const FLAG_DUE = 8
/** The number of the message's lane stands above the flags (lanes/laneBook.ts); 0 = the lane of most messages. */
export const LANE_SHIFT = 8
export const LANE_BITS = ~0xff
