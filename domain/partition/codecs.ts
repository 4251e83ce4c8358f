// Every version of the events of a partition that are not about one message's fate as they are stored.
import * as t from 'io-ts'
import { firstVersion } from '../eventCodec.js'
import { ActorCodec } from '../message/codecs.js'
import { StoredQueueConfigCodec } from '../queue/codecs.js'
import { IntegerCodec, JsonCodec, NaturalCodec, orUndefined, storedRecord } from '../storedFields.js'

export const partitionCodecs = {
  PartitionOpened: firstVersion(
    'PartitionOpened',
    storedRecord('PartitionOpened', { epoch: NaturalCodec, node: t.string, incarnation: t.string }),
  ),
  ConfigAdopted: firstVersion(
    'ConfigAdopted',
    storedRecord('ConfigAdopted', {
      controlRevision: IntegerCodec,
      config: StoredQueueConfigCodec,
      paused: t.boolean,
    }),
  ),
  MessageCarriedForward: firstVersion(
    'MessageCarriedForward',
    storedRecord('MessageCarriedForward', {
      ordinal: NaturalCodec,
      callerId: orUndefined(t.string),
      enqueued: JsonCodec,
      situation: JsonCodec,
    }),
  ),
  PrefixCarried: firstVersion(
    'PrefixCarried',
    storedRecord('PrefixCarried', {
      before: NaturalCodec,
      nextOrdinal: NaturalCodec,
      nextFence: NaturalCodec,
      by: orUndefined(ActorCodec),
    }),
  ),
}
