// Every version of the events of a partition that are not about one message's fate as they are stored.
import * as t from 'io-ts'
import { firstVersion } from '../eventCodec.js'
import { ActorCodec } from '../message/codecs.js'
import {
  configFromV1,
  LayoutsCodec,
  StoredQueueConfigCodec,
  SwitchesCodec,
  storedConfigV1,
} from '../queue/codecs.js'
import { NO_SWITCHES } from '../queue/index.js'
import { IntegerCodec, JsonCodec, NaturalCodec, orUndefined, storedRecord } from '../storedFields.js'

const adoptedV1 = storedRecord('ConfigAdopted', {
  controlRevision: IntegerCodec,
  config: storedConfigV1,
  paused: t.boolean,
})
const adoptedV2 = storedRecord('ConfigAdopted', {
  controlRevision: IntegerCodec,
  config: StoredQueueConfigCodec,
  paused: t.boolean,
  switches: SwitchesCodec,
})

export const partitionCodecs = {
  PartitionOpened: firstVersion(
    'PartitionOpened',
    storedRecord('PartitionOpened', { epoch: NaturalCodec, node: t.string, incarnation: t.string }),
  ),
  ConfigAdopted: firstVersion('ConfigAdopted', adoptedV1).next(adoptedV2, (v1) => ({
    ...v1,
    config: configFromV1(v1.config),
    switches: NO_SWITCHES,
  })),
  LayoutsAdopted: firstVersion('LayoutsAdopted', storedRecord('LayoutsAdopted', { layouts: LayoutsCodec })),
  CapacityReached: firstVersion(
    'CapacityReached',
    storedRecord('CapacityReached', { size: NaturalCodec, maxSize: NaturalCodec }),
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
