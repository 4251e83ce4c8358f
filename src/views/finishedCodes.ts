// How the end of a message is kept in one number, and how a page of such numbers is searched. Both registers of finished
// messages stand on it. A code is `revision * 4 + outcome + 1` as a double: exact up to revision 2^51, and 0 is what
// memory and holes of files hold anyway, so "nothing noted" needs no filling.
import type { Outcome } from '../../domain/message/index.js'
import type { FinishedEntry, FinishedQuery } from '../ports/finishedRegister.js'

/** Ordinals of one page: 64 KiB, so a page is one write and a million messages are 122 of them. */
export const PAGE_ENTRIES = 8_192

/** The order is part of the file format. */
const OUTCOMES: ReadonlyArray<Outcome> = ['succeeded', 'cancelled', 'expired', 'purged']

const numberOf = (outcome: Outcome): number => {
  switch (outcome) {
    case 'succeeded':
      return 0
    case 'cancelled':
      return 1
    case 'expired':
      return 2
    case 'purged':
      return 3
  }
}

export const codeOf = (revision: number, outcome: Outcome): number => revision * 4 + numberOf(outcome) + 1

/** Undefined also for a number that `codeOf` never gives: a damaged page holds nothing, it does not lie. */
export const entryOf = (ordinal: number, code: number): FinishedEntry | undefined => {
  if (!(code > 0) || !Number.isSafeInteger(code)) return undefined
  const outcome = OUTCOMES[(code - 1) % 4]
  return outcome === undefined ? undefined : { ordinal, revision: Math.floor((code - 1) / 4), outcome }
}

export const pageOf = (ordinal: number): number => Math.floor(ordinal / PAGE_ENTRIES)

/**
 * Moves entries of one page into `found` until there are `limit`: newest first, from ordinal `from` downwards, or oldest first,
 * from it upwards.
 */
export const collect = (
  codes: Float64Array,
  page: number,
  from: number,
  step: 1 | -1,
  query: Readonly<{ outcome?: Outcome; limit: number }>,
  found: FinishedEntry[],
): void => {
  const first = page * PAGE_ENTRIES
  const wanted = query.outcome === undefined ? undefined : numberOf(query.outcome)
  let slot = step === 1 ? Math.max(from - first, 0) : Math.min(from - first, PAGE_ENTRIES - 1)
  for (; slot >= 0 && slot < PAGE_ENTRIES && found.length < query.limit; slot += step) {
    const code = codes[slot] ?? 0
    if (code === 0) continue
    // Before the entry is made, and not by `%`, which is a call for doubles: a rare outcome is sought in millions.
    if (wanted !== undefined && code - 1 - 4 * Math.floor((code - 1) / 4) !== wanted) continue
    const entry = entryOf(first + slot, code)
    if (entry !== undefined) found.push(entry)
  }
}

/** Which ordinal a page of a query begins with, and which way it goes on. */
export const startOf = (
  { before = Number.POSITIVE_INFINITY, after }: FinishedQuery,
  lastPage: number,
): { from: number; step: 1 | -1 } =>
  after === undefined
    ? { from: Math.min(before, (lastPage + 1) * PAGE_ENTRIES) - 1, step: -1 }
    : { from: Math.max(0, after + 1), step: 1 }
