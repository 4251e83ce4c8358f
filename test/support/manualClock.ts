// The clock of ledgerq's own tests: the virtual clock of the testing kit, with every step in the hands of the test.
import { VirtualClock } from '../../src/testing/virtualClock.js'
import { isLogBusy, logAnswers } from './testLog.js'

export class ManualClock extends VirtualClock {
  constructor(wallMs?: number) {
    super({ ready: 'settled', ...(wallMs === undefined ? {} : { wallMs }) })
  }

  /** Answers that come over a wire count as ready. */
  override async settleWithin(turnsMax: number): Promise<boolean> {
    while (await super.settleWithin(turnsMax)) {
      if (!isLogBusy()) return true
      await logAnswers()
    }
    return false
  }
}

/** Whether a promise is still open; looks without waiting. */
export const watch = <A>(promise: Promise<A>): { isOpen: boolean; value: A | undefined } => {
  const seen: { isOpen: boolean; value: A | undefined } = { isOpen: true, value: undefined }
  promise.then(
    (value) => {
      seen.isOpen = false
      seen.value = value
    },
    () => {
      seen.isOpen = false
    },
  )
  return seen
}
