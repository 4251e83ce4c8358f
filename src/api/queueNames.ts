// Names of queues at the door of the library.
import { QUEUE_NAME_RULE, QueueNameCodec } from '../../domain/ids.js'
import { errorOf } from './refusals.js'

/** @throws RefusedError with the rule */
export const refuseOtherNames = (name: string): void => {
  if (QueueNameCodec.is(name)) return
  throw errorOf({ type: 'Invalid', field: 'queue', problem: `accepted are ${QUEUE_NAME_RULE}` })
}
