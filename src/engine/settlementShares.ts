// Settlements of one wave, in calls that fit into one append: ten thousand handlers that return large results together
// would otherwise make a batch that no log accepts.
import type { FollowUp } from '../../domain/message/index.js'
import type { Settlement } from './requests.js'

/** Characters of results and failure messages; at three bytes each still well below what a log takes at once. */
const SHARE_CHARS_MAX = 300_000
const SHARE_MAX = 4_096

const NONE: ReadonlyArray<FollowUp> = []

const charsOf = (settlement: Settlement): number => {
  switch (settlement.outcome) {
    case 'ack':
      return (settlement.result?.length ?? 0) + followUpChars(settlement.followUps)
    case 'fail':
      return settlement.message.length
    case 'release':
    case 'extend':
      return 0
  }
}

export const followUpChars = (followUps: ReadonlyArray<FollowUp> | undefined): number => {
  let chars = 0
  for (const { payload } of followUps ?? NONE) chars += payload.length
  return chars
}

/** In their order; one share, the array itself, when it fits. */
export const inShares = (
  settlements: ReadonlyArray<Settlement>,
): ReadonlyArray<ReadonlyArray<Settlement>> => {
  let chars = 0
  let from = 0
  const shares: Array<ReadonlyArray<Settlement>> = []
  for (let i = 0; i < settlements.length; i++) {
    const settlement = settlements[i]
    if (settlement === undefined) continue
    chars += charsOf(settlement)
    if ((chars > SHARE_CHARS_MAX || i - from >= SHARE_MAX) && i > from) {
      shares.push(settlements.slice(from, i))
      from = i
      chars = charsOf(settlement)
    }
  }
  return from === 0 ? [settlements] : [...shares, settlements.slice(from)]
}
