// How far the ledger's own processes have come, as it is stored.
import { firstVersion } from '../eventCodec.js'
import { NaturalCodec, storedRecord } from '../storedFields.js'

export const processCodecs = {
  FollowUpsDone: firstVersion('FollowUpsDone', storedRecord('FollowUpsDone', { position: NaturalCodec })),
}
