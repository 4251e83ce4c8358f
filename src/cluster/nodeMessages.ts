// What nodes ask of each other beside what clients ask, as it goes over the wire.
import * as t from 'io-ts'
import { NaturalCodec, orUndefined, storedRecord } from '../../domain/storedFields.js'
import type { Delivered } from '../engine/followUpDelivery.js'

export const FOLLOW_UPS_ROUTE = '/api/v1/queues/{queue}/follow-ups'
export const followUpsPath = (queue: string): string =>
  FOLLOW_UPS_ROUTE.replace('{queue}', encodeURIComponent(queue))

const FollowUpCodec = storedRecord(
  'FollowUp',
  { queue: t.string, payload: t.string },
  { type: t.string, delayMs: NaturalCodec, headers: t.record(t.string, t.string) },
)

export const FollowUpsBody = storedRecord('FollowUps', {
  followUps: t.readonlyArray(
    storedRecord('NamedFollowUp', { id: t.string, origin: t.string, followUp: FollowUpCodec }),
  ),
})

export const DeliveredCodec: t.Type<Delivered, unknown> = storedRecord('Delivered', {
  done: t.readonlyArray(NaturalCodec),
  unclear: t.readonlyArray(NaturalCodec),
  failure: orUndefined(t.string),
})
