// Watches the metadata of the ledger's streams: a rule that takes events away, or a deletion, is noticed as it is written and not at the
// next read, and so is its end (R43).
import type { StoreCalls } from './connection.js'
import { reasonOf } from './errors.js'
import { FOLLOWER_TIMES, Follower } from './follower.js'
import type { FoundEvent } from './storedEvents.js'
import { METADATA_OF, type Rules } from './streamRules.js'
import type { EventStoreLogOptions } from './way.js'

export const metadataWatch = (
  connection: StoreCalls,
  prefix: string,
  rules: Rules,
  from: number,
  trouble: (message: string) => void,
  { stallMs = FOLLOWER_TIMES.stallMs, after }: EventStoreLogOptions,
): Follower => {
  const onEvent = (event: FoundEvent): void => {
    const stream = event.stream.slice(METADATA_OF.length + prefix.length)
    const before = rules.refusal(stream)
    try {
      rules.take(stream, event)
      if (before !== undefined) trouble(`${stream} may be led again: its metadata are as they should be`)
    } catch (error) {
      trouble(`${stream} is no longer led: ${reasonOf(error)}`)
    }
  }
  const hooks = { onEvent, onTrouble: trouble }
  return new Follower(connection, METADATA_OF + prefix, from, hooks, { ...FOLLOWER_TIMES, stallMs }, after)
}
