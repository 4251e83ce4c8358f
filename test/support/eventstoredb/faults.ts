// What can be made to go wrong in the emulator: a list of rules, each for some calls and a number of times. The first rule that
// fits a call is used up by it.

export type FaultKind =
  /** Committed, and the answer is lost: the call ends with UNAVAILABLE. */
  | 'loseReply'
  /** Not committed; the call ends with UNAVAILABLE. */
  | 'refuse'
  /** Not committed, and never answered. */
  | 'silence'
  /** Committed, and never answered. */
  | 'silentCommit'
  /** Never answered; committed when the test releases it, whatever became of the caller. */
  | 'lateCommit'
  /** Committed, and answered with WrongExpectedVersion: as if the server had forgotten whose it was. */
  | 'forgotten'
  /** Committed, and every connection is cut before the answer. */
  | 'killAfter'
  /** Every connection is cut, nothing is committed. */
  | 'killBefore'
  | 'notLeader'
  /** Answered after `ms`. */
  | 'slow'
  | 'accessDenied'
  | 'readOnly'
  /** As the server's own prepare or commit timeout: ABORTED, not committed. */
  | 'timeout'
  /** The server ends the call with an OK status and no answer (batch appends). */
  | 'cleanEnd'
  /** An answer for a correlation id that nobody has asked with (batch appends). */
  | 'foreignReply'
  /** Subscriptions: nothing more is sent, the call stays open. Reads: the same. */
  | 'stall'
  /** Subscriptions: each event twice. */
  | 'duplicate'
  /** Subscriptions: ends with UNAVAILABLE after `events` of them. */
  | 'drop'
  /** Subscriptions and reads: every second event is left out. */
  | 'skip'

export type FaultRule = Readonly<{
  on: 'append' | 'batchAppend' | 'read' | 'subscribe' | 'features' | 'gossip' | 'delete'
  do: FaultKind
  /** Only calls for streams whose names begin so. */
  stream?: string
  /** Calls that it is good for; without it, all. */
  times?: number
  /** Calls that are let through first. */
  after?: number
  ms?: number
  events?: number
  leader?: Readonly<{ host: string; port: number }>
}>

type Counted = { rule: FaultRule; left: number; skip: number }

export class Faults {
  private rules: Counted[] = []
  /** How often each kind was used: a test that planted one asks whether it was met. */
  readonly met = new Map<FaultKind, number>()

  add(rule: FaultRule): void {
    this.rules.push({ rule, left: rule.times ?? Number.POSITIVE_INFINITY, skip: rule.after ?? 0 })
  }

  clear(): void {
    this.rules = []
  }

  private late: Array<() => void> = []

  hold(commit: () => void): void {
    this.late.push(commit)
  }

  get heldBack(): number {
    return this.late.length
  }

  /** What was held back arrives now. */
  release(): void {
    for (const commit of this.late.splice(0)) commit()
  }

  take(on: FaultRule['on'], stream: string): FaultRule | undefined {
    for (const counted of this.rules) {
      const { rule } = counted
      if (rule.on !== on || counted.left <= 0 || !stream.startsWith(rule.stream ?? '')) continue
      if (counted.skip > 0) {
        counted.skip--
        continue
      }
      counted.left--
      this.met.set(rule.do, (this.met.get(rule.do) ?? 0) + 1)
      return rule
    }
    return undefined
  }
}
